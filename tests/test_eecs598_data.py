"""Tests of the course's data functions: where a data set comes from, how it is read, what is made of it."""

from __future__ import annotations

import codecs
import os
import pickle
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from eecs598 import data, standin
from eecs598._places import CIFAR10_FOLDER, CIFAR10_TEST, CIFAR10_TRAINING

PER_FILE = 4  # pictures in each file of the official layout that these tests write
ANNOUNCEMENT = data.STAND_IN + "\n"


@pytest.fixture(autouse=True)
def _bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data anywhere, and a working folder and caches that are this test's own."""
    monkeypatch.delenv("EECS598_DATA", raising=False)
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in of 60 training and 20 test pictures, so that drawing all of it is quick."""
    monkeypatch.setattr(standin, "NUM_TRAIN", 60)
    monkeypatch.setattr(standin, "NUM_TEST", 20)


def write_batch(path: Path, **changes: Any) -> None:
    """One file of the official layout; pixel values are the number of the picture, so that order can be seen."""
    first = 10 * int(path.name[-1]) if path.name[-1].isdigit() else 0
    numbers = np.arange(first, first + PER_FILE, dtype=np.uint8)
    batch = {"data": np.repeat(numbers[:, None], 3072, axis=1), "labels": [1, 2, 3, 4], "batch_label": "a test's"}
    path.write_bytes(pickle.dumps({**batch, **changes}, protocol=2))


def write_official(root: Path) -> Path:
    folder = root / CIFAR10_FOLDER
    folder.mkdir(parents=True)
    for name in (*CIFAR10_TRAINING, CIFAR10_TEST):
        write_batch(folder / name)
    return folder


class TestLocate:
    def test_nothing_anywhere_means_the_stand_in_kept_in_the_cache(self, tmp_path: Path) -> None:
        kind, path = data.locate("cifar10")
        assert kind == "stand-in"
        assert path.parent == tmp_path / "caches" / "eecs598"
        assert f"v{standin.VERSION}" in path.name
        assert not path.exists()

    @pytest.mark.parametrize("root", ["work", "work/data", "caches/torch/datasets", "caches/eecs598"])
    def test_the_official_folder_is_found_in_each_of_its_places(self, root: str, tmp_path: Path) -> None:
        folder = write_official(tmp_path / root)
        assert data.locate("cifar10") == ("real", folder)

    @pytest.mark.parametrize("named", ["elsewhere", f"elsewhere/{CIFAR10_FOLDER}"])
    def test_the_named_folder_comes_first(self, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_official(tmp_path / "work")
        folder = write_official(tmp_path / "elsewhere")
        monkeypatch.setenv("EECS598_DATA", str(tmp_path / named))
        assert data.locate("cifar10") == ("real", folder)

    def test_a_folder_that_lacks_a_file_is_passed_over(self, tmp_path: Path) -> None:
        (write_official(tmp_path / "work") / "data_batch_3").unlink()
        assert data.locate("cifar10").kind == "stand-in"

    def test_a_variable_that_names_no_folder_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EECS598_DATA", "/no/such/folder")
        with pytest.raises(FileNotFoundError, match="EECS598_DATA names no folder: /no/such/folder"):
            data.locate("cifar10")

    def test_an_unknown_name_is_answered_with_the_known_ones(self) -> None:
        with pytest.raises(ValueError, match=r"no data set is called 'cifar100'\n  expected  one of cifar10"):
            data.locate("cifar100")


class TestFetch:
    def test_a_download_lands_where_it_is_found(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            "torchvision.datasets.utils.download_and_extract_archive",
            lambda url, folder, filename, md5: write_official(Path(folder)),
        )
        target = data.fetch("cifar10")
        assert target == tmp_path / "caches" / "eecs598" / CIFAR10_FOLDER
        assert data.locate("cifar10") == ("real", target)
        assert [entry.name for entry in target.parent.iterdir()] == [CIFAR10_FOLDER]

    def test_what_is_there_is_not_fetched_again(self, tmp_path: Path) -> None:
        folder = write_official(tmp_path / "work")
        assert data.fetch("cifar10") == folder

    @pytest.mark.parametrize("problem", [OSError("no route"), RuntimeError("File not found or corrupted.")])
    def test_a_failed_download_leaves_nothing_and_says_the_way_out(
        self, problem: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(url: str, folder: str, filename: str, md5: str) -> None:
            (Path(folder) / CIFAR10_FOLDER).mkdir()
            raise problem

        monkeypatch.setattr("torchvision.datasets.utils.download_and_extract_archive", fail)
        with pytest.raises(OSError, match=r"could not be fetched: .*\n[^$]*set EECS598_DATA"):
            data.fetch("cifar10")
        assert list((tmp_path / "caches" / "eecs598").iterdir()) == []


class TestOfficialFiles:
    def test_pictures_and_labels_come_in_the_order_of_the_files(self, capsys: pytest.CaptureFixture[str]) -> None:
        write_official(Path())
        x_train, y_train, x_test, y_test = data.cifar10()
        assert (x_train[:, 0, 0, 0] * 255).round().int().tolist() == [10 * f + i for f in range(1, 6) for i in range(4)]
        assert y_train.tolist() == [1, 2, 3, 4] * 5
        assert x_test.shape == (4, 3, 32, 32)
        assert y_test.tolist() == [1, 2, 3, 4]
        assert capsys.readouterr().out == ""

    def test_pixels_are_read_plane_by_plane_and_row_by_row(self) -> None:
        ramp = (np.arange(PER_FILE * 3072) % 251).astype(np.uint8).reshape(PER_FILE, 3072)
        write_batch(write_official(Path()) / CIFAR10_TEST, data=ramp)
        x_test = data.cifar10()[2]
        expected = torch.from_numpy(ramp.reshape(PER_FILE, 3, 32, 32))
        assert torch.equal((x_test * 255).round().to(torch.uint8), expected)

    def test_files_that_are_not_needed_stay_unread(self) -> None:
        (write_official(Path()) / "data_batch_3").write_bytes(b"not a pickle")
        assert data.cifar10(8, 1)[1].tolist() == [1, 2, 3, 4] * 2
        with pytest.raises(ValueError, match="data_batch_3 is no batch of CIFAR-10"):
            data.cifar10(9, 1)

    def test_files_with_bytes_written_by_protocol_2_are_read(self) -> None:
        write_batch(write_official(Path()) / CIFAR10_TEST, batch_label=b"\x80 bytes")
        assert len(data.cifar10()[3]) == PER_FILE

    def test_a_pickle_that_calls_something_is_refused_and_calls_nothing(self) -> None:
        class Attack:
            def __reduce__(self) -> tuple[Any, tuple[str]]:
                return os.mkdir, ("reached",)

        write_batch(write_official(Path()) / CIFAR10_TEST, labels=Attack())
        with pytest.raises(ValueError, match=r"test_batch is no batch of CIFAR-10: it asks for posix\.mkdir"):
            data.cifar10()
        assert not Path("reached").exists()

    def test_a_pickle_that_asks_for_another_codec_is_refused(self) -> None:
        class Attack:
            def __reduce__(self) -> tuple[Any, tuple[str, str]]:
                return codecs.encode, ("airplane", "rot13")

        write_batch(write_official(Path()) / CIFAR10_TEST, batch_label=Attack())
        with pytest.raises(ValueError, match="it encodes bytes as 'rot13', which no batch does"):
            data.cifar10()

    def test_the_attack_would_work_on_a_plain_unpickler(self) -> None:
        class Attack:
            def __reduce__(self) -> tuple[Any, tuple[str]]:
                return os.mkdir, ("reached",)

        pickle.loads(pickle.dumps(Attack(), protocol=2))
        assert Path("reached").exists()

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"data": np.zeros((4, 3072), np.float32)}, r"its data is float32 \(4, 3072\)"),
            ({"data": np.zeros((3, 3072), np.uint8)}, r"its data is uint8 \(3, 3072\)"),
            ({"data": [1, 2]}, "its data is <class 'list'>"),
            ({"labels": [0, 1, 2, 10]}, "its labels run from 0 to 10"),
            ({"labels": None}, "is no batch of CIFAR-10"),
        ],
    )
    def test_a_batch_of_another_form_is_refused_by_name(self, changes: dict[str, Any], message: str) -> None:
        write_batch(write_official(Path()) / CIFAR10_TEST, **changes)
        with pytest.raises(ValueError, match=message):
            data.cifar10()

    @pytest.mark.real_data
    def test_the_real_set_is_read_whole(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EECS598_DATA", os.environ["EECS598_REAL_DATA"])
        x_train, y_train, x_test, y_test = data.cifar10()
        assert x_train.shape == (50_000, 3, 32, 32)
        assert torch.allclose(x_train.mean(dim=(0, 2, 3)), torch.tensor([0.4914, 0.4822, 0.4465]), atol=1e-3)
        assert y_train.bincount().tolist() == [5000] * 10
        assert x_test.shape == (10_000, 3, 32, 32)
        assert y_test.bincount().tolist() == [1000] * 10


class TestStandIn:
    def test_it_is_announced_in_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        data.cifar10(5, 5)
        assert capsys.readouterr().out == ANNOUNCEMENT

    def test_pictures_are_those_of_seed_0_and_test_pictures_begin_at_50000(self) -> None:
        x_train, y_train, x_test, y_test = data.cifar10(20, 10)
        for x, y, numbers in ((x_train, y_train, range(20)), (x_test, y_test, range(50_000, 50_010))):
            pictures, labels = standin.pictures(numbers)
            assert np.array_equal((x * 255).round().numpy().astype(np.uint8), pictures.transpose(0, 3, 1, 2))
            assert y.tolist() == labels.tolist()

    @pytest.mark.usefixtures("small")
    def test_a_whole_part_is_kept_and_read_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = data.cifar10()
        assert [len(part) for part in first] == [60, 60, 20, 20]
        kept = data.locate("cifar10").path
        assert [entry.name for entry in kept.parent.iterdir()] == [kept.name]
        monkeypatch.setattr(standin, "pictures", None)  # nothing is drawn any more
        assert all(torch.equal(a, b) for a, b in zip(first, data.cifar10(), strict=True))
        assert torch.equal(data.cifar10(7, 3)[2], first[2][:3])

    @pytest.mark.usefixtures("small")
    @pytest.mark.parametrize("content", [b"", b"\x93NUMPY nonsense", b"x" * 1000])
    def test_a_damaged_kept_file_is_drawn_again(self, content: bytes) -> None:
        first = data.cifar10()
        kept = data.locate("cifar10").path
        kept.write_bytes(content)
        assert all(torch.equal(a, b) for a, b in zip(first, data.cifar10(), strict=True))
        assert kept.stat().st_size > 80 * 3073

    @pytest.mark.usefixtures("small")
    def test_a_cache_that_cannot_be_written_is_no_error(self, tmp_path: Path) -> None:
        (tmp_path / "caches").write_text("a file where the folder should be")
        assert len(data.cifar10()[0]) == 60

    @pytest.mark.usefixtures("small")
    def test_a_user_without_a_home_gets_pictures_and_no_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert len(data.cifar10()[0]) == 60
        assert list(Path().iterdir()) == []

    def test_few_pictures_are_drawn_without_keeping_any(self) -> None:
        data.cifar10(5, 5)
        assert not data.locate("cifar10").path.parent.exists()


class TestDrawnCifar10:
    def test_it_gives_any_seed_in_silence(self, capsys: pytest.CaptureFixture[str]) -> None:
        x_train, y_train, x_test, y_test = data.drawn_cifar10(6, 4, seed=9, x_dtype=torch.float64)
        assert x_train.shape == (6, 3, 32, 32)
        assert x_train.dtype == x_test.dtype == torch.float64
        assert y_train.tolist() == standin.pictures(range(6), 9)[1].tolist()
        assert y_test.tolist() == standin.pictures(range(50_000, 50_004), 9)[1].tolist()
        assert capsys.readouterr().out == ""

    def test_it_is_the_stand_in_though_the_real_set_is_there(self) -> None:
        write_official(Path())
        assert data.drawn_cifar10(3, 1)[1].tolist() == standin.pictures(range(3))[1].tolist()

    @pytest.mark.parametrize("counts", [(0, 1), (1, 10_001)])
    def test_more_than_there_is_or_nothing_is_refused(self, counts: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="pictures can't be taken"):
            data.drawn_cifar10(*counts)


class TestExtractTensors:
    def test_values_layout_and_types(self) -> None:
        pixels = np.arange(2 * 32 * 32 * 3).astype(np.uint8).reshape(2, 32, 32, 3)
        x, y = data._extract_tensors(SimpleNamespace(data=pixels, targets=[3, 7]))
        assert x.shape == (2, 3, 32, 32)
        assert x.is_contiguous()
        assert x.dtype == torch.float32
        assert x[1, 2, 5, 6].item() == pytest.approx(pixels[1, 5, 6, 2] / 255)
        assert y.dtype == torch.int64
        assert y.tolist() == [3, 7]

    def test_the_first_ones_are_taken_into_memory_of_their_own(self) -> None:
        pixels = np.full((3, 32, 32, 3), 255, np.uint8)
        dset = SimpleNamespace(data=pixels, targets=[0, 1, 2])
        x, y = data._extract_tensors(dset, num=2, x_dtype=torch.float64)
        x.zero_()
        assert y.tolist() == [0, 1]
        assert x.dtype == torch.float64
        assert pixels.min() == 255

    @pytest.mark.parametrize("num", [0, -1, 4])
    def test_a_number_out_of_range_is_refused_with_the_range(self, num: int) -> None:
        dset = SimpleNamespace(data=np.zeros((3, 32, 32, 3), np.uint8), targets=[0, 1, 2])
        with pytest.raises(ValueError, match=rf"num = {num} pictures can't be taken: this data set has 3\n.*1 to 3"):
            data._extract_tensors(dset, num)


@pytest.mark.usefixtures("small")
class TestPreprocess:
    def test_keys_shapes_and_types(self) -> None:
        parts = data.preprocess_cifar10(cuda=False, show_examples=False)
        assert list(parts) == ["X_train", "y_train", "X_val", "y_val", "X_test", "y_test"]
        assert [tuple(parts[f"X_{part}"].shape) for part in ("train", "val", "test")] == [
            (48, 3072),
            (12, 3072),
            (20, 3072),
        ]
        assert {parts[key].dtype for key in parts if key.startswith("y")} == {torch.int64}

    def test_the_training_mean_of_each_channel_is_taken_from_all_parts(self) -> None:
        x_train, _, x_test, _ = data.cifar10(x_dtype=torch.float64)
        parts = data.preprocess_cifar10(cuda=False, show_examples=False, flatten=False, dtype=torch.float64)
        mean = x_train.mean(dim=(0, 2, 3)).reshape(1, 3, 1, 1)
        assert torch.allclose(torch.cat([parts["X_train"], parts["X_val"]]), x_train - mean)
        assert torch.allclose(parts["X_test"], x_test - mean)

    def test_the_validation_part_is_the_end_of_the_training_part(self) -> None:
        _, y_train, _, _ = data.cifar10()
        parts = data.preprocess_cifar10(cuda=False, show_examples=False, validation_ratio=0.05)
        assert torch.equal(parts["y_train"], y_train[:57])
        assert torch.equal(parts["y_val"], y_train[57:])

    def test_the_bias_trick_appends_ones_in_the_same_type(self) -> None:
        plain = data.preprocess_cifar10(cuda=False, show_examples=False, dtype=torch.float64)
        parts = data.preprocess_cifar10(cuda=False, show_examples=False, bias_trick=True, dtype=torch.float64)
        for key in ("X_train", "X_val", "X_test"):
            assert parts[key].dtype == torch.float64
            assert torch.equal(parts[key][:, :-1], plain[key])
            assert (parts[key][:, -1] == 1).all()

    def test_the_ones_of_the_bias_trick_are_of_the_type_of_the_rows(self) -> None:
        for dtype in (torch.float16, torch.float32, torch.float64):
            assert data.append_ones(torch.zeros(2, 3, dtype=dtype)).dtype == dtype

    def test_the_bias_trick_needs_rows(self) -> None:
        with pytest.raises(ValueError, match="needs flatten=True"):
            data.preprocess_cifar10(cuda=False, bias_trick=True, flatten=False)

    def test_without_cuda_the_default_stays_on_the_cpu_with_one_line(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        parts = data.preprocess_cifar10(show_examples=False)
        assert parts["X_train"].device.type == "cpu"
        assert capsys.readouterr().out == "No CUDA device on this machine: cuda becomes cpu.\n" + ANNOUNCEMENT

    def test_examples_are_shown_with_the_seeds_reset_and_change_no_data(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shown: list[tuple[int, ...]] = []
        monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gca().images[0].get_size()))
        plain = data.preprocess_cifar10(cuda=False, show_examples=False)
        random.seed(5)
        first = data.preprocess_cifar10(cuda=False)
        after = random.random()
        data.preprocess_cifar10(cuda=False)
        assert random.random() == after
        assert shown == [(10 * 34 + 2, 12 * 34 + 2)] * 2
        assert all(torch.equal(first[key], plain[key]) for key in plain)
        assert [text.get_text() for text in plt.gca().texts][:10] == list(standin.CLASS_NAMES)
        plt.close("all")
