"""Pictures for accuracy parts: training pictures with labels, held-back ones whose labels the hand-in never sees."""

from __future__ import annotations

import functools
import hashlib
from collections import UserDict

import torch
from torch import Tensor

from eecs598 import data
from grader.checks import Draw

__all__ = ["Pictures", "draw_pictures"]

TRAINING, HELD_BACK = 10_000, 2_000


class Pictures(UserDict[str, Tensor]):
    """`X_train` (10000, 3072) and `X_test` (2000, 3072) float32, mean-subtracted; `y_train`, `y_test` int64."""

    def with_bias(self, dtype: torch.dtype) -> dict[str, Tensor]:
        """The same with a last column of ones, in another dtype; made once for each."""
        if dtype not in self._wide:
            wide = {key: data.append_ones(self[key].to(dtype)) for key in ("X_train", "X_test")}
            self._wide[dtype] = {**self.data, **wide}
        return self._wide[dtype]

    @functools.cached_property
    def _wide(self) -> dict[torch.dtype, dict[str, Tensor]]:
        return {}


def draw_pictures(seed: str, kind: str) -> Pictures:
    """Pictures of one run: the stand-in drawn from its seed, or real ones chosen and mirrored by it.

    What is held back can't be looked up: on the stand-in it was never drawn before, on CIFAR-10 half is mirrored.
    """
    if kind == "stand-in":
        number = int.from_bytes(hashlib.sha256(f"{seed}/pictures".encode()).digest()[:6], "little")
        x_train, y_train, x_test, y_test = data.drawn_cifar10(TRAINING, HELD_BACK, seed=number)
    else:
        x_train, y_train, x_test, y_test = _real(Draw(f"{seed}/pictures"))
    data.subtract_mean(x_train, x_test)
    return Pictures(
        X_train=x_train.reshape(TRAINING, -1), y_train=y_train, X_test=x_test.reshape(HELD_BACK, -1), y_test=y_test
    )


def _real(draw: Draw) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x_train, y_train, x_test, y_test = data.cifar10()
    chosen, held = draw.permutation(len(x_train))[:TRAINING], draw.permutation(len(x_test))[:HELD_BACK]
    x_held = x_test[held]
    mirrored = draw.uniform(HELD_BACK) < 0.5
    x_held[mirrored] = x_held[mirrored].flip(-1)
    return x_train[chosen], y_train[chosen], x_held, y_test[held]
