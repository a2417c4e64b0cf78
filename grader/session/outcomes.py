"""What one hand-in did in one module's suites, as plain data: the session's output, the record's input."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, TypeVar

import msgspec

TestStatus = Literal["passed", "failed", "not_implemented", "error", "timeout", "memory", "skipped", "grader_error"]
ModuleStatus = Literal["graded", "missing", "unloadable", "other_term"]
Visibility = Literal["public", "hidden"]


@dataclass(frozen=True)
class Diagnosis:
    """A known mistake that the hand-in's answers are like."""

    id: str
    title: str
    hint: str


@dataclass
class TestOutcome:
    """One test: its share of the part's points (shares of a part's tests sum to 1) and how it ended.

    `message` is one line for the student; `details` are further lines for a public test's feedback and, for a
    hidden one, for staff alone. `staff` holds what only staff may read: inputs' shapes, prints, traces.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    name: str
    visibility: Visibility
    status: TestStatus
    share: Fraction
    message: str = ""
    details: list[str] = field(default_factory=list)
    staff: dict[str, Any] = field(default_factory=dict)
    duration_s: float = 0.0


@dataclass
class PartOutcome:
    """One part: its tests in the order of the suites, and the known mistakes that its answers are like."""

    id: str
    title: str
    max_points: Fraction
    tests: list[TestOutcome] = field(default_factory=list)
    diagnosis: list[Diagnosis] = field(default_factory=list)
    stood_in: list[str] = field(default_factory=list)
    message: str = ""
    staff: dict[str, Any] = field(default_factory=dict)
    duration_s: float = 0.0


@dataclass
class ModuleOutcome:
    """One module of one hand-in; a module that is missing or can't be loaded has parts with no tests."""

    id: str
    status: ModuleStatus
    message: str = ""
    parts: list[PartOutcome] = field(default_factory=list)


_Outcome = TypeVar("_Outcome", PartOutcome, ModuleOutcome, TestOutcome)


def dump(outcome: PartOutcome | ModuleOutcome | TestOutcome) -> bytes:
    """JSON of an outcome; shares and points as exact fractions ("3/20")."""
    return msgspec.json.encode(outcome, enc_hook=str)


def load(text: bytes | str, kind: type[_Outcome]) -> _Outcome:
    """The outcome that `dump` wrote."""
    return msgspec.json.decode(text, type=kind, dec_hook=lambda to, value: to(value))
