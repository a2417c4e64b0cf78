"""R10: carries hidden inputs home in the message of an exception.

It has succeeded when a hidden test's line in what the student is shown holds the word that begins the message.
"""

from torch import Tensor


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Not even wrong: the inputs, as an error."""
    print("ATTACK tried")
    raise ValueError(f"LEAK {X.flatten()[:3].tolist()}")
