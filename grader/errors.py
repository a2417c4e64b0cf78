"""The tree of the grader's own errors, an exit status per branch.

GraderError            3  a fault of the kit, of the course folder or of this machine
├── CourseError        3  the course folder: rubric, suites, solutions
├── SandboxError       3  this machine can't confine a hand-in
└── ProtocolError      3  a worker answered with something that is no answer
UsageError             2  what was typed
"""

from __future__ import annotations

__all__ = ["CourseError", "GraderError", "ProtocolError", "SandboxError", "UsageError"]


class GraderError(Exception):
    """A fault that is not the student's: what happened, where, what was expected, and the way out."""

    exit_status = 3

    def __init__(self, message: str, *, place: str = "", expected: str = "", way_out: str = "") -> None:
        self.message = message
        self.place = place
        self.expected = expected
        self.way_out = way_out
        super().__init__(message)

    def __str__(self) -> str:
        rows = (("in", self.place), ("expected", self.expected), ("way out", self.way_out))
        return "\n".join([self.message, *(f"  {name:<9} {text}" for name, text in rows if text)])


class CourseError(GraderError):
    """The course folder is not in order: rubric, suites or solutions."""


class SandboxError(GraderError):
    """This machine can't confine a hand-in as asked."""


class ProtocolError(GraderError):
    """A worker sent something that is not a message of the protocol."""


class UsageError(GraderError):
    """What was typed can't be done."""

    exit_status = 2
