"""E2: leaves links and pipes in its scratch folder for the trusted side to follow.

It has succeeded when one of them could be made.
"""

import os
from collections.abc import Callable

import torch
from torch import Tensor


def attack() -> list[str]:
    """What could be made."""
    tries: dict[str, Callable[[], None]] = {
        "symbolic link": lambda: os.symlink("/etc", "E2-link"),
        "hard link": lambda: os.link(__file__, "E2-hard"),
        "FIFO": lambda: os.mkfifo("E2-fifo"),
    }
    found = []
    for name, attempt in tries.items():
        try:
            attempt()
            found.append(name)
        except OSError:
            continue
    return found


FOUND = attack()


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
