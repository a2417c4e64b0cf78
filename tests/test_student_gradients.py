"""Gradients through a hand-in: they reach every input, once, and a second derivative raises."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import Tensor

from grader.errors import GraderError
from grader.student import (
    InProcess,
    StudentNotImplemented,
)
from tests.workers import student_in_process as student


def leaf(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


class TestGradients:
    def test_gradcheck_passes_for_a_function_of_the_hand_in(self) -> None:
        one = student("def f(x, y): return (x * x) @ y, x.sin()\n")
        inputs = (torch.rand(3, 4, dtype=torch.float64, requires_grad=True), leaf(1, 2, 3, 4))
        assert torch.autograd.gradcheck(one.f, inputs, fast_mode=True)

    def test_gradcheck_fails_for_a_wrong_backward_of_the_hand_ins_own(self) -> None:
        text = (
            "import torch\nclass F(torch.autograd.Function):\n"
            "    @staticmethod\n    def forward(ctx, x): return x * x\n"
            "    @staticmethod\n    def backward(ctx, grad): return 3 * grad\n"
            "def f(x): return F.apply(x)\n"
        )
        assert not torch.autograd.gradcheck(student(text).f, (leaf(2, 5),), raise_exception=False, fast_mode=True)

    def test_reach_tensors_in_dictionaries_lists_and_keywords(self) -> None:
        one = student("def f(params, more, *, k): return (params['w'] * more[0][0] * k).sum()\n")
        w, v, k = leaf(2.0), leaf(3.0), leaf(5.0)
        one.f({"w": w, "n": 4}, [(v,)], k=k).backward()
        assert [one.grad.item() for one in (w, v, k) if one.grad is not None] == [15, 10, 6]

    def test_reach_parameters_of_a_module_given_with_the_call(self) -> None:
        one = student("import torch\ndef make(): return torch.nn.Linear(3, 2).double()\n")
        net = one.make()
        parameters = {name: value.requires_grad_() for name, value in net.parameters().items()}
        assert {name: tuple(value.shape) for name, value in parameters.items()} == {"weight": (2, 3), "bias": (2,)}
        x = torch.rand(4, 3, dtype=torch.float64)
        expected = torch.nn.functional.linear(x, parameters["weight"], parameters["bias"])
        assert torch.allclose(net.functional(parameters, x), expected)

        def loss(weight: Tensor, bias: Tensor) -> Tensor:
            value: Tensor = net.functional({"weight": weight, "bias": bias}, x).square().sum()
            return value

        assert torch.autograd.gradcheck(loss, tuple(parameters.values()), fast_mode=True)

    def test_may_be_asked_more_than_once(self) -> None:
        x = leaf(3.0)
        y = student("def f(x): return x ** 2\n").f(x)
        assert [torch.autograd.grad(y, x, retain_graph=True)[0].item() for _ in range(3)] == [6, 6, 6]

    def test_a_second_derivative_raises_and_is_never_zero(self) -> None:
        x = leaf(3.0)
        (first,) = torch.autograd.grad(student("def f(x): return x ** 3\n").f(x), x, create_graph=True)
        assert first.item() == 27
        for total in (first, first + x**2):  # the second: torch alone would call the first term a constant
            with pytest.raises(GraderError, match="a second derivative through a hand-in can't be had"):
                torch.autograd.grad(total, x, retain_graph=True)

    def test_an_absent_gradient_stays_absent(self) -> None:
        x, y = leaf(1.0), leaf(2.0)
        a, b = student("def f(x, y): return x * 2, y * 3\n").f(x, y)
        (a.sum() + 0 * a.sum()).backward()
        assert x.grad is not None
        assert y.grad is None
        assert b.requires_grad

    def test_a_result_that_depends_on_no_input_has_none(self) -> None:
        a, b = student("import torch\ndef f(x): return torch.ones(1), x * 2\n").f(leaf(1.0))
        assert (a.requires_grad, b.requires_grad) == (False, True)

    def test_no_tape_is_kept_where_the_suite_wants_no_gradient(self) -> None:
        one = student("def f(x): return x * 2\n")
        with torch.no_grad():
            assert not one.f(leaf(1.0)).requires_grad
        assert not one.f(torch.ones(1)).requires_grad
        assert isinstance(one._transport, InProcess)
        assert not one._transport._server._tapes

    def test_a_tape_goes_with_its_results(self) -> None:
        one = student("def f(x): return x * 2\n")
        kept, gone = one.f(leaf(1.0)), one.f(leaf(1.0))
        assert isinstance(one._transport, InProcess)
        assert len(one._transport._server._tapes) == 2
        del gone
        gc.collect()
        one.f(torch.ones(1))
        assert len(one._transport._server._tapes) == 1
        kept.backward()

    def test_a_fault_in_the_hand_ins_backward_keeps_its_kind(self) -> None:
        text = (
            "import torch\nclass F(torch.autograd.Function):\n"
            "    @staticmethod\n    def forward(ctx, x): return x * x\n"
            "    @staticmethod\n    def backward(ctx, grad): raise NotImplementedError\n"
            "def f(x): return F.apply(x)\n"
        )
        x = leaf(1.0)
        with pytest.raises(StudentNotImplemented):
            student(text).f(x).backward()
