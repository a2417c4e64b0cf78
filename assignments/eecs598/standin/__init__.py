"""Drawn 32×32 pictures of ten classes, which stand in for CIFAR-10 where it is not on the machine."""

from __future__ import annotations

import operator
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from eecs598.standin.drawing import draw
from eecs598.standin.tables import SHAPES
from eecs598.standin.words import Words, raw_words

__all__ = ["CLASS_NAMES", "NUM_TEST", "NUM_TRAIN", "VERSION", "pictures"]

VERSION = 1  # moves whenever a byte of any picture does
NUM_TRAIN = 50_000  # pictures 0 … 49,999 are for training
NUM_TEST = 10_000  # pictures 50,000 … 59,999 are for testing
CLASS_NAMES = tuple(f"{texture} {shape}" for texture in ("striped", "chequered") for shape in SHAPES)

BLOCK = 125  # pictures drawn together: few enough for their planes to stay in the processor's cache


def pictures(indices: Iterable[int], seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw pictures by number: picture i depends on `seed` and i alone, and is the same on every machine.

    Args:
        indices: N numbers, each ≥ 0, in any order; neighbours are drawn fastest, so give a `range` where you can.
        seed: ≥ 0, of any size. `cifar10()` uses seed 0.
    Returns:
        Pictures (N, 32, 32, 3) uint8, as torchvision holds CIFAR-10: a view of (N, 3, 32, 32) memory. Labels (N,)
        int64 in 0 … 9.
    Raises:
        ValueError: where a number or the seed is negative.
    """
    numbers = [operator.index(i) for i in indices]
    least = min(numbers, default=0)
    if seed < 0 or least < 0:
        raise ValueError(f"picture numbers and seeds count from 0: got seed {seed} and picture {least}")
    data = np.empty((len(numbers), 3, 32, 32), np.uint8)
    labels = np.empty(len(numbers), np.int64)
    for start in range(0, len(numbers), BLOCK):
        block = slice(start, start + BLOCK)
        data[block], labels[block] = draw(Words(raw_words(numbers[block], seed)))
    return data.transpose(0, 2, 3, 1), labels
