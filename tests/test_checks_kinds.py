"""Which kinds of return are the same answer, and which are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from grader import checks
from grader.checks import Failure
from grader.protocol import Odd


class TestUnpack:
    @pytest.mark.parametrize("value", [(1, 2), [1, 2]])
    def test_takes_tuples_and_lists(self, value: object) -> None:
        assert checks.unpack(value, "loss", "dW") == (1, 2)

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ((1,), r"returns 1 values where 2 values \(loss, dW\) are asked for"),
            ((1, 2, 3), r"returns 3 values where 2 values"),
            (None, r"returns None where 2 values"),
            (1.5, r"returns a float where 2 values"),
            (torch.ones(2, 3), r"returns a tensor of shape \(2, 3\), float32 where 2 values"),
            ({"loss": 1, "dW": 2}, r"returns a dict of 2 where"),
            ("ab", r"returns a str where"),
            (Odd("function"), r"returns a function where"),
        ],
    )
    def test_refuses_all_else_by_name(self, value: object, message: str) -> None:
        with pytest.raises(Failure, match=message):
            checks.unpack(value, "loss", "dW")


NUMBERS = [2, 2.0, torch.tensor(2.0), torch.tensor([2]), torch.tensor([[2.0]]), np.array(2.0), np.array([2])]


class TestAsFloat:
    @pytest.mark.parametrize("value", NUMBERS, ids=repr)
    def test_takes_one_number_in_any_dress(self, value: object) -> None:
        number = checks.as_float(value)
        assert number == 2.0
        assert type(number) is float

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (torch.ones(2), r"loss is a tensor of shape \(2,\), float32 where one number is asked for"),
            (torch.ones(0), "where one number"),
            (float("nan"), "loss is nan where a finite number is asked for"),
            (torch.tensor(float("inf")), "loss is inf where a finite number"),
            (10**400, "loss is inf where a finite number"),
            (True, "loss is True where"),
            (None, "loss is None where"),
            ([2.0], "loss is a list of 1 where"),
            ("2", "loss is a str where"),
            (2j, "loss is a complex where"),
            (torch.tensor(2j), "complex64 where real numbers"),
            (torch.tensor(True), "bool where real numbers"),
        ],
        ids=str,
    )
    def test_refuses_all_else_by_name(self, value: object, message: str) -> None:
        with pytest.raises(Failure, match=message):
            checks.as_float(value, "loss")


class TestAsFraction:
    @pytest.mark.parametrize(
        ("value", "expected"), [(0.4, 0.4), (40.0, 0.4), (40, 0.4), (1.0, 1.0), (1, 1.0), (100, 1.0), (0, 0.0)]
    )
    def test_takes_fractions_and_percentages(self, value: object, expected: float) -> None:
        assert checks.as_fraction(value) == pytest.approx(expected)
        assert checks.as_fraction(torch.tensor(value)) == pytest.approx(expected)

    @pytest.mark.parametrize("value", [-0.1, 101, float("nan"), None])
    def test_refuses_what_is_neither(self, value: object) -> None:
        with pytest.raises(Failure):
            checks.as_fraction(value)


class TestAsFloats:
    @pytest.mark.parametrize(
        "value", [[1, 2.5], (1, 2.5), torch.tensor([1, 2.5]), np.array([1, 2.5]), [torch.tensor(1), np.array([2.5])]]
    )
    def test_takes_lists_and_rows_of_numbers(self, value: object) -> None:
        assert checks.as_floats(value) == [1.0, 2.5]

    @pytest.mark.parametrize(
        "value",
        [5, None, "12", {1: 2}, torch.tensor(1.0), torch.ones(2, 2), [1, None], [1, float("nan")], [[1, 2]], [True]],
        ids=str,
    )
    def test_refuses_all_else(self, value: object) -> None:
        with pytest.raises(Failure):
            checks.as_floats(value)

    def test_refuses_a_row_of_millions_before_it_is_made_a_list(self) -> None:
        assert len(checks.as_floats(torch.ones(100_000))) == 100_000
        with pytest.raises(Failure, match=r"shape \(100001,\), float32 where a list of numbers"):
            checks.as_floats(torch.ones(100_001))


class TestAsLabels:
    @pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
    def test_takes_integers_of_any_dtype(self, dtype: torch.dtype) -> None:
        labels = checks.as_labels(torch.tensor([3, 1], dtype=dtype), 2)
        assert labels.dtype is torch.int64
        assert labels.tolist() == [3, 1]

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (torch.tensor([3.0, 1.0]), "where integer labels are asked for"),
            (torch.tensor([[3, 1]]), r"has shape \(1, 2\), expected \(2,\)"),
            (torch.tensor([3]), r"has shape \(1,\), expected \(2,\)"),
            (torch.tensor([True, False]), "where real numbers"),
            ([3, 1], "is a list of 2"),
            (None, "is None"),
        ],
        ids=str,
    )
    def test_refuses_all_else(self, value: Any, message: str) -> None:
        with pytest.raises(Failure, match=message):
            checks.as_labels(value, 2)
