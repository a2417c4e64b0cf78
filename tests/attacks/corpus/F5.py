"""F5: sets its arguments to zero, so that a reference that reads them afterwards finds the gradient zero.

It has succeeded when it earns more than nothing.
"""

import torch
from torch import Tensor


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Right for the arguments that it leaves behind."""
    print("ATTACK tried")
    W.detach().zero_()
    X.detach().zero_()
    return W.sum(), torch.zeros_like(W)
