"""The results folder: names that harm nobody, files for the right eyes, a gradebook that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.emit import files, folder_names, gradebook, write_class, write_hand_in
from grader.results import Record, printable_name, staff_view
from tests import sample_class

HIDDEN = [name for name, visibility, _ in sample_class.TESTS if visibility == "hidden"]


def _folders(*names: str) -> list[str]:
    printable = [printable_name(name) for name in names]
    folders = folder_names(printable)
    return [folders[name] for name in printable]


class TestFolderNames:
    @pytest.mark.parametrize(
        "name", ["alice", "Alice Smith", "smith.j_12345", "müller", "日本", "a@b.edu", "Lee, Ann (2)"]
    )
    def test_a_harmless_name_is_its_own_folder(self, name: str) -> None:
        assert _folders(name) == [name]

    @pytest.mark.parametrize(
        "name",
        [
            "../x",
            "/etc/passwd",
            "..",
            ".",
            "",
            ".hidden",
            "-rf",
            "a\\b",
            "a\nb",
            "nul",
            "COM1.txt",
            "\u202egpj.exe",
            "\udc80",
            "x" * 300,
            "日" * 100,
            "index.html",
            "results.sqlite",
            "trailing. ",
            "a:b",
            "'); DROP TABLE",
        ],
    )
    def test_any_other_gets_a_harmless_form_with_a_hash(self, name: str, tmp_path: Path) -> None:
        (folder,) = _folders(name)
        assert folder[-9] == "-"
        assert len(folder.encode()) <= 100
        (tmp_path / folder).mkdir()
        assert (tmp_path / folder).resolve().parent == tmp_path.resolve()

    def test_twins_by_case_or_accent_are_told_apart(self) -> None:
        composed, apart = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")
        folders = _folders("alice", "Alice", composed, apart, "bob")
        assert len({folder.casefold() for folder in folders}) == 5
        assert folders[-1] == "bob"

    def test_a_name_that_imitates_anothers_hash_gains_nothing(self) -> None:
        (folder,) = _folders("../x")
        folders = _folders("../x", folder)
        assert len(set(folders)) == 2
        assert folders[1] == folder

    def test_the_order_of_the_class_does_not_matter(self) -> None:
        names = ["alice", "Alice", "../x", "bob"]
        assert folder_names(names) == folder_names(names[::-1])

    @given(st.lists(st.text(st.characters(exclude_categories=[]), max_size=120), unique=True, max_size=6))
    def test_are_distinct_single_and_visible(self, names: list[str]) -> None:
        folders = _folders(*names)
        assert len({unicodedata.normalize("NFKC", folder).casefold() for folder in folders}) == len(names)
        for folder in folders:
            assert folder not in ("", ".", "..")
            assert not folder.startswith(".")
            assert not set(folder) & set('/\\:*?"<>|\0\n')


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class") / "results"
    sample_class.write(folder)
    return folder


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


class TestTheFolder:
    def test_holds_what_the_design_names(self, results: Path) -> None:
        assert {path.name for path in results.iterdir() if path.is_file()} == {"gradebook.csv", "index.html"}
        folders = [path for path in results.iterdir() if path.is_dir()]
        assert len(folders) == len(sample_class.outcomes())
        for folder in folders:
            assert {path.name for path in folder.iterdir()} == {"results.json", "feedback.html", "staff.json"}

    def test_is_shut_to_others_and_staffs_file_to_everybody(self, results: Path) -> None:
        assert _mode(results) == 0o700
        assert _mode(results / "ada-complete") == 0o700
        assert _mode(results / "ada-complete" / "staff.json") == 0o600

    def test_holds_the_record_and_what_staff_alone_may_read(self, results: Path) -> None:
        record = Record.from_json((results / "fatima-summed" / "results.json").read_text(encoding="utf-8"))
        assert record.to_json() == sample_class.records()[5].to_json()
        staff = json.loads((results / "fatima-summed" / "staff.json").read_text(encoding="utf-8"))
        assert staff["record"] == json.loads(record.to_json())
        assert staff["assignments"][0]["modules"][0]["parts"][1]["tests"][2]["staff"]["expected"] == 9.02

    def test_gives_a_student_no_input_or_value_of_a_hidden_test(self, results: Path) -> None:
        for name in ("results.json", "feedback.html"):
            text = (results / "fatima-summed" / name).read_text(encoding="utf-8")
            assert "W (3073, 10) float64, X (64, 3073) float64" in text  # a public test's
            assert "9.02" not in text.replace("9.002", "")

    @pytest.mark.parametrize("rule", ["after_due", "never"])
    def test_gives_a_student_nothing_of_hidden_tests_before_their_time(self, tmp_path: Path, rule: Any) -> None:
        modules = sample_class.outcomes()["chiara-three-mistakes"]
        record = sample_class.record("chiara", modules)
        write_hand_in(tmp_path / "chiara", record, staff_view(modules), visibility=rule)
        for name in ("results.json", "feedback.html"):
            text = (tmp_path / "chiara" / name).read_text(encoding="utf-8")
            assert not any(test in text or test.removeprefix("test_").replace("_", " ") in text for test in HIDDEN)
        assert all(test in (tmp_path / "chiara" / "staff.json").read_text(encoding="utf-8") for test in HIDDEN)

    def test_keeps_staffs_file_where_only_the_rest_is_written_anew(self, tmp_path: Path) -> None:
        modules = sample_class.hand_in()
        record = sample_class.record("ada", modules)
        write_hand_in(tmp_path / "ada", record, staff_view(modules), visibility="after_due")
        before = (tmp_path / "ada" / "staff.json").read_text(encoding="utf-8")
        write_hand_in(tmp_path / "ada", record, visibility="now")
        assert (tmp_path / "ada" / "staff.json").read_text(encoding="utf-8") == before
        assert HIDDEN[0] in (tmp_path / "ada" / "results.json").read_text(encoding="utf-8")

    def test_holds_no_half_written_file_when_writing_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "results.json"
        files.write_text(path, "old")

        def fail(*_: object) -> None:
            raise OSError("disk full")

        monkeypatch.setattr("os.replace", fail)
        with pytest.raises(OSError, match="disk full"):
            files.write_text(path, "new")
        assert [each.name for each in tmp_path.iterdir()] == ["results.json"]
        assert path.read_text(encoding="utf-8") == "old"

    def test_replaces_a_link_and_never_writes_through_it(self, tmp_path: Path) -> None:
        outside, inside = tmp_path / "outside", tmp_path / "results.json"
        outside.write_text("mine")
        inside.symlink_to(outside)
        files.write_text(inside, "new")
        assert outside.read_text() == "mine"
        assert not inside.is_symlink()


class TestTheGradebook:
    @pytest.fixture
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(gradebook(sample_class.records()))))

    def test_has_a_row_a_hand_in_and_a_column_a_part(self, rows: list[dict[str, str]]) -> None:
        assert len(rows) == len(sample_class.outcomes())
        parts = [f"A2/{module}/{part}" for module, parts in sample_class.PARTS.items() for part in parts]
        assert list(rows[0]) == ["submission", "score", "max_score", *parts, "remarks"]
        assert rows[5]["score"] == "92.8"
        assert rows[5]["A2/linear_classifier/svm_loss_vectorized"] == "4.8"

    def test_leaves_a_skipped_part_empty_and_says_so(self, rows: list[dict[str, str]]) -> None:
        row = next(row for row in rows if row["submission"] == "kit-needs-memory")
        assert row["A2/two_layer_net/nn_accuracy"] == ""
        assert row["max_score"] == "95"
        assert "A2/two_layer_net/nn_accuracy skipped" in row["remarks"]

    def test_names_what_is_not_final(self, rows: list[dict[str, str]]) -> None:
        remarks = {row["submission"]: row["remarks"] for row in rows}
        assert remarks["ada-complete"] == ""
        assert remarks["kit-needs-memory"].startswith("grader error in A2/two_layer_net/find_best_net")
        assert remarks["ivan-no-net"] == "A2/two_layer_net missing"

    @pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1"])
    def test_no_name_is_a_formula(self, name: str) -> None:
        text = gradebook([sample_class.record(name, sample_class.hand_in())])
        assert list(csv.reader(io.StringIO(text)))[1][0] == f"'{name}"

    def test_no_name_breaks_a_row(self) -> None:
        text = gradebook([sample_class.record('a"b,c\nd\re;f\t=1', sample_class.hand_in())])
        rows = list(csv.reader(io.StringIO(text)))
        assert len(text.splitlines()) == len(rows) == 2
        assert rows[1][0] == 'a"b,c\\nd\\re;f\\t=1'

    def test_of_nothing_is_its_header(self, tmp_path: Path) -> None:
        write_class(tmp_path, [])
        assert (tmp_path / "gradebook.csv").read_text(encoding="utf-8") == "submission,score,max_score,remarks\n"
        assert "no hand-ins" in (tmp_path / "index.html").read_text(encoding="utf-8")
