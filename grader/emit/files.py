"""The results folder: one folder a student, the gradebook and the class's page, each file whole or not there."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from grader.emit.feedback import feedback_page
from grader.emit.index import class_page
from grader.emit.wording import STATUS
from grader.results import Record, VisibilityRule, for_student, rounded

__all__ = ["folder_names", "gradebook", "write_class", "write_hand_in"]

PRIVATE, SHARED = 0o600, 0o644
FOLDER = 0o700
NAME_BYTES = 80
# What Windows can't name a folder, beside our own files in the results folder.
TAKEN = {"con", "prn", "aux", "nul", "index.html", "gradebook.csv", "results.sqlite", "results.sqlite-wal"}
TAKEN |= {"results.sqlite-shm", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
FORMULA = tuple("=+-@\t\r＝＋－＠")


def write_hand_in(
    folder: Path,
    record: Record,
    staff: Mapping[str, Any] | None = None,
    *,
    visibility: VisibilityRule = "now",
    titles: Mapping[str, str] | None = None,
) -> None:
    """Write one student's folder: `results.json` and `feedback.html` for the student, `staff.json` for staff alone.

    Args:
        folder: the student's folder, `results / folder_names(…)[submission]`; made where it is missing.
        record: the whole record; what the student may not see yet is left out here.
        staff: `staff_view` of the outcomes; None leaves `staff.json` as it is.
        visibility: when hidden tests show.
        titles: `A2` or `A2/linear_classifier` -> its title, where the course is at hand.
    """
    folder.parent.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    folder.mkdir(mode=FOLDER, exist_ok=True)
    shown = for_student(record, visibility)
    write_text(folder / "results.json", shown.to_json(indent=1) + "\n")
    write_text(folder / "feedback.html", feedback_page(record, visibility=visibility, titles=titles))
    if staff is not None:
        whole = {**staff, "record": record.model_dump(mode="json")}
        write_text(folder / "staff.json", json.dumps(whole, indent=1) + "\n", mode=PRIVATE)


def write_class(results: Path, records: Sequence[Record], *, titles: Mapping[str, str] | None = None) -> None:
    """Write `gradebook.csv` and `index.html` for all of a run's records.

    The folders must be those of `folder_names(record.submission for …)`, else the page's links lead nowhere.
    """
    results.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    links = folder_names(record.submission for record in records)
    write_text(results / "gradebook.csv", gradebook(records), mode=PRIVATE)
    write_text(results / "index.html", class_page(records, links=links, titles=titles), mode=PRIVATE)


def folder_names(submissions: Iterable[str]) -> dict[str, str]:
    """A folder name for each submission: its own where that is harmless, else a harmless form with a hash behind it.

    Names are told apart even where the file system ignores case or composes accents, and each depends on its own
    submission and its twins alone, so the same class gets the same folders again.

    Args:
        submissions: names as records have them (`record.submission`, which is `printable_name` of what was found).
    """
    names = list(dict.fromkeys(submissions))
    tame = {name: _tame(name) for name in names}
    twins = Counter(_folded(folder) for folder, _ in tame.values())
    plain = {name for name, (folder, harmless) in tame.items() if harmless and twins[_folded(folder)] == 1}
    folders: dict[str, str] = {}
    for digits in (8, 64):  # a hand-in may bear the very name that another's hash leads to
        folders = {name: tame[name][0] + ("" if name in plain else f"-{_digest(name)[:digits]}") for name in names}
        if len({_folded(folder) for folder in folders.values()}) == len(names):
            break
    return folders


def gradebook(records: Sequence[Record]) -> str:
    """The class as CSV: a row a hand-in; its total, its points in each part, and what is not yet right with it.

    A part that was skipped is an empty cell. Text that a spreadsheet would run as a formula begins with an apostrophe.
    """
    names = list(dict.fromkeys(name for record in records for name, _ in record.parts()))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_cell(text) for text in ("submission", "score", "max_score", *names, "remarks")])
    for record in records:
        cells = {name: rounded(part.points) for name, part in record.parts() if part.status != "skipped"}
        total = [rounded(record.score), rounded(record.max_score)]
        row = [_cell(record.submission), *total, *(cells.get(name, "") for name in names), _cell(_remarks(record))]
        writer.writerow(row)
    return out.getvalue()


def write_text(path: Path, text: str, *, mode: int = SHARED) -> None:
    """Put `text` where `path` says in one step: a reader sees the old file or the new one."""
    descriptor, half = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(half, mode)
        os.replace(half, path)
    except BaseException:
        os.unlink(half)
        raise


def _remarks(record: Record) -> str:
    """Why a number of this row may change or surprise, in the order in which it matters."""
    said = [f"grader error in {name}" for name in record.grader_errors]
    if record.sandbox == "none":
        said.append("graded without a sandbox")
    for assignment in record.assignments:
        said += [f"{assignment.id}/{m.id} {m.status}" for m in assignment.modules if m.status != "graded"]
    said += [f"{name} {STATUS[part.status].label}" for name, part in record.parts() if part.status == "skipped"]
    return "; ".join(said)


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _tame(name: str) -> tuple[str, bool]:
    """A folder name made of `name`, and whether it still is that name."""
    name = unicodedata.normalize("NFC", name)
    folder = re.sub(r"[^\w.@+(), -]", "_", name)
    folder = re.sub(r"^[. -]+|[. ]+$", "_", folder) or "_"
    while len(folder.encode()) > NAME_BYTES:
        folder = folder[:-1]
    return folder, folder == name and folder.casefold().split(".")[0] not in TAKEN and folder.casefold() not in TAKEN


def _folded(folder: str) -> str:
    return unicodedata.normalize("NFKC", folder).casefold()


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
