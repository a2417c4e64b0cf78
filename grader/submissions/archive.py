"""What a zip offers, read member by member: nothing is opened before its name, kind, place and size are known."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from grader.submissions.listing import NOT_PLAIN, SYMLINK, Listing, Member, is_ignored, why_not_this_name

__all__ = ["BROKEN", "of_zip"]

# What the standard library raises over a broken zip, on reading its directory or one of its members.
BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError, OverflowError)
MOST_DIRECTORY_BYTES = 4 << 20  # the zip's own table of contents: some 50,000 members
MOST_RATIO = 200  # a member's size to its compressed size; source text reaches 10, zeros 1,032
RATIO_COUNTS_FROM = 1 << 20  # bytes: below this no ratio does harm
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what each system's own zip makes; others may ask for gigabytes
END, END_BYTES, LONGEST_COMMENT = b"PK\x05\x06", 22, 0xFFFF
ZIP64, ZIP64_BYTES = b"PK\x06\x07", 20
ENCRYPTED = 0x1
LOCAL_HEADER_BYTES = 30


@contextmanager
def of_zip(path: Path) -> Iterator[Listing]:
    """A hand-in that is a zip, open as long as the context is."""
    listing = Listing()
    with path.open("rb") as file:
        listing.problem = _why_not_this_directory(file)
        archive = None if listing.problem else _opened(file, listing)
        if archive is None:
            yield listing
            return
        with archive:
            _list(archive, listing)
            yield listing


def _why_not_this_directory(file: IO[bytes]) -> str:
    """Why the table of contents isn't read, judged by the record at the zip's end alone, "" where it may be."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - END_BYTES - LONGEST_COMMENT - ZIP64_BYTES))
    tail = file.read()
    at = tail.rfind(END)
    if at < 0 or at + END_BYTES > len(tail):
        return "not a zip, or a broken one: make it again"
    if tail[max(0, at - ZIP64_BYTES) :].startswith(ZIP64):
        return "a zip for more than 4 GB or 65,535 files (zip64): hand in your own files only"
    directory_bytes: int = struct.unpack_from("<L", tail, at + 12)[0]
    if directory_bytes > MOST_DIRECTORY_BYTES:
        return "a zip of too many files: hand in your own files only"
    return ""


def _opened(file: IO[bytes], listing: Listing) -> zipfile.ZipFile | None:
    try:
        return zipfile.ZipFile(file)
    except BROKEN:
        listing.problem = "a broken zip: make it again"
        return None


def _list(archive: zipfile.ZipFile, listing: Listing) -> None:
    found = [info for info in archive.infolist() if not _is_passed_over(info.orig_filename)]
    overlapping = _overlapping(archive.infolist())
    first: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in found:
        path = PurePosixPath(info.orig_filename)
        reason = _why_not(info, overlapping)
        if reason:
            listing.refused[path] = reason
        elif path not in first:
            first[path] = info
            listing.members.append(Member(path, info.file_size, partial(archive.open, info)))
        elif (info.CRC, info.file_size) != (first[path].CRC, first[path].file_size):
            listing.refused[path] = "in the zip twice, with different contents"


def _is_passed_over(name: str) -> bool:
    return name.endswith("/") or any(is_ignored(part) for part in name.split("/") if part not in ("", ".", ".."))


def _why_not(info: zipfile.ZipInfo, overlapping: set[int]) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)  # the upper half holds the mode that Unix gave it, or zero
    if reason := why_not_this_name(info.orig_filename):
        return reason
    if kind == stat.S_IFLNK:
        return SYMLINK
    if kind not in (0, stat.S_IFREG):
        return NOT_PLAIN
    if info.flag_bits & ENCRYPTED:
        return "encrypted: zip it without a password"
    if info.compress_type not in METHODS:
        return "compressed by a method other than deflate: use your system's own zip"
    if info.header_offset in overlapping:
        return "in the zip at a place that belongs to another file too"
    if info.file_size > max(RATIO_COUNTS_FROM, MOST_RATIO * info.compress_size):
        return f"compressed more than {MOST_RATIO} to 1"
    return ""


def _overlapping(infos: Iterable[zipfile.ZipInfo]) -> set[int]:
    """Offsets of the members that share bytes of the zip with another: how a small zip claims to hold petabytes."""
    found: set[int] = set()
    reach = 0
    holder: int | None = None
    for info in sorted(infos, key=lambda info: info.header_offset):
        if holder is not None and info.header_offset < reach:
            found |= {holder, info.header_offset}
        end = info.header_offset + LOCAL_HEADER_BYTES + len(info.orig_filename) + info.compress_size
        if end > reach:
            reach, holder = end, info.header_offset
    return found
