"""From a session's outcomes to the record and its score, and to what staff alone may read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from grader.results.record import Assignment, Finding, Module, Part, PartStatus, Record, Test
from grader.results.text import clean_line, clean_lines, printable_name
from grader.session.outcomes import ModuleOutcome, ModuleStatus, PartOutcome, TestOutcome, TestStatus

__all__ = ["build", "part_status", "staff_view"]

# Which of several statuses names a part that earned nothing: what stopped it before what it got wrong.
WORST_FIRST: tuple[TestStatus, ...] = ("grader_error", "timeout", "memory", "error")
# A part without tests is named after what became of its module. A file that is another exercise of the same name
# costs nothing: its parts are skipped, and the module's status tells staff.
WITHOUT_TESTS: dict[ModuleStatus, PartStatus] = {
    "missing": "not_implemented",
    "unloadable": "error",
    "other_term": "skipped",
    "graded": "grader_error",
}
WHY_WITHOUT_TESTS: dict[ModuleStatus, str] = {
    "missing": "the hand-in has no file for this module",
    "unloadable": "the module could not be loaded",
    "other_term": "the file is another exercise of the same name",
    "graded": "the grader ran no test of this part",
}


def build(
    submission: str,
    source_sha256: str,
    modules: Mapping[str, Sequence[ModuleOutcome]],
    *,
    seed: int,
    sandbox: str,
    device: str,
    data: Mapping[str, str],
    kit: str,
    duration_s: float,
) -> Record:
    """The record of one hand-in.

    Args:
        submission: the hand-in's name as it was found.
        source_sha256: hash of what was handed in.
        modules: assignment id -> outcomes of its modules, in the course's order.
        seed: the run's seed.
        sandbox: what confined the workers; `none` where nothing did.
        device: `cpu` or `cuda`.
        data: data set -> `real` or `stand-in`.
        kit: version of the kit.
        duration_s: wall time of the hand-in.
    """
    assignments = [_assignment(id, outcomes) for id, outcomes in modules.items()]
    return Record(
        kit=kit,
        submission=printable_name(submission),
        source_sha256=source_sha256,
        seed=seed,
        sandbox=sandbox,
        device=device,
        data=dict(sorted(data.items())),
        score=sum((assignment.score for assignment in assignments), Fraction(0)),
        max_score=sum((assignment.max_score for assignment in assignments), Fraction(0)),
        duration_s=round(duration_s, 4),
        assignments=assignments,
    )


def part_status(statuses: Iterable[TestStatus], points: Fraction) -> PartStatus:
    """One word for a part whose tests ended with `statuses` (at least one) and earned `points`."""
    ran = {status for status in statuses if status != "skipped"}
    if not ran:
        return "skipped"
    if ran == {"passed"}:
        return "passed"
    if ran == {"not_implemented"}:
        return "not_implemented"
    if points > 0 and "grader_error" not in ran:
        return "partial"
    return next((status for status in WORST_FIRST if status in ran), "failed")


def staff_view(outcomes: Mapping[str, Sequence[ModuleOutcome]]) -> dict[str, Any]:
    """What `staff.json` holds beside the record: hidden tests' full text, shares, prints, traces, refused calls."""
    return {
        "schema": 1,
        "assignments": [
            {"id": id, "modules": [_staff_module(module) for module in modules]} for id, modules in outcomes.items()
        ],
    }


def _assignment(id: str, outcomes: Sequence[ModuleOutcome]) -> Assignment:
    modules = [_module(outcome) for outcome in outcomes]
    counted = [part for module in modules for part in module.parts if part.status != "skipped"]
    return Assignment(
        id=id,
        score=sum((part.points for part in counted), Fraction(0)),
        max_score=sum((part.max_points for part in counted), Fraction(0)),
        modules=modules,
    )


def _module(outcome: ModuleOutcome) -> Module:
    return Module(
        id=outcome.id,
        status=outcome.status,
        message=clean_line(outcome.message),
        parts=[_part(part, outcome) for part in outcome.parts],
    )


def _part(outcome: PartOutcome, module: ModuleOutcome) -> Part:
    points = _earned(outcome)
    if outcome.tests:
        status = part_status([test.status for test in _counted(outcome.tests)], points)
    else:
        status = WITHOUT_TESTS[module.status]
    return Part(
        id=outcome.id,
        title=outcome.title,
        points=points,
        max_points=outcome.max_points,
        status=status,
        message=clean_line(_message(outcome, module, status)),
        diagnosis=[Finding(id=known.id, title=known.title, hint=known.hint) for known in outcome.diagnosis],
        tests=[_test(test) for test in outcome.tests],
    )


def _test(outcome: TestOutcome) -> Test:
    return Test(
        name=clean_line(outcome.name),
        visibility=outcome.visibility,
        status=outcome.status,
        message=clean_line(outcome.message),
        # A hidden test's details may hold inputs and expected values: they stay with staff.
        details=clean_lines(outcome.details) if outcome.visibility == "public" else [],
        duration_s=round(outcome.duration_s, 4),
    )


def _counted(tests: Sequence[TestOutcome]) -> list[TestOutcome]:
    """The tests that are worth something; one of weight 0 is advice, which decides no part."""
    return [test for test in tests if test.share or test.status == "grader_error"] or list(tests)


def _earned(outcome: PartOutcome) -> Fraction:
    """The part's points by the shares of the tests that passed; a skipped test's share goes to the others."""
    ran = [test for test in outcome.tests if test.status != "skipped"]
    whole = sum((test.share for test in ran), Fraction(0))
    passed = sum((test.share for test in ran if test.status == "passed"), Fraction(0))
    return outcome.max_points * passed / whole if whole else Fraction(0)


def _message(outcome: PartOutcome, module: ModuleOutcome, status: PartStatus) -> str:
    said = outcome.message or _first_message(outcome.tests, status)
    if not said and not outcome.tests:
        said = module.message or WHY_WITHOUT_TESTS[module.status]
    if not outcome.stood_in:
        return said
    stood_in = f"graded with the reference in place of your {', '.join(outcome.stood_in)}"
    return f"{said} ({stood_in})" if said else stood_in


def _first_message(tests: Sequence[TestOutcome], status: PartStatus) -> str:
    """The message of the first test that did not pass, public ones before hidden; a fault of ours before all."""
    loud = [test for test in tests if test.status == "grader_error"]
    wrong = [test for test in _counted(tests) if test.status not in ("passed", "skipped")]
    for test in sorted(loud or wrong or (tests if status == "skipped" else []), key=lambda t: t.visibility == "hidden"):
        if test.message:
            return test.message
    return ""


def _staff_module(module: ModuleOutcome) -> dict[str, Any]:
    return {
        "id": module.id,
        "status": module.status,
        "message": module.message,
        "parts": [_staff_part(part) for part in module.parts],
    }


def _staff_part(part: PartOutcome) -> dict[str, Any]:
    return {
        "id": part.id,
        "max_points": str(part.max_points),
        "message": part.message,
        "stood_in": part.stood_in,
        "diagnosis": [known.id for known in part.diagnosis],
        "duration_s": part.duration_s,
        "staff": _plain(part.staff),
        "tests": [_staff_test(test) for test in part.tests],
    }


def _staff_test(test: TestOutcome) -> dict[str, Any]:
    return {
        "name": test.name,
        "visibility": test.visibility,
        "status": test.status,
        "share": str(test.share),
        "message": test.message,
        "details": test.details,
        "duration_s": test.duration_s,
        "staff": _plain(test.staff),
    }


def _plain(value: Any) -> Any:
    """`value` as JSON can say it; what it can't is written as Python shows it."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return repr(value)
