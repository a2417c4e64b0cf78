"""What the wheel holds: the engine and the course library, no suite, no solution."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """The wheel, built in place by hatchling: no isolated environment, no network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (path,) = folder.glob("dlcv_grader-*-py3-none-any.whl")
    return ZipFile(path)


def test_it_holds_the_engine_and_the_course_library_and_nothing_else(wheel: ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"grader", "eecs598"}


def test_it_holds_no_suite_and_no_solution(wheel: ZipFile) -> None:
    assert [name for name in wheel.namelist() if "suites" in name or "solution" in name.lower()] == []


def test_it_holds_every_source_file_of_both_packages(wheel: ZipFile, root: Path) -> None:
    engine = {path.relative_to(root) for path in (root / "grader").rglob("*.py")}
    engine = {path for path in engine if path.parts[1] != "suites"}
    library = {path.relative_to(root / "assignments") for path in (root / "assignments" / "eecs598").rglob("*.py")}
    assert {path.as_posix() for path in engine | library} <= set(wheel.namelist())


def test_it_holds_the_pages_templates(wheel: ZipFile, root: Path) -> None:
    templates = {path.relative_to(root).as_posix() for path in (root / "grader" / "emit" / "templates").iterdir()}
    assert templates
    assert templates <= set(wheel.namelist())


def test_both_packages_say_that_they_are_typed(wheel: ZipFile) -> None:
    assert {"grader/py.typed", "eecs598/py.typed"} <= set(wheel.namelist())


def test_it_installs_the_command(wheel: ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "grader = grader.cli:main" in wheel.read(entry_points).decode()
