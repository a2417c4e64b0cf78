"""Speed budgets: the median of pairs decides, every value is looked at, and noise gets a second look."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from grader.checks import Failure, Race
from grader.checks.speed import MORE_PAIRS, PAIRS, WARM_UPS


class Runner:
    """One side of a race: its times in turn, and its value for each input."""

    def __init__(self, seconds: Iterator[float], value: Callable[..., Any] = lambda i: float(i)) -> None:
        self.seconds = seconds
        self.value = value
        self.seen: list[Any] = []

    def __call__(self, name: str, args: tuple[Any, ...]) -> tuple[float, Any]:
        self.seen.append(args)
        return next(self.seconds), self.value(*args)


def race(*ratios: float, value: Callable[..., Any] = lambda i: float(i), expected: Any = None) -> tuple[Race, Runner]:
    """A race in which the student takes these multiples of the reference's time, again and again."""
    student = Runner(itertools.cycle(ratios), value)
    reference = Runner(itertools.repeat(1.0), expected or (lambda i: float(i)))
    return Race(student, reference, lambda reason: pytest.fail(reason)), student


def constant(value: Any) -> Callable[[int], Any]:
    return lambda i: value


def inputs(i: int) -> tuple[int]:
    return (i,)


class TestTheBudget:
    @pytest.mark.parametrize("ratio", [0.1, 1.0, 3.0])
    def test_is_kept_at_and_below_the_ratio(self, ratio: float) -> None:
        race(ratio)[0].at_most(3, "f", inputs)

    def test_is_missed_above_it(self) -> None:
        with pytest.raises(Failure, match="f is slower than 3 times the reference, the most that is allowed"):
            race(3.1)[0].at_most(3, "f", inputs)

    def test_the_median_decides(self) -> None:
        race(*[1.0] * 5, *[50.0] * 4)[0].at_most(3, "f", inputs)
        with pytest.raises(Failure):
            race(*[1.0] * 4, *[50.0] * 5)[0].at_most(3, "f", inputs)

    def test_a_clear_verdict_takes_nine_pairs_after_two_to_warm_up(self) -> None:
        one, student = race(1.0)
        one.at_most(3, "f", inputs)
        assert len(student.seen) == WARM_UPS + PAIRS == 11

    def test_every_round_has_inputs_of_its_own(self) -> None:
        one, student = race(1.0)
        one.at_most(3, "f", inputs)
        assert student.seen == [(i,) for i in range(11)]

    def test_a_miss_within_the_noise_is_measured_once_more(self) -> None:
        noisy = [1.0, 1.0, *[2.0, 3.5, 5.0] * 3]
        student = Runner(iter([*noisy, *[2.0] * MORE_PAIRS]))
        Race(student, Runner(itertools.repeat(1.0)), lambda reason: None).at_most(3, "f", inputs)
        assert len(student.seen) == 11 + MORE_PAIRS

    def test_a_miss_beyond_the_noise_is_not(self) -> None:
        one, student = race(10.0)
        with pytest.raises(Failure):
            one.at_most(3, "f", inputs)
        assert len(student.seen) == 11

    def test_pairs_are_timed_alone(self) -> None:
        entered: list[str] = []

        @contextlib.contextmanager
        def alone() -> Iterator[None]:
            entered.append("in")
            yield
            entered.append("out")

        one, _ = race(1.0)
        one.alone = alone
        one.at_most(3, "f", inputs)
        assert entered == ["in", "out"] * 11

    @pytest.mark.parametrize("side", ["student", "reference"])
    def test_without_two_workers_the_test_says_that_it_is_timed_at_grading(self, side: str) -> None:
        said: list[str] = []
        one, _ = race(1.0)
        setattr(one, side, None)
        one.skip = said.append
        one.at_most(3, "f", inputs)
        assert said == ["timed at grading"]


class TestValuesWhileTimed:
    @pytest.mark.parametrize(
        "expected",
        [
            torch.ones(2),
            2.0,
            3,
            True,
            None,
            "text",
            (1.0, torch.ones(2)),
            [torch.ones(2), {"k": 1.0}],
            {"a": torch.ones(1), "b": (1, None)},
        ],
        ids=str,
    )
    def test_the_same_value_passes_and_another_does_not(self, expected: Any) -> None:
        race(1.0, value=constant(expected), expected=constant(expected))[0].at_most(3, "f", inputs)
        others: list[Any] = [5.0, torch.zeros(2), (1.0,), {"a": torch.ones(1)}, "other", []]
        for other in others:
            with pytest.raises(Failure):
                race(1.0, value=constant(other), expected=constant(expected))[0].at_most(3, "f", inputs)

    def test_every_round_is_looked_at(self) -> None:
        one, student = race(1.0, value=lambda i: float(i) if i < 10 else 0.0)
        with pytest.raises(Failure, match="what f returns while timed is wrong"):
            one.at_most(3, "f", inputs)
        assert len(student.seen) == 11
