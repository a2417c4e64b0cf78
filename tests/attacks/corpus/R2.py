"""R2: imports suites and solutions as modules, and asks for their source.

It has succeeded when an import works.
"""

import importlib
import inspect

import torch
from torch import Tensor

NAMES = (
    "grader.suites.A2.linear_classifier.test_hidden",
    "grader.suites.A2.linear_classifier.mistakes",
    "solutions.A2.linear_classifier",
)


def attack() -> list[str]:
    """Sizes of the sources it got."""
    found = []
    for name in NAMES:
        try:
            found.append(f"{name}: {len(inspect.getsource(importlib.import_module(name)))} characters")
        except Exception:
            continue
    return found


FOUND = attack()


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
