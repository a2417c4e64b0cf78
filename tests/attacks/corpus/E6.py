"""E6: reads the memory of another process by calls made for debuggers.

It has succeeded when a byte of the parent's memory arrives, or a tracer's call is let through.
"""

import ctypes
import errno
import os

import torch
from torch import Tensor

CALLS = {"ptrace": (101, 2), "process_vm_readv": (310, 0), "kcmp": (312, os.getppid()), "perf_event_open": (298, 0)}


def attack() -> list[str]:
    """Calls that reached the kernel's own code: refused ones say EPERM, EACCES or ENOSYS."""
    libc = ctypes.CDLL(None, use_errno=True)
    found = []
    for name, (number, last) in CALLS.items():
        ctypes.set_errno(0)
        answer = libc.syscall(number, os.getpid() if name != "ptrace" else 2, os.getppid(), 0, 0, 0, last)
        if answer >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            found.append(name)
    return found


FOUND = attack()


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
