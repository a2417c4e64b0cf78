"""Gradients against finite differences, and sums of a data term and a regulariser told apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError

from grader.checks.draws import Draw
from grader.checks.failure import Failure
from grader.checks.kinds import as_float, as_tensor, named
from grader.checks.values import close, finite, shape

__all__ = ["directional", "gradcheck", "numeric_gradient", "two_terms"]


def gradcheck(
    function: Callable[..., Tensor | Sequence[Tensor]],
    inputs: Sequence[Tensor],
    *,
    atol: float = 1e-6,
    rtol: float = 1e-4,
    what: str = "",
) -> None:
    """`torch.autograd.gradcheck` in float64: the backward pass agrees with finite differences of the forward pass.

    What `function` gives must hold real numbers and hang together with the inputs: a constant would agree, too.
    """
    leaves = tuple(
        one.detach().to(torch.float64, copy=True).requires_grad_() if one.is_floating_point() else one for one in inputs
    )
    _connected(function(*leaves), what or "the result")
    try:
        torch.autograd.gradcheck(function, leaves, atol=atol, rtol=rtol, fast_mode=True, raise_exception=True)
    except GradcheckError as fault:
        first = [*str(fault).strip().splitlines(), ""][0]
        raise Failure(
            f"{what or 'the gradient'} disagrees with finite differences", [("differs", first[:200])]
        ) from None


def _connected(outputs: object, what: str) -> None:
    """Raise unless these are real tensors, one of which at least has a gradient."""
    connected = False
    for one in outputs if isinstance(outputs, list | tuple) else [outputs]:
        tensor = as_tensor(one, what)
        if not isinstance(one, Tensor) or not tensor.is_floating_point() or tensor.numel() == 0:
            raise Failure(f"{what} is {named(one)} where a tensor of real numbers is asked for")
        if tensor.dtype is not torch.float64:
            raise Failure(f"{what} is {named(one)} where float64 is given", hint="keep the dtype of the inputs")
        connected |= one.requires_grad
    if not connected:
        raise Failure(f"{what} does not depend on any input, as far as autograd can see")


def numeric_gradient(function: Callable[[Tensor], object], x: Tensor, h: float = 1e-6) -> Tensor:
    """Central differences of a scalar function at `x`, shape of `x`, float64; `function` gets a changed copy."""
    flat = x.detach().to(torch.float64).reshape(-1)
    gradient = torch.empty_like(flat)
    for i in range(flat.numel()):
        step = torch.zeros_like(flat)
        step[i] = h
        up = as_float(function((flat + step).reshape(x.shape)), "the loss")
        down = as_float(function((flat - step).reshape(x.shape)), "the loss")
        gradient[i] = (up - down) / (2 * h)
    return gradient.reshape(x.shape)


def directional(
    function: Callable[[Tensor], object],
    x: Tensor,
    gradient: object,
    draw: Draw,
    *,
    n: int = 5,
    h: float = 1e-6,
    rtol: float = 1e-5,
    what: str = "gradient",
    hint: str = "",
) -> None:
    """`gradient` · v equals the central difference of `function` along v, for `n` random directions of length 1.

    It compares a student's gradient with the student's own loss: cheap, and blind to a loss that is itself wrong.
    """
    given = as_tensor(gradient, what).to(torch.float64)
    shape(given, x.shape, what)
    finite(given, what)
    scale = float(given.norm()) / max(given.numel(), 1) ** 0.5
    for _ in range(n):
        direction = draw.normal(*x.shape)
        direction /= direction.norm().clamp(min=1e-12)
        up, down = (as_float(function(x + sign * h * direction), "the loss") for sign in (1, -1))
        slope = torch.tensor((up - down) / (2 * h), dtype=torch.float64)
        close((given * direction).sum(), slope, rtol=rtol, atol=rtol * max(scale, 1e-3), what=what, hint=hint)


def two_terms(
    got: object,
    data: Tensor,
    reg: Tensor,
    *,
    what: str = "gradient",
    rtol: float = 1e-7,
    atol: float = 1e-9,
    hint: str = "",
) -> None:
    """`got` equals `data` + `reg`; where it does not, a·data + b·reg is fitted to it, to say which term is off."""
    try:
        close(got, data + reg, rtol=rtol, atol=atol, what=what, hint=hint)
    except Failure as failure:
        sentence = _which_term(as_tensor(got, what), data, reg, what)
        if not sentence:
            raise
        raise Failure(sentence, failure.details) from None


def _which_term(got: Tensor, data: Tensor, reg: Tensor, what: str) -> str:
    if got.shape != data.shape or got.numel() == 0 or not torch.isfinite(got).all():
        return ""
    columns = torch.stack([data.reshape(-1), reg.reshape(-1)], dim=1).to(torch.float64)
    target = got.reshape(-1).to(torch.float64)
    if columns.shape[0] < 2 or float(reg.abs().max()) == 0:
        columns = columns[:, :1]
    factors = torch.linalg.lstsq(columns, target[:, None], driver="gelsd").solution.reshape(-1)
    left = float((columns @ factors - target).norm() / target.norm().clamp(min=1e-12))
    if left > 1e-5:
        return ""
    a, b = float(factors[0]), float(factors[1]) if len(factors) > 1 else 1.0
    wrong = [(a, "data term"), (b, "regulariser")]
    said = [f"the {name} is {_factor(factor)}" for factor, name in wrong if abs(factor - 1) > 1e-5]
    return f"{what}: " + " and ".join(said) if said else ""


def _factor(factor: float) -> str:
    if abs(factor) < 1e-6:
        return "missing"
    known = {0.5: "half of what it should be", 2.0: "twice what it should be", -1.0: "of the wrong sign"}
    for value, words in known.items():
        if abs(factor - value) < 1e-4:
            return words
    return f"{factor:.4g} times what it should be"
