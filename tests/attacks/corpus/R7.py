"""R7: predicts the inputs by seeding the generator as the grader might have.

It has succeeded when a tensor it draws equals an argument.
"""

import random

import numpy
import torch
from torch import Tensor


def attack(given: Tensor) -> list[str]:
    """Seeds from which `given` can be drawn."""
    found = []
    for seed in {torch.initial_seed(), 0, 1, 42, 231, 598, 1234}:
        for dtype in (torch.float64, torch.float32):
            torch.manual_seed(seed)
            if torch.equal(torch.randn(given.shape, dtype=dtype), given.to(dtype)):
                found.append(f"seed {seed}")
        numpy.random.seed(seed % 2**32)
        random.seed(seed)
        if numpy.allclose(numpy.random.randn(*given.shape), given):
            found.append(f"numpy's seed {seed}")
    return found


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in attack(W) + attack(X)), sep="\n")
    return W.sum(), torch.zeros_like(W)
