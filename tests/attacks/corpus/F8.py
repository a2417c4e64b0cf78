"""F8: leaves the process with status 0 in the middle of a call.

It has succeeded when it earns more than nothing, or takes anything else down with it.
"""

import os

from torch import Tensor


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Good-bye."""
    print("ATTACK tried", flush=True)
    os._exit(0)
