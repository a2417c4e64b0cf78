"""A2's headline figures: what its solutions reach on the real CIFAR-10, beside the course's own thresholds."""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from eecs598.data import locate, preprocess_cifar10
from grader.errors import UsageError

__all__ = ["HEADLINES", "Headline", "measure", "real_cifar10"]

SOLUTIONS = Path(__file__).resolve().parents[2] / "solutions" / "A2"
PIXELS = 3 * 32 * 32
LINEAR_STEPS = 2000  # of 200 pictures, the classifiers' default
NET_STEPS, NET_BATCH = 3000, 500

Data = dict[str, Tensor]
Settings = dict[str, float]
Answer = Callable[[Tensor], Tensor]  # pictures (N, 3073), the last column ones, to labels (N,)


@dataclass(frozen=True)
class Headline:
    """One model: how it is trained, the settings among which validation decides, and the course's least percentages."""

    train: Callable[[Data, Settings], Answer]
    tried: tuple[Settings, ...]
    course_val_percent: float
    course_test_percent: float


@functools.cache
def _solution(name: str) -> ModuleType:
    """A module of the solutions, by its path; under its own name, by which the other one imports it."""
    spec = importlib.util.spec_from_file_location(name, SOLUTIONS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _linear(classifier: str, data: Data, settings: Settings) -> Answer:
    solution = _solution("linear_classifier")
    untrained = getattr(solution, classifier)()
    trained, _, _ = solution.test_one_param_set(untrained, data, settings["lr"], settings["reg"], LINEAR_STEPS)
    answer: Answer = trained.predict
    return answer


def _two_layer(data: Data, settings: Settings) -> Answer:
    """The net has biases of its own, so it is shown the pixels alone."""
    _solution("linear_classifier")
    hidden, device = int(settings["hidden"]), data["X_train"].device
    net = _solution("two_layer_net").TwoLayerNet(PIXELS, hidden, 10, data["X_train"].dtype, device)
    net.train(
        data["X_train"][:, :PIXELS],
        data["y_train"],
        data["X_val"][:, :PIXELS],
        data["y_val"],
        learning_rate=settings["lr"],
        learning_rate_decay=settings["decay"],
        reg=settings["reg"],
        num_iters=NET_STEPS,
        batch_size=NET_BATCH,
    )
    return lambda x: net.predict(x[:, :PIXELS])


HEADLINES = {
    "svm": Headline(
        functools.partial(_linear, "LinearSVM"), ({"lr": 5e-3, "reg": 5e-2}, {"lr": 1e-2, "reg": 1e-2}), 37, 35
    ),
    "softmax": Headline(
        functools.partial(_linear, "Softmax"), ({"lr": 3e-2, "reg": 1e-3}, {"lr": 1e-1, "reg": 1e-3}), 37, 36
    ),
    "two_layer": Headline(
        _two_layer, tuple({"lr": lr, "hidden": 256, "reg": 5e-4, "decay": 0.95} for lr in (0.8, 1.0)), 50, 50
    ),
}


def real_cifar10() -> Data:
    """CIFAR-10 as the course prepares it: 40,000, 10,000 and 10,000 rows of 3,073 float32, the last column ones.

    Raises:
        UsageError: where the real set is not on this machine.
    """
    if locate("cifar10").kind != "real":
        raise UsageError(
            "the headline figures are about the real CIFAR-10, and only its stand-in is here",
            expected="cifar-10-batches-py in the folder that EECS598_DATA names",
            way_out="grader data fetch cifar10, or unpack the set by hand and set EECS598_DATA",
        )
    return preprocess_cifar10(cuda=False, show_examples=False, bias_trick=True, dtype=torch.float32)


def _percent(answer: Answer, data: Data, split: str) -> float:
    right = answer(data[f"X_{split}"]) == data[f"y_{split}"]
    return round(100 * right.double().mean().item(), 2)


def measure(headline: Headline, data: Data) -> dict[str, Any]:
    """Train with each setting, choose on the validation split, and score the test split once, by the chosen one."""
    start = time.process_time()
    answers = [headline.train(data, settings) for settings in headline.tried]
    validated = [_percent(answer, data, "val") for answer in answers]
    best = max(range(len(answers)), key=validated.__getitem__)
    test = _percent(answers[best], data, "test")
    return {
        "tried": [{**one, "val_percent": val} for one, val in zip(headline.tried, validated, strict=True)],
        "chosen": headline.tried[best],
        "val_percent": validated[best],
        "test_percent": test,
        "course_val_percent": headline.course_val_percent,
        "course_test_percent": headline.course_test_percent,
        "holds": validated[best] >= headline.course_val_percent and test >= headline.course_test_percent,
        "cpu_s": round(time.process_time() - start, 1),
    }


def _print(reached: dict[str, dict[str, Any]]) -> None:
    for name, one in reached.items():
        val, test = (f"{one[f'{s}_percent']:.2f} % (course {one[f'course_{s}_percent']} %)" for s in ("val", "test"))
        chosen = ", ".join(f"{key} {value:g}" for key, value in one["chosen"].items())
        print(f"{name:<10} validation {val}   test {test}   {chosen}")


def main() -> int:
    """Print the figures; exit status 1 where one is below the course's, 2 without the real data."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.headline.a2", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object in place of lines")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    try:
        data = real_cifar10()
    except (UsageError, FileNotFoundError) as problem:
        print(problem, file=sys.stderr)
        return UsageError.exit_status
    reached = {name: measure(headline, data) for name, headline in HEADLINES.items()}
    holds = all(one["holds"] for one in reached.values())
    if arguments.json:
        print(json.dumps({**reached, "torch": torch.__version__, "threads": torch.get_num_threads(), "holds": holds}))
    else:
        _print(reached)
    return 0 if holds else 1


if __name__ == "__main__":
    raise SystemExit(main())
