"""P2: finds the channel in its own process and sends a second answer beside each one that is asked for.

It has succeeded when the answer to one call is taken for that to the next: its shape is the former call's then.
"""

import gc
from typing import Any

import torch
from torch import Tensor


def wires() -> list[Any]:
    """Everything in this process that sends messages."""
    return [held for held in gc.get_objects() if type(held).__name__ == "Wire" and hasattr(held, "send")]


def attack(W: Tensor) -> None:
    """Answer before the call has ended, through the worker's own objects."""
    from grader.protocol import Message

    for wire in wires():
        wire.send(Message(op="value", value=["t", 0.0, ["T", 0]]), [torch.zeros_like(W)])


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, and answered twice."""
    print("ATTACK tried", flush=True)
    attack(W)
    return W.sum(), torch.zeros_like(W)
