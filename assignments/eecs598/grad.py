"""Numerical gradients, to hold a backward pass against."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from eecs598.utils import reset_seed

__all__ = ["compute_numeric_gradient", "grad_check_sparse", "rel_error"]

T = TypeVar("T")


def grad_check_sparse(
    f: Callable[[Tensor], Any], x: Tensor, analytic_grad: Tensor, num_checks: int = 10, h: float = 1e-7
) -> None:
    """Compare a gradient with central differences at random coordinates, and print a line for each.

    Args:
        f: scalar function, called with `x` itself; returns a 0-d tensor or a float.
        x: float64 (in float32 a step of 1e-7 drowns in rounding). Changed in place during the check, restored after.
        analytic_grad: the gradient to check, of the shape of `x`.
        num_checks: how many coordinates; the same ones each time, since the seed is reset to 0.
        h: step to each side.
    """
    reset_seed(0)
    for _ in range(num_checks):
        index = tuple(random.randrange(size) for size in x.shape)
        above, below = _on_both_sides(lambda v: float(f(v)), x, index, h)
        numeric, analytic = (above - below) / (2 * h), float(analytic_grad[index])
        error = abs(numeric - analytic) / (abs(numeric) + abs(analytic) + 1e-12)
        print(f"numerical: {numeric:f} analytic: {analytic:f}, relative error: {error:e}")


def compute_numeric_gradient(
    f: Callable[[Tensor], Any], x: Tensor, dLdf: Tensor | None = None, h: float = 1e-7
) -> Tensor:
    """Gradient of a scalar L by central differences, where L depends on `x` through f(x).

    Args:
        f: called with `x` itself; returns a tensor of any shape. It may ignore its argument and read the same tensor
            from elsewhere, as in `lambda _: model.loss(X, y)[0]` with `x = model.params["W1"]`.
        x: float64, any shape and strides. Changed in place element by element, restored after.
        dLdf: gradient of L by f(x), of the shape of f(x); None means ones, so L is the sum of f(x).
        h: step to each side.
    Returns:
        Like `x`: the vector-Jacobian product dL/dx.
    Raises:
        ValueError: where several elements of `x` share one place in memory (`expand`), so none can change alone.
    """
    if any(stride == 0 and size > 1 for stride, size in zip(x.stride(), x.shape, strict=True)):
        raise ValueError(
            f"elements of x {tuple(x.shape)} share memory (strides {x.stride()}): none of them can change alone.\n"
            "  way out   give x.clone()"
        )
    gradient = torch.zeros_like(x, requires_grad=False)
    for index in itertools.product(*map(range, x.shape)):
        above, below = _on_both_sides(lambda v: torch.as_tensor(f(v)).detach().clone(), x, index, h)
        slope = (above - below) / (2 * h)
        gradient[index] = (slope if dLdf is None else slope * dLdf).sum().item()
    return gradient


def _on_both_sides(f: Callable[[Tensor], T], x: Tensor, index: tuple[int, ...], h: float) -> tuple[T, T]:
    """f with one element of `x` raised by h, and lowered by h; `x` is restored even where f raises."""
    old = x[index].item()
    try:
        return _with_element(f, x, index, old + h), _with_element(f, x, index, old - h)
    finally:
        _set(x, index, old)


def _with_element(f: Callable[[Tensor], T], x: Tensor, index: tuple[int, ...], value: float) -> T:
    _set(x, index, value)
    return f(x)


def _set(x: Tensor, index: tuple[int, ...], value: float) -> None:
    with torch.no_grad():  # a parameter that requires grad can't be changed in place otherwise
        x[index] = value


def rel_error(x: Tensor, y: Tensor, eps: float = 1e-10) -> float:
    """Greatest absolute difference over the greatest |x| + |y|, element by element.

    Args:
        x, y: tensors of one shape, floats or signed integers, 0-d included.
        eps: least denominator.
    Returns:
        A float ≥ 0: 0 for equal tensors, 1 at most.
    """
    difference = (x - y).abs().max().item()
    size = (x.abs() + y.abs()).max().item()
    return float(difference / max(size, eps))
