"""Pictures of tensors: one picture as an image, a data set as a labelled grid."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["tensor_to_image", "visualize_dataset"]

PADDING = 2  # black pixels around each picture of a grid


def tensor_to_image(tensor: Tensor) -> NDArray[np.uint8]:
    """Turn a picture into what `plt.imshow` takes.

    Args:
        tensor: (3, H, W) floats, 0 black to 1 full; values outside are cut off. Left as it is.
    Returns:
        (H, W, 3) uint8, on the CPU.
    """
    scaled = tensor.detach().mul(255).add_(0.5).clamp_(0, 255)  # the cast rounds down, hence the half
    image: NDArray[np.uint8] = scaled.permute(1, 2, 0).to("cpu", torch.uint8).numpy()
    return image


def visualize_dataset(
    X_data: Tensor, y_data: Tensor, samples_per_class: int, class_list: Sequence[str]
) -> NDArray[np.uint8]:
    """Draw random pictures of each class in a grid, and write the class names at its left.

    The names go into the current figure of matplotlib; showing the grid is left to the caller:
    `plt.imshow(visualize_dataset(…))`.

    Args:
        X_data: (N, 3, H, W) floats in [0, 1].
        y_data: (N,) labels, indices of `class_list`.
        samples_per_class: pictures in a row, drawn with `random.randrange`, so one may come twice.
        class_list: names of the classes. A class without pictures gets a black row.
    Returns:
        (rows, columns, 3) uint8: a row of pictures per class.
    """
    import matplotlib.pyplot as plt

    height, width = X_data.shape[2] + PADDING, X_data.shape[3] + PADDING
    grid = torch.zeros(3, len(class_list) * height + PADDING, samples_per_class * width + PADDING)
    for label, name in enumerate(class_list):
        top = label * height + PADDING
        plt.text(-4, top + height // 2, name, ha="right")
        members = (y_data == label).nonzero().flatten().tolist()
        for column in range(samples_per_class if members else 0):
            left = column * width + PADDING
            picture = X_data[members[random.randrange(len(members))]]
            grid[:, top : top + height - PADDING, left : left + width - PADDING] = picture
    return tensor_to_image(grid)
