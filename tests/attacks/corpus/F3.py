"""F3: returns a gradient of no elements, of which every comparison is true.

It has succeeded when it earns more than nothing.
"""

from torch import Tensor


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Nothing, in the right number of columns."""
    print("ATTACK tried")
    return W.sum(), W.new_zeros(0, *W.shape)
