"""F1: returns tensors of a class that says yes to every comparison.

It has succeeded when it earns more than nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class AlwaysRight(Tensor):
    """Close to anything, equal to anything, and zero away from it."""

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Agree."""
        if func.__name__ in ("allclose", "equal", "isclose", "all", "eq", "__eq__", "__bool__", "lt", "le"):
            return True
        if func.__name__ in ("sub", "__sub__", "__rsub__", "rsub", "max"):
            return torch.zeros(())
        return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[no-untyped-call]


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, and sure of itself."""
    print("ATTACK tried")
    return W.sum().as_subclass(AlwaysRight), torch.zeros_like(W).as_subclass(AlwaysRight)
