"""The ladder on the CIFAR-10 stand-in: each kind of model well above the one before, whatever the seed."""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks import rungs

__all__ = ["LEAST_STEP", "RUNGS", "accuracies", "least_step"]

LEAST_STEP = 0.05
SEEDS = (0, 1, 2)
NUM_TRAIN = 6000

Method = Callable[[rungs.Split], float]


def _knn(split: rungs.Split) -> float:
    """On the first 5,000 pictures, as the first assignment has it; with more of them it is no better."""
    first = split._replace(x_train=split.x_train[:5000], y_train=split.y_train[:5000])
    return rungs.knn_by_cross_validation(first)[0]


# A rung is a kind of model; the step to it is counted from the best of the rung below to the worst of its own.
RUNGS: dict[str, dict[str, Method]] = {
    "knn": {"knn": _knn},
    "linear": {
        "svm": lambda split: rungs.svm(split, lr=5e-3, reg=5e-2, steps=2000),
        "softmax": lambda split: rungs.softmax(split, lr=3e-2, reg=1e-3, steps=2000),
    },
    "two_layer": {"two_layer": lambda split: rungs.two_layer(split, 128, lr=1.0, reg=1e-4, steps=535, batch=1000)},
    "cnn": {"cnn": rungs.cnn},
}


def accuracies(seed: int) -> dict[str, dict[str, float]]:
    """Test accuracy of each method, by rung, on 6,000 training and 2,000 test pictures of a seed."""
    return {
        rung: {name: method(rungs.drawn(NUM_TRAIN, seed)) for name, method in kind.items()}
        for rung, kind in RUNGS.items()
    }


def least_step(reached: dict[str, dict[str, float]]) -> float:
    """The least rise from a rung to the next."""
    kinds = [list(kind.values()) for kind in reached.values()]
    return min(min(above) - max(below) for below, above in itertools.pairwise(kinds))


def measure(seeds: tuple[int, ...] = SEEDS) -> dict[str, Any]:
    """The whole ladder on every seed, as the object that `--json` prints."""
    start = time.process_time()
    runs = [accuracies(seed) for seed in seeds]
    percent = {name: [round(100 * run[rung][name], 1) for run in runs] for rung, kind in RUNGS.items() for name in kind}
    steps = [round(100 * least_step(run), 1) for run in runs]
    return {
        "seeds": list(seeds),
        "accuracy_percent": percent,
        "least_step_percent": steps,
        "least_step_allowed_percent": 100 * LEAST_STEP,
        "holds": all(step >= 100 * LEAST_STEP for step in steps),
        "cpu_s": round(time.process_time() - start, 1),
    }


def main() -> int:
    """Print the ladder; exit status 1 where a step of it is too small."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ladder", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object in place of lines")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="seeds of the pictures (default: 0 1 2)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures = measure(tuple(arguments.seeds))
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, percent in figures["accuracy_percent"].items():
            print(f"{name:<10}", *(f"{value:6.1f} %" for value in percent))
        print(f"{'least step':<10}", *(f"{value:6.1f} %" for value in figures["least_step_percent"]))
    return 0 if figures["holds"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
