"""What goes wrong in a hand-in's code, as exceptions of the trusted side.

StudentFault
├── StudentError           its code raised
│   └── StudentNotImplemented
├── StudentTimeout         its CPU time is used up
├── StudentMemory          it asked for more memory than it may have
├── StudentCrash           its process ended
└── StudentUnloadable      its file does not parse, or ends the process while it is loaded
"""

from __future__ import annotations

from grader.protocol import Error
from grader.worker.spawn import OUTPUT_BYTES

__all__ = [
    "StudentCrash", "StudentError", "StudentFault", "StudentMemory", "StudentNotImplemented", "StudentTimeout",
    "StudentUnloadable",
]  # fmt: skip


class StudentFault(Exception):
    """A fault of the hand-in, in one line that its author can act on; `status` is the test's."""

    status = "error"

    def __init__(self, message: str, details: list[str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or []


class StudentError(StudentFault):
    """The hand-in's code raised an exception."""

    def __init__(self, error: Error) -> None:
        error = _within_bounds(error)
        place = f" ({error.file}, line {error.line})" if error.file else ""
        text = error.message.strip().splitlines()[0] if error.message.strip() else "no message"
        details = [f"raised    {error.type}: {error.message.strip()}"[:600]]
        details += [f"at        {error.file}, line {error.line}:  {error.code}"] if error.file else []
        super().__init__(f"raises {error.type}: {text[:200]}{place}", details)
        self.error = error


def _within_bounds(error: Error) -> Error:
    """A worker's own words cut to what an honest one sends: the process that chose them is the student's."""
    return Error(
        type=_printable(error.type[:80]),
        message=error.message[:2010],
        category=error.category[:40],
        file=_printable(error.file[:200]),
        line=error.line,
        code=_printable(error.code[:200]),
        trace=[_printable(row[:300]) for row in error.trace[:12]],
    )


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


class StudentNotImplemented(StudentError):
    """The hand-in's code raised NotImplementedError: this part is not written yet."""

    status = "not_implemented"

    def __init__(self, error: Error) -> None:
        super().__init__(error)
        self.message = "not implemented yet"


class StudentTimeout(StudentFault):
    """The hand-in's CPU time for this part is used up."""

    status = "timeout"


class StudentMemory(StudentFault):
    """The hand-in asked for more memory than this part allows."""

    status = "memory"


class StudentCrash(StudentFault):
    """The process that runs the hand-in has ended."""


class StudentUnloadable(StudentFault):
    """The hand-in's file can't be loaded at all."""


def too_much_output() -> StudentFault:
    """The fault of code that has printed all that it may."""
    fault = StudentFault(f"prints more than the {OUTPUT_BYTES >> 20} MiB that a part may print")
    fault.details = ["look at   prints inside loops"]
    return fault


def from_error(error: Error) -> StudentFault:
    """The fault that a worker's error stands for."""
    if error.category == "not_implemented":
        return StudentNotImplemented(error)
    if error.category == "memory":
        fault = StudentError(error)
        return StudentMemory(fault.message.replace("raises ", "asks for more memory than it may have: "), fault.details)
    return StudentError(error)
