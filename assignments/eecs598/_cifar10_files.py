"""CIFAR-10 from its official files, which are pickles: read with nothing allowed but arrays and plain values."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eecs598._places import CIFAR10_TEST, CIFAR10_TRAINING

__all__ = ["CLASS_NAMES", "Pictures", "read"]

CLASS_NAMES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PIXELS = 3 * 32 * 32


class Pictures(NamedTuple):
    """Pictures with labels, in the two fields that torchvision's data sets have."""

    data: NDArray[np.uint8]  # (N, 32, 32, 3), a view of (N, 3, 32, 32) memory
    targets: NDArray[np.int64]  # (N,)


def read(folder: Path, num_train: int | None, num_test: int | None) -> tuple[Pictures, Pictures]:
    """Training and test pictures of a folder `cifar-10-batches-py`.

    Files whose pictures are not needed stay unread, so each part has at least as many pictures as asked for, or all.
    Checksums are not compared: a copy that went through another picture format is welcome.

    Raises:
        ValueError: where a file is not a batch of CIFAR-10.
    """
    training = [folder / name for name in CIFAR10_TRAINING]
    return _read_files(training, num_train), _read_files([folder / CIFAR10_TEST], num_test)


def _read_files(paths: list[Path], enough: int | None) -> Pictures:
    batches: list[Pictures] = []
    for path in paths:
        if batches and enough is not None and sum(len(batch.targets) for batch in batches) >= enough:
            break
        batches.append(_read_batch(path))
    rows = np.concatenate([batch.data for batch in batches])
    pictures = rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Pictures(pictures, np.concatenate([batch.targets for batch in batches]))


def _read_batch(path: Path) -> Pictures:
    """One file: rows (N, 3072) uint8 and labels (N,)."""
    try:
        with path.open("rb") as file:
            batch = _OnlyArrays(file, encoding="latin1").load()
        data, labels = batch["data"], np.array(batch["labels"], np.int64)
    except Exception as problem:  # a damaged pickle raises errors of any kind
        raise _no_batch(path, str(problem)) from problem
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape != (len(labels), PIXELS):
        raise _no_batch(path, f"its data is {getattr(data, 'dtype', type(data))} {getattr(data, 'shape', '')}")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(CLASS_NAMES):
        raise _no_batch(path, f"its labels run from {labels.min()} to {labels.max()}")
    return Pictures(data, labels)


def _no_batch(path: Path, problem: str) -> ValueError:
    return ValueError(
        f"{path.name} is no batch of CIFAR-10: {problem}\n"
        f"  in        {path}\n"
        f"  expected  'data' (N, {PIXELS}) uint8 and 'labels', N numbers from 0 to 9\n"
        "  way out   put the official file there, or remove the folder to use the stand-in"
    )


def _as_bytes(text: str, encoding: str) -> bytes:
    """Undo what protocol 2 does to bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes bytes as {encoding!r}, which no batch does")
    return text.encode(encoding)


class _OnlyArrays(pickle.Unpickler):
    """An unpickler that can make numpy arrays, and knows nothing else by name."""

    def find_class(self, module: str, name: str) -> Any:
        """Answer for what an array is made of; refuse any other name, without importing it."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch needs")
        return ALLOWED[module, name]


RECONSTRUCT = np.empty(0).__reduce__()[0]  # numpy's own function, wherever this version keeps it
ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,  # as the official files call it
    ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,  # as numpy 2 does
    ("_codecs", "encode"): _as_bytes,
}
