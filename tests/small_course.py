"""A tiny course for tests of the engine: two modules of a few one-line parts, suites, mistakes, and their hand-ins."""

from __future__ import annotations

from pathlib import Path

from grader.course import Course, find
from grader.release.stubs import stub_of
from tests.handins import write_files

__all__ = ["CANARY", "GOOD", "LAYERS", "NET", "POINTS", "function", "replaced", "small_course", "without"]

CANARY = 918273.645  # a hidden input: wherever it can be read, a hidden test has told something
POINTS = {
    "scale": 5, "shift": 4, "affine": 3, "predict": 3, "fourfold": 2, "get_rates": 2, "rates_work": 1,
}  # fmt: skip

SOLUTIONS = {
    "layers": '''"""Three small layers."""

import torch
from torch import Tensor


def scale(x: Tensor, factor: float) -> Tensor:
    """Each element times `factor`."""
    ### BEGIN SOLUTION
    return x * factor
    ### END SOLUTION


def shift(x: Tensor, by: float) -> tuple[Tensor, Tensor]:
    """Each element plus `by`, and the sum of all of them."""
    ### BEGIN SOLUTION
    y = x + by
    return y, y.sum()
    ### END SOLUTION


def affine(x: Tensor, factor: float, by: float) -> Tensor:
    """`scale`, then the first value of `shift`."""
    ### BEGIN SOLUTION
    return shift(scale(x, factor), by)[0]
    ### END SOLUTION
''',
    "net": '''"""A net of the layers."""

import layers
from layers import scale
from torch import Tensor


def predict(x: Tensor, factor: float) -> Tensor:
    """(N,) int64: the place of the largest element in each row of x (N, C), after `scale`."""
    ### BEGIN SOLUTION
    return scale(x, factor).argmax(dim=1)
    ### END SOLUTION


def fourfold(x: Tensor) -> Tensor:
    """`layers.scale` by two, twice."""
    ### BEGIN SOLUTION
    return layers.scale(layers.scale(x, 2.0), 2.0)
    ### END SOLUTION


def get_rates() -> list[float]:
    """Two rates that work."""
    ### BEGIN SOLUTION
    return [0.5, 0.25]
    ### END SOLUTION
''',
}

RUBRIC = """id = "A9"
title = "Small steps"

[modules.layers]
title = "Layers"
[modules.layers.parts.scale]
title = "A factor"
points = 5
cpu_s = 1
memory_mib = 512
[modules.layers.parts.scale.weights]
test_agrees_with_the_reference_on_fresh_inputs = 2
[modules.layers.parts.shift]
title = "A summand"
points = 4
cpu_s = 1
memory_mib = 512
[modules.layers.parts.shift.weights]
test_the_sum_is_a_tensor = 0
[modules.layers.parts.affine]
title = "Both"
points = 3
needs = ["scale", "shift"]
cpu_s = 1

[modules.net]
title = "A net"
[modules.net.parts.predict]
title = "Labels"
points = 3
needs = ["layers.scale"]
cpu_s = 1
[modules.net.parts.fourfold]
title = "Four times"
points = 2
needs = ["layers.scale"]
cpu_s = 1
[modules.net.parts.get_rates]
title = "Rates"
points = 2
[modules.net.parts.rates_work]
title = "What the rates reach"
points = 1
of = ["get_rates"]
threshold = { stand-in = 0.25, real = 0.25 }
"""

