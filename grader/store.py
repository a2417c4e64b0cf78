"""What is graded, in one SQLite file: resumed after an interrupt, kept when it is graded anew."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from grader.errors import GraderError, UsageError
from grader.results import Record
from grader.session.outcomes import PartOutcome

__all__ = ["Run", "Store", "StoreError", "part_from_json", "part_to_json"]

FILE = "results.sqlite"
FORM = 1  # moves when the tables do
SEED_BITS = 32
PATIENCE_S = 3.0  # a killed grader's children hold its lock until they too have ended

TABLES = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    seed INTEGER NOT NULL,
    suite_sha256 TEXT NOT NULL,
    versions TEXT NOT NULL
);
CREATE TABLE hand_ins (
    key INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs,
    submission TEXT NOT NULL,
    source_sha256 TEXT NOT NULL,
    turn INTEGER NOT NULL,      -- the last of one submission's is the one that counts
    record TEXT,
    faulty INTEGER NOT NULL DEFAULT 0,
    UNIQUE (run, submission, source_sha256)
);
CREATE TABLE parts (
    hand_in INTEGER NOT NULL REFERENCES hand_ins,
    module TEXT NOT NULL,
    part TEXT NOT NULL,
    outcome TEXT NOT NULL,
    faulty INTEGER NOT NULL,
    PRIMARY KEY (hand_in, module, part)
) WITHOUT ROWID;
CREATE TABLE times (
    submission TEXT NOT NULL,
    source_sha256 TEXT NOT NULL,
    handed_in TEXT NOT NULL,
    PRIMARY KEY (submission, source_sha256)
) WITHOUT ROWID;
"""


class StoreError(GraderError):
    """The results folder can't be written, or holds something else."""


@dataclass(frozen=True)
class Run:
    """One grading of hand-ins with one seed, one state of the suites, one set of versions."""

    number: int
    seed: int
    suite_sha256: str
    versions: dict[str, str]


