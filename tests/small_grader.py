"""The command `grader` over the tiny course, in this process, with warm parents that are started once for all tests."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from grader import cli, confine
from grader.course import Course
from grader.executors import grading
from grader.executors.jobs import Job, Said, Setup
from grader.executors.local import LocalPool, Tag
from tests.small_course import small_course

__all__ = ["Ended", "SmallGrader", "part_of", "started"]

SEED = "11"


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def records(self) -> dict[str, Any]:
        """What `grade --json` printed: a record for each hand-in, by name."""
        found = [json.loads(line) for line in self.out.splitlines()]
        return {record["submission"]: record for record in found}


class Warm:
    """Stands in for `LocalPool`: parents that run already, and go on running."""

    def __init__(self, pool: LocalPool) -> None:
        self.pool = pool
        self.jobs: list[Job] = []

    def __call__(self, setup: Setup, jobs: int) -> Warm:
        self.pool.jobs = jobs
        return self

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def run(self, jobs: Iterable[tuple[Tag, Job]]) -> Iterator[tuple[Tag, Said]]:
        """As the pool does; the jobs are kept, to be looked at."""
        found = list(jobs)
        self.jobs = [job for _, job in found]
        return self.pool.run(iter(found))


@dataclass(frozen=True)
class SmallGrader:
    """The tiny course, and a pool of examiners for it."""

    course: Course
    warm: Warm

    def grade(self, *arguments: str | Path) -> Ended:
        """`grader grade …` of the tiny course with seed 11, the pool's parents not started anew."""
        with mock.patch.object(grading, "LocalPool", self.warm):
            # what is typed later counts
            return command("grade", "--course", self.course.root, "--seed", SEED, *arguments)


def command(*arguments: str | Path) -> Ended:
    """Run `grader ARGUMENTS` in this process."""
    out, err = io.StringIO(), io.StringIO()
    status: Any = 0
    typed = mock.patch.object(sys, "argv", ["grader", *map(str, arguments)])
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), typed:
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
    return Ended(int(status), out.getvalue(), err.getvalue())


@contextlib.contextmanager
def started(root: Path) -> Iterator[SmallGrader]:
    """The tiny course in a folder, its parents running until the end."""
    course = small_course(root / "course")
    scratch = root / "scratch"
    scratch.mkdir()
    setup = Setup(
        course=str(course.root),
        modules=["A9/layers", "A9/net"],
        mode=confine.choose("auto", [course.suites]),
        data={"cifar10": "stand-in"},
        scratch=str(scratch),
        seed=SEED,
    )
    with LocalPool(setup, 1) as pool:
        yield SmallGrader(course, Warm(pool))


def part_of(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A part's entry in a record, by the part's id."""
    found: dict[str, Any] = next(
        part
        for assignment in record["assignments"]
        for module in assignment["modules"]
        for part in module["parts"]
        if part["id"] == name
    )
    return found
