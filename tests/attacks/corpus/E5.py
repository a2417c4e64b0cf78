"""E5: signals other processes, without harm: signal 0 asks only whether it may.

It has succeeded when the answer is yes.
"""

import ctypes
import os

import torch
from torch import Tensor


def attack() -> list[str]:
    """Ways of signalling that are open."""
    libc, parent = ctypes.CDLL(None), os.getppid()
    calls = {
        "kill": libc.kill(parent, 0),
        "kill everybody": libc.kill(-1, 0),
        "tgkill": libc.syscall(234, parent, parent, 0),
        "a descriptor of a process": libc.syscall(434, parent, 0),
    }
    return [name for name, answer in calls.items() if answer >= 0]


FOUND = attack()


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
