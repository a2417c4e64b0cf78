"""Whoever has the worker's process can send any reply: none may do more than fail the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from grader import checks
from grader.errors import ProtocolError
from grader.protocol import Branch, Error, Message, Odd, pack
from grader.student import (
    Student,
    StudentError,
    StudentFault,
    Transport,
)
from grader.student.transport import Answer
from tests.workers import student_in_process as student
from tests.workers import student_of


def leaf(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


class Lying:
    """A transport whose replies are what a test says they are."""

    def __init__(self, reply: Message, tensors: list[Tensor]) -> None:
        self._replies = iter([(Message("value", value=pack([["f"], []], [])), []), (reply, tensors)])

    def request(self, message: Message, tensors: list[Tensor], answer: Answer) -> tuple[Message, list[Tensor]]:
        return next(self._replies)

    timed = cpu_s = printed = text = close = lambda self, *args: 0


def lying(reply: Message, tensors: list[Tensor] | None = None) -> Student:
    """A student who answers the first call with this reply."""
    connect: Callable[[float], Transport] = lambda spent: Lying(reply, tensors or [])  # type: ignore[assignment, return-value]  # noqa: E731
    return student_of(connect)


class TestLies:
    """Whoever has the worker's process can send any reply; none may do more than fail the test."""

    @pytest.mark.parametrize(
        "reply",
        [
            Message("nonsense"),
            Message("callback"),
            Message("error"),
            Message("unloadable"),
            Message("value", value=Branch("T", [0])),
            Message("value", value=Branch("?", [])),
            Message("value", value=Branch("h", ["x" * 100, ""])),
            Message("value", changed=["x"]),
            Message("value", changed=["x"], after=Branch("t", [1])),
            Message("value", changed=["x"], after=Branch("t", [Branch("t", [0])])),
            Message("value", changed=["x"], after=Branch("l", [])),
            Message("value", changed=["x"], after="text"),
        ],
        ids=repr,
    )
    def test_a_reply_of_no_known_form_is_refused(self, reply: Message) -> None:
        with pytest.raises(ProtocolError):
            lying(reply).f(1)

    @pytest.mark.parametrize("grad", [[0], [-1], [5]])
    def test_gradients_of_results_that_are_not_there_are_refused(self, grad: list[int]) -> None:
        with pytest.raises(ProtocolError, match="gradients for results"):
            lying(Message("value", grad=grad, tape=1), [torch.ones(1, dtype=torch.int64)]).f(leaf(1.0))

    @pytest.mark.parametrize(
        "value",
        [
            pack([torch.ones(1), torch.ones(1)], []),
            pack([], []),
            pack([5], []),
            pack(torch.ones(1), []),
            pack({"a": 1}, []),
            None,
        ],
        ids=["too many", "too few", "a number", "a tensor", "a dictionary", "nothing"],
    )
    def test_a_backward_pass_of_another_form_is_refused(self, value: Any) -> None:
        one = student("def f(x): return x * 2\n")
        y = one.f(leaf(1.0))
        one._transport = Lying(Message("value"), [])  # type: ignore[assignment]
        one._transport._replies = iter([(Message("value", value=value), [torch.ones(1), torch.ones(1)])])  # type: ignore[union-attr]
        with pytest.raises((ProtocolError, StudentFault)):
            y.backward()

    def test_a_gradient_of_another_shape_is_the_hand_ins_fault(self) -> None:
        one = student("def f(x): return x * 2\n")
        y = one.f(leaf(1.0, 2.0))
        one._transport = Lying(Message("value"), [])  # type: ignore[assignment]
        tensors: list[Tensor] = []
        reply = Message("value", value=pack([torch.ones(1, dtype=torch.float64)], tensors))
        one._transport._replies = iter([(reply, tensors)])  # type: ignore[union-attr]
        with pytest.raises(StudentFault, match=r"a gradient of shape \(1,\) for one of \(2,\)"):
            y.sum().backward()

    def test_the_words_of_an_error_are_cut(self) -> None:
        error = Error("T" * 10**6, "m" * 10**6, file="f\x1b[2J" * 10**5, line=1, code="c" * 10**6, trace=["t"] * 10**5)
        with pytest.raises(StudentError) as caught:
            lying(Message("error", error=error)).f(1)
        assert len(caught.value.message) < 600
        assert sum(map(len, caught.value.details)) < 1200
        assert "\x1b" not in str(caught.value.details)

    def test_what_does_not_cross_is_known_by_its_kind_alone(self) -> None:
        assert lying(Message("value", value=Branch("o", ["k" * 1000]))).f(1) == Odd("k" * 80)
        assert lying(Message("value", value=Branch("c", [99, ""]))).f(1) == Odd("function")
        assert lying(Message("value", value=Branch("f", ["f", ""]))).f(1) == Odd("function")

    def test_arguments_changed_that_were_not_given_do_no_harm(self) -> None:
        rows = Branch("t", [Branch("t", [7, "x"]), Branch("t", ["k", "y"])])
        one = lying(Message("value", changed=["a", "b"], after=rows))
        one.f(1)
        assert one.last.after == [1]
        assert one.last.after_keywords == {"7": "x", "k": "y"}


