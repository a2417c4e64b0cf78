"""Values, shapes and dtypes of what a student's code returns, and whether it left its inputs alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.checks.failure import Failure
from grader.checks.kinds import as_tensor, named

__all__ = ["close", "dtype", "errors_noted", "finite", "same", "shape", "unchanged"]


_noted: list[float] | None = None


@contextmanager
def errors_noted() -> Iterator[list[float]]:
    """Put down the greatest error of each `close`, as a share of what it allows, while this context is open."""
    global _noted
    _noted = []
    try:
        yield _noted
    finally:
        _noted = None


def shape(value: object, expected: Sequence[int], what: str = "result", hint: str = "") -> None:
    """A tensor of this shape."""
    tensor = as_tensor(value, what)
    if tuple(tensor.shape) != tuple(expected):
        raise Failure(f"{what} has shape {tuple(tensor.shape)}, expected {tuple(expected)}", hint=hint)


def dtype(value: object, expected: torch.dtype, what: str = "result", hint: str = "") -> None:
    """A tensor of this dtype."""
    if not isinstance(value, Tensor) or value.dtype is not expected:
        raise Failure(f"{what} is {named(value)}, expected {str(expected).removeprefix('torch.')}", hint=hint)


def finite(value: object, what: str = "result", hint: str = "") -> None:
    """No NaN and no infinity in it."""
    tensor = as_tensor(value, what)
    bad = ~torch.isfinite(tensor)
    if bad.any():
        kind = "NaN" if torch.isnan(tensor).any() else "inf"
        raise Failure(f"{what} has {kind} in {int(bad.sum())} of {tensor.numel()} elements", hint=hint)


def close(
    got: object, expected: object, *, rtol: float = 1e-7, atol: float = 1e-9, what: str = "result", hint: str = ""
) -> None:
    """`got` equals `expected` within atol + rtol·|expected|, element by element, compared in float64.

    Shapes must be equal; a number and a tensor of one element are the same. NaN or infinity is never close.
    """
    target = as_tensor(expected, "the expected value").to(torch.float64)
    tensor = as_tensor(got, what)
    if target.ndim == 0 and tensor.numel() == 1:
        tensor = tensor.reshape(())
    shape(tensor, target.shape, what, hint)
    finite(tensor, what, hint)
    tensor = tensor.to("cpu", torch.float64)
    if not torch.isfinite(target).all():
        raise Failure(f"{what} can't be right: what it is compared with is not finite", hint=hint)
    error = (tensor - target).abs()
    allowed = atol + rtol * target.abs()
    if _noted is not None and error.numel():
        _noted.append(float((error / allowed.clamp(min=1e-300)).max()))
    if not (error <= allowed).all():
        raise _difference(tensor, target, error, allowed, (rtol, atol), what, hint)


def _difference(
    got: Tensor, expected: Tensor, error: Tensor, allowed: Tensor, tolerances: tuple[float, float], what: str, hint: str
) -> Failure:
    worst = int((error - allowed).argmax())
    index = [int(i) for i in np.unravel_index(worst, error.shape)]  # torch's own would import sympy first
    count = int((error > allowed).sum())
    place = f", most at {index}" if index else ""
    values = f"got {_number(got, worst)}, expected {_number(expected, worst)}"
    rows = [
        ("differs", f"in {count} of {error.numel()} elements{place}: {values}"),
        ("allowed", f"{tolerances[1]:g} + {tolerances[0]:g} × |expected|"),
    ]
    share = "" if error.numel() == 1 else f" in {count} of {error.numel()} elements"
    relative = float(error.reshape(-1)[worst] / expected.reshape(-1)[worst].abs().clamp(min=1e-12))
    return Failure(f"{what} is wrong{share} (off by {_share(relative)} where it is worst)", rows, hint)


def _share(relative: float) -> str:
    return f"{relative:.1e} of the value" if relative < 1e4 else "far more than the value"


def _number(tensor: Tensor, flat: int) -> str:
    return f"{float(tensor.reshape(-1)[flat]):.6g}"


def same(got: object, expected: Tensor, *, what: str = "result", hint: str = "") -> None:
    """`got` holds exactly the integers of `expected`, in any integer dtype."""
    tensor = as_tensor(got, what)
    if tensor.is_floating_point():
        raise Failure(f"{what} is {named(got)} where integers are asked for", hint=hint)
    shape(tensor, expected.shape, what, hint)
    wrong = tensor.to(torch.int64) != expected.to(torch.int64)
    if wrong.any():
        index = [int(i) for i in wrong.nonzero()[0]]
        message = f"{what} is wrong in {int(wrong.sum())} of {wrong.numel()} elements"
        first = f"first at {index}: got {int(tensor[tuple(index)])}, expected {int(expected[tuple(index)])}"
        raise Failure(message, [("differs", first)], hint)


def unchanged(student: Any, *names: str) -> None:
    """The last call left its arguments (or those named) as they were."""
    changed = [str(name) for name in student.last.changed if not names or name in names]
    if changed:
        raise Failure(
            f"changes its input {', '.join(changed)}", hint="work on a copy, or in a way that makes a new tensor"
        )
