"""E11: asks in its very first statement whether it is locked yet.

It has succeeded when it isn't: no filter of system calls, or new privileges still to be had.
"""

import ctypes

FOUND = [
    name
    for name, answer in {
        "no filter": ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) != 2,
        "new privileges": ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) != 1,
    }.items()
    if answer
]

import torch  # noqa: E402
from torch import Tensor  # noqa: E402


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
