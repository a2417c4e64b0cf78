"""The limits on a hand-in's files: just under passes, just over is left out."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from grader.submissions import archive as archive_limits
from grader.submissions import copying as copying_limits
from grader.submissions import find
from grader.submissions import listing as listing_limits
from grader.submissions import notebook as notebook_limits
from grader.submissions import source as source_limits
from tests.handins import (
    HELPERS,
    LINEAR,
    MODULES,
    Taker,
    copied,
    find_one,
    notebook_of,
    write_files,
    write_handin,
    zip_of,
)


@pytest.fixture
def taking(tmp_path: Path) -> Taker:
    return partial(find_one, tmp_path / "workspace")


class TestLimits:
    def test_the_number_of_files(self, taking: Taker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(copying_limits, "MOST_FILES", 5)
        handin = taking(write_handin(tmp_path / "z", linear=LINEAR, files={f"{n}.txt": "" for n in range(5)}))
        assert copied(handin) == ["0.txt", "1.txt", "2.txt", "3.txt", "linear_classifier.py"]
        assert handin.left_out == ["4.txt: more than 5 files"]

    def test_all_bytes_together(self, taking: Taker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(copying_limits, "MOST_BYTES", 1000 + len(LINEAR))
        files: dict[str, str | bytes] = {"a.txt": b"0" * 600, "b.txt": b"0" * 400, "c.txt": b"0"}
        handin = taking(zip_of(tmp_path / "ada.zip", files | {"linear_classifier.py": LINEAR}))
        assert copied(handin) == ["a.txt", "b.txt", "linear_classifier.py"]

    @pytest.mark.parametrize("name", ["data.bin", "svm_best_model.pt"])
    def test_a_files_own_bytes(self, taking: Taker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        limit = "MOST_WEIGHT_BYTES" if name.endswith(".pt") else "MOST_FILE_BYTES"
        monkeypatch.setattr(copying_limits, limit, 2 << 20)
        files = {name: bytes(2 << 20), f"x/{name}": bytes((2 << 20) + 1)}
        handin = taking(write_handin(tmp_path / "ada", linear=LINEAR, files=files))
        assert copied(handin) == sorted([name, "linear_classifier.py"])
        assert handin.left_out == [f"x/{name}: larger than 2 MiB"]

    def test_a_file_that_grows_while_it_is_read(
        self, taking: Taker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = write_handin(tmp_path / "ada", linear=LINEAR, files={"log.txt": "0" * 999})
        monkeypatch.setattr(copying_limits, "_why_not", lambda member, done: "")
        monkeypatch.setattr(copying_limits, "MOST_FILE_BYTES", 500)
        handin = taking(folder)
        assert copied(handin) == ["linear_classifier.py"]
        assert handin.left_out == ["log.txt: can't be read: it grows while it is read"]

    def test_the_files_looked_at(self, taking: Taker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(listing_limits, "MOST_ENTRIES", 10)
        files = {f"data/{n}/x.txt": "" for n in range(20)}
        handin = taking(write_handin(tmp_path / "ada", linear=LINEAR, files=files))
        assert list(handin.sources) == ["linear_classifier"]
        assert handin.left_out == ["data: more than 10 files; the rest was not looked at"]

    def test_the_folders_in_folders(self, taking: Taker, tmp_path: Path) -> None:
        files = {"a/" * 20 + "in.txt": "", "b/" * 21 + "out.txt": ""}
        handin = taking(write_handin(tmp_path / "ada", linear=LINEAR, files=files))
        assert copied(handin) == ["a/" * 20 + "in.txt", "linear_classifier.py"]
        assert handin.left_out == ["b/" * 21 + "out.txt: more than 20 folders deep"]

    def test_the_ratio_of_compression(self, taking: Taker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archive_limits, "RATIO_COUNTS_FROM", 10_000)
        handin = taking(zip_of(tmp_path / "ada.zip", {"knn.py": b"#" * 10_000, "two_layer_net.py": b"#" * 10_001}))
        assert copied(handin) == ["knn.py"]

    def test_a_zips_table_of_contents(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        size = len("linear_classifier.py") + 46
        path = zip_of(tmp_path / "ada.zip", {"linear_classifier.py": LINEAR})
        for most, problem in ((size, ""), (size - 1, "a zip of too many files: hand in your own files only")):
            monkeypatch.setattr(archive_limits, "MOST_DIRECTORY_BYTES", most)
            (handin,) = find([path], MODULES, tmp_path / str(most), HELPERS)
            assert handin.problem == problem

    def test_a_zip_of_sixty_thousand_members_is_refused_unread(self, taking: Taker, tmp_path: Path) -> None:
        path = zip_of(tmp_path / "ada.zip", {f"a_name_to_fill_the_directory_{n}.py": "" for n in range(60_000)})
        assert taking(path).problem == "a zip of too many files: hand in your own files only"

    def test_the_length_of_a_module(self, taking: Taker, tmp_path: Path) -> None:
        most = source_limits.MOST_SOURCE_BYTES
        handin = taking(write_handin(tmp_path / "ada", linear="#" * most, two_layer="#" * (most + 1)))
        assert handin.sources["linear_classifier"].problem == ""
        assert "it has 500,001 bytes: a module may have 500,000" in handin.sources["two_layer_net"].problem

    def test_the_braces_of_a_module(self, taking: Taker, tmp_path: Path) -> None:
        most = source_limits.MOST_BRACES
        handin = taking(write_handin(tmp_path / "ada", linear="{" * most, two_layer="{" * (most + 1)))
        assert handin.sources["linear_classifier"].problem == ""
        assert "more than 10,000 braces" in handin.sources["two_layer_net"].problem

    def test_the_cells_of_a_notebook(self, taking: Taker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(notebook_limits, "MOST_CELLS", 3)  # one of text comes first
        files = {"linear_classifier.ipynb": notebook_of("x = 1", "y = 2"), "two_layer_net.ipynb": notebook_of(*"xyz")}
        sources = taking(write_files(tmp_path / "ada", files)).sources
        assert sources["linear_classifier"].problem == ""
        assert "a notebook of more than 3 cells" in sources["two_layer_net"].problem

    def test_the_bytes_of_a_notebook(self, taking: Taker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = notebook_of("x = 1")
        monkeypatch.setattr(notebook_limits, "MOST_NOTEBOOK_BYTES", len(text))
        files = {"linear_classifier.ipynb": text, "two_layer_net.ipynb": text + " "}
        sources = taking(write_files(tmp_path / "ada", files)).sources
        assert sources["linear_classifier"].problem == ""
        assert "clear its outputs" in sources["two_layer_net"].problem
