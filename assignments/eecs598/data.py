"""Data sets as the assignments use them: loaded, scaled, split."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from eecs598 import _cifar10_drawn, _cifar10_files, standin
from eecs598._places import DATASETS, Location, fetch, locate
from eecs598.utils import available_device, reset_seed
from eecs598.vis import visualize_dataset

__all__ = [
    "DATASETS",
    "Location",
    "append_ones",
    "cifar10",
    "drawn_cifar10",
    "fetch",
    "locate",
    "preprocess_cifar10",
    "subtract_mean",
]

STAND_IN = (
    "CIFAR-10 is not on this machine: drawn pictures stand in for it (`grader data fetch cifar10` gets the real set)."
)
Parts = tuple[Tensor, Tensor, Tensor, Tensor]  # x_train, y_train, x_test, y_test


class Dataset(Protocol):
    """What `_extract_tensors` reads: torchvision's CIFAR10 has these two fields."""

    @property
    def data(self) -> Any:
        """(N, 32, 32, 3) uint8."""

    @property
    def targets(self) -> Any:
        """N labels."""


def _extract_tensors(
    dset: Dataset, num: int | None = None, x_dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """Pictures and labels of a data set, as tensors of their own memory.

    Args:
        dset: holds `data` (N, 32, 32, 3) uint8 and `targets`.
        num: take the first so many, in their order; None takes all.
        x_dtype: dtype of the pictures.
    Returns:
        x (num, 3, 32, 32) contiguous, in [0, 1]; y (num,) int64.
    Raises:
        ValueError: where `num` is not in 1 … N.
    """
    total = len(dset.data)
    if num is not None and not 0 < num <= total:
        raise ValueError(
            f"num = {num} pictures can't be taken: this data set has {total}\n  expected  1 to {total}, or None"
        )
    pictures = torch.as_tensor(dset.data[:num])
    x = pictures.permute(0, 3, 1, 2).contiguous().to(x_dtype).div_(255)
    return x, torch.tensor(dset.targets[:num], dtype=torch.int64)


def cifar10(num_train: int | None = None, num_test: int | None = None, x_dtype: torch.dtype = torch.float32) -> Parts:
    """CIFAR-10 where it is on this machine, else its drawn stand-in, announced in one printed line.

    It is looked for in the folder named by `EECS598_DATA`, in the working folder, then in the caches (`locate`), and
    never downloaded.

    Args:
        num_train: the first so many training pictures; None takes all 50,000.
        num_test: the first so many test pictures; None takes all 10,000.
        x_dtype: dtype of the pictures.
    Returns:
        x_train (num_train, 3, 32, 32) in [0, 1], y_train (num_train,) int64, x_test, y_test: contiguous, on the CPU.
    Raises:
        ValueError: for a number below 1 or above what there is, or a file that is no batch of CIFAR-10.
    """
    kind, path = locate("cifar10")
    if kind == "stand-in":
        print(STAND_IN)
    source = _cifar10_drawn if kind == "stand-in" else _cifar10_files
    train, test = source.read(path, num_train, num_test)
    return (*_extract_tensors(train, num_train, x_dtype), *_extract_tensors(test, num_test, x_dtype))


def drawn_cifar10(num_train: int, num_test: int, seed: int = 0, x_dtype: torch.dtype = torch.float32) -> Parts:
    """The stand-in of any seed, as `cifar10` returns it; the same pictures on every machine, whatever data it has.

    Returns:
        As `cifar10`: training pictures are numbers 0, 1, … of the seed, test pictures 50,000, 50,001, …
    Raises:
        ValueError: for a number below 1 or above 50,000 and 10,000, or a negative seed.
    """
    training = range(min(num_train, standin.NUM_TRAIN))
    test = range(standin.NUM_TRAIN, standin.NUM_TRAIN + min(num_test, standin.NUM_TEST))
    train, held_back = (_cifar10_files.Pictures(*standin.pictures(numbers, seed)) for numbers in (training, test))
    return (*_extract_tensors(train, num_train, x_dtype), *_extract_tensors(held_back, num_test, x_dtype))


def preprocess_cifar10(
    cuda: bool = True,
    show_examples: bool = True,
    bias_trick: bool = False,
    flatten: bool = True,
    validation_ratio: float = 0.2,
    dtype: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """CIFAR-10, or its stand-in, ready to train on: mean-subtracted, flattened, split in three.

    Args:
        cuda: put all tensors on the GPU; without one they stay on the CPU, and one line says so.
        show_examples: show a grid of 12 pictures a class. This resets the seeds to 0.
        bias_trick: append a column of ones, so that a linear model needs no bias of its own. Needs `flatten`.
        flatten: rows of 3,072 numbers in place of (3, 32, 32).
        validation_ratio: share of the training pictures, from their end, that becomes the validation part.
        dtype: dtype of the pictures.
    Returns:
        "X_train", "y_train", "X_val", "y_val", "X_test", "y_test": X (N, 3072), (N, 3073) with the bias trick, or
        (N, 3, 32, 32); y (N,) int64.
    Raises:
        ValueError: for the bias trick without `flatten`.
    """
    if bias_trick and not flatten:
        raise ValueError("the bias trick appends a column to rows of pixels: it needs flatten=True")
    device = available_device("cuda") if cuda else "cpu"
    x_train, y_train, x_test, y_test = (part.to(device) for part in cifar10(x_dtype=dtype))
    if show_examples:
        _show_examples(x_train, y_train)
    subtract_mean(x_train, x_test)
    if flatten:
        x_train, x_test = x_train.flatten(1), x_test.flatten(1)
    if bias_trick:
        x_train, x_test = append_ones(x_train), append_ones(x_test)
    num_train = int(len(x_train) * (1 - validation_ratio))
    return {
        "X_train": x_train[:num_train],
        "y_train": y_train[:num_train],
        "X_val": x_train[num_train:],
        "y_val": y_train[num_train:],
        "X_test": x_test,
        "y_test": y_test,
    }


def subtract_mean(x_train: Tensor, *others: Tensor) -> None:
    """Take each channel's mean over the training pictures from them and from the others, in place; (N, 3, H, W)."""
    mean = x_train.mean(dim=(0, 2, 3), keepdim=True)  # (1, 3, 1, 1)
    for x in (x_train, *others):
        x -= mean


def append_ones(x: Tensor) -> Tensor:
    """The bias trick: (N, D) to (N, D + 1), with a last column of ones in the dtype of `x`."""
    return torch.cat([x, x.new_ones(len(x), 1)], dim=1)


def _show_examples(x: Tensor, y: Tensor) -> None:
    import matplotlib.pyplot as plt

    reset_seed(0)
    names = _cifar10_files.CLASS_NAMES if locate("cifar10").kind == "real" else standin.CLASS_NAMES
    plt.imshow(visualize_dataset(x, y, 12, names))
    plt.axis("off")
    plt.show()
