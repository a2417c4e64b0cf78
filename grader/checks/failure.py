"""A check that did not hold: what differs, by how much, and what to look at."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["Failure", "fail", "true"]


class Failure(AssertionError):
    """The student's answer is not what the exercise asks for.

    `message` is one line; `details` are rows of (label, text) such as ("differs", "in 3 of 12 elements, …").
    """

    def __init__(self, message: str, details: list[tuple[str, str]] | None = None, hint: str = "") -> None:
        self.message = message
        self.details = [*(details or []), *([("look at", hint)] if hint else [])]
        super().__init__(message)

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  {label:<9} {text}" for label, text in self.details)])


def fail(message: str, hint: str = "") -> NoReturn:
    """End the test: the student's answer is wrong in the way that `message` says."""
    raise Failure(message, hint=hint)


def true(condition: object, message: str, hint: str = "") -> None:
    """Fail with `message` unless `condition` holds: for what has no check of its own."""
    if not condition:
        raise Failure(message, hint=hint)
