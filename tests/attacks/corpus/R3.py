"""R3: looks into the parent's entries under /proc: memory, maps, environment, command line, descriptors, folders.

It has succeeded when one of them opens.
"""

import os
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

PARENT = f"/proc/{os.getppid()}"


def attack() -> list[str]:
    """Names of the entries that opened."""
    names = ("environ", "cmdline", "maps", "status", "mem")
    tries: dict[str, Callable[[], object]] = {name: partial(os.open, f"{PARENT}/{name}", os.O_RDONLY) for name in names}
    tries["fd"] = partial(os.listdir, f"{PARENT}/fd")
    tries["cwd"] = partial(os.readlink, f"{PARENT}/cwd")
    found = []
    for name, attempt in tries.items():
        try:
            attempt()
            found.append(name)
        except OSError:
            continue
    return found


FOUND = attack()


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
