"""The random numbers of drawn pictures: PCG64 words, the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Words", "raw_words"]

WORDS_PER_PICTURE = 288
HEAD = 12  # words read as two 32-bit halves each; the others are read as bytes


def raw_words(indices: Sequence[int], seed: int) -> NDArray[np.uint64]:
    """Raw words of the pictures `indices` of `seed`.

    Picture i owns the 288 words from 288·i on, whatever else is drawn: a run of neighbours is one call.

    Returns:
        (N, 288) uint64.
    """
    raw = np.empty((len(indices), WORDS_PER_PICTURE), np.uint64)
    start = 0
    while start < len(indices):
        stop = _end_of_run(indices, start)
        source = np.random.PCG64(seed).advance(WORDS_PER_PICTURE * indices[start])
        raw[start:stop] = source.random_raw((stop - start) * WORDS_PER_PICTURE).reshape(-1, WORDS_PER_PICTURE)
        start = stop
    return raw


def _end_of_run(indices: Sequence[int], start: int) -> int:
    """Position behind the last of the consecutive numbers that begin at `start`."""
    stop = start + 1
    while stop < len(indices) and indices[stop] == indices[stop - 1] + 1:
        stop += 1
    return stop


class Words:
    """Words of a block of N pictures, read in halves by number, and in bytes one after the other."""

    def __init__(self, raw: NDArray[np.uint64]) -> None:
        self._high = raw[:, :HEAD] >> np.uint64(32)
        self._low = raw[:, :HEAD] & np.uint64(0xFFFF_FFFF)
        # "<u8" fixes the order of the bytes on machines of either kind
        self._bytes = np.ascontiguousarray(raw[:, HEAD:].astype("<u8")).view(np.uint8)  # (N, 2208)
        self._read = 0

    def __len__(self) -> int:
        return len(self._bytes)

    def high(self, word: int, choices: int) -> NDArray[np.int64]:
        """(N,) uniform in 0 … choices − 1, from the upper half of a word of the head."""
        return (self._high[:, word] * np.uint64(choices) >> np.uint64(32)).astype(np.int64)

    def low(self, word: int, choices: int) -> NDArray[np.int64]:
        """(N,) uniform in 0 … choices − 1, from the lower half of a word of the head."""
        return (self._low[:, word] * np.uint64(choices) >> np.uint64(32)).astype(np.int64)

    def signed(self, side: int) -> NDArray[np.int16]:
        """The next side² bytes of each picture, less 128: (N, side, side), in −128 … 127."""
        stop = self._read + side * side
        taken = self._bytes[:, self._read : stop].astype(np.int16)
        self._read = stop
        return taken.reshape(-1, side, side) - np.int16(128)
