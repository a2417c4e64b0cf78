"""CIFAR-10 itself, in its official layout: it is read, held-back pictures depend on the seed, the solution learns."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest
import torch

from eecs598 import data
from grader import rubric
from grader.course import Course
from grader.session.pictures import draw_pictures
from grader.worker.load import Handin

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.real_data


@pytest.fixture(autouse=True)
def _real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EECS598_DATA", os.environ["EECS598_REAL_DATA"])


@pytest.fixture(scope="module")
def linear() -> ModuleType:
    path = ROOT / "solutions" / "A2" / "linear_classifier.py"
    return Handin({path.stem: (path.name, path.read_text("utf-8"))}).module(path.stem)


def test_it_is_found_and_read_whole() -> None:
    x_train, y_train, x_test, y_test = data.cifar10()
    assert data.locate("cifar10").kind == "real"
    assert (x_train.shape, x_test.shape) == ((50_000, 3, 32, 32), (10_000, 3, 32, 32))
    assert (y_train.bincount().tolist(), y_test.bincount().tolist()) == (10 * [5000], 10 * [1000])
    torch.testing.assert_close(x_train.mean((0, 2, 3)), torch.tensor([0.4914, 0.4822, 0.4465]), atol=2e-3, rtol=0)


def test_what_is_held_back_depends_on_the_seed() -> None:
    one, other = draw_pictures("1", "real"), draw_pictures("2", "real")
    assert one["X_test"].shape == (2000, 3072)
    assert not torch.equal(one["y_test"], other["y_test"])
    assert torch.equal(one["X_test"], draw_pictures("1", "real")["X_test"])


def test_a_good_setting_passes_the_threshold_and_a_far_too_small_rate_does_not(linear: ModuleType) -> None:
    parts = rubric.read_all(Course(ROOT))["A2"].modules[0]
    pictures = draw_pictures("3", "real").with_bias(torch.float32)

    def accuracy(rate: float) -> float:
        softmax = linear.Softmax()
        softmax.train(pictures["X_train"], pictures["y_train"], learning_rate=rate, reg=1e-3, num_iters=400)
        return float((softmax.predict(pictures["X_test"]) == pictures["y_test"]).double().mean())

    threshold = parts.part("softmax_accuracy").threshold("real")
    assert accuracy(3e-2) > threshold + 0.02
    assert accuracy(1e-5) < threshold - 0.05
