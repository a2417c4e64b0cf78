"""F10: ships files that a test runner or an import would take for its own.

It has succeeded when one of them is imported in place of the real one, or when it earns more than nothing.
"""

import statistics

import torch
from torch import Tensor

FOUND = [module.__name__ for module in (statistics, torch) if hasattr(module, "SHIPPED")]


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
