"""What an examiner has at hand: the collected suites, the solutions, the known mistakes, the pictures of the run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from grader import mistakes
from grader.course import Assignment, Course, Module, Part
from grader.errors import CourseError
from grader.session import recorded
from grader.session.exam import Connect, Exam, Paper
from grader.session.outcomes import PartOutcome
from grader.session.pictures import draw_pictures
from grader.session.plugin import SuitesPlugin
from grader.student import InProcess, Texts, Transport
from grader.worker.load import Handin

__all__ = ["Desk", "in_process"]


def in_process(texts: Texts, memory_mib: int, cpu_s: float) -> Transport:
    """A connection to code that is trusted, or the user's own: no worker, no limits."""
    return InProcess(texts)


@dataclass(eq=False)
class Desk:
    """One assignment's suites, collected, and the trusted answers beside them."""

    course: Course
    assignment: Assignment
    plugin: SuitesPlugin
    items: list[pytest.Item]
    data: Mapping[str, str] = field(default_factory=lambda: {"cifar10": "stand-in"})

    @functools.cached_property
    def modules(self) -> dict[str, Module]:
        """The modules of the assignment, by id."""
        return {module.id: module for module in self.assignment.modules}

    @functools.cached_property
    def answers(self) -> dict[str, Any]:
        """Recorded public answers."""
        return recorded.load(self.course.suites / self.assignment.id / "public_answers.npz")

    @functools.cached_property
    def texts(self) -> dict[str, tuple[str, str]]:
        """The solutions of the assignment and its given helpers, as a hand-in's texts."""
        paths = {module.id: self.course.solution(module) for module in self.assignment.modules}
        found = {name: (path.name, path.read_text("utf-8")) for name, path in paths.items() if path.exists()}
        return {**self.course.helpers(self.assignment.id), **found}

    @functools.cached_property
    def _handin(self) -> Handin:
        return Handin(self.texts)

    def solution(self, module: Module) -> ModuleType:
        """The solution's module, loaded as a hand-in's is."""
        return self._handin.module(module.id)

    @functools.cache  # noqa: B019  # a desk lives as long as its process
    def pictures(self, seed: str) -> Any:
        """The pictures of a run, drawn once."""
        return draw_pictures(seed, self.data.get("cifar10", "stand-in"))

    @functools.cache  # noqa: B019
    def replayer(self, module: str) -> mistakes.Replayer:
        """What compares answers with the known mistakes of a module."""
        entry = self.modules[module]
        others = {name: text for name, text in self.texts.items() if name != module}
        return mistakes.Replayer(entry, self.texts[module][1], mistakes.load(self.course, entry), others)

    def exam(self, paper: Paper, connect: Connect, reference: Callable[[Texts], Transport] | None = None) -> Exam:
        """An examination of one hand-in; `reference` says where the solution runs while it is timed."""

        def connect_reference(module: Module) -> Transport:
            texts = Texts(self.texts, module.aliases)
            return reference(texts) if reference else InProcess(texts)

        return Exam(
            course=self.course,
            plugin=self.plugin,
            items=self.items,
            modules=self.modules,
            paper=paper,
            connect=connect,
            solutions=self.solution,
            reference=connect_reference,
            answers=self.answers,
            pictures=self.pictures,
        )

    def record_answers(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """What the solution gives on the public inputs that suites ask to have recorded; `inputs` are used again."""
        exam = self.exam(Paper(self.texts, "0", self.data), in_process)
        exam.writing, exam.answers, exam.visibilities = True, recorded.Answers(inputs), ("public",)
        for module in self.assignment.modules:
            for part in module.parts:
                for test in exam.part(module, part).outcome.tests:
                    if test.status not in ("passed", "skipped"):
                        raise CourseError(
                            f"the solution fails its own public test: {test.name}",
                            place=f"{module.path}, part {part.id}",
                            way_out=f"mend one of the two; it said: {test.message}",
                        )
        return dict(exam.answers)

    def grade(self, exam: Exam, wanted: Sequence[tuple[Module, Part]]) -> Iterator[tuple[Module, PartOutcome]]:
        """Examine these parts, and say for each which known mistakes its answers are like."""
        for module, part in wanted:
            examined = exam.part(module, part)
            if examined.logs and module.id in self.texts:
                examined.outcome.diagnosis = self.replayer(module.id).diagnose(part.id, list(examined.logs.values()))
            yield module, examined.outcome
