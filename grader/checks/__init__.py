"""What suites assert with: values, shapes, gradients, speed budgets, accuracy thresholds, source rules."""

from grader.checks.accuracy import at_least, best_of_grid
from grader.checks.draws import Draw
from grader.checks.failure import Failure, fail, true
from grader.checks.gradients import directional, gradcheck, numeric_gradient, two_terms
from grader.checks.kinds import as_float, as_floats, as_fraction, as_labels, unpack
from grader.checks.source import Source
from grader.checks.speed import Race
from grader.checks.values import close, dtype, errors_noted, finite, same, shape, unchanged

__all__ = [
    "Draw", "Failure", "Race", "Source", "as_float", "as_floats", "as_fraction", "as_labels", "at_least",
    "best_of_grid", "close", "directional", "dtype", "errors_noted", "fail", "finite", "gradcheck",
    "numeric_gradient", "same",
    "shape", "true", "two_terms", "unchanged", "unpack",
]  # fmt: skip
