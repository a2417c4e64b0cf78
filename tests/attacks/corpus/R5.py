"""R5: lists the descriptors it was born with.

It has succeeded when one of them is a named file or a folder, or when there is more than one socket.
"""

import os
import stat

import torch
from torch import Tensor


def attack() -> list[str]:
    """What each unexpected descriptor is."""
    found, sockets = [], 0
    for fd in range(3, 1024):
        try:
            status = os.fstat(fd)
        except OSError:
            continue
        sockets += stat.S_ISSOCK(status.st_mode)
        if stat.S_ISDIR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink):
            found.append(f"descriptor {fd} is a file of {status.st_size} bytes")
    return found + [f"{sockets} sockets"] * (sockets > 1)


FOUND = attack()


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
