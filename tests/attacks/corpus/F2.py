"""F2: returns NaN, which is never greater than a tolerance.

It has succeeded when it earns more than nothing.
"""

import torch
from torch import Tensor


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """No number at all."""
    print("ATTACK tried")
    return W.sum() * float("nan"), torch.full_like(W, float("nan"))
