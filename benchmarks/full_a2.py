"""The whole of A2, training and budgets included: CPU seconds of examiner and workers, solution and untouched stub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.examiner import Room, in_room
from benchmarks.figures import Figure, cost, run
from grader import rubric
from grader.course import Course

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
    stub = cost(lambda: room.examine(blank), room.workers.cpu_s)
    yield Figure("stub_cpu_s", stub.cpu_s, 0.6)
    yield Figure("stub_wall_s", stub.wall_s)
    solution = cost(
        lambda: room.examine(room.desk.texts, lambda part: not quick or part.id in QUICK_PARTS), room.workers.cpu_s
    )
    yield Figure("solution_cpu_s", solution.cpu_s, 12)
    yield Figure("solution_wall_s", solution.wall_s)


if __name__ == "__main__":
    raise SystemExit(run(__doc__ or "", measure))