SUITES = {
    "layers/test_public.py": '''"""What a student runs of layers."""

import torch

from grader import checks


class TestScale:
    """Each element times a factor."""

    def test_doubles_a_small_table(self, student):
        y = student.scale(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 2.0)
        checks.close(y, torch.tensor([[2.0, 4.0], [6.0, 8.0]]), what="y", hint="multiply by the factor")


class TestShift:
    """A summand, and the sum of all elements."""

    def test_adds_one_to_a_small_table(self, student):
        y, total = checks.unpack(student.shift(torch.tensor([1.0, 2.0]), 1.0), "y", "total")
        checks.close(y, torch.tensor([2.0, 3.0]), what="y")
        checks.close(total, 5.0, what="total")


class TestAffine:
    """A factor, then a summand."""

    def test_doubles_and_adds_one(self, student, draw):
        x = draw.normal(4)
        checks.close(student.affine(x, 2.0, 1.0), 2 * x + 1, what="y")
''',
    "layers/test_hidden.py": f'''"""What grades layers; a file named `broken` beside it makes it fail by itself."""

from pathlib import Path

import pytest
import torch

from grader import checks


class TestScale:
    """Each element times a factor."""

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_agrees_with_the_reference_on_fresh_inputs(self, student, reference, draw, dtype):
        x, factor = draw.normal(3, 4, dtype=getattr(torch, dtype)), draw.number(2, 3)
        checks.close(student.scale(x, factor), reference.scale(x, factor), rtol=1e-6, what="y")

    def test_its_input_stays_as_it_was(self, student, draw):
        checks.finite(student.scale(draw.normal(3, 4), 3.0), what="y")
        checks.true(bool(student.last.value.any()), "y is zero everywhere")
        checks.unchanged(student)


class TestShift:
    """A summand, and the sum of all elements."""

    def test_agrees_with_the_reference_on_fresh_inputs(self, student, reference, draw):
        x = draw.normal(7, 3)
        y, total = checks.unpack(student.shift(x, {CANARY}), "y", "total")
        expected, whole = reference.shift(x, {CANARY})
        checks.close(y, expected, what="y")
        checks.close(total, whole, what="total")

    def test_the_sum_is_a_tensor(self, student, draw):
        _, total = checks.unpack(student.shift(draw.normal(3), 1.0), "y", "total")
        checks.true(isinstance(total, torch.Tensor), "total is no tensor")


class TestAffine:
    """A factor, then a summand."""

    def test_agrees_with_the_reference_on_fresh_inputs(self, student, reference, draw):
        x = draw.normal(3, 4)
        checks.close(student.affine(x, 3.0, 0.5), reference.affine(x, 3.0, 0.5), what="y")

    def test_keeps_the_shape(self, student, draw):
        if (Path(__file__).parent / "broken").exists():
            raise ZeroDivisionError("a fault of the suite's own")
        checks.true(student.affine(draw.normal(2, 3), 2.0, 1.0).shape == (2, 3), "y has another shape than x")
''',
    "net/test_public.py": '''"""What a student runs of net."""

import torch

from grader import checks


class TestPredict:
    """The place of the largest element, after a factor."""

    def test_a_negative_factor_turns_the_order_around(self, student):
        labels = checks.as_labels(student.predict(torch.tensor([[1.0, 2.0], [4.0, 3.0]]), -1.0), 2)
        checks.same(labels, torch.tensor([0, 1]), what="labels")


class TestFourfold:
    """Twice the double."""

    def test_one_becomes_four(self, student):
        checks.close(student.fourfold(torch.ones(3)), torch.full((3,), 4.0), what="y")


class TestGetRates:
    """Two rates."""

    def test_gives_two_numbers(self, student):
        checks.true(len(checks.as_floats(student.get_rates())) == 2, "two rates are asked for")
''',
    "net/test_hidden.py": '''"""What grades net."""

import torch

from grader import checks


class TestPredict:
    """The place of the largest element, after a factor."""

    def test_agrees_with_the_reference_on_fresh_inputs(self, student, reference, draw):
        x = draw.normal(6, 5)
        checks.same(checks.as_labels(student.predict(x, 2.0), 6), reference.predict(x, 2.0), what="labels")


class TestFourfold:
    """Twice the double."""

    def test_agrees_with_the_reference_on_fresh_inputs(self, student, reference, draw):
        x = draw.normal(6)
        checks.close(student.fourfold(x), reference.fourfold(x), what="y")


class TestGetRates:
    """Two rates."""

    def test_they_are_above_zero(self, student):
        checks.true(min(checks.as_floats(student.get_rates())) > 0, "a rate is not above 0")


class TestRatesWork:
    """What the rates reach."""

    def test_one_reaches_what_is_asked(self, student, part):
        checks.at_least(max(checks.as_floats(student.get_rates())), part.threshold("cifar10"), what="the best rate")
''',
}

MISTAKES = {
    "layers": '''"""Known mistakes of layers."""

from grader.mistakes import Mistake

MISTAKES = [
    Mistake(
        id="scale.plus", part="scale", old="x * factor", new="x + factor", axis="sign",
        title="a factor that is added", hint="What should become of zeros?",
    ),
    Mistake(
        id="scale.square", part="scale", old="x * factor", new="x * factor * factor", axis="factor",
        title="a factor that is taken twice", hint="What should a factor of two do to one?",
    ),
    Mistake(
        id="shift.mean", part="shift", old="y.sum()", new="y.mean()", axis="reduction",
        title="a mean in place of the sum", hint="What should become of the total when the table is repeated?",
    ),
]
''',
    "net": '"""Known mistakes of net."""\n\nMISTAKES: list[object] = []\n',
}


def _without_markers(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if "### " not in line)


LAYERS, NET = _without_markers(SOLUTIONS["layers"]), _without_markers(SOLUTIONS["net"])
GOOD = {"layers.py": LAYERS, "net.py": NET}  # a hand-in that gets all points


def small_course(root: Path) -> Course:
    """Write the course into the folder `root`: A9 with its modules `layers` and `net`, 20 points."""
    files = {f"grader/suites/A9/{name}": text for name, text in SUITES.items()}
    for name, text in SOLUTIONS.items():
        files[f"solutions/A9/{name}.py"] = text
        files[f"assignments/A9/{name}.py"] = stub_of(text)
        files[f"grader/suites/A9/{name}/mistakes.py"] = MISTAKES[name]
    write_files(root, {**files, "grader/suites/A9/rubric.toml": RUBRIC})
    return find(root)


def function(name: str, body: str, text: str = LAYERS) -> str:
    """`text` with another body for its function `name`; the signature stays."""
    start, end = _extent(name, text)
    head = next(line for line in text[start:end].splitlines(keepends=True) if line.startswith("def "))
    return text[:start] + head + "".join(f"    {line}\n" for line in body.splitlines()) + text[end:]


def without(name: str, text: str = LAYERS) -> str:
    """`text` with no function `name`."""
    start, end = _extent(name, text)
    return text[:start] + text[end:]


def replaced(old: str, new: str, text: str = LAYERS) -> str:
    """`text` with `old`, which stands in it once, replaced."""
    assert text.count(old) == 1
    return text.replace(old, new)


def _extent(name: str, text: str) -> tuple[int, int]:
    start = text.index(f"def {name}(")
    end = text.find("\n\n\ndef ", start)
    return start, len(text) if end < 0 else end + 1
