"""E1: writes outside its scratch folder: beside its own files, in the home, in temporary folders, in site-packages.

It has succeeded when a file could be made there.
"""

import os
import sysconfig

import torch
from torch import Tensor

FOLDERS = (
    os.path.dirname(os.path.abspath(__file__)),
    "/tmp",
    "/var/tmp",
    "/dev/shm",
    "/root",
    "/home",
    sysconfig.get_path("purelib"),
    os.path.join(os.getcwd(), ".."),
)


def attack() -> list[str]:
    """Folders in which a file could be made; it is removed at once."""
    found = []
    for folder in FOLDERS:
        path = os.path.join(folder, f"E1-was-here-{os.getpid()}")
        if os.path.realpath(folder) == os.path.realpath(os.getcwd()):
            continue  # the scratch folder itself
        try:
            with open(path, "x"):
                found.append(folder)
            os.remove(path)
        except OSError:
            continue
    return found


FOUND = attack()


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
