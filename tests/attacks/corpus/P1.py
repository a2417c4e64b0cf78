"""P1: returns objects that run code when they are unpickled.

It has succeeded when the code has run.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


class Bomb:
    """Says so when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        """What pickle is to call."""
        return print, ("ATTACK succeeded: it was unpickled",)


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Bomb, Bomb]:
    """Two bombs."""
    print("ATTACK tried")
    return Bomb(), Bomb()
