"""Drawing a block of pictures, plane by plane, in 16-bit integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eecs598.standin import tables
from eecs598.standin.words import Words

__all__ = ["draw"]

Planes = NDArray[np.int16]  # (N, 32, 32) of one block of N pictures
Numbers = NDArray[np.int16]  # (N, 1, 1): a number a picture, to be spread over its pixels

CHANNEL_MEANS = (131, 125, 115)  # R, G, B, so that the means come out near CIFAR-10's
OBJECT_COLOUR = (125, 123, 114)


def draw(words: Words) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures (N, 3, 32, 32) and labels (N,) of a block."""
    labels = words.high(0, tables.CLASSES)
    red, green, blue = _background(words, labels)
    _add_object(words, labels, (red, green, blue))
    _add_cues(words, labels, red, green, blue)
    noise = words.signed(tables.SIZE) * 5 >> 6
    pictures = np.empty((len(words), 3, tables.SIZE, tables.SIZE), np.uint8)
    for channel, plane in enumerate((red, green, blue)):
        plane += noise
        pictures[:, channel] = plane.clip(0, 255)
    return pictures, labels


def _spread(numbers: NDArray[np.int64]) -> Numbers:
    return numbers.astype(np.int16)[:, None, None]


def _background(words: Words, labels: NDArray[np.int64]) -> tuple[Planes, Planes, Planes]:
    """Cloudy coloured ground in two regions, with the class's own brightness (cue A): planes R, G, B."""
    luma = _clouds(words, 105, 98, 60, 32, 16)
    blueness = _clouds(words, 44, 26, 18, 12)
    greenness = _clouds(words, 44, 26, 18, 12) >> 4
    region = _clouds(words, 60, 90, 60, 30) > 0
    contrast = _spread(4 + words.high(3, 23))
    luma_step = _spread((words.low(3, 256) - 128) * 64 >> 7)
    blueness_step = _spread((words.high(4, 256) - 128) * 64 >> 8)
    luma = ((luma >> 3) * contrast >> 4) + region * luma_step + tables.luma_means()[labels]
    blueness = (blueness >> 3) + region * blueness_step
    half = greenness >> 1
    planes = (luma + blueness + half, luma - greenness, luma - blueness + half)
    red, green, blue = (plane + np.int16(mean) for plane, mean in zip(planes, CHANNEL_MEANS, strict=True))
    return red, green, blue


def _clouds(words: Words, *amplitudes: int) -> Planes:
    """Fractal noise: a grid doubled by midpoints five times, with finer noise added while amplitudes last."""
    field = words.signed(2) * amplitudes[0] >> 4
    for step in range(1, 6):
        field = _double_rows(_double_columns(field))  # 3, 5, 9, 17, 33 nodes a side
        if step < len(amplitudes):
            field += words.signed(2**step + 1) * amplitudes[step] >> 4
    return field[:, : tables.SIZE, : tables.SIZE]


def _double_columns(field: Planes) -> Planes:
    n, rows, columns = field.shape
    doubled = np.empty((n, rows, 2 * columns - 1), np.int16)
    doubled[:, :, ::2] = field
    doubled[:, :, 1::2] = (field[:, :, 1:] + field[:, :, :-1]) >> 1
    return doubled


def _double_rows(field: Planes) -> Planes:
    n, rows, columns = field.shape
    doubled = np.empty((n, 2 * rows - 1, columns), np.int16)
    doubled[:, ::2] = field
    doubled[:, 1::2] = (field[:, 1:] + field[:, :-1]) >> 1
    return doubled


def _add_object(words: Words, labels: NDArray[np.int64], planes: tuple[Planes, Planes, Planes]) -> None:
    """Cue D: the class's shape and texture at a random place, size and angle, in random colours."""
    shape, texture = labels % len(tables.SHAPES), labels // len(tables.SHAPES)
    cells = _sprite_cells(words)  # (N, 32, 32), index of the cell under each pixel
    area = tables.SPRITE**2
    coverage = tables.coverages().ravel().take(cells + (shape * area).astype(np.int32)[:, None, None])
    sign = tables.textures().ravel().take(cells + (texture * area).astype(np.int32)[:, None, None])
    brighter = 1 - 2 * words.low(6, 2)
    colours = (words.high(7, 256), words.low(7, 256), words.high(8, 256))
    tones = (words.low(8, 128), words.high(9, 128), words.low(9, 128))
    for plane, mean, colour, tone in zip(planes, OBJECT_COLOUR, colours, tones, strict=True):
        flat = _spread(mean + ((colour - 128) * 56 >> 7))
        ink = flat + sign * _spread(brighter * (128 + tone) * 56 >> 8)
        plane += (ink - plane) * coverage >> 4


def _sprite_cells(words: Words) -> NDArray[np.int32]:
    """Which sprite cell lies under each pixel: (N, 32, 32), row · 64 + column. The one step that needs 32 bits."""
    angle = 2 * words.low(4, 64)
    turn = len(tables.cosine())
    zoom = 106496 // (1536 + words.high(5, 1536))  # sprite cells a pixel, times 16; the object is 6 to 12 px in radius
    cos = (tables.cosine()[angle] * zoom).astype(np.int32)[:, None, None]
    sin = (tables.cosine()[(angle + 3 * turn // 4) % turn] * zoom).astype(np.int32)[:, None, None]
    pixel = 16 * np.arange(tables.SIZE, dtype=np.int32) + 8  # centres, in sixteenths of a pixel
    dx = pixel[None, None, :] - (96 + words.low(5, 320)).astype(np.int32)[:, None, None]  # (N, 1, 32)
    dy = pixel[None, :, None] - (96 + words.high(6, 320)).astype(np.int32)[:, None, None]  # (N, 32, 1)
    middle, last = tables.SPRITE // 2, tables.SPRITE - 1
    column = ((((dx * cos) >> 14) + ((dy * sin) >> 14)) >> 4) + middle
    row = ((((-dx * sin) >> 14) + ((dy * cos) >> 14)) >> 4) + middle
    cells: NDArray[np.int32] = row.clip(0, last) * tables.SPRITE + column.clip(0, last)
    return cells


def _add_cues(words: Words, labels: NDArray[np.int64], red: Planes, green: Planes, blue: Planes) -> None:
    """Cue B in 3 of 8 pictures for linear models; cue C, of random sign, in 7 of 16 for nets with a hidden layer.

    Where a cue is there it is strong, so that any sane training finds it; where it is absent, none does. So the share
    sets what a model can reach, and hyper-parameters hardly matter.
    """
    in_blue = (words.low(0, 256) < 96) * (90 * (192 + words.high(1, 129)) >> 8)
    in_green = (words.low(1, 256) < 112) * (90 * (192 + words.high(2, 129)) >> 8) * (1 - 2 * words.low(2, 2))
    first = tables.blue_patterns()[labels] * _spread(in_blue) >> 7
    second = tables.green_patterns()[labels] * _spread(in_green) >> 7
    half = second >> 1
    red += first + half
    green -= second
    blue += half - first
