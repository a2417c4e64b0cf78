"""One more hand-in: ten small forward and backward checks in a locked worker beside the same with no worker."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.examiner import Room, in_room
from benchmarks.figures import Figure, alternate, compared, run
from benchmarks.tiny_course import HAND_IN, tiny_course
from grader import rubric

HAND_INS = 5  # in each round: what ended workers have used is known to 10 ms


def measure(quick: bool) -> list[Figure]:
    """On a course of one part, made in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        course = tiny_course(Path(folder))
        (assignment,) = rubric.read_all(course).values()
        return in_room(course, assignment, lambda room: _figures(room, *((1, 0) if quick else (15, 2))))


def _figures(room: Room, rounds: int, warm_ups: int) -> Iterator[Figure]:
    pairs = alternate(
        lambda: _hand_ins(room, confined=True),
        lambda: _hand_ins(room, confined=False),
        rounds,
        room.workers.cpu_s,
        warm_ups,
    )
    yield from compared("hand_in", pairs, 2.5, each=HAND_INS)


def _hand_ins(room: Room, confined: bool) -> None:
    for _ in range(HAND_INS):
        (outcome,) = room.examine(HAND_IN, confined=confined)
        assert {test.status for test in outcome.tests} == {"passed"}, outcome


if __name__ == "__main__":
    raise SystemExit(run(__doc__ or "", measure))
