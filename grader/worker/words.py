"""An exception of the student's code in words: type, message, and the student's own file and line."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

from grader.protocol import Error

__all__ = ["describe"]

MESSAGE_LIMIT = 2000
TRACE_LIMIT = 12


def describe(fault: BaseException, texts: Mapping[str, str]) -> Error:
    """What was raised, and where in the hand-in's own files; frames of the kit and of libraries are left out.

    Args:
        fault: of any class, also of one made to raise when it is looked at.
        texts: the hand-in's files, as tracebacks name them, with their texts.
    """
    try:
        return _described(fault, texts)
    except BaseException:
        return Error(type="Exception", message="(what was raised can't be described)")


def _described(fault: BaseException, texts: Mapping[str, str]) -> Error:
    frames = [frame for frame in _frames(fault) if frame[0] in texts]
    file, line = frames[-1] if frames else ("", 0)
    text = _text(fault)
    return Error(
        type=type(fault).__name__[:80],
        message=text,
        category=_category(fault, text),
        file=file,
        line=line,
        code=_line(texts[file], line).strip()[:200] if file else "",
        trace=[f"{name}, line {number}" for name, number in frames[-TRACE_LIMIT:]],
    )


def _line(text: str, number: int) -> str:
    lines = text.split("\n")  # as Python counts: a form feed ends no line
    return lines[number - 1] if 0 < number <= len(lines) else ""


def _frames(fault: BaseException) -> list[tuple[str, int]]:
    if fault.__traceback__ is None:
        return []
    return [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(fault.__traceback__)]


def _text(fault: BaseException) -> str:
    try:
        text = str(fault)
    except BaseException as second:  # a student's own __str__ may raise anything
        return f"(its text can't be made: {type(second).__name__})"
    text = text if len(text) <= MESSAGE_LIMIT else text[:MESSAGE_LIMIT] + " …"
    return text.encode("utf-8", "replace").decode()


def _category(fault: BaseException, text: str) -> str:
    if isinstance(fault, NotImplementedError):
        return "not_implemented"
    if isinstance(fault, MemoryError) or "DefaultCPUAllocator: can't allocate memory" in text:
        return "memory"
    if isinstance(fault, RecursionError):
        return "recursion"
    return "exit" if isinstance(fault, SystemExit | KeyboardInterrupt | GeneratorExit) else ""
