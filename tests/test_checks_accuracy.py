"""Accuracy thresholds: the walk through a grid, and when it ends."""

from __future__ import annotations

import math

import pytest

from grader import checks
from grader.checks import Failure
from grader.checks.accuracy import from_the_middle


class TestTheOrderOfSettings:
    def test_begins_in_the_middle_and_ends_in_the_corners(self) -> None:
        assert from_the_middle([[1, 2, 3]]) == [(2,), (1,), (3,)]
        order = from_the_middle([[1, 2, 3], [10, 20, 30]])
        assert order[0] == (2, 20)
        assert set(order[-4:]) == {(1, 10), (1, 30), (3, 10), (3, 30)}

    def test_goes_by_rank_wherever_a_value_stands(self) -> None:
        assert from_the_middle([[1e-1, 1e-5, 1e-3]])[0] == (1e-3,)

    def test_ties_go_by_the_order_given(self) -> None:
        assert from_the_middle([[1, 2]]) == [(1,), (2,)]
        assert from_the_middle([[5, 5, 5]]) == [(5,)] * 3

    def test_an_empty_list_has_no_settings(self) -> None:
        assert from_the_middle([[], [1, 2]]) == []

    def test_more_settings_than_anybody_could_try_are_refused_before_they_are_made(self) -> None:
        assert len(from_the_middle([range(100), range(100)])) == 10_000
        with pytest.raises(Failure, match="a grid of 100000 × 100000 settings"):
            from_the_middle([range(100_000), range(100_000)])


class TestBestOfGrid:
    def test_ends_at_the_first_setting_that_reaches_the_threshold(self) -> None:
        tried: list[tuple[int, ...]] = []

        def score(*setting: int) -> float:
            tried.append(setting)
            return 0.1 * len(tried)

        assert checks.best_of_grid([[1, 2, 3], [1, 2, 3]], score, 0.3) == pytest.approx(0.3)
        assert len(tried) == 3

    def test_gives_the_best_where_none_reaches_it(self) -> None:
        scores = {1: 0.2, 2: 0.1, 3: 0.3}
        assert checks.best_of_grid([[1, 2, 3]], lambda i: scores[i], 0.9) == 0.3

    def test_a_score_that_is_no_number_counts_as_nothing(self) -> None:
        scores = {1: 0.2, 2: math.nan, 3: math.nan}
        assert checks.best_of_grid([[1, 2, 3]], lambda i: scores[i], 0.9) == 0.2
        assert checks.best_of_grid([[1]], lambda i: math.nan, 0.0) == 0.0

    def test_begins_no_setting_after_its_time(self) -> None:
        seconds = iter([0.0, 10.0, 70.0, 80.0])
        tried: list[int] = []

        def score(setting: int) -> float:
            tried.append(setting)
            return 0.0

        checks.best_of_grid([[1, 2, 3, 4]], score, 0.5, cpu_s=60, spent=lambda: next(seconds))
        assert len(tried) == 2


class TestAtLeast:
    def test_takes_what_reaches_the_threshold(self) -> None:
        checks.at_least(0.4, 0.4)

    @pytest.mark.parametrize("accuracy", [0.3999, 0.0])
    def test_refuses_what_does_not_in_percent(self, accuracy: float) -> None:
        with pytest.raises(Failure, match="below the 40 % asked for"):
            checks.at_least(accuracy, 0.4)

    def test_refuses_what_is_no_number(self) -> None:
        with pytest.raises(Failure, match="is nan %"):
            checks.at_least(math.nan, 0.4)
