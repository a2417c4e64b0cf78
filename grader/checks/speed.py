"""Speed budgets: a ratio to the reference, from pairs of calls that alternate in two equal workers."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from grader.checks.failure import Failure
from grader.checks.values import close

__all__ = ["Race", "Timer"]

WARM_UPS = 2
PAIRS = 9
MORE_PAIRS = 25
NOISE_BAND = 1.5  # interquartile ranges


class Timer(Protocol):
    """Times one call on one side, its inputs put in place before the clock starts; seconds and value."""

    def __call__(self, name: str, args: tuple[Any, ...]) -> tuple[float, Any]: ...


@dataclass
class Race:
    """The student's function against the reference's; without two workers (at home) the test is skipped by name."""

    student: Timer | None
    reference: Timer | None
    skip: Callable[[str], None]
    alone: Callable[[], AbstractContextManager[None]] = nullcontext

    def at_most(
        self,
        ratio: float,
        name: str,
        make_inputs: Callable[[int], tuple[Any, ...]],
        *,
        rtol: float = 1e-6,
        atol: float = 1e-8,
        hint: str = "",
    ) -> None:
        """The median over pairs of (student's time ÷ reference's time) is at most `ratio`.

        Every call has fresh inputs, and its values are compared. A miss within the noise band is measured once more.
        """
        if self.student is None or self.reference is None:
            self.skip("timed at grading")
            return
        rounds = iter(range(10_000))
        self._pairs(name, make_inputs, rounds, WARM_UPS, (rtol, atol))
        ratios = self._pairs(name, make_inputs, rounds, PAIRS, (rtol, atol))
        median = statistics.median(ratios)
        if ratio < median <= ratio + NOISE_BAND * _spread(ratios):
            ratios = self._pairs(name, make_inputs, rounds, MORE_PAIRS, (rtol, atol))
            median = statistics.median(ratios)
        if median > ratio:
            raise Failure(f"{name} is slower than {ratio:g} times the reference, the most that is allowed", hint=hint)

    def _pairs(
        self, name: str, make_inputs: Callable[[int], tuple[Any, ...]], rounds: Any, n: int, tol: tuple[float, float]
    ) -> list[float]:
        assert self.student is not None
        assert self.reference is not None
        ratios = []
        for _ in range(n):
            args = make_inputs(next(rounds))
            with self.alone():
                theirs, value = self.student(name, args)
                ours, expected = self.reference(name, args)
            _agree(value, expected, name, tol)
            ratios.append(theirs / max(ours, 1e-9))
        return ratios


def _agree(value: Any, expected: Any, name: str, tol: tuple[float, float]) -> None:
    if isinstance(expected, list | tuple):
        if not isinstance(value, list | tuple) or len(value) != len(expected):
            raise Failure(f"{name} returns something else than asked when it is timed")
        for one, other in zip(value, expected, strict=True):
            _agree(one, other, name, tol)
    elif isinstance(expected, dict):
        if not isinstance(value, dict) or value.keys() != expected.keys():
            raise Failure(f"{name} returns something else than asked when it is timed")
        _agree(list(map(value.get, expected)), list(expected.values()), name, tol)
    elif isinstance(expected, Tensor | float | int) and not isinstance(expected, bool):
        close(value, expected, rtol=tol[0], atol=tol[1], what=f"what {name} returns while timed")
    elif type(value) is not type(expected) or value != expected:
        raise Failure(f"{name} returns something else than asked when it is timed")


def _spread(ratios: list[float]) -> float:
    low, _, high = statistics.quantiles(ratios, n=4)
    return high - low
