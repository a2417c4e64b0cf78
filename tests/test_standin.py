"""Tests of the drawn pictures that stand in for CIFAR-10: their bytes, their numbering, their speed."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import pytest

from eecs598 import standin
from eecs598.standin import tables
from eecs598.standin.__main__ import contact_sheet

# Of version 1. Where a byte of a picture changes on purpose, `standin.VERSION` moves with these figures.
SHA256_OF_THE_FIRST_100 = "2ab56175d0e4073df275bb88437f43959c4a2cb9fa82f0a7f52ef4eb255ccf78"
FIRST_LABELS = [6, 5, 9, 8, 5, 8, 1, 8, 4, 3]


class TestPictures:
    def test_the_first_hundred_have_the_recorded_bytes_and_version(self) -> None:
        pictures, labels = standin.pictures(range(100))
        assert hashlib.sha256(pictures.tobytes()).hexdigest() == SHA256_OF_THE_FIRST_100
        assert labels[:10].tolist() == FIRST_LABELS
        assert standin.VERSION == 1

    def test_a_picture_depends_on_its_number_and_the_seed_alone(self) -> None:
        numbers = [123, 7, 124, 59_999, 8, 7]
        pictures, labels = standin.pictures(numbers, seed=3)
        for number, picture, label in zip(numbers, pictures, labels, strict=True):
            (alone,), (its_label,) = standin.pictures([number], seed=3)
            assert np.array_equal(picture, alone)
            assert label == its_label

    def test_the_edges_of_blocks_do_not_show(self) -> None:
        whole = standin.pictures(range(240, 260))[0]
        halves = [standin.pictures(range(240, 250))[0], standin.pictures(range(250, 260))[0]]
        assert np.array_equal(whole, np.concatenate(halves))
        assert np.array_equal(whole, standin.pictures(range(260))[0][240:])

    def test_another_seed_draws_other_pictures_however_large_it_is(self) -> None:
        assert not np.array_equal(standin.pictures(range(20), seed=0)[1], standin.pictures(range(20), seed=1)[1])
        assert len(standin.pictures([0], seed=2**200)[1]) == 1

    def test_types_and_layout_are_those_of_torchvision(self) -> None:
        pictures, labels = standin.pictures(range(3))
        assert pictures.shape == (3, 32, 32, 3)
        assert pictures.dtype == np.uint8
        assert pictures.transpose(0, 3, 1, 2).flags.c_contiguous
        assert labels.shape == (3,)
        assert labels.dtype == np.int64

    def test_no_numbers_give_no_pictures(self) -> None:
        pictures, labels = standin.pictures([])
        assert pictures.shape == (0, 32, 32, 3)
        assert labels.shape == (0,)

    @pytest.mark.parametrize(("numbers", "seed"), [([0, -1], 0), ([0], -1), ([], -1)])
    def test_negative_numbers_and_seeds_are_refused(self, numbers: list[int], seed: int) -> None:
        with pytest.raises(ValueError, match="count from 0"):
            standin.pictures(numbers, seed)

    def test_each_class_has_its_share_and_means_are_near_those_of_cifar10(self) -> None:
        pictures, labels = standin.pictures(range(2000))
        assert min(np.bincount(labels, minlength=10)) > 150
        means = pictures.mean(axis=(0, 1, 2)) / 255
        assert np.allclose(means, (0.490, 0.481, 0.444), atol=0.01)
        assert np.allclose(pictures.std(axis=(0, 1, 2)) / 255, (0.258, 0.251, 0.258), atol=0.01)

    def test_class_names_say_what_is_drawn(self) -> None:
        assert len(standin.CLASS_NAMES) == 10
        assert standin.CLASS_NAMES[0] == "striped disc"
        assert standin.CLASS_NAMES[9] == "chequered ring"


class TestSpeed:
    def test_5500_pictures_take_less_than_a_second(self) -> None:
        assert _cpu_seconds(5500) < 1

    def test_all_60000_pictures_take_less_than_20_seconds(self) -> None:
        assert _cpu_seconds(60_000) < 20


def _cpu_seconds(count: int) -> float:
    start = time.process_time()
    standin.pictures(range(count))
    return time.process_time() - start


class TestTables:
    def test_the_cosine_table_is_the_rounded_cosine(self) -> None:
        exact = 1024 * np.cos(np.pi * np.arange(128) / 64)
        assert np.abs(tables.cosine() - exact).max() <= 0.5

    def test_patterns_are_as_strong_as_each_other_and_flat(self) -> None:
        for patterns in (tables.blue_patterns(), tables.green_patterns()):
            assert patterns.shape == (10, 32, 32)
            assert np.abs(patterns).max() <= 89
            assert np.allclose(np.sqrt((patterns.astype(float) ** 2).mean(axis=(1, 2))), 32, atol=1)

    def test_patterns_of_two_classes_are_as_unlike_as_15_modes_allow(self) -> None:
        correlations = np.corrcoef(tables.blue_patterns().reshape(10, -1).astype(float))
        assert np.allclose(correlations[~np.eye(10, dtype=bool)], -1 / 15, atol=0.002)

    def test_classes_differ_in_brightness_by_up_to_18_levels_either_way(self) -> None:
        means = tables.luma_means().mean(axis=(1, 2))
        assert np.allclose(means, np.arange(-18, 19, 4), atol=1)

    def test_a_ring_is_a_disc_with_a_hole(self) -> None:
        disc, ring = tables.coverages()[0], tables.coverages()[tables.SHAPES.index("ring")]
        assert disc.max() == 16
        assert ring[32, 32] == 0
        assert np.array_equal(disc[:16], ring[:16])


class TestContactSheet:
    def test_a_sheet_is_written_where_asked(self, tmp_path: Path) -> None:
        target = tmp_path / "sheet.png"
        contact_sheet(str(target))
        assert target.read_bytes().startswith(b"\x89PNG")
