"""A contact sheet of the drawn pictures: `python -m eecs598.standin sheet.png`."""

from __future__ import annotations

import sys

import numpy as np

from eecs598 import standin

PER_CLASS = 12
FIRST = 400  # pictures looked through: enough for each class


def contact_sheet(path: str, seed: int = 0) -> None:
    """Write a picture file with the first pictures of each class of a seed, a named row per class."""
    from matplotlib.figure import Figure

    pictures, labels = standin.pictures(range(FIRST), seed)
    figure = Figure(figsize=(9, 6.6), dpi=100)
    grid = figure.subplots(len(standin.CLASS_NAMES), PER_CLASS)
    for label, name in enumerate(standin.CLASS_NAMES):
        for axis, number in zip(grid[label], np.flatnonzero(labels == label), strict=False):
            axis.imshow(pictures[number], interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        grid[label, 0].set_ylabel(f"{label} {name}", rotation=0, ha="right", va="center")
    figure.subplots_adjust(left=0.19, right=0.99, bottom=0.01, top=0.99, wspace=0.05, hspace=0.05)
    figure.savefig(path)


if __name__ == "__main__":
    contact_sheet(sys.argv[1])
