"""What a hand-in offers, before anything of it is copied: its plain files, and what is refused with the reason."""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO

__all__ = ["NOT_PLAIN", "SYMLINK", "Listing", "Member", "is_ignored", "of_file", "of_folder", "why_not_this_name"]

MOST_ENTRIES = 50_000  # files and folders looked at in one hand-in
MOST_LEVELS = 20  # folders in folders
SYMLINK = "a symbolic link, which is not followed"
NOT_PLAIN = "not a plain file"
LITTER = {"__macosx", "__pycache__", "thumbs.db", "desktop.ini"}  # what systems leave behind
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Member:
    """A plain file of a hand-in: its name relative to it, its size in bytes as told, and how to open it."""

    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]]


@dataclass
class Listing:
    """The plain files that a hand-in offers, what is refused by name, and why nothing can be had at all."""

    members: list[Member] = field(default_factory=list)
    refused: dict[PurePosixPath, str] = field(default_factory=dict)
    problem: str = ""


def is_ignored(name: str) -> bool:
    """Whether a file or folder of this name is passed over without a word: hidden, or litter."""
    return name.startswith(".") or name.lower() in LITTER


def why_not_this_name(name: str) -> str:
    """Why no file of this relative name is taken, "" where one is."""
    if name.startswith("/"):
        return "an absolute name"
    if "\\" in name:
        return "a backslash in its name"
    if re.match("[A-Za-z]:", name):
        return "a drive in its name"
    if ".." in name.split("/"):
        return "a name that leads out of the hand-in"
    if CONTROL.search(name):
        return "control characters in its name"
    if name.count("/") > MOST_LEVELS:
        return f"more than {MOST_LEVELS} folders deep"
    return ""


@contextmanager
def of_file(path: Path) -> Iterator[Listing]:
    """A hand-in that is one plain file."""
    yield Listing([Member(PurePosixPath(path.name), path.stat().st_size, partial(_open_plain, path))])


@contextmanager
def of_folder(root: Path) -> Iterator[Listing]:
    """A hand-in that is a folder: what lies near its top comes first, and nothing is followed out of it."""
    listing = Listing()
    waiting = deque([PurePosixPath()])
    seen = 0
    while waiting:
        here = waiting.popleft()
        for entry in _entries(root / here, here, listing):
            seen += 1
            _sort_in(entry, here / entry.name, listing, waiting)
        if seen >= MOST_ENTRIES:
            listing.refused[here] = f"more than {MOST_ENTRIES:,} files; the rest was not looked at"
            break
    yield listing


def _entries(folder: Path, here: PurePosixPath, listing: Listing) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            wanted = (entry for entry in entries if not is_ignored(entry.name))
            found = sorted(islice(wanted, MOST_ENTRIES), key=lambda entry: entry.name)
    except OSError as fault:
        listing.refused[here] = f"can't be read: {fault.strerror}"
        return []
    # a virtual environment is nobody's own work, and has thousands of files
    return [] if any(entry.name == "pyvenv.cfg" for entry in found) else found


def _sort_in(entry: os.DirEntry[str], path: PurePosixPath, listing: Listing, waiting: deque[PurePosixPath]) -> None:
    reason = why_not_this_name(str(path))
    if entry.is_symlink():
        listing.refused[path] = SYMLINK
    elif reason:
        listing.refused[path] = reason
    elif entry.is_dir(follow_symlinks=False):
        waiting.append(path)
    elif entry.is_file(follow_symlinks=False):
        size = entry.stat(follow_symlinks=False).st_size
        listing.members.append(Member(path, size, partial(_open_plain, Path(entry.path))))
    else:
        listing.refused[path] = NOT_PLAIN


def _open_plain(path: Path) -> IO[bytes]:
    """Open `path` for reading, never through a link and without waiting at a pipe, should it have changed since."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(NOT_PLAIN)
    return file
