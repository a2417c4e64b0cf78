"""How a test ended, in words: all of them for a public test and for staff, for a hidden one those that tell nothing."""

from __future__ import annotations

import builtins
import re
import traceback
from collections.abc import Mapping

import pytest

from grader.checks import Failure
from grader.course import Part
from grader.errors import GraderError, ProtocolError
from grader.protocol import Error
from grader.session.outcomes import TestOutcome
from grader.session.plugin import Bench
from grader.student import StudentError, StudentFault, StudentMemory, StudentNotImplemented, StudentUnloadable

__all__ = ["interrupted", "judge", "misfit", "of_the_whole", "unforeseen", "veil", "without_values"]

# A class of the student's own may be named after an input.
KNOWN_EXCEPTIONS = {
    *(name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)),
    "LinAlgError", "_LinAlgError", "OutOfMemoryError",
}  # fmt: skip
SHAPE = re.compile(r"\(\s*\d+\s*(?:,\s*\d+\s*)*,?\s*\)|\[\s*\d[^\]]*\]")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d_]*(?:\.\d+)?(?:e[-+]?\d+)?")
MOST_DIGITS = 3  # a share, a count, a ratio; an input or an expected value has more
TRACE_KEPT = 4000


def judge(bench: Bench, test: TestOutcome, called: str) -> TestOutcome:
    """Put down in `test` how it ended, in full."""
    fault = bench.fault
    if bench.passed:
        return test
    if bench.skipped:
        test.status, test.message = "skipped", bench.skipped
    elif isinstance(fault, Failure):
        test.status, test.message = "failed", fault.message
        test.details = [f"{label:<9} {text}" for label, text in [("called", called), *fault.details] if text]
    elif isinstance(fault, StudentFault):
        test.status, test.message = fault.status, fault.message  # type: ignore[assignment]
        test.details = [f"called    {called}", *fault.details] if called else fault.details
    elif isinstance(fault, ProtocolError):
        test.status, test.message = "error", f"sends something that is no answer: {fault.message}"
    elif isinstance(fault, AssertionError):
        test.status, test.message = "failed", (str(fault).strip().splitlines() or ["a check did not hold"])[0][:300]
    else:
        test.status = "grader_error"
        test.message = f"the grader's own fault: {type(fault).__name__}: {fault}"[:300]
        test.staff["trace"] = "".join(traceback.format_exception(fault))[-TRACE_KEPT:] if fault else ""
    return test


def veil(test: TestOutcome, fault: BaseException | None, texts: Mapping[str, tuple[str, str]]) -> None:
    """Leave a hidden test one line in which no input and no expected value can stand; staff keeps the whole.

    Whatever the student's code had a hand in goes: the text and the name of its exceptions, and the numbers of a
    message, since a shape or a count may be made of an input.
    """
    shown = test.message
    if isinstance(fault, StudentNotImplemented | StudentUnloadable):
        return  # words of ours, or of a load that has seen no input
    if isinstance(fault, StudentError):
        shown = f"raises {_kind(fault.error)}{_place(fault.error, texts)}"
    elif isinstance(fault, StudentMemory):
        shown = "asks for more memory than it may have"
    elif isinstance(fault, ProtocolError):
        shown = "sends something that is no answer"
    elif test.status == "grader_error":
        shown = f"the grader's own fault: {type(fault).__name__}"
    elif isinstance(fault, AssertionError) and not isinstance(fault, Failure):
        shown = "a check did not hold"  # what pytest says of it shows both sides
    elif test.status != "skipped":
        shown = without_values(test.message)
    if shown != test.message:
        test.staff["message"], test.message = test.message, shown


def without_values(message: str) -> str:
    """`message` with shapes, indices and every number of more than three digits left out."""
    return re.sub(r"\d{4,}", "…", NUMBER.sub(_short_or_nothing, SHAPE.sub("(…)", message)))


def _short_or_nothing(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0].split("e")[0]).lstrip("0")
    return found[0] if len(digits) <= MOST_DIGITS else "…"


def _kind(error: Error) -> str:
    return error.type if error.type in KNOWN_EXCEPTIONS else "an exception of its own"


def _place(error: Error, texts: Mapping[str, tuple[str, str]]) -> str:
    """The line, where the hand-in has such a line: code that is made at run time may be given any."""
    lines = next((text.count("\n") + 1 for name, text in texts.values() if name == error.file), 0)
    return f" ({error.file}, line {error.line})" if 0 < error.line <= lines else ""


def unforeseen(bench: Bench) -> bool:
    """An exception that neither a check nor the student's code raised: a suite stumbled over what came back.

    One of the system's is no such: a worker's parent that is gone, or a full disk, is never the student's doing.
    """
    known = (AssertionError, StudentFault, ProtocolError, GraderError, pytest.skip.Exception, OSError, MemoryError)
    return not isinstance(bench.fault, known)


def misfit(fault: BaseException | None) -> Failure:
    """What is said where a suite stumbled over a hand-in's answer, and not over the solution's."""
    text = str(fault).strip().splitlines()[0] if str(fault).strip() else ""
    kind = type(fault).__name__
    return Failure(f"returns something that can't be used as asked ({kind})", [("because", f"{kind}: {text[:160]}")])


def interrupted(bench: Bench) -> bool:
    """Whether the student's code was stopped by a KeyboardInterrupt."""
    return isinstance(bench.fault, StudentError) and bench.fault.error.type == "KeyboardInterrupt"


def of_the_whole(message: str, part: Part) -> str:
    """A message of a used-up limit with the part's own, where a worker forked anew had only what was left of it."""
    message = re.sub(r"[\d.e+-]+ (?=CPU seconds)", f"{part.cpu_s:g} ", message)
    return re.sub(r"within [\d.e+-]+ seconds", "in time", message)
