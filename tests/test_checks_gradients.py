"""Gradients: finite differences agree with the right ones, and not with those that only look right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from grader import checks
from grader.checks import Draw, Failure


def x(*shape: int) -> Tensor:
    return Draw("x").normal(*shape)


class Wrong(torch.autograd.Function):
    """x², whose backward pass is that of 3x²."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        ctx.save_for_backward(value)
        return value * value

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return 6 * ctx.saved_tensors[0] * grads[0]


class TestGradcheck:
    @pytest.mark.parametrize(
        "function",
        [lambda a: a * a, lambda a: a.sin().sum(), lambda a: (a * 2, a @ a.T), lambda a: [a], lambda a: a],
        ids=["square", "scalar", "two results", "a list", "the input itself"],
    )
    def test_takes_the_right_gradient(self, function: Callable[[Tensor], Any]) -> None:
        given = x(2, 3)
        before = given.clone()
        checks.gradcheck(function, [given])
        assert torch.equal(given, before)
        assert not given.requires_grad

    def test_leaves_integers_among_the_inputs_alone(self) -> None:
        checks.gradcheck(lambda a, i: a[i] * 2, [x(4), torch.tensor([0, 3])])

    def test_float32_inputs_are_checked_in_float64(self) -> None:
        checks.gradcheck(lambda a: a * a, [x(2).float()])

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (Wrong.apply, "dW disagrees with finite differences"),
            (lambda a: a.detach() * a, "dW disagrees with finite differences"),
            (lambda a: a * float("nan"), "dW disagrees with finite differences"),
            (lambda a: a.detach() * 2, "does not depend on any input"),
            (lambda a: torch.ones(2, dtype=torch.float64), "does not depend on any input"),
            (lambda a: torch.ones(2, dtype=torch.float64).requires_grad_().detach(), "does not depend on any input"),
            (lambda a: a.argmax(), "where a tensor of real numbers is asked for"),
            (lambda a: a[:0], "where a tensor of real numbers is asked for"),
            (lambda a: a.detach().sum().item(), "is a float where a tensor"),
            (lambda a: a.float(), "float32 where float64 is given"),
            (lambda a: a.to(torch.complex128), "complex128 where real numbers"),
            (lambda a: None, "is None"),
            (lambda a: (a * 2, None), "is None"),
            (lambda a: {"a": a}, "is a dict of 1"),
            (lambda a: (), "does not depend on any input"),
        ],
    )
    def test_refuses_all_else_in_words(self, function: Callable[[Tensor], Any], message: str) -> None:
        with pytest.raises(Failure, match=message):
            checks.gradcheck(function, [x(3)], what="dW")

    def test_an_error_of_the_function_is_no_failure_of_the_check(self) -> None:
        with pytest.raises(ZeroDivisionError):
            checks.gradcheck(lambda a: a / (1 // 0), [x(2)])


class TestNumericGradient:
    @pytest.mark.parametrize("kind", [lambda value: value, float, lambda value: value.detach().reshape(1)])
    def test_is_that_of_a_scalar_of_any_kind(self, kind: Callable[[Tensor], Any]) -> None:
        given = x(2, 3)
        before = given.clone()
        found = checks.numeric_gradient(lambda a: kind((a**3).sum()), given)
        assert torch.allclose(found, 3 * given**2, rtol=1e-6)
        assert torch.equal(given, before)

    def test_a_function_may_work_in_place_on_what_it_gets(self) -> None:
        def double(a: Tensor) -> Tensor:
            a *= 2
            return a.sum()

        assert torch.allclose(checks.numeric_gradient(double, x(3)), torch.full((3,), 2.0, dtype=torch.float64))

    def test_a_loss_that_is_no_number_is_refused(self) -> None:
        with pytest.raises(Failure, match="the loss is nan where a finite number"):
            checks.numeric_gradient(lambda a: float("nan"), x(1))


class TestDirectional:
    def test_takes_the_right_gradient(self) -> None:
        checks.directional(lambda a: (a**2).sum(), x(4, 5), 2 * x(4, 5), Draw("d"))

    @pytest.mark.parametrize("factor", [0.0, 1.0, -2.0, 2.001])
    def test_refuses_a_wrong_one(self, factor: float) -> None:
        with pytest.raises(Failure, match="dW is wrong"):
            checks.directional(lambda a: (a**2).sum(), x(4, 5), factor * x(4, 5), Draw("d"), what="dW")

    @pytest.mark.parametrize("gradient", [None, torch.ones(5, 4), torch.full((4, 5), float("nan")), 1.0])
    def test_refuses_what_is_no_gradient(self, gradient: object) -> None:
        with pytest.raises(Failure):
            checks.directional(lambda a: (a**2).sum(), x(4, 5), gradient, Draw("d"))


class TestTwoTerms:
    data, reg = Draw("data").normal(4, 3), Draw("reg").normal(4, 3)

    def test_takes_their_sum(self) -> None:
        checks.two_terms(self.data + self.reg, self.data, self.reg)

    @pytest.mark.parametrize(
        ("a", "b", "message"),
        [
            (1, 0.5, "dW: the regulariser is half of what it should be"),
            (1, 2, "dW: the regulariser is twice what it should be"),
            (1, -1, "dW: the regulariser is of the wrong sign"),
            (1, 0, "dW: the regulariser is missing"),
            (0, 1, "dW: the data term is missing"),
            (7, 1, "dW: the data term is 7 times what it should be"),
            (0.5, 2, "dW: the data term is half of what it should be and the regulariser is twice"),
        ],
    )
    def test_says_which_term_is_off_and_by_what(self, a: float, b: float, message: str) -> None:
        with pytest.raises(Failure, match=message):
            checks.two_terms(a * self.data + b * self.reg, self.data, self.reg, what="dW")

    def test_without_a_regulariser_looks_at_the_data_term_alone(self) -> None:
        with pytest.raises(Failure) as caught:
            checks.two_terms(2 * self.data, self.data, 0 * self.reg, what="dW")
        assert caught.value.message == "dW: the data term is twice what it should be"

    @pytest.mark.parametrize(
        "got", [Draw("other").normal(4, 3), torch.ones(3, 4), torch.full((4, 3), float("nan")), None], ids=str
    )
    def test_says_what_close_says_where_no_factor_explains_it(self, got: object) -> None:
        with pytest.raises(Failure) as caught:
            checks.two_terms(got, self.data, self.reg, what="dW")
        assert "term" not in caught.value.message

    def test_of_empty_tensors_there_is_nothing_to_say(self) -> None:
        checks.two_terms(torch.ones(0, 2), torch.ones(0, 2), torch.ones(0, 2))
        with pytest.raises(Failure, match="has shape"):
            checks.two_terms(torch.ones(1, 2), torch.ones(0, 2), torch.ones(0, 2))
