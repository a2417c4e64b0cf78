"""The record as its student may read it, by the rule that says when hidden tests show."""

from __future__ import annotations

from typing import Literal

from grader.results.build import part_status
from grader.results.record import Assignment, Module, Part, PartStatus, Record, Test

__all__ = ["VisibilityRule", "for_student"]

VisibilityRule = Literal["now", "after_due", "never"]

LATER: dict[VisibilityRule, str] = {
    "after_due": "the rest hangs on hidden tests, which are shown after the due date",
    "never": "the rest hangs on hidden tests, which are not shown",
}


def for_student(record: Record, rule: VisibilityRule) -> Record:
    """`record` with nothing in it that hidden tests said, unless `rule` is `now`.

    Points stay, since they are the grade. A part's status is what its points and its public tests say, its message what
    a public test said; a diagnosis stays where a public test did not pass. The seed goes: who knows it can draw the
    hidden inputs, and may still hand in again.
    """
    if rule == "now":
        return record
    assignments = [_assignment(assignment, rule) for assignment in record.assignments]
    return record.model_copy(update={"seed": None, "assignments": assignments})


def _assignment(assignment: Assignment, rule: VisibilityRule) -> Assignment:
    return assignment.model_copy(update={"modules": [_module(module, rule) for module in assignment.modules]})


def _module(module: Module, rule: VisibilityRule) -> Module:
    return module.model_copy(update={"parts": [_part(part, rule) for part in module.parts]})


def _part(part: Part, rule: VisibilityRule) -> Part:
    shown = [test for test in part.tests if test.visibility == "public"]
    if len(shown) == len(part.tests):
        return part
    wrong = [test for test in shown if test.status not in ("passed", "skipped")]
    return part.model_copy(
        update={
            "tests": shown,
            "status": _status(part, wrong),
            "message": _message(part, wrong, rule),
            "diagnosis": part.diagnosis if wrong else [],
        }
    )


def _status(part: Part, wrong: list[Test]) -> PartStatus:
    if part.status in ("passed", "partial", "not_implemented", "skipped", "grader_error"):
        return part.status
    return part_status([test.status for test in wrong], part.points) if wrong else "failed"


def _message(part: Part, wrong: list[Test], rule: VisibilityRule) -> str:
    if part.status in ("passed", "skipped", "not_implemented"):
        return part.message
    said = next((test.message for test in wrong if test.message), "")
    if part.status == "grader_error":
        return said or "a fault of the grader, not of your code"
    return said or LATER[rule]
