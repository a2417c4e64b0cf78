"""Given functions of assignment 2, under the name that its notebooks import; their code is in `eecs598.a2_helpers`."""

from __future__ import annotations

from eecs598.a2_helpers import (
    get_toy_data,
    hello_helper,
    plot_acc_curves,
    plot_stats,
    show_net_weights,
    visualize_grid,
)

__all__ = [
    "get_toy_data",
    "hello_helper",
    "plot_acc_curves",
    "plot_stats",
    "show_net_weights",
    "visualize_grid",
]
