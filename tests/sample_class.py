"""A made-up class of A2 hand-ins, as a session would report them: what results, store and emit are tried on."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from grader.emit import folder_names, write_class, write_hand_in
from grader.results import Record, build, staff_view
from grader.session.outcomes import Diagnosis, ModuleOutcome, PartOutcome, TestOutcome, TestStatus

SEED = 20
TITLES = {
    "A2": "Linear classifiers and a two-layer net",
    "A2/linear_classifier": "Linear classifiers",
    "A2/two_layer_net": "A two-layer net",
}
PARTS: dict[str, dict[str, tuple[str, int]]] = {
    "linear_classifier": {
        "svm_loss_naive": ("SVM loss with loops", 7),
        "svm_loss_vectorized": ("SVM loss without loops", 12),
        "sample_batch": ("A random minibatch", 4),
        "train_linear_classifier": ("Gradient descent", 5),
        "predict_linear_classifier": ("Predicted labels", 3),
        "svm_get_search_params": ("A grid for the SVM", 3),
        "svm_accuracy": ("What the SVM reaches", 4),
        "test_one_param_set": ("One setting, trained and scored", 4),
        "softmax_loss_naive": ("Softmax loss with loops", 7),
        "softmax_loss_vectorized": ("Softmax loss without loops", 8),
        "softmax_get_search_params": ("A grid for softmax", 1),
        "softmax_accuracy": ("What softmax reaches", 2),
    },
    "two_layer_net": {
        "nn_forward_pass": ("Forward pass", 6),
        "nn_forward_backward": ("Loss and gradients", 14),
        "nn_train": ("The training loop", 6),
        "nn_predict": ("Predicted labels", 3),
        "nn_get_search_params": ("A grid for the net", 2),
        "find_best_net": ("Search for the best net", 4),
        "nn_accuracy": ("What the net reaches", 5),
    },
}
TESTS: Sequence[tuple[str, str, Fraction]] = (
    ("test_matches_a_small_table", "public", Fraction(1, 5)),
    ("test_gradient_agrees_with_central_differences", "public", Fraction(1, 5)),
    ("test_agrees_with_the_reference_on_fresh_inputs", "hidden", Fraction(1, 5)),
    ("test_holds_for_one_item_and_two_classes[float64]", "hidden", Fraction(1, 5)),
    ("test_leaves_its_inputs_as_they_were", "hidden", Fraction(1, 5)),
)
SUMMED = Diagnosis(
    "A2.linear_classifier.svm_loss_vectorized.sum-not-mean",
    "a loss that is summed, not averaged, over the batch",
    "Double the batch by repeating it: should the loss change?",
)
HALF = Diagnosis(
    "A2.two_layer_net.nn_forward_backward.half-reg",
    "a regulariser with a factor of one half in front",
    "Compare the formula in the text with your last term: is there a half in it?",
)
NO_MASK = Diagnosis(
    "A2.two_layer_net.nn_forward_backward.no-mask",
    "a backward pass that lets gradient through dead units",
    "Where a unit's output is zero after ReLU, what should flow back?",
)
Change = Callable[[str, str, PartOutcome], None]


def part(id: str, title: str = "A part", points: int = 10, status: TestStatus = "passed") -> PartOutcome:
    """A part whose five tests, two public and three hidden with equal shares, all end with `status`."""
    tests = [TestOutcome(name, sight, status, share, duration_s=0.01) for name, sight, share in TESTS]  # type: ignore[arg-type]
    return PartOutcome(id, title, Fraction(points), tests, duration_s=0.06)


def module(id: str, change: Change | None = None) -> ModuleOutcome:
    """A module of A2 in which every part passed, but for what `change(module, part id, outcome)` does to it."""
    parts = [part(name, title, points) for name, (title, points) in PARTS[id].items()]
    for outcome in parts:
        if change:
            change(id, outcome.id, outcome)
    return ModuleOutcome(id, "graded", parts=parts)


def hand_in(change: Change | None = None) -> dict[str, list[ModuleOutcome]]:
    """Both modules of A2."""
    return {"A2": [module(id, change) for id in PARTS]}


def not_graded(modules: dict[str, list[ModuleOutcome]], at: int, status: str, message: str) -> None:
    """Make the module at this place one that is missing or could not be loaded."""
    outcome = modules["A2"][at]
    outcome.status, outcome.message = status, message  # type: ignore[assignment]
    for each in outcome.parts:
        each.tests = []


def spoil(outcome: PartOutcome, status: TestStatus, which: Sequence[int], message: str, *details: str) -> None:
    """Let the tests at these places end with `status`; the first says `message`, public ones add `details`."""
    for index in which:
        test = outcome.tests[index]
        test.status, test.message = status, message
        test.details = list(details)
        if test.visibility == "hidden":
            test.message = "differs from what is expected on fresh inputs"
            test.staff = {"called": "W (3073, 10) float64, X (64, 3073) float64", "got": 8.99, "expected": 9.02}


def record(name: str, modules: dict[str, list[ModuleOutcome]], **changes: object) -> Record:
    """The record of one hand-in, graded with the settings that the class shares."""
    settings: dict[str, object] = {
        "seed": SEED,
        "sandbox": "landlock+seccomp",
        "device": "cpu",
        "data": {"cifar10": "stand-in"},
        "kit": "0.1.0",
        "duration_s": 4.2,
    }
    return build(name, hashlib.sha256(name.encode()).hexdigest(), modules, **{**settings, **changes})  # type: ignore[arg-type]


def outcomes() -> dict[str, dict[str, list[ModuleOutcome]]]:
    """The class: name of the hand-in -> its outcomes."""
    people = {
        "ada-complete": hand_in(),
        "björn-other-style": hand_in(_grid_too_large),
        "chiara-three-mistakes": hand_in(_three_mistakes),
        "deniz-half-finished": hand_in(_half_finished),
        "emeka-endless-loop": hand_in(_endless_loop),
        "fatima-summed": hand_in(_summed),
        "gonzalo-syntax-error": hand_in(),
        "hanako-untouched": hand_in(lambda m, p, o: spoil(o, "not_implemented", range(5), "not implemented yet")),
        "ivan-no-net": hand_in(_summed),
        "jo <script>alert(1)</script>": hand_in(attack),
        "kit-needs-memory": hand_in(_memory_and_no_gpu),
        "=HYPERLINK(1)": hand_in(_no_mask),
    }
    not_graded(people["gonzalo-syntax-error"], 0, "unloadable", "linear_classifier.py, line 88: '(' was never closed")
    not_graded(people["ivan-no-net"], 1, "missing", "no two_layer_net.py and no two_layer_net.ipynb in the hand-in")
    return people


def records() -> list[Record]:
    """The records of the class."""
    return [record(name, modules) for name, modules in outcomes().items()]


def write(results: Path, visibility: str = "now") -> None:
    """A results folder of the class, to look at."""
    graded = records()
    folders = folder_names(one.submission for one in graded)
    for one, modules in zip(graded, outcomes().values(), strict=True):
        folder = results / folders[one.submission]
        write_hand_in(folder, one, staff_view(modules), visibility=visibility, titles=TITLES)  # type: ignore[arg-type]
    write_class(results, graded, titles=TITLES)


def _grid_too_large(module: str, id: str, outcome: PartOutcome) -> None:
    if id == "softmax_get_search_params":
        spoil(outcome, "failed", [0], "30 settings: at most 25 are tried", "learning rates 6 × strengths 5 = 30")


def _summed(module: str, id: str, outcome: PartOutcome) -> None:
    if id == "svm_loss_vectorized":
        spoil(
            outcome,
            "failed",
            [0, 2, 3],
            "loss is 64 times what it should be: got 576.1, expected 9.002",
            "called    svm_loss_vectorized(W, X, y, reg=0.05)",
            "          W (3073, 10) float64, X (64, 3073) float64, y (64,) int64",
            "differs   loss: got 576.1, expected 9.002, allowed 9.0e-07",
            "look at   what the sum over the items is divided by",
        )
        outcome.diagnosis = [SUMMED]


def _no_mask(module: str, id: str, outcome: PartOutcome) -> None:
    if id == "nn_forward_backward":
        spoil(outcome, "failed", [2], "")
        outcome.diagnosis = [NO_MASK]


def _three_mistakes(module: str, id: str, outcome: PartOutcome) -> None:
    _summed(module, id, outcome)
    if id == "nn_forward_backward":
        spoil(
            outcome,
            "failed",
            [1, 2],
            "gradient of W1 is half of what it should be in 40 of 40 elements",
            "differs   grads['W1'] in 40 of 40 elements, most at [3, 7]: got 0.182, expected 0.364",
        )
        outcome.diagnosis = [HALF]
    if id == "predict_linear_classifier":
        spoil(
            outcome,
            "failed",
            range(5),
            "y_pred is float64 (5,): labels are int64",
            "called    predict_linear_classifier(W (4, 3), X (5, 4))",
        )


def _half_finished(module: str, id: str, outcome: PartOutcome) -> None:
    if module == "two_layer_net" or id.startswith("softmax"):
        spoil(outcome, "not_implemented", range(5), "not implemented yet")
    if id == "train_linear_classifier":
        spoil(
            outcome,
            "error",
            range(5),
            "linear_classifier.py, line 214: RuntimeError: mat1 and mat2 shapes cannot be multiplied (5x4 and 3x4)",
            "  214 |     scores = X_batch.mm(W.t())",
        )
        outcome.stood_in = ["sample_batch"]


def _endless_loop(module: str, id: str, outcome: PartOutcome) -> None:
    if id == "softmax_loss_naive":
        spoil(outcome, "timeout", range(5), "stopped after 20 s of CPU time, in linear_classifier.py, line 301")


def _memory_and_no_gpu(module: str, id: str, outcome: PartOutcome) -> None:
    if id == "svm_loss_naive":
        spoil(outcome, "memory", [3, 4], "")
    if id == "nn_accuracy":
        spoil(outcome, "skipped", range(5), "needs the real CIFAR-10, which is not on this machine")
    if id == "find_best_net":
        spoil(outcome, "grader_error", [1], "the grader's own worker could not be started")


def attack(module: str, id: str, outcome: PartOutcome) -> None:
    if id == "svm_loss_naive":
        spoil(
            outcome,
            "error",
            range(5),
            '\x1b[31mPermissionError\x1b[0m: <img src=x onerror="alert(2)"> \x1b]0;owned\x07at 0x7f3a12345678',
            "<script>alert(3)</script>\x1b[2J",
            "\u202eevil",
        )
        outcome.tests[2].staff = {"refused": {"openat": 3}, "printed": "\x1b]52;c;aGk=\x07"}
    elif module == "linear_classifier":
        spoil(outcome, "failed", range(5), "=cmd|' /C calc'!A0 got nan, expected a number")


if __name__ == "__main__":
    write(Path(sys.argv[1]), *sys.argv[2:])
    print(json.dumps([one.submission for one in records()]))
