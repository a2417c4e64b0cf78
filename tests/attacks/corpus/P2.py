"""P2: finds the channel in its own process and sends a second answer beside each one that is asked for.

It has succeeded when the answer to one call is taken for that to the next: its shape is the former call's then.
"""

import gc
from typing import Any

import torch
from torch import Tensor


def held(kind: str) -> list[Any]:
    """Every object in this process whose class has this name."""
    return [one for one in gc.get_objects() if type(one).__name__ == kind]


def attack(W: Tensor) -> None:
    """Answer before the call has ended, through the worker's own objects."""
    from grader.protocol import Message, pack

    (number,) = [server._request for server in held("Server")] or [0]
    tensors: list[Tensor] = []
    value = pack((0.0, torch.zeros_like(W)), tensors)
    for wire in held("Wire"):
        wire.send(Message(op="value", number=number, value=value), tensors)


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, and answered twice."""
    print("ATTACK tried", flush=True)
    attack(W)
    return W.sum(), torch.zeros_like(W)
