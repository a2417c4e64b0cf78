"""Given functions of assignment 2: a toy problem for the two-layer net, and its plots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from eecs598.utils import available_device, reset_seed

__all__ = [
    "get_toy_data",
    "hello_helper",
    "plot_acc_curves",
    "plot_stats",
    "reset_seed",
    "show_net_weights",
    "visualize_grid",
]

Stats = Mapping[str, Sequence[float]]  # what training returns: loss_history, train_acc_history, val_acc_history


class Net(Protocol):
    """What `show_net_weights` reads: a net with its parameters in a dictionary."""

    params: dict[str, Tensor]


def hello_helper() -> None:
    """Say that this file was found."""
    print("Hello from a2_helpers.py!")


def get_toy_data(
    num_inputs: int = 5,
    input_size: int = 4,
    hidden_size: int = 10,
    num_classes: int = 3,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cuda",
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """A tiny problem with the parameters of a two-layer net, the same on each call: it resets the seeds to 0.

    Args:
        num_inputs: rows of X; there are always five labels, so only 5 makes a whole problem.
        input_size, hidden_size, num_classes: D, H and C.
        dtype, device: of X and the parameters; without CUDA "cuda" becomes "cpu", and one line says so.
    Returns:
        X (N, D), ten times a normal draw; y (5,) int64; params W1 (D, H), b1 (H,), W2 (H, C), b2 (C,): weights 1e-4
        times a normal draw, biases zero.
    """
    place: Any = {"dtype": dtype, "device": available_device(device)}
    reset_seed(0)
    params = {
        "W1": 1e-4 * torch.randn(input_size, hidden_size, **place),
        "b1": torch.zeros(hidden_size, **place),
        "W2": 1e-4 * torch.randn(hidden_size, num_classes, **place),
        "b2": torch.zeros(num_classes, **place),
    }
    toy_x = 10.0 * torch.randn(num_inputs, input_size, **place)
    toy_y = torch.tensor([0, 1, 2, 2, 1], dtype=torch.int64, device=place["device"])
    return toy_x, toy_y, params


def plot_stats(stat_dict: Stats) -> None:
    """Show the loss of each iteration at the left, and the accuracies of each epoch at the right."""
    import matplotlib.pyplot as plt

    _, (left, right) = plt.subplots(1, 2, figsize=(14, 4))
    left.plot(stat_dict["loss_history"], "o", markersize=3)
    left.set(title="Loss", xlabel="iteration", ylabel="loss")
    right.plot(stat_dict["train_acc_history"], "o-", label="training batch")
    right.plot(stat_dict["val_acc_history"], "o-", label="validation")
    right.set(title="Accuracy", xlabel="epoch", ylabel="share of pictures")
    right.legend()
    plt.show()


def plot_acc_curves(stat_dict: Mapping[str, Stats]) -> None:
    """Show the training and the validation accuracy of several runs, each under its label."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(1, 2, figsize=(14, 4), sharey=True)
    for axis, key, title in zip(
        axes, ("train_acc_history", "val_acc_history"), ("Training", "Validation"), strict=True
    ):
        for label, stats in stat_dict.items():
            axis.plot(stats[key], label=str(label))
        axis.set(title=f"{title} accuracy", xlabel="epoch")
        axis.legend()
    plt.show()


def visualize_grid(Xs: Tensor, ubound: float = 255.0, padding: int = 1) -> Tensor:
    """Lay out pictures in a square grid, each scaled by itself so that its least value is 0 and its greatest `ubound`.

    Args:
        Xs: (N, H, W, C) of any range. A picture of one value becomes all 0.
        ubound: greatest value.
        padding: pixels of 0 between neighbours.
    Returns:
        (side, side', C), dtype and device of `Xs`: ⌈√N⌉ pictures a side, row by row.
    """
    count, height, width, channels = Xs.shape
    side = math.ceil(math.sqrt(count))
    down, across = height + padding, width + padding
    grid = Xs.new_zeros(side * down - padding, side * across - padding, channels)
    for number, picture in enumerate(Xs):
        top, left = number // side * down, number % side * across
        span = (picture.max() - picture.min()).clamp(min=1e-12)
        grid[top : top + height, left : left + width] = ubound * (picture - picture.min()) / span
    return grid


def show_net_weights(net: Net) -> None:
    """Show the first layer of a net on CIFAR-10 as pictures, one for each hidden unit."""
    import matplotlib.pyplot as plt

    w1 = net.params["W1"].detach().cpu()  # (3072, H)
    pictures = w1.reshape(3, 32, 32, -1).permute(3, 1, 2, 0)  # (H, 32, 32, 3)
    plt.imshow(visualize_grid(pictures, padding=3).to(torch.uint8).numpy())
    plt.axis("off")
    plt.show()
