"""The private copy of a hand-in's files: within limits, the most wanted first, each refusal with its reason."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from grader.submissions.archive import BROKEN
from grader.submissions.listing import Listing, Member

__all__ = ["SOURCES", "Copy", "copy", "is_module"]

MIB = 1 << 20
MOST_FILES = 2_000
MOST_BYTES = 200 * MIB
MOST_WEIGHT_BYTES = 100 * MIB  # a file of weights
MOST_FILE_BYTES = 20 * MIB  # any other file
CHUNK = MIB
SOURCES = (".py", ".ipynb")
WEIGHTS = (".pt", ".pth")
COMPILED = (".pyc", ".pyo", ".pyd", ".so", ".dll", ".dylib")
ARCHIVES = (".zip",)


@dataclass
class Copy:
    """What was copied, with a hash of each file's bytes, and what was not."""

    files: dict[PurePosixPath, str] = field(default_factory=dict)
    refused: dict[PurePosixPath, str] = field(default_factory=dict)
    bytes: int = 0

    def sha256(self) -> str:
        """A hash of all relative names and contents."""
        whole = hashlib.sha256()
        for path, digest in sorted(self.files.items()):
            name = hashlib.sha256(os.fsencode(str(path))).hexdigest()
            whole.update(f"{name} {digest}\n".encode())
        return whole.hexdigest()


def is_module(path: PurePosixPath, modules: Collection[str]) -> bool:
    """Whether a file of this name is one of `modules`, as Python or as a notebook, whatever the folder."""
    return path.stem in modules and path.suffix.lower() in SOURCES


def copy(listing: Listing, target: Path, modules: Collection[str], helpers: Collection[str]) -> Copy:
    """Copy what `listing` offers into the new private folder `target`, but for the given `helpers`."""
    target.mkdir(mode=0o700)
    own = [member for member in listing.members if not _is_given(member.path, modules, helpers)]
    refused = {path: why for path, why in listing.refused.items() if not _is_given(path, modules, helpers)}
    done = Copy(refused=refused)
    for member in sorted(own, key=lambda member: _urgency(member.path, modules)):
        reason = _why_not(member, done)
        if not reason:
            reason = _write(member, target, done)
        if reason:
            done.refused[member.path] = reason
    return done


def _is_given(path: PurePosixPath, modules: Collection[str], helpers: Collection[str]) -> bool:
    # a module is taken from any folder, also from one that bears the name of the course
    return not is_module(path, modules) and any(PurePosixPath(part).stem in helpers for part in path.parts)


def _urgency(path: PurePosixPath, modules: Collection[str]) -> tuple[int, int, str]:
    suffix = path.suffix.lower()
    rank = 0 if is_module(path, modules) else 1 if suffix in SOURCES else 2 if suffix in WEIGHTS else 3
    return rank, len(path.parts), str(path)


def _why_not(member: Member, done: Copy) -> str:
    suffix = member.path.suffix.lower()
    most = _most(member)
    if suffix in COMPILED:
        return "compiled code: hand in the source"
    if suffix in ARCHIVES:
        return "a zip inside the hand-in is not opened"
    if member.size > most:
        return f"larger than {most // MIB} MiB"
    if len(done.files) >= MOST_FILES:
        return f"more than {MOST_FILES:,} files"
    if done.bytes + member.size > MOST_BYTES:
        return f"more than {MOST_BYTES // MIB} MiB in all"
    return ""


def _most(member: Member) -> int:
    return MOST_WEIGHT_BYTES if member.path.suffix.lower() in WEIGHTS else MOST_FILE_BYTES


def _write(member: Member, target: Path, done: Copy) -> str:
    """Copy one file; the reason why that failed, "" where it is there whole."""
    place = target / member.path
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with member.open() as file, open(place, "xb", opener=_private) as out:
            try:
                done.files[member.path] = _pour(file, out, min(_most(member), MOST_BYTES - done.bytes), done)
            except BROKEN:
                place.unlink()
                raise
    except BROKEN as fault:
        return f"can't be read: {fault.strerror if isinstance(fault, OSError) and fault.strerror else fault}"
    return ""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _pour(file: IO[bytes], out: IO[bytes], most: int, done: Copy) -> str:
    """Copy at most `most` bytes, whatever size the file was said to have; the hash of them."""
    digest = hashlib.sha256()
    while chunk := file.read(min(CHUNK, most + 1)):
        most -= len(chunk)
        if most < 0:
            raise ValueError("it grows while it is read")
        out.write(chunk)
        digest.update(chunk)
        done.bytes += len(chunk)
    return digest.hexdigest()
