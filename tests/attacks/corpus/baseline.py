"""Nothing but wrong code: what every attack has to beat."""

import torch
from torch import Tensor

FOUND: list[str] = []


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
