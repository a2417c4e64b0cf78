"""The rules of the tests' own conftest: real data that was promised is not missed, proofs run for the modules asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

@pytest.mark.real_data
def test_reads():
    pass

@pytest.mark.real_data
def test_gives_up():
    pytest.skip("no file")

@pytest.mark.proofs("A2/one")
def test_one():
    pass

@pytest.mark.proofs("A2/two")
def test_two():
    pass
"""


@pytest.fixture
def folder(tmp_path: Path, root: Path) -> Path:
    """A project with this one's settings and conftest, and four tests."""
    shutil.copy(root / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(root / "tests" / "conftest.py", tmp_path / "tests")
    (tmp_path / "tests" / "test_few.py").write_text(SUITE, encoding="utf-8")
    return tmp_path


def _last_line(folder: Path, *arguments: str, real_data: str = "") -> str:
    environment = {**os.environ, "EECS598_REAL_DATA": real_data}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return result.stdout.strip().splitlines()[-1].split(" in ")[0]


def test_without_real_data_its_tests_are_skipped_and_proofs_left_out(folder: Path) -> None:
    assert _last_line(folder) == "2 skipped, 2 deselected"


def test_with_real_data_a_test_that_skips_itself_fails(folder: Path) -> None:
    assert _last_line(folder, real_data=str(folder)) == "1 failed, 1 passed, 2 deselected"


def test_all_proofs_run_when_asked_for(folder: Path) -> None:
    assert _last_line(folder, "-m", "proofs", "--modules", "all") == "2 passed, 2 deselected"


def test_the_proofs_of_one_module_run_alone(folder: Path) -> None:
    assert _last_line(folder, "-m", "proofs", "--modules", "A2/two") == "1 passed, 3 deselected"
