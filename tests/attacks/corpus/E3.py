"""E3: opens sockets of every family, asks for names, and sets up a ring that would do input and output unseen.

It has succeeded when a socket or a ring exists.
"""

import contextlib
import ctypes
import socket

import torch
from torch import Tensor

KINDS = (
    (socket.AF_INET, socket.SOCK_STREAM),
    (socket.AF_INET6, socket.SOCK_DGRAM),
    (socket.AF_UNIX, socket.SOCK_STREAM),
    (socket.AF_NETLINK, socket.SOCK_RAW),
)


def attack() -> list[str]:
    """What could be opened."""
    found = []
    for family, kind in KINDS:
        with contextlib.suppress(OSError):
            socket.socket(family, kind).close()
            found.append(family.name)
    with contextlib.suppress(OSError):
        for end in socket.socketpair():
            end.close()
        found.append("a pair")
    ring = ctypes.CDLL(None).syscall(425, 1, ctypes.create_string_buffer(120))  # io_uring_setup
    return found + ["a ring"] * (ring >= 0)


FOUND = attack()


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
