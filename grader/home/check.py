"""Runs public suites on a student's own modules, in this process, so that prints and a debugger work."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader import course as courses
from grader import rubric, submissions
from grader.course import Assignment, Course, Module, Part
from grader.errors import GraderError, UsageError
from grader.executors.desk import Desk, in_process
from grader.home import hints
from grader.session.collect import with_suites
from grader.session.exam import Exam, Paper
from grader.session.outcomes import PartOutcome, TestOutcome
from grader.session.plugin import SuitesPlugin

__all__ = ["Checked", "check", "check_modules"]


@dataclass(frozen=True)
class Checked:
    """One part's public tests."""

    module: str
    outcome: PartOutcome
    hints: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Every public test that could be run here passed; nothing of the hand-in kept one from being run."""
        counted = [test for test in self.outcome.tests if test.share]
        return not self.outcome.message and all(test.status in ("passed", "skipped") for test in counted)

    def lines(self) -> list[str]:
        """What a student reads of it."""
        tests = self.outcome.tests
        if self.outcome.message:  # what holds for the part as a whole
            mark = {"not_implemented": "○", "skipped": "–"}.get(tests[0].status if tests else "", "✗")
            return [f"{mark} {self.outcome.id}: {self.outcome.message}"]
        passed = sum(test.status == "passed" for test in tests)
        ran = sum(test.status != "skipped" for test in tests)
        head = f"{'✓' if self.passed else '✗'} {self.outcome.id}: {passed} of {ran} public tests passed"
        if not ran:
            head = f"– {self.outcome.id}: {tests[0].message if tests else 'no public test'}"
        return [
            head,
            *(line for test in tests if test.status not in ("passed", "skipped") for line in _test_lines(test)),
            *self.hints,
        ]

    def machine(self) -> dict[str, object]:
        """The machine's form."""
        tests = [{"name": one.name, "status": one.status, "message": one.message} for one in self.outcome.tests]
        return {"module": self.module, "part": self.outcome.id, "passed": self.passed, "tests": tests}


def _test_lines(test: TestOutcome) -> list[str]:
    advice = "" if test.share else "advice, which costs nothing: "
    return [f"    {advice}{test.name}: {test.message}", *(f"        {line}" for line in test.details)]


def check(path: str = "", folder: str | Path = ".") -> bool:
    """Check `A2`, `A2/linear_classifier` or `A2/linear_classifier/svm_loss_naive` in `folder`, and print how it went.

    Returns:
        True when every public test that ran passed. What can't be checked is said in words, never as a traceback.
    """
    try:
        found = check_modules(courses.find(), path, Path(folder))
    except GraderError as fault:
        print(f"grader: {fault}")
        return False
    for checked in found:
        print("\n".join(checked.lines()))
    return all(checked.passed for checked in found)


@dataclass(frozen=True)
class _Own:
    """The student's own modules: those that can be read, by name, and why others can't."""

    texts: Mapping[str, tuple[str, str]]
    unreadable: Mapping[str, str]


def check_modules(course: Course, path: str, folder: Path) -> list[Checked]:
    """The public tests of what `path` names, run on the modules in `folder`.

    Raises:
        UsageError: there is no such assignment, module or part, or no file of it in `folder`.
    """
    name, module_name, part_name = ([*path.split("/", 2), "", "", ""])[:3]
    assignments = rubric.read_all(course)
    found: list[Checked] = []
    for assignment in _chosen(assignments, name):
        own = _read(assignment, folder)
        modules = [m for m in assignment.modules if m.id in own.texts and module_name in ("", m.id)]
        if module_name and not any(module.id == module_name for module in assignment.modules):
            raise _unknown(path, [module.path for module in assignment.modules])
        if modules:
            found += _check(course, assignment, modules, part_name, own)
    if not found:
        raise UsageError(
            f"there is no file of {path or 'any assignment'} here",
            place=str(folder.resolve()),
            expected=", ".join(f"{m.id}.py" for a in _chosen(assignments, name) for m in a.modules),
            way_out="run it in the folder that holds your modules",
        )
    return found


def _chosen(assignments: dict[str, Assignment], name: str) -> list[Assignment]:
    if name and name not in assignments:
        raise _unknown(name, list(assignments))
    return [assignments[name]] if name else list(assignments.values())


def _unknown(path: str, known: Sequence[str]) -> UsageError:
    return UsageError(f"there is no {path}", expected=f"one of {', '.join(known)}", way_out="mend the name")


def _read(assignment: Assignment, folder: Path) -> _Own:
    """The student's modules: in `folder`, or in its folder of the assignment's name."""
    texts, unreadable = {}, {}
    for module in assignment.modules:
        places = [place / f"{module.id}.py" for place in (folder, folder / assignment.id)]
        path = next((path for path in places if path.is_file()), None)
        if path is None:
            continue
        name = os.path.relpath(path)
        try:
            texts[module.id] = (name, submissions.as_text(path.read_bytes()))
        except submissions.Unreadable as fault:
            texts[module.id], unreadable[module.id] = (name, ""), f"{name}: {fault}"
    return _Own(texts, unreadable)


def _checked(exam: Exam, module: Module, part: Part, known: dict[str, Any]) -> Checked:
    examined = exam.part(module, part)
    return Checked(module.path, examined.outcome, tuple(hints.hints_for(known.get(part.id, []), examined.logs)))


def _check(course: Course, assignment: Assignment, modules: Sequence[Module], part: str, own: _Own) -> list[Checked]:
    found: list[Checked] = []

    def use(plugin: SuitesPlugin, items: list[pytest.Item]) -> None:
        desk = Desk(course, assignment, plugin, items)
        known = hints.load(course.suites / assignment.id / "hints.json")
        exam = Exam(
            course=course,
            plugin=plugin,
            items=items,
            modules=desk.modules,
            paper=Paper(own.texts, "0", desk.data),
            connect=in_process,
            solutions=None,
            reference=None,
            answers=desk.answers,
            visibilities=("public",),
            unloadable=dict(own.unreadable),
        )
        for module in modules:
            parts = [one for one in module.parts if part in ("", one.id)]
            if not parts:
                raise _unknown(f"{module.path}/{part}", [one.id for one in module.parts])
            found.extend(_checked(exam, module, one, known.get(module.id, {})) for one in parts)

    needed = rubric.with_needed({assignment.id: assignment}, {assignment.id: modules})
    with_suites(course, needed, ("public",), use, capture="no")
    return found
