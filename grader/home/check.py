"""Runs public suites on a student's own modules, in this process, so that prints and a debugger work."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader import course as courses
from grader import rubric, submissions
from grader.course import Assignment, Course, Module
from grader.errors import UsageError
from grader.executors.desk import Desk, in_process
from grader.session.collect import with_suites
from grader.session.exam import Exam, Paper
from grader.session.outcomes import PartOutcome, TestOutcome
from grader.session.plugin import SuitesPlugin

__all__ = ["Checked", "check", "check_modules"]

MARKS = {"passed": "✓", "skipped": "–", "not_implemented": "○"}


@dataclass(frozen=True)
class Checked:
    """One part's public tests."""

    module: str
    outcome: PartOutcome

    @property
    def passed(self) -> bool:
        """Every public test that ran passed, and one did."""
        states = [test.status for test in self.outcome.tests]
        return all(state in ("passed", "skipped") for state in states)

    def lines(self) -> list[str]:
        """What a student reads of it."""
        tests = self.outcome.tests
        passed = sum(test.status == "passed" for test in tests)
        ran = sum(test.status != "skipped" for test in tests)
        head = f"{'✓' if self.passed else '✗'} {self.outcome.id}: {passed} of {ran} public tests passed"
        if not ran:
            head = f"– {self.outcome.id}: {tests[0].message if tests else 'no public test'}"
        return [
            head,
            *(line for test in tests if test.status not in ("passed", "skipped") for line in _test_lines(test)),
        ]

    def machine(self) -> dict[str, object]:
        """The machine's form."""
        tests = [{"name": one.name, "status": one.status, "message": one.message} for one in self.outcome.tests]
        return {"module": self.module, "part": self.outcome.id, "passed": self.passed, "tests": tests}


def _test_lines(test: TestOutcome) -> list[str]:
    return [f"    {test.name}: {test.message}", *(f"        {line}" for line in test.details)]


def check(path: str = "", folder: str | Path = ".") -> bool:
    """Check `A2`, `A2/linear_classifier` or `A2/linear_classifier/svm_loss_naive` in `folder`, and print how it went.

    Returns:
        True when every public test that ran passed.
    """
    found = check_modules(courses.find(), path, Path(folder))
    for checked in found:
        print("\n".join(checked.lines()))
    return all(checked.passed for checked in found)


def check_modules(course: Course, path: str, folder: Path) -> list[Checked]:
    """The public tests of what `path` names, run on the modules in `folder`.

    Raises:
        UsageError: there is no such assignment, module or part, or no file of it in `folder`.
    """
    name, module_name, part_name = ([*path.split("/", 2), "", "", ""])[:3]
    assignments = rubric.read_all(course)
    found: list[Checked] = []
    for assignment in _chosen(assignments, name):
        texts = _texts(assignment, folder)
        modules = [m for m in assignment.modules if m.id in texts and module_name in ("", m.id)]
        if module_name and not any(module.id == module_name for module in assignment.modules):
            raise _unknown(path, [module.path for module in assignment.modules])
        if modules:
            found += _check(course, assignment, modules, part_name, texts)
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


def _texts(assignment: Assignment, folder: Path) -> dict[str, tuple[str, str]]:
    """The student's modules: in `folder`, or in its folder of the assignment's name."""
    found = {}
    for module in assignment.modules:
        for place in (folder, folder / assignment.id):
            path = place / f"{module.id}.py"
            if path.is_file() and module.id not in found:
                found[module.id] = (str(path), submissions.as_text(path.read_bytes()))
    return found


def _check(
    course: Course, assignment: Assignment, modules: Sequence[Module], part: str, texts: dict[str, tuple[str, str]]
) -> list[Checked]:
    found: list[Checked] = []

    def use(plugin: SuitesPlugin, items: list[pytest.Item]) -> None:
        desk = Desk(course, assignment, plugin, items)
        exam = Exam(
            course=course,
            plugin=plugin,
            items=items,
            modules=desk.modules,
            paper=Paper(texts, "0", desk.data),
            connect=in_process,
            solutions=None,
            reference=None,
            answers=desk.answers,
            visibilities=("public",),
        )
        for module in modules:
            parts = [one for one in module.parts if part in ("", one.id)]
            if not parts:
                raise _unknown(f"{module.path}/{part}", [one.id for one in module.parts])
            found.extend(Checked(module.path, exam.part(module, one).outcome) for one in parts)

    names = set(sys.modules)
    with_suites(course, modules, ("public",), use)
    for name in set(sys.modules) - names:  # a notebook runs this again and again, after edits
        if name.endswith((".test_public",)):
            del sys.modules[name]
    return found
