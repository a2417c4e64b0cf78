"""What notebooks need before they start: seeds, a device that exists, and the picture functions by their other name."""

from __future__ import annotations

import random

import torch

from eecs598.vis import tensor_to_image, visualize_dataset

__all__ = ["available_device", "reset_seed", "tensor_to_image", "visualize_dataset"]


def reset_seed(number: int) -> None:
    """Seed the generators of `random` and of torch; numpy's is left alone."""
    random.seed(number)
    torch.manual_seed(number)


def available_device(wanted: str | torch.device) -> str | torch.device:
    """`wanted`, or "cpu" with one printed line where CUDA is wanted and this machine has none."""
    if torch.device(wanted).type != "cuda" or torch.cuda.is_available():
        return wanted
    print(f"No CUDA device on this machine: {wanted} becomes cpu.")
    return "cpu"
