"""Tests of the hand-in zips."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from eecs598 import submit

MAKERS = {1: submit.make_a1_submission, 2: submit.make_a2_submission, 3: submit.make_a3_submission}


def folder_with(tmp_path: Path, number: int) -> Path:
    for name in submit.FILES[number]:
        (tmp_path / name).write_text(f"content of {name}")
    return tmp_path


class TestSubmission:
    @pytest.mark.parametrize("number", MAKERS)
    def test_the_files_are_packed_under_bare_names(
        self, number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = folder_with(tmp_path, number)
        MAKERS[number](str(folder), "jdoe", "12345678")
        target = folder / f"jdoe_12345678_A{number}.zip"
        assert capsys.readouterr().out == f"Writing zip file to: {target}\n"
        with zipfile.ZipFile(target) as archive:
            assert archive.namelist() == list(submit.FILES[number])
            assert archive.read(submit.FILES[number][0]).decode() == f"content of {submit.FILES[number][0]}"

    @pytest.mark.parametrize("number", MAKERS)
    def test_names_that_are_not_given_are_asked_for(
        self, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = iter([" jdoe ", "42"])
        monkeypatch.setattr("builtins.input", lambda question: next(answers))
        MAKERS[number](str(folder_with(tmp_path, number)))
        assert (tmp_path / f"jdoe_42_A{number}.zip").is_file()

    @pytest.mark.parametrize("number", MAKERS)
    def test_a_missing_file_is_named_and_nothing_is_written(self, number: int, tmp_path: Path) -> None:
        missing = folder_with(tmp_path, number) / submit.FILES[number][-1]
        missing.unlink()
        with pytest.raises(ValueError, match=f'Could not find file ".*{missing.name}"'):
            MAKERS[number](str(tmp_path), "jdoe", "42")
        assert not list(tmp_path.glob("*.zip"))

    @pytest.mark.parametrize("name", ["", "../jdoe", "a\\b"])
    def test_a_name_that_leads_elsewhere_is_refused(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "inner").mkdir()
        maker: Callable[..., None] = submit.make_a2_submission
        with pytest.raises(ValueError, match="can't be part of the zip's name"):
            maker(str(folder_with(tmp_path / "inner", 2)), uniquename=name, umid="42")
        assert not list(tmp_path.rglob("*.zip"))
