"""Connects what a hand-in's code gave with what it was given, so that autograd goes through it; backward asks it."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from grader.errors import GraderError, ProtocolError
from grader.student.faults import StudentFault

__all__ = ["Tape", "connect"]


class Differentiator(Protocol):
    """Who can be asked for vector-Jacobian products."""

    def _vjp(self, tape: int, grads: list[Tensor | None]) -> list[Tensor | None]: ...

    def _drop_tape(self, number: int) -> None: ...


class Tape:
    """What one call computed, kept where it runs until its results are gone."""

    def __init__(self, owner: Differentiator, number: int) -> None:
        self.owner = owner
        self.number = number

    def __del__(self) -> None:
        self.owner._drop_tape(self.number)


def connect(tape: Tape, outputs: list[Tensor], inputs: list[Tensor]) -> tuple[Tensor, ...]:
    """Copies of `outputs` whose gradients reach `inputs`: first derivatives only, a second one raises."""
    found: tuple[Tensor, ...] = _Remote.apply(tape, outputs, *inputs)
    return found


class _Remote(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tape: Tape, outputs: list[Tensor], *inputs: Tensor) -> tuple[Tensor, ...]:
        ctx.tape = tape
        ctx.set_materialize_grads(False)
        ctx.inputs = inputs
        return tuple(one.clone() for one in outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        with torch.no_grad():
            found = ctx.tape.owner._vjp(ctx.tape.number, list(grads))
        if len(found) != len(ctx.inputs):
            raise ProtocolError("a backward pass gave another number of gradients than it was asked for")
        for one, given in zip(found, ctx.inputs, strict=True):
            if one is not None and (one.shape != given.shape or one.dtype != given.dtype):
                raise StudentFault(f"gives a gradient of shape {tuple(one.shape)} for one of {tuple(given.shape)}")
        if torch.is_grad_enabled():  # somebody means to differentiate once more
            found = [one if one is None else _Last.apply(one, *ctx.inputs) for one in found]
        return (None, None, *found)


class _Last(torch.autograd.Function):
    """A first derivative. torch's own `once_differentiable` would take it for a constant, and give zero for its own."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, *inputs: Tensor) -> Tensor:
        return gradient.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        raise GraderError(
            "a second derivative through a hand-in can't be had", way_out="ask for first derivatives only"
        )
