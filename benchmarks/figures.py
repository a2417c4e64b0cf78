"""What benchmarks share: their command line, alternating pairs, and figures printed beside what is allowed."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.processes import own_cpu_s

__all__ = ["Cost", "Figure", "alternate", "compared", "cost", "run"]

ROOM_WHEN_QUICK = 2  # few rounds, on a machine that does other things too; memory needs none


@dataclass(frozen=True)
class Figure:
    """A number, its unit at the end of its name (`_s`, `_ms`, `_mib`, `_ratio`), and the most that is allowed."""

    name: str
    value: float
    allowed: float | None = None

    def most(self, quick: bool) -> float:
        """What is allowed: in a quick run more time, but no more memory."""
        assert self.allowed is not None
        return self.allowed * (ROOM_WHEN_QUICK if quick and not self.name.endswith("_mib") else 1)


@dataclass(frozen=True)
class Cost:
    """What one run took: CPU seconds by the clock that was asked for, and seconds on the wall."""

    cpu_s: float
    wall_s: float


Clock = Callable[[], float]
Pairs = Sequence[tuple[Cost, Cost]]


def cost(action: Callable[[], object], clock: Clock = own_cpu_s) -> Cost:
    """What `action` takes."""
    before, start = clock(), time.perf_counter()
    action()
    wall = time.perf_counter() - start
    return Cost(clock() - before, wall)


def alternate(
    first: Callable[[], object],
    second: Callable[[], object],
    rounds: int,
    clock: Clock = own_cpu_s,
    warm_ups: int = 2,
) -> Pairs:
    """What both took in each round, after `warm_ups` that don't count; who begins changes from round to round."""
    pairs = []
    for number in range(-warm_ups, rounds):
        if number % 2:
            after, before = cost(second, clock), cost(first, clock)
        else:
            before, after = cost(first, clock), cost(second, clock)
        if number >= 0:
            pairs.append((before, after))
    return pairs


def compared(name: str, pairs: Pairs, most: float | None, each: int = 1) -> Iterator[Figure]:
    """The median over pairs of first to second in CPU time, and what both took; a run did it `each` times."""
    yield Figure(f"{name}_ratio", median(first.cpu_s / second.cpu_s for first, second in pairs), most)
    for which, costs in (name, [pair[0] for pair in pairs]), (f"{name}_baseline", [pair[1] for pair in pairs]):
        yield Figure(f"{which}_cpu_ms", 1000 * median(one.cpu_s for one in costs) / each)
        yield Figure(f"{which}_wall_ms", 1000 * median(one.wall_s for one in costs) / each)


def run(purpose: str, measure: Callable[[bool], Iterable[Figure]]) -> int:
    """Parse the command line, measure and print; 1 where a figure is above what is allowed.

    `measure(quick)` gives the figures; with `--quick` it shows that the benchmark works, and twice the time is allowed.
    """
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("--json", action="store_true", help="print one JSON object in place of lines")
    parser.add_argument("--quick", action="store_true", help="few rounds, and twice the time allowed")
    arguments = parser.parse_args()
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    figures = [*measure(arguments.quick), Figure("busy_ratio", busy)]
    allowed = {one.name: one.most(arguments.quick) for one in figures if one.allowed is not None}
    holds = all(one.value <= allowed.get(one.name, one.value) for one in figures)
    if arguments.json:
        print(json.dumps({**{one.name: _rounded(one.value) for one in figures}, "allowed": allowed, "holds": holds}))
    else:
        for one in figures:
            limit = f"   at most {allowed[one.name]:g}" if one.name in allowed else ""
            print(f"{one.name:<36} {_rounded(one.value):>10}{limit}")
    return 0 if holds else 1


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
