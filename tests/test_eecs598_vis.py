"""Tests of tensors turned into pictures."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from eecs598.vis import tensor_to_image, visualize_dataset


@pytest.fixture(autouse=True)
def _no_figures_left() -> Iterator[None]:
    yield
    plt.close("all")


class TestTensorToImage:
    def test_it_rounds_to_the_nearest_level_and_cuts_off(self) -> None:
        tensor = torch.tensor([0.0, 1.0, 0.5, -1.0, 2.0, 1.4 / 255, 1.6 / 255]).expand(3, 1, 7)
        assert tensor_to_image(tensor)[0, :, 0].tolist() == [0, 255, 128, 0, 255, 1, 2]

    def test_channels_come_last_and_the_tensor_is_left_alone(self) -> None:
        tensor = torch.rand(3, 4, 5, requires_grad=True)
        before = tensor.detach().clone()
        image = tensor_to_image(tensor)
        assert image.shape == (4, 5, 3)
        assert image.dtype == np.uint8
        assert torch.equal(tensor.detach(), before)


class TestVisualizeDataset:
    def test_rows_are_classes_with_their_names_at_the_left(self) -> None:
        levels = torch.tensor([0.2, 0.4, 0.6])
        pictures = levels.reshape(3, 1, 1, 1).expand(3, 3, 8, 8)
        grid = visualize_dataset(pictures, torch.tensor([0, 1, 2]), 4, ["a", "b", "c"])
        assert grid.shape == (3 * 10 + 2, 4 * 10 + 2, 3)
        for row, level in enumerate((51, 102, 153)):
            assert (grid[row * 10 + 2 : row * 10 + 10, 2:10] == level).all()
            assert (grid[row * 10 : row * 10 + 2] == 0).all()
        assert [text.get_text() for text in plt.gca().texts] == ["a", "b", "c"]

    def test_samples_are_of_their_class_alone(self) -> None:
        pictures = torch.linspace(0, 1, 20).reshape(20, 1, 1, 1).expand(20, 3, 4, 4)
        labels = torch.arange(20) % 2
        grid = visualize_dataset(pictures, labels, 30, ["even", "odd"])
        for row in (0, 1):
            seen = (grid[row * 6 + 3, 3::6, 0].astype(float) / 255 * 19).round().astype(int)  # numbers of the pictures
            assert set(seen % 2) == {row}
            assert len(set(seen)) > 3

    def test_a_class_without_pictures_gets_a_black_row(self) -> None:
        grid = visualize_dataset(torch.ones(1, 3, 4, 4), torch.tensor([1]), 2, ["none", "one"])
        assert grid[:6].max() == 0
        assert grid[8:12].max() == 255
