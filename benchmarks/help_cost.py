"""What `grader --help` costs: CPU seconds of the process, and whether it imports torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from statistics import median

from benchmarks.figures import Figure, cost, run

COMMAND = [sys.executable, "-m", "grader", "--help"]


def measure(quick: bool) -> Iterator[Figure]:
    """The median of a few runs, after one that fills the page cache."""
    costs = [cost(lambda: subprocess.run(COMMAND, check=True, capture_output=True)) for _ in range(2 if quick else 8)]
    yield Figure("help_cpu_s", median(one.cpu_s for one in costs[1:]), 0.3)
    yield Figure("help_wall_s", median(one.wall_s for one in costs[1:]))
    yield Figure("torch_modules_count", len(torch_modules()), 0)


def torch_modules() -> list[str]:
    """Modules of torch that the command imports."""
    verbose = [sys.executable, "-X", "importtime", *COMMAND[1:]]
    said = subprocess.run(verbose, check=True, capture_output=True, text=True).stderr
    names = [line.rpartition("|")[2].strip() for line in said.splitlines()]
    return [name for name in names if name == "torch" or name.startswith("torch.")]


if __name__ == "__main__":
    raise SystemExit(run(__doc__ or "", measure))
