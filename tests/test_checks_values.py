"""Values, shapes, dtypes and untouched inputs: what is close enough passes, and what is made to look so does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from grader import checks
from grader.checks import Failure
from grader.protocol import Odd
from grader.student import Handle


def of(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


class TestClose:
    @pytest.mark.parametrize(
        ("got", "expected"),
        [
            (of(1, 2), of(1, 2)),
            (of(1, 2).float(), of(1, 2)),
            (torch.tensor([1, 2]), of(1, 2)),
            (np.array([1.0, 2.0]), of(1, 2)),
            (of(1, 2).requires_grad_(), of(1, 2)),
            (of(1 + 5e-8, 2), of(1, 2)),
            (3.0, torch.tensor(3.0)),
            (3, torch.tensor(3.0)),
            (torch.tensor(3.0), 3.0),
            (of(3), 3.0),
            (torch.empty(0, 3), torch.empty(0, 3)),
            (of(1, 2, 3, 4).view(2, 2).T, torch.tensor([[1.0, 3], [2, 4]])),
            (torch.ones(1).expand(3), torch.ones(3)),
        ],
        ids=str,
    )
    def test_takes_the_same_values_in_any_dress(self, got: object, expected: object) -> None:
        checks.close(got, expected)

    @pytest.mark.parametrize(
        ("got", "message"),
        [
            (of(1, 2.1), r"loss is wrong in 1 of 2 elements \(off by 5.0e-02 of the value where it is worst\)"),
            (of(0, 0), r"loss is wrong in 2 of 2 elements"),
            (of(1, float("nan")), r"loss has NaN in 1 of 2 elements"),
            (of(float("inf"), 2), r"loss has inf in 1 of 2 elements"),
            (of(1), r"loss has shape \(1,\), expected \(2,\)"),
            (of(1, 2).view(2, 1), r"loss has shape \(2, 1\), expected \(2,\)"),
            (torch.empty(0), r"loss has shape \(0,\), expected \(2,\)"),
            (torch.tensor(1.0), r"loss has shape \(\), expected \(2,\)"),
            (torch.ones(1).expand(5, 2), r"loss has shape \(5, 2\), expected \(2,\)"),
            (of(1, 2).to(torch.complex64), r"loss is a tensor of shape \(2,\), complex64 where real numbers"),
            (of(1, 2) > 0, r"loss is a tensor of shape \(2,\), bool where real numbers"),
            (1.0, r"loss has shape \(\), expected \(2,\)"),
            ([1.0, 2.0], r"loss is a list of 2 where a tensor or a number"),
            ((1.0, 2.0), r"loss is a tuple of 2"),
            ({"loss": 1.0}, r"loss is a dict of 1"),
            (None, r"loss is None where"),
            (True, r"loss is True where"),
            ("1.0", r"loss is a str where"),
            (1j, r"loss is a complex where"),
            (Odd("sparse tensor"), r"loss is a sparse tensor where"),
            (Odd("meta tensor"), r"loss is a meta tensor where"),
            (Odd("tensor of torch.float8_e5m2"), r"loss is a tensor of a kind that can't be compared"),
            (np.array(["a"]), r"loss is an array of shape \(1,\)"),
            (Handle(None, 1, "Equal"), r"loss is an object where"),  # type: ignore[arg-type]  # nobody is asked
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_refuses_all_else_by_name(self, got: object, message: str) -> None:
        with pytest.raises(Failure, match=message):
            checks.close(got, of(1, 2), what="loss")

    def test_an_always_equal_object_is_asked_nothing(self) -> None:
        class Liar:
            def __eq__(self, other: object) -> bool:
                return True

            __lt__ = __le__ = __bool__ = __eq__
            __hash__ = None  # type: ignore[assignment]

            def __array__(self, *args: object) -> np.ndarray[Any, Any]:
                return np.array([1.0, 2.0])

            def __float__(self) -> float:
                return 1.0

        assert Liar() == of(1, 2)  # the control
        with pytest.raises(Failure, match="loss is a Liar"):
            checks.close(Liar(), of(1, 2), what="loss")

    @pytest.mark.parametrize("expected", [float("nan"), float("inf"), -float("inf")])
    def test_nothing_is_close_to_what_is_not_finite(self, expected: float) -> None:
        for got in (1.0, expected):
            with pytest.raises(Failure):
                checks.close(got, expected)

    def test_says_where_by_how_much_and_what_was_allowed(self) -> None:
        got = torch.zeros(2, 3, dtype=torch.float64)
        expected = got.clone()
        expected[1, 2], expected[0, 0] = 8.0, 0.25
        with pytest.raises(Failure) as caught:
            checks.close(got, expected, rtol=1e-3, atol=1e-6, what="dW", hint="the transpose")
        assert str(caught.value).split("\n") == [
            "dW is wrong in 2 of 6 elements (off by 1.0e+00 of the value where it is worst)",
            "  differs   in 2 of 6 elements, most at [1, 2]: got 0, expected 8",
            "  allowed   1e-06 + 0.001 × |expected|",
            "  look at   the transpose",
        ]

    def test_a_single_number_has_no_place(self) -> None:
        with pytest.raises(Failure, match=r"^result is wrong \(off by far more than the value"):
            checks.close(1e9, 1e-3)

    @pytest.mark.parametrize(("off", "passes"), [(0.99, True), (1.01, False)])
    def test_the_tolerances_bind_where_they_say(self, off: float, passes: bool) -> None:
        expected = of(10, 0)
        allowed = 0.1 + 0.01 * expected
        if passes:
            checks.close(expected + off * allowed, expected, rtol=0.01, atol=0.1)
        else:
            with pytest.raises(Failure, match="in 2 of 2"):
                checks.close(expected + off * allowed, expected, rtol=0.01, atol=0.1)


class TestSame:
    @pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8])
    def test_takes_integers_of_any_dtype(self, dtype: torch.dtype) -> None:
        checks.same(torch.tensor([1, 2], dtype=dtype), torch.tensor([1, 2]))

    def test_tells_integers_beyond_the_reach_of_floats_apart(self) -> None:
        checks.same(torch.tensor([2**60]), torch.tensor([2**60]))
        with pytest.raises(Failure, match="wrong in 1 of 1"):
            checks.same(torch.tensor([2**60 + 1]), torch.tensor([2**60]))

    def test_says_which_is_wrong_first(self) -> None:
        with pytest.raises(Failure) as caught:
            checks.same(torch.tensor([[1, 2], [5, 6]]), torch.tensor([[1, 2], [3, 4]]), what="labels")
        assert caught.value.message == "labels is wrong in 2 of 4 elements"
        assert caught.value.details == [("differs", "first at [1, 0]: got 5, expected 3")]

    def test_works_on_a_single_number(self) -> None:
        checks.same(torch.tensor(4), torch.tensor(4))
        with pytest.raises(Failure, match="wrong in 1 of 1"):
            checks.same(torch.tensor(5), torch.tensor(4))

    @pytest.mark.parametrize("got", [of(1, 2), torch.tensor([1]), torch.tensor([True, True]), [1, 2], None, 1.0])
    def test_refuses_what_is_no_tensor_of_integers(self, got: object) -> None:
        with pytest.raises(Failure):
            checks.same(got, torch.tensor([1, 2]))


class TestShapeDtypeAndFinite:
    def test_shape(self) -> None:
        checks.shape(torch.ones(2, 3), (2, 3))
        checks.shape(4.0, ())
        with pytest.raises(Failure, match=r"dW has shape \(3, 2\), expected \(2, 3\)"):
            checks.shape(torch.ones(3, 2), (2, 3), what="dW")

    def test_dtype(self) -> None:
        checks.dtype(torch.ones(1), torch.float32)
        for got in (torch.ones(1).double(), np.ones(1, dtype=np.float32), 1.0, None):
            with pytest.raises(Failure, match="expected float32"):
                checks.dtype(got, torch.float32)

    def test_finite(self) -> None:
        checks.finite(torch.ones(2))
        checks.finite(2)
        with pytest.raises(Failure, match="has NaN in 2 of 3 elements"):
            checks.finite(of(float("nan"), float("inf"), 0))
        with pytest.raises(Failure, match="has inf in 1 of 1"):
            checks.finite(10**400)


@dataclass
class Record:
    changed: dict[str, Any] = field(default_factory=dict)


@dataclass
class Called:
    last: Record


class TestUnchanged:
    def test_passes_where_nothing_was_changed(self) -> None:
        checks.unchanged(Called(Record()))

    def test_names_what_was_changed(self) -> None:
        with pytest.raises(Failure, match="changes its input W, X"):
            checks.unchanged(Called(Record({"W": 1, "X": 2})))

    def test_looks_at_the_named_ones_alone(self) -> None:
        called = Called(Record({"W": 1}))
        checks.unchanged(called, "X", "y")
        with pytest.raises(Failure, match="changes its input W"):
            checks.unchanged(called, "X", "W")


def test_true_and_fail_say_what_they_are_told() -> None:
    checks.true(1, "never said")
    with pytest.raises(Failure) as caught:
        checks.true([], "so", "why")
    assert str(caught.value) == "so\n  look at   why"
    with pytest.raises(Failure) as caught:
        checks.fail("so")
    assert str(caught.value) == "so"


class TestDraws:
    """The fixture `draw`: what is drawn depends on its name alone."""

    def test_the_same_name_draws_the_same(self) -> None:
        one, other = checks.Draw("7/a"), checks.Draw("7/a")
        torch.manual_seed(5)
        first = one.normal(3), one.integers(0, 9, 4), one.number(1, 2), one.permutation(5)
        torch.manual_seed(6)
        assert str(first) == str((other.normal(3), other.integers(0, 9, 4), other.number(1, 2), other.permutation(5)))
        assert not torch.equal(checks.Draw("8/a").normal(3), first[0])

    def test_the_global_generator_is_left_alone(self) -> None:
        torch.manual_seed(5)
        expected = torch.rand(1)
        torch.manual_seed(5)
        checks.Draw("x").normal(100)
        assert torch.equal(torch.rand(1), expected)

    def test_what_is_drawn_is_what_was_asked_for(self) -> None:
        draw = checks.Draw("x")
        assert draw.normal(2, 3, dtype=torch.float32).shape == (2, 3)
        assert draw.normal(2000, std=3.0).std().item() == pytest.approx(3, rel=0.1)
        uniform = draw.uniform(1000, low=-2, high=-1)
        assert -2 <= uniform.min() < -1.9 < -1.1 < uniform.max() < -1
        assert set(draw.integers(2, 5, 200).tolist()) == {2, 3, 4}
        assert sorted(draw.permutation(6).tolist()) == list(range(6))
