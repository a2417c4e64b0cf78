"""The words, letters and numbers that every output uses for the same thing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from grader.results import PartStatus, rounded

__all__ = ["STATUS", "Word", "percent", "points_text", "title_of_test"]


@dataclass(frozen=True)
class Word:
    """How a status is said, in full and as one letter."""

    label: str
    letter: str
    style: str  # of rich; pages have their own


# Letters differ from each other, so that nothing hangs on colour alone.
STATUS: dict[PartStatus, Word] = {
    "passed": Word("passed", "P", "green"),
    "partial": Word("partly", "~", "yellow"),
    "failed": Word("failed", "F", "red"),
    "not_implemented": Word("not implemented", "-", "dim"),
    "error": Word("error", "E", "red"),
    "timeout": Word("time limit", "T", "red"),
    "memory": Word("memory limit", "M", "red"),
    "skipped": Word("skipped", "s", "dim"),
    "grader_error": Word("grader error", "!", "bold magenta"),
}


def points_text(points: Fraction) -> str:
    """Points as people read them: two decimals at most, none where they are whole."""
    number = rounded(points)
    return str(number) if isinstance(number, int) else f"{number:.2f}".rstrip("0")


def percent(points: Fraction, of: Fraction) -> float:
    """100 × points / of; 0 where there is nothing to earn."""
    return float(100 * points / of) if of else 0.0


def title_of_test(name: str) -> str:
    """A test's name as the sentence it is: `test_is_symmetric[float32]` -> `is symmetric [float32]`."""
    match = re.fullmatch(r"(?:.*::)?(?:test_)?([^\[]*)(\[.*\])?", name, re.DOTALL)
    if match is None:
        return name
    words, case = match[1].replace("_", " ").strip(), match[2] or ""
    return f"{words} {case}".strip() or name
