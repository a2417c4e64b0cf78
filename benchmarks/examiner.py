"""A parent of examiners for benchmarks: suites collected and warm, a fork for each hand-in, all of its CPU counted."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pytest
import torch

from benchmarks.figures import Figure
from benchmarks.parents import Workers, hardly_warm, warm_parent
from grader.course import Assignment, Course, Part
from grader.executors.desk import Desk, in_process
from grader.executors.examiners import one_at_a_time, warm_up
from grader.executors.forks import map_forked
from grader.session import outcomes
from grader.session.collect import with_suites
from grader.session.exam import Paper
from grader.session.outcomes import PartOutcome
from grader.session.plugin import SuitesPlugin

__all__ = ["Room", "Sources", "in_room"]

SEED = "0"
CPU_LIMIT_S = 600
Sources = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Room:
    """One assignment's suites, collected in this process, and the parent of workers beside it."""

    desk: Desk
    workers: Workers

    def examine(
        self, sources: Sources, wanted: Callable[[Part], bool] = lambda part: True, *, confined: bool = True
    ) -> list[PartOutcome]:
        """One hand-in through the parts that are `wanted`, by a fork of this process."""
        ((_, said),) = map_forked(
            lambda sources: self._examine(sources, wanted, confined), [sources], jobs=1, cpu_s=CPU_LIMIT_S
        )
        assert said is not None, "the examiner died"
        return [outcomes.load(one, PartOutcome) for one in said.splitlines()]

    def _examine(self, sources: Sources, wanted: Callable[[Part], bool], confined: bool) -> bytes:
        paper = Paper(sources, SEED, self.desk.data)
        both = self.workers.connect, self.workers.connect
        exam = self.desk.exam(paper, *both) if confined else self.desk.exam(paper, in_process)
        exam.timing = one_at_a_time
        parts = [(module, part) for module in self.desk.modules.values() for part in module.parts if wanted(part)]
        return b"\n".join(outcomes.dump(outcome) for _, outcome in self.desk.grade(exam, parts))


def in_room(
    course: Course,
    assignment: Assignment,
    use: Callable[[Room], Iterable[Figure]],
    *,
    workers_warm: bool = True,
    suites_warm: bool = True,
) -> list[Figure]:
    """The figures that `use` makes in a session that has collected the suites of the assignment.

    Both parents are warm as in the pool, unless said else for a quick look: hardly a worker of the suite needs the
    packages, but the first gradient check of an examiner costs half a second.
    """
    torch.set_num_threads(1)
    figures: list[Figure] = []

    def begin(plugin: SuitesPlugin, items: list[pytest.Item]) -> None:
        desk = Desk(course, assignment, plugin, items)
        if suites_warm:
            warm_up(desk, SEED)
        gc.collect()
        gc.freeze()  # as the pool's parent does
        figures.extend(use(Room(desk, workers)))

    with warm_parent(None if workers_warm else hardly_warm()) as workers:
        with_suites(course, assignment.modules, ("public", "hidden"), begin)
    return figures
