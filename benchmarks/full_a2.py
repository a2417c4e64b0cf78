"""The whole of A2, training and budgets included: CPU seconds of examiner and workers, solution and untouched stub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.examiner import Room, Sources, in_room
from benchmarks.figures import Figure, cost, run
from grader import rubric
from grader.course import Course, Part
from grader.session.outcomes import PartOutcome

ROOT = Path(__file__).resolve().parent.parent
QUICK_PARTS = ("sample_batch", "nn_predict")


def measure(quick: bool) -> list[Figure]:
    """What the parents need to get warm is counted for nobody."""
    course = Course(ROOT)
    assignment = rubric.read_all(course)["A2"]
    warm = not quick
    return in_room(course, assignment, lambda room: _figures(room, quick), workers_warm=warm, suites_warm=warm)


def _figures(room: Room, quick: bool) -> Iterator[Figure]:
    stubs = {module.id: room.desk.course.stub(module) for module in room.desk.modules.values()}
    blank = {name: (path.name, path.read_text("utf-8")) for name, path in stubs.items()}
    yield from _of("stub", room, blank, lambda part: True, {"not_implemented"}, 0.6)
    passed = {"passed", "skipped"}
    yield from _of("solution", room, room.desk.texts, lambda part: not quick or part.id in QUICK_PARTS, passed, 12)


def _of(
    name: str, room: Room, sources: Sources, wanted: Callable[[Part], bool], expected: set[str], most: float
) -> Iterator[Figure]:
    found: list[PartOutcome] = []
    taken = cost(lambda: found.extend(room.examine(sources, wanted)), room.workers.cpu_s)
    wrong = [(part.id, test) for part in found for test in part.tests if test.status not in expected]
    assert not wrong, f"the {name} does not end as it should: {wrong}"
    yield Figure(f"{name}_cpu_s", taken.cpu_s, most)
    yield Figure(f"{name}_wall_s", taken.wall_s)


if __name__ == "__main__":
    raise SystemExit(run(__doc__ or "", measure))
