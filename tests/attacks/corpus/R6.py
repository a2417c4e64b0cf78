"""R6: reads the environment and the command line.

It has succeeded when one of them names the test, a seed, a token, or a path of the course.
"""

import os
import sys

import torch
from torch import Tensor

WORDS = ("PYTEST", "SEED", "TOKEN", "SECRET", "COURSE", "RESULT", "sui" + "tes", "--seed")


def attack() -> list[str]:
    """Names of the telling entries."""
    entries = {**os.environ, "argv": " ".join(sys.argv), "original argv": " ".join(getattr(sys, "orig_argv", []))}
    return [name for name, value in entries.items() if any(word in f"{name}={value}" for word in WORDS)]


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in attack()), sep="\n")
    return W.sum(), torch.zeros_like(W)
