"""Builders of hand-ins for tests: folders, zips and notebooks out of a few texts, and the way to the example class."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from grader.submissions import Handin, find

__all__ = [
    "EXAMPLES",
    "HELPERS",
    "LINEAR",
    "MODULES",
    "TWO_LAYER",
    "Files",
    "Finder",
    "Taker",
    "copied",
    "find_all",
    "find_one",
    "notebook_of",
    "write_files",
    "write_handin",
    "zip_of",
]

EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "class"
MODULES = ("knn", "linear_classifier", "two_layer_net")
HELPERS = ("a2_helpers", "eecs598")
LINEAR = "def svm_loss_naive(W, X, y, reg):\n    return 0.0, W\n"
TWO_LAYER = "def nn_predict(params, loss_func, X):\n    return None\n"
Files = Mapping[str, str | bytes]
Finder = Callable[..., list[Handin]]
Taker = Callable[[Path], Handin]


def find_all(workspace: Path, *paths: Path) -> list[Handin]:
    """The hand-ins at `paths`, for a course of three modules."""
    return find(paths, MODULES, workspace, HELPERS)


def find_one(workspace: Path, path: Path) -> Handin:
    """The hand-in at `path`, which must be one."""
    (handin,) = find_all(workspace, path)
    return handin


def copied(handin: Handin) -> list[str]:
    """Names of the files in a hand-in's copy."""
    return sorted(str(path.relative_to(handin.files)) for path in handin.files.rglob("*") if path.is_file())


def write_handin(
    folder: Path, *, linear: str | bytes | None = None, two_layer: str | bytes | None = None, files: Files | None = None
) -> Path:
    """Write an A2 hand-in: the modules whose text is given, and further files by their relative names."""
    modules = {"linear_classifier.py": linear, "two_layer_net.py": two_layer}
    return write_files(folder, {name: text for name, text in modules.items() if text is not None} | dict(files or {}))


def write_files(folder: Path, files: Files) -> Path:
    """Write files by their names relative to `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(_bytes(content))
    return folder


def zip_of(path: Path, files: Files | Iterable[tuple[str | zipfile.ZipInfo, str | bytes]]) -> Path:
    """Write a zip of files by name; of pairs where a name comes twice, or where a member's own fields matter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pairs = files.items() if isinstance(files, Mapping) else files
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in pairs:
            archive.writestr(name, _bytes(content))
    return path


def notebook_of(*cells: str, **fields: object) -> str:
    """A notebook of code cells, with one of text before them; `fields` replace those of the document."""
    text = {"cell_type": "markdown", "metadata": {}, "source": ["# A2\n", "what we did"]}
    code = [
        {
            "cell_type": "code",
            "metadata": {},
            "source": cell.splitlines(keepends=True),
            "outputs": [],
            "execution_count": 1,
        }
        for cell in cells
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [text, *code], **fields})


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
