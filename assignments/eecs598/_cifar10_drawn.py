"""The CIFAR-10 stand-in by training and test part, kept in a file once all of it has been drawn."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eecs598 import standin
from eecs598._cifar10_files import PIXELS, Pictures

__all__ = ["read"]

Rows = NDArray[np.uint8]  # (60000, 3073): the label, then the pixels, plane by plane


def read(kept: Path, num_train: int | None, num_test: int | None) -> tuple[Pictures, Pictures]:
    """Training and test pictures of seed 0, the first so many of each, or all.

    Args:
        kept: file of all pictures. It is written where a whole part is asked for, and read where it is there; a file
            that can't be written or read is no error, it only costs the seconds of drawing again.
    """
    rows = _load(kept)
    if rows is None and (num_train is None or num_test is None):
        rows = _draw_all()
        _keep(rows, kept)
    training = range(_at_most(standin.NUM_TRAIN, num_train))
    test = range(standin.NUM_TRAIN, standin.NUM_TRAIN + _at_most(standin.NUM_TEST, num_test))
    return _part(rows, training), _part(rows, test)


def _at_most(total: int, asked: int | None) -> int:
    return total if asked is None else min(max(asked, 0), total)


def _part(rows: Rows | None, numbers: range) -> Pictures:
    if rows is None:
        return Pictures(*standin.pictures(numbers))
    taken = np.array(rows[numbers.start : numbers.stop])  # a copy: what is mapped from the file can't be written
    data = np.ascontiguousarray(taken[:, 1:]).reshape(-1, 3, 32, 32)
    return Pictures(data.transpose(0, 2, 3, 1), taken[:, 0].astype(np.int64))


def _draw_all() -> Rows:
    data, labels = standin.pictures(range(standin.NUM_TRAIN + standin.NUM_TEST))
    return np.concatenate([labels[:, None].astype(np.uint8), data.transpose(0, 3, 1, 2).reshape(-1, PIXELS)], axis=1)


def _load(kept: Path) -> Rows | None:
    """The rows of a kept file, read as they are used; None where there is no such file, or another thing in it."""
    try:
        rows: Rows = np.load(kept, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    expected = (standin.NUM_TRAIN + standin.NUM_TEST, 1 + PIXELS)
    return rows if rows.shape == expected and rows.dtype == np.uint8 else None


def _keep(rows: Rows, kept: Path) -> None:
    """Write the rows in one step, so that no other process ever sees half of them."""
    if not kept.is_absolute():  # this user has no home
        return
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=kept.parent, prefix=kept.stem, delete=False) as file:
            try:
                np.save(file, rows)
                file.flush()
                os.replace(file.name, kept)
            except BaseException:
                os.unlink(file.name)
                raise