class Store:
    """One results folder's database, written by one process.

    Each call is one transaction in a write-ahead log, so a `kill -9` at any moment loses nothing that a call had
    returned from; only a power cut may lose the last few, which are then graded again.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, claim: int | None) -> None:
        self.folder = folder
        self._db = connection
        self._claim = claim
        self._run: Run | None = None

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> Store:
        """The store of `folder`, which is made where it is missing.

        Raises:
            StoreError: another grader is writing there, or the file is no store of this kit.
            UsageError: `read_only`, and nothing was graded there.
        """
        path = folder / FILE
        if read_only:
            if not path.is_file():
                raise UsageError(
                    f"no results in {folder}", expected=f"a folder that holds {FILE}", way_out="grade into it first"
                )
            return cls(folder, _connect(path), None)
        _create(folder)
        claim = _claim(folder)
        try:
            return cls(folder, _connect(path), claim)
        except BaseException:
            if claim is not None:
                os.close(claim)
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Fold the log into the file, and let others write."""
        self._db.close()
        if self._claim is not None:
            os.close(self._claim)
            self._claim = None

    # -- runs ---------------------------------------------------------------------------------------------------------

    def begin_run(
        self, *, suite_sha256: str, versions: Mapping[str, str], seed: int | None = None, fresh: bool = False
    ) -> Run:
        """The run to go on with: the last one where suites, versions and seed are the same, else a new one.

        Args:
            suite_sha256: hash of what is asked: rubrics, suites and solutions of the modules to grade.
            versions: name -> version of whatever else a score may depend on: kit, torch, device, data, sandbox.
            seed: as asked for; None takes the folder's last, or draws one where there is none yet.
            fresh: begin a new run in any case. Old runs stay.
        Raises:
            UsageError: the seed is negative or has more than 63 bits.
        """
        if seed is not None and not 0 <= seed < 2**63:
            raise UsageError(
                f"{seed} is no seed", expected="a whole number from 0 to 2**63 - 1", way_out="choose another"
            )
        last = next(reversed(self.runs()), None)
        if seed is None:
            seed = last.seed if last else int.from_bytes(os.urandom(SEED_BITS // 8), "big")
        run = Run(last.number + 1 if last else 1, seed, suite_sha256, dict(sorted(versions.items())))
        if last and not fresh and (last.seed, last.suite_sha256, last.versions) == (seed, suite_sha256, run.versions):
            run = last
        else:
            row = (run.number, seed, suite_sha256, json.dumps(run.versions))
            self._db.execute("INSERT INTO runs VALUES (?, ?, ?, ?)", row)
        self._run = run
        return run

    def runs(self) -> list[Run]:
        """All runs of the folder, oldest first."""
        rows = self._db.execute("SELECT number, seed, suite_sha256, versions FROM runs ORDER BY number")
        return [Run(number, seed, suite, json.loads(versions)) for number, seed, suite, versions in rows]

    # -- one hand-in --------------------------------------------------------------------------------------------------

    def begin(self, submission: str, source_sha256: str, *, handed_in: str = "") -> int:
        """The key of a hand-in in the run begun last; it counts from now on for its submission.

        `handed_in` is kept as first told for these bytes, whatever a later call says: see `handed_in`.
        """
        if self._run is None:
            raise StoreError("a hand-in was begun before its run", place=str(self.folder), way_out="call begin_run")
        name = _text(submission)
        if handed_in:
            self._db.execute("INSERT OR IGNORE INTO times VALUES (?, ?, ?)", (name, source_sha256, handed_in))
        place = (self._run.number, name, source_sha256)
        self._db.execute(
            "INSERT INTO hand_ins (run, submission, source_sha256, turn)"
            " VALUES (?, ?, ?, (SELECT coalesce(max(turn), 0) + 1 FROM hand_ins))"
            " ON CONFLICT (run, submission, source_sha256) DO UPDATE SET turn = excluded.turn",
            place,
        )
        (key,) = self._db.execute(
            "SELECT key FROM hand_ins WHERE (run, submission, source_sha256) = (?, ?, ?)", place
        ).fetchone()
        return int(key)

    def handed_in(self, submission: str, source_sha256: str) -> str:
        """When these bytes were handed in, as first told; empty where nobody said."""
        row = self._db.execute(
            "SELECT handed_in FROM times WHERE submission = ? AND source_sha256 = ?", (_text(submission), source_sha256)
        ).fetchone()
        return str(row[0]) if row else ""

    def parts(self, key: int) -> dict[tuple[str, str], PartOutcome]:
        """(module, part) -> outcome of each finished part; one that a grader error spoilt is not finished."""
        rows = self._db.execute(
            "SELECT module, part, outcome FROM parts WHERE hand_in = ? AND NOT faulty ORDER BY module, part", (key,)
        )
        return {(module, part): part_from_json(outcome) for module, part, outcome in rows}

    def put_part(self, key: int, module: str, part: PartOutcome) -> None:
        """Keep a part as soon as it is known; `module` is its module's full name, such as `A2/two_layer_net`."""
        faulty = any(test.status == "grader_error" for test in part.tests)
        row = (key, module, part.id, part_to_json(part), faulty)
        self._db.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?)", row)

    def put_record(self, key: int, record: Record) -> None:
        """Keep the record of a hand-in that is graded to its end."""
        row = (record.to_json(), bool(record.grader_errors), key)
        self._db.execute("UPDATE hand_ins SET record = ?, faulty = ? WHERE key = ?", row)

    def record(self, key: int) -> Record | None:
        """The record of a hand-in, None where it is not graded to its end or a grader error spoilt it."""
        row = self._db.execute("SELECT record FROM hand_ins WHERE key = ? AND NOT faulty", (key,)).fetchone()
        return Record.from_json(row[0]) if row and row[0] else None

    def records(self, run: int | None = None) -> list[Record]:
        """The records of a run (the last one where None), one a submission, in the order of their names."""
        rows = self._db.execute(
            "SELECT record FROM hand_ins AS h WHERE run = coalesce(?, (SELECT max(number) FROM runs))"
            " AND record IS NOT NULL AND turn = (SELECT max(turn) FROM hand_ins"
            " WHERE run = h.run AND submission = h.submission AND record IS NOT NULL) ORDER BY submission",
            (run,),
        )
        return [Record.from_json(text) for (text,) in rows]


def part_to_json(part: PartOutcome) -> str:
    """A part's outcome as JSON; `part_from_json` gives back the same, fractions exactly."""
    return json.dumps(msgspec.to_builtins(part, enc_hook=_encode))


def part_from_json(text: str) -> PartOutcome:
    """The outcome that `part_to_json` wrote.

    Raises:
        msgspec.ValidationError: `text` is no outcome.
    """
    return msgspec.convert(json.loads(text), PartOutcome, dec_hook=_decode)


def _encode(value: Any) -> str:
    return str(value) if isinstance(value, Fraction) else repr(value)


def _decode(kind: type, value: Any) -> Any:
    if kind is Fraction:
        return Fraction(value)
    raise NotImplementedError(kind)


def _text(name: str) -> str:
    """A name as SQLite can hold it: bytes that are no UTF-8 came as surrogates, and go as escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that commits each statement; the tables are made where there are none."""
    # The threads of a batch may each put their parts: a call here is one statement, and SQLite takes them in turn.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(
            f"the results can't be opened: {error}",
            place=str(path),
            expected="a file that `grader grade` wrote",
            way_out="move it away, or choose another folder with -o",
        ) from error
    except StoreError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    (form,) = connection.execute("PRAGMA user_version").fetchone()
    if form == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {FORM}; COMMIT;")
    elif form != FORM:
        raise StoreError(
            "the results were written by another version of the kit",
            place=str(path),
            expected=f"form {FORM} of the tables, not {form}",
            way_out="choose another folder with -o, or use the version that wrote it",
        )


def _create(folder: Path) -> None:
    """Make folder and file where they are missing, for their owner alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / FILE).exists():
            # It will hold the seed and hidden tests' text; its log takes over its mode. (An existing file is not opened
            # here: closing any descriptor of it would drop the locks that SQLite holds on it in this process.)
            os.close(os.open(folder / FILE, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(
            f"no results can be written: {error.strerror}",
            place=str(folder),
            way_out="choose another folder with -o",
        ) from None


def _claim(folder: Path) -> int | None:
    """A lock on the folder that ends with this process, however it ends; None where the system has none."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    give_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > give_up:
                break
            time.sleep(0.05)
        except OSError:  # a file system without locks: one writer is then the instructor's own care
            os.close(descriptor)
            return None
    os.close(descriptor)
    raise StoreError(
        "another grader is writing its results here",
        place=str(folder),
        way_out="wait for it to end, or choose another folder with -o",
    )
