"""The student's page: what each part earned, why, and what to look at next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from grader.emit.pages import render
from grader.emit.wording import percent
from grader.results import Module, Part, Record, VisibilityRule, for_student
from grader.results import Test as Checked

__all__ = ["anchor", "feedback_page"]

# Parts that ask for something to be mended stand open, the others fold away.
OPEN = ("partial", "failed", "error", "timeout", "memory", "grader_error")
HIDDEN_NOTE: dict[VisibilityRule, str] = {
    "now": "",
    "after_due": "Hidden tests count towards the points; what they say is shown after the due date.",
    "never": "Hidden tests count towards the points; what they say is not shown.",
}


@dataclass(frozen=True)
class PartView:
    """A part as the page shows it."""

    part: Part
    anchor: str
    open: bool
    tests: list[tuple[Checked, str]]  # with the message to show beneath, unless the part says it already

    @property
    def has_body(self) -> bool:
        """Whether there is anything to unfold."""
        return bool(self.part.message or self.part.tests or self.part.diagnosis)


@dataclass(frozen=True)
class ModuleView:
    """A module as the page shows it."""

    module: Module
    name: str
    title: str
    points: Fraction
    max_points: Fraction
    parts: list[PartView]


def feedback_page(
    record: Record, *, visibility: VisibilityRule = "now", titles: Mapping[str, str] | None = None
) -> str:
    """One hand-in's page for its student, as HTML.

    Args:
        record: the whole record; what the student may not see yet is left out here.
        visibility: when hidden tests show.
        titles: `A2` or `A2/linear_classifier` -> its title; names stand alone where there is none.
    """
    shown = for_student(record, visibility)
    modules = list(_modules(shown, titles or {}))
    return render(
        "feedback.html",
        record=shown,
        modules=modules,
        heading="; ".join(" · ".join(filter(None, (a.id, (titles or {}).get(a.id)))) for a in shown.assignments),
        names=", ".join(a.id for a in shown.assignments),
        share=percent(shown.score, shown.max_score),
        note=HIDDEN_NOTE[visibility],
        full=sum(view.part.status == "passed" for module in modules for view in module.parts),
        count=sum(len(module.parts) for module in modules),
    )


def anchor(name: str) -> str:
    """Where on the page the part with this full name stands."""
    return name.replace("/", "-")


def _modules(record: Record, titles: Mapping[str, str]) -> Iterator[ModuleView]:
    for assignment in record.assignments:
        for module in assignment.modules:
            name = f"{assignment.id}/{module.id}"
            counted = [part for part in module.parts if part.status != "skipped"]
            yield ModuleView(
                module=module,
                name=name,
                title=titles.get(name, module.id),
                points=sum((part.points for part in counted), Fraction(0)),
                max_points=sum((part.max_points for part in counted), Fraction(0)),
                parts=[_part(part, f"{name}/{part.id}") for part in module.parts],
            )


def _part(part: Part, name: str) -> PartView:
    said = part.message
    tests = []
    for test in part.tests:
        repeats = bool(test.message) and said.startswith(test.message)
        tests.append((test, "" if repeats else test.message))
        said = "" if repeats else said
    return PartView(part, anchor(name), part.status in OPEN, tests)
