"""Hand-ins among the paths of a command line: which files and folders are one each, under which name."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from grader.errors import UsageError
from grader.submissions.copying import SOURCES, is_module
from grader.submissions.intake import ARCHIVE, Known, take_in
from grader.submissions.listing import is_ignored
from grader.submissions.records import Handin

__all__ = ["find"]

ASSIGNMENT = re.compile(r"A\d+", re.IGNORECASE)
STORE = "results.sqlite"  # what `grade` leaves in a folder of results, which may lie among the hand-ins


def find(
    paths: Sequence[Path], module_names: Collection[str], workspace: Path, helper_names: Collection[str]
) -> list[Handin]:
    """All hand-ins at `paths`, each copied into a folder of its own under `workspace`.

    A path is one hand-in when it is a file or a zip, or holds a module's file at its top, or only folders A1, A2, …;
    else every child of it is one. Whatever is wrong with a hand-in is said in it and stops no other.

    Args:
        paths: as typed. One that comes twice counts once.
        module_names: every module of the course, also those that aren't graded now: they say what a hand-in is.
        workspace: an empty or new folder, which becomes private (0700).
        helper_names: given modules and packages, without suffix; a hand-in's copies of them are left behind.
    Raises:
        UsageError: a path that isn't there, or paths without any hand-in.
        GraderError: the workspace already holds hand-ins, or can't be written.
    """
    known = Known(module_names, {name.removesuffix(".py") for name in helper_names})
    workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
    workspace.chmod(0o700)
    found = list(dict.fromkeys(one for path in paths for one in _each(path, known)))
    if not found:
        raise UsageError(
            "no hand-in found",
            place=", ".join(map(str, paths)),
            expected="a folder of hand-ins, or hand-ins themselves: folders, zips, module files",
        )
    names = _names(found)
    return [
        take_in(path, name, workspace / f"{number:05d}", known)
        for number, (path, name) in enumerate(zip(found, names, strict=True))
    ]


def _each(path: Path, known: Known) -> Iterator[Path]:
    """The paths of the hand-ins at `path`, in the order of their names."""
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder", expected="a hand-in, or a folder of hand-ins")
    path = path.resolve()
    children = [] if path.is_file() else _children(path)
    if children and not _is_one(children, known):
        yield from children
    else:
        yield path


def _children(folder: Path) -> list[Path]:
    try:
        children = sorted(folder.iterdir(), key=lambda child: child.name)
    except OSError as fault:
        raise UsageError(f"{folder}: can't be read: {fault.strerror}") from fault
    return [child for child in children if not is_ignored(child.name) and not _holds_results(child)]


def _holds_results(path: Path) -> bool:
    return path.name == "results" or (path / STORE).is_file()


def _is_one(children: list[Path], known: Known) -> bool:
    own = [child for child in children if child.stem not in known.helpers]
    if any(is_module(PurePosixPath(child.name), known.modules) and child.is_file() for child in own):
        return True
    return bool(own) and all(ASSIGNMENT.fullmatch(child.name) and child.is_dir() for child in own)


def _names(found: list[Path]) -> list[str]:
    """A name for each hand-in: no two that a file system, or a hurried reader, could take for one."""
    owners: dict[str, Path] = {}
    for path in found:
        owners.setdefault(_folded(_plain(path)), path)
    names = {
        path: _plain(path) for path in owners.values()
    }  # a name belongs to whoever bears it, before any is made up
    for path in found:
        if path not in names:
            names[path] = next(name for name in _candidates(path, owners) if _folded(name) not in owners)
            owners[_folded(names[path])] = path
    return [names[path] for path in found]


def _plain(path: Path) -> str:
    return _readable(path.stem if path.suffix.lower() in (ARCHIVE, *SOURCES) else path.name)


def _candidates(path: Path, owners: dict[str, Path]) -> Iterator[str]:
    plain = _plain(path)
    if path.suffix.lower() == ARCHIVE:
        yield _readable(path.name)
    if owners[_folded(plain)].parent != path.parent:
        yield f"{_readable(path.parent.name)}-{plain}"
    number = 2
    while True:
        yield f"{plain}-{number}"
        number += 1


def _readable(name: str) -> str:
    # bytes that are no UTF-8 would stop whatever writes the name down; the root folder has no name
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace")) or "hand-in"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
