"""Integer tables of the drawn pictures: cosines, class patterns, class means, sprites, textures."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SHAPES",
    "blue_patterns",
    "cosine",
    "coverages",
    "green_patterns",
    "luma_means",
    "textures",
]

SIZE = 32  # pixels a side
CLASSES = 10
SHAPES = ("disc", "square", "triangle", "cross", "ring")  # class c has shape c mod 5

# round(1024·cos(πm/64)), m = 0 … 32, written out since `cos` may differ in its last bit between machines
QUARTER_WAVE = (
    *(1024, 1023, 1019, 1013, 1004, 993, 980, 964, 946, 926, 903, 878, 851, 822, 792, 759, 724),
    *(688, 650, 610, 569, 526, 483, 438, 392, 345, 297, 249, 200, 150, 100, 50, 0),
)
# brightness, left-right and top-bottom ramp of each class: columns sum to zero or nearly
LUMA_MEANS = (
    *((-9, 4, 1), (-7, -6, -9), (-5, 9, 7), (-3, -2, -5), (-1, 7, -3)),
    *((1, -9, 5), (3, 1, 9), (5, -4, -7), (7, 6, 3), (9, -6, -1)),
)
SPRITE = 64  # cells a side; the object's half size is 26 cells
RADIUS = 8 * 26  # in eighths of a cell, the unit in which shapes are measured


@cache
def cosine() -> NDArray[np.int32]:
    """(128,) one turn of 1024·cos, by symmetry from its quarter."""
    quarter = np.array(QUARTER_WAVE, np.int32)
    half = np.concatenate([quarter, -quarter[-2::-1]])  # m = 0 … 64
    return np.concatenate([half, half[-2:0:-1]])


def _wave(order: int) -> NDArray[np.int32]:
    """(32,) cosine wave of an order along a side, 256 at most."""
    steps = order * (2 * np.arange(SIZE) + 1)
    return cosine()[steps % len(cosine())] >> 2


@cache
def luma_means() -> NDArray[np.int16]:
    """(10, 32, 32) cue A, always there: brightness of a class, a level and two ramps of up to 18 grey levels each."""
    level, across, down = (np.array(column, np.int64)[:, None, None] for column in zip(*LUMA_MEANS, strict=True))
    ramp = _wave(1).astype(np.int64)
    mean: NDArray[np.int64] = (level * 256 + across * ramp[None, None, :] + down * ramp[None, :, None]) * 16 >> 11
    return mean.astype(np.int16)


def blue_patterns() -> NDArray[np.int16]:
    """(10, 32, 32) cue B: a class's pattern in the red-blue plane."""
    return _patterns()[np.arange(1, CLASSES + 1)]


def green_patterns() -> NDArray[np.int16]:
    """(10, 32, 32) cue C: a class's pattern in the green-magenta plane."""
    return _patterns()[5 * np.arange(1, CLASSES + 1) % 16]


@cache
def _patterns() -> NDArray[np.int16]:
    """(16, 32, 32) patterns of root mean square 32: row r of a Hadamard matrix, as signs of 15 cosine modes.

    The bent signs (of j's bits) keep every pattern flat, its peak at 89: without them the modes of some rows pile up
    in a corner, clip there, and overflow 16 bits.
    """
    total = np.zeros((16, SIZE, SIZE), np.int64)
    for j in range(1, 16):
        bent = (j & 1) * (j >> 1 & 1) + (j >> 2 & 1) * (j >> 3 & 1)
        code = np.array([(-1) ** ((r & j).bit_count() + bent) for r in range(16)])
        total += code[:, None, None] * _mode(*divmod(j, 4))
    return (32 * total // 496).astype(np.int16)


def _mode(down: int, across: int) -> NDArray[np.int64]:
    """(32, 32) product of two cosine waves; 362 is 256·√2, so that a mode with a constant side weighs the same."""
    product: NDArray[np.int64] = _wave(down)[:, None].astype(np.int64) * _wave(across)[None, :]
    return product // (256 if down and across else 362)


@cache
def coverages() -> NDArray[np.int16]:
    """(5, 64, 64) sprites of the shapes: how many of 16 sample points in a cell lie inside."""
    samples = 4 * SPRITE  # a side
    points = 2 * np.arange(samples) + 1 - samples  # in eighths of a cell, from the centre
    inside = np.stack(_inside(*np.meshgrid(points, points)))
    counts: NDArray[np.int64] = inside.reshape(5, SPRITE, 4, SPRITE, 4).sum(axis=(2, 4))
    return counts.astype(np.int16)


def _inside(u: NDArray[np.int64], v: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    """Which points (u right, v down) lie in each of the `SHAPES`."""
    squared = u * u + v * v
    side, base, bar = (RADIUS * percent // 100 for percent in (85, 70, 34))
    disc = squared <= RADIUS**2
    square = (abs(u) <= side) & (abs(v) <= side)
    triangle = (v <= base) & (20 * abs(u) <= 12 * (v + RADIUS))
    upright = (abs(u) <= bar) & (abs(v) <= RADIUS)
    cross = upright | ((abs(v) <= bar) & (abs(u) <= RADIUS))
    ring = disc & (squared >= RADIUS**2 * 36 // 100)
    return [disc, square, triangle, cross, ring]


@cache
def textures() -> NDArray[np.int16]:
    """(2, 64, 64) textures on a sprite, +1 or −1 a cell: stripes (classes 0 to 4), then checks (5 to 9)."""
    bands = (np.arange(SPRITE) - SPRITE // 2) >> 3 & 1
    stripes = np.broadcast_to(bands[None, :], (SPRITE, SPRITE))
    checks = bands[None, :] ^ bands[:, None]
    return (2 * np.stack([stripes, checks]) - 1).astype(np.int16)