class TestLiars:
    """Values made to pass whatever they are compared with: a check fails them, and nothing else happens."""

    HEAD = """
import numpy as np, torch
class Equal:
    def __eq__(self, other): return True
    __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __eq__
    __hash__ = None
    def __float__(self): return 1.0
    def __array__(self, *args): return np.ones(2)
    def __getattr__(self, name): return self
class Number(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __abs__(self): return 0.0
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None): return True
class Array(np.ndarray):
    def __eq__(self, other): return np.ones(2, dtype=bool)
"""

    @pytest.mark.filterwarnings("ignore:.*(prototype|quant|Sparse).*")
    @pytest.mark.parametrize(
        "value",
        [
            "Equal()",
            "[Equal(), Equal()]",
            "Equal",
            "Number(5)",
            "torch.zeros(2).as_subclass(Liar)",
            "np.zeros(2).view(Array)",
            "np.array([Equal(), Equal()], dtype=object)",
            "torch.full((2,), float('nan'))",
            "torch.full((2,), float('inf'))",
            "torch.ones(())",
            "torch.ones(1)",
            "torch.ones(0)",
            "torch.ones(1, 2)",
            "torch.ones(1).expand(3, 2)",
            "torch.ones(2).to_sparse()",
            "torch.ones(2, device='meta')",
            "torch.nested.nested_tensor([torch.ones(1), torch.ones(1)])",
            "torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.quint8)",
            "torch.ones(2, dtype=torch.complex64)",
            "torch.ones(2, dtype=torch.bool)",
            "torch.tensor([1j, 1j]).conj().imag",
            "iter([1.0, 1.0])",
            "(1.0 for _ in range(2))",
            "'1.0 1.0'",
            "None",
            "True",
            "NotImplemented",
            "...",
            "f",
            "torch",
            "{1.0}",
            "10 ** 5000",
        ],
    )
    def test_none_passes_for_two_ones(self, value: str) -> None:
        one = student(f"{self.HEAD}\ndef f():\n    return {value}\n")
        with pytest.raises((checks.Failure, StudentFault)):
            checks.close(one.f(), torch.ones(2))

    @pytest.mark.parametrize(
        "value",
        [
            "torch.ones(1).expand(2)",
            "torch.ones(2).as_subclass(Liar)",
            "torch.nn.Parameter(torch.ones(2))",
            "torch.ones(2, requires_grad=True) * 1",
            "np.ones(2).view(Array)",
            "torch.ones(2, dtype=torch.float16)",
            "torch.ones(4)[::2]",
            "(-torch.tensor([1j, 1j]).conj()).imag * 1",
        ],
    )
    def test_two_ones_in_an_odd_dress_pass(self, value: str) -> None:
        checks.close(student(f"{self.HEAD}\ndef f():\n    return {value}\n").f(), torch.ones(2))
