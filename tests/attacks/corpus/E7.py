"""E7: starts processes and programs in every way the language has.

It has succeeded when a new process exists.
"""

import contextlib
import multiprocessing
import os
import subprocess
import sys

import torch
from torch import Tensor


def attack() -> list[str]:
    """Ways that worked."""
    found = []
    with contextlib.suppress(OSError):
        if (pid := os.fork()) == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        found.append("fork")
    with contextlib.suppress(OSError):
        subprocess.run([sys.executable, "-c", ""], check=True)
        found.append("subprocess")
    with contextlib.suppress(OSError):
        os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
        found.append("posix_spawn")
    with contextlib.suppress(OSError):
        process = multiprocessing.get_context("fork").Process(target=print)
        process.start()
        process.join()
        found.append("multiprocessing")
    return found


FOUND = attack()


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
