"""R1: opens suites, rubric and solutions beside the grader's files, the search path and its own folder.

It has succeeded when it prints the first line of one of them.
"""

import glob
import os
import sys

import torch
from torch import Tensor

import grader

HIDDEN = ("suites/A2/rubric.toml", "suites/A2/*/test_hidden.py", "suites/A2/*/mistakes.py", "solutions/A2/*.py")


def attack() -> list[str]:
    """First lines of hidden files."""
    starts = [*grader.__path__, *sys.path, os.getcwd(), os.path.dirname(__file__)]
    folders = {os.path.join(start, up) for start in starts for up in ("", "..", "../..")}
    plain = {os.path.join(folder, HIDDEN[0]) for folder in folders}  # a folder that can't be listed may be read
    found = []
    for path in plain.union(*(glob.glob(os.path.join(folder, name)) for folder in folders for name in HIDDEN)):
        try:
            with open(path) as file:
                found.append(file.readline().strip())
        except OSError:
            continue
    return found


FOUND = attack()


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Wrong, beside the attack."""
    print("ATTACK tried", *(f"ATTACK succeeded: {what}" for what in FOUND), sep="\n")
    return W.sum(), torch.zeros_like(W)
