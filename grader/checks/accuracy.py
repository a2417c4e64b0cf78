"""Accuracy thresholds: a student's grid of settings walked until one reaches what is asked."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from grader.checks.failure import Failure

__all__ = ["at_least", "best_of_grid", "from_the_middle"]

MOST_SETTINGS = 10_000


def at_least(accuracy: float, threshold: float, what: str = "accuracy", hint: str = "") -> None:
    """An accuracy (fraction) that reaches the threshold."""
    if not accuracy >= threshold:
        rows = [("reached", f"{100 * accuracy:.1f} %"), ("asked for", f"{100 * threshold:.0f} %")]
        raise Failure(f"{what} is {100 * accuracy:.0f} %, below the {100 * threshold:.0f} % asked for", rows, hint)


def from_the_middle(grids: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """All settings of a grid, nearest to the middle first: by rank distance from each list's median, ties by order.

    Raises:
        Failure: the grid has more settings than anybody could try.
    """
    if math.prod(map(len, grids)) > MOST_SETTINGS:
        raise Failure(f"a grid of {' × '.join(str(len(grid)) for grid in grids)} settings is more than can be tried")
    ranked = []
    for grid in grids:
        order = sorted(range(len(grid)), key=lambda i, grid=grid: (grid[i], i))  # type: ignore[misc]
        rank = {index: position for position, index in enumerate(order)}
        middle = (len(grid) - 1) / 2
        ranked.append([(abs(rank[i] - middle), value) for i, value in enumerate(grid)])
    settings = itertools.product(*ranked)
    ordered = sorted(settings, key=lambda setting: sum(distance for distance, _ in setting))
    return [tuple(value for _, value in setting) for setting in ordered]


def best_of_grid(
    grids: Sequence[Sequence[Any]],
    train_and_score: Callable[..., float],
    threshold: float,
    cpu_s: float = 60.0,
    spent: Callable[[], float] = time.process_time,
) -> float:
    """The best accuracy over the settings tried; the first that reaches `threshold` ends the walk.

    A setting whose score is NaN counts as 0. After `cpu_s` seconds by the clock `spent` no further setting is begun.
    """
    best, start = 0.0, spent()
    for setting in from_the_middle(grids):
        score = train_and_score(*setting)
        best = max(best, 0.0 if math.isnan(score) else score)
        if best >= threshold or spent() - start > cpu_s:
            break
    return best
