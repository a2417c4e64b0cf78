"""Tests of the given functions of assignment 2, under both of their names."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from eecs598 import a2_helpers

STATS = {"loss_history": [3.0, 2.0, 1.0], "train_acc_history": [0.1, 0.2], "val_acc_history": [0.1, 0.15]}


@pytest.fixture(autouse=True)
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    """The figures that were shown."""
    figures: list[Figure] = []
    monkeypatch.setattr(plt, "show", lambda: figures.append(plt.gcf()))
    yield figures
    plt.close("all")


class TestFileOfTheAssignment:
    def test_it_gives_the_functions_of_the_library(self, root: Path) -> None:
        spec = importlib.util.spec_from_file_location("a2_helpers", root / "assignments/A2/a2_helpers.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        names = ["get_toy_data", "hello_helper", "plot_acc_curves", "plot_stats", "show_net_weights", "visualize_grid"]
        assert module.__all__ == names
        assert all(getattr(module, name) is getattr(a2_helpers, name) for name in names)

    def test_it_greets(self, capsys: pytest.CaptureFixture[str]) -> None:
        a2_helpers.hello_helper()
        assert capsys.readouterr().out == "Hello from a2_helpers.py!\n"


class TestToyData:
    def test_it_is_drawn_in_the_course_s_order_from_seed_0(self) -> None:
        toy_x, toy_y, params = a2_helpers.get_toy_data(device="cpu")
        torch.manual_seed(0)
        w1, w2, x = 1e-4 * torch.randn(4, 10), 1e-4 * torch.randn(10, 3), 10 * torch.randn(5, 4)
        assert torch.equal(params["W1"], w1)
        assert torch.equal(params["W2"], w2)
        assert torch.equal(toy_x, x)
        assert toy_y.tolist() == [0, 1, 2, 2, 1]
        assert params["b1"].tolist() == [0] * 10
        assert params["b2"].tolist() == [0] * 3

    def test_it_seeds_both_generators(self) -> None:
        a2_helpers.get_toy_data(device="cpu")
        first = random.random()
        a2_helpers.get_toy_data(device="cpu")
        assert random.random() == first

    def test_sizes_and_type_can_be_chosen_and_cuda_falls_back(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        toy_x, toy_y, params = a2_helpers.get_toy_data(7, 6, 5, 4, torch.float64)
        assert toy_x.shape == (7, 6)
        assert len(toy_y) == 5
        assert {name: tuple(value.shape) for name, value in params.items()} == {
            "W1": (6, 5),
            "b1": (5,),
            "W2": (5, 4),
            "b2": (4,),
        }
        assert {value.dtype for value in (toy_x, *params.values())} == {torch.float64}
        assert capsys.readouterr().out.count("\n") == 1


class TestVisualizeGrid:
    def test_each_picture_is_scaled_by_itself(self) -> None:
        pictures = torch.stack([torch.linspace(-1, 1, 12), torch.linspace(5, 500, 12)]).reshape(2, 2, 2, 3)
        grid = a2_helpers.visualize_grid(pictures)
        assert grid.shape == (2 * 2 + 1, 2 * 2 + 1, 3)
        assert torch.allclose(grid[:2, :2], grid[:2, 3:])
        assert grid.min() == 0
        assert grid.max() == 255
        assert grid[2:].abs().max() == 0

    def test_a_picture_of_one_value_is_black(self) -> None:
        assert a2_helpers.visualize_grid(torch.full((1, 2, 2, 3), 7.0)).tolist() == torch.zeros(2, 2, 3).tolist()

    def test_bound_and_padding_can_be_chosen(self) -> None:
        grid = a2_helpers.visualize_grid(torch.rand(5, 4, 4, 1), ubound=1.0, padding=3)
        assert grid.shape == (3 * 7 - 3, 3 * 7 - 3, 1)
        assert grid.max() == 1


class TestPlots:
    def test_stats_show_losses_and_accuracies(self, shown: list[Figure]) -> None:
        a2_helpers.plot_stats(STATS)
        losses, accuracies = shown[0].axes
        drawn = [np.asarray(line.get_ydata()).tolist() for line in (*losses.lines, *accuracies.lines)]
        assert drawn == list(STATS.values())

    def test_curves_of_several_runs_have_their_labels(self, shown: list[Figure]) -> None:
        a2_helpers.plot_acc_curves({"small": STATS, "large": STATS})
        for axis in shown[0].axes:
            assert [line.get_label() for line in axis.lines] == ["small", "large"]

    def test_weights_are_shown_as_pictures(self, shown: list[Figure]) -> None:
        weights = torch.zeros(3, 32, 32, 5)
        weights[0, :16, :, 1] = 1  # the upper half of the second unit looks for red
        a2_helpers.show_net_weights(SimpleNamespace(params={"W1": weights.reshape(3072, 5).requires_grad_()}))
        image = np.asarray(shown[0].axes[0].images[0].get_array())
        assert image.shape == (3 * 35 - 3, 3 * 35 - 3, 3)
        assert image[0, 40].tolist() == [255, 0, 0]
        assert image[20, 40].tolist() == [0, 0, 0]
