"""What is known of a hand-in before any of it is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Handin", "Source"]


@dataclass(frozen=True)
class Source:
    """The text of one module of a hand-in.

    Attributes:
        module: its name, as the course has it.
        path: its file, relative to the hand-in and to its copy alike.
        text: the decoded text that runs, with "\\n" at line ends; of a notebook the assembled module. Empty where there
            is a problem.
        problem: why the text can't be had, in one line that the student can act on.
    """

    module: str
    path: Path
    text: str
    problem: str = ""


@dataclass(frozen=True)
class Handin:
    """One hand-in, copied.

    Attributes:
        name: the file's or folder's name, told apart from the others of the same run.
        path: where it was found.
        files: the private folder that holds its copy.
        sources: its modules by name.
        sha256: a hash of the relative names and the bytes of what was copied: the same for a zip, for the folder it was
            made from, and whenever they were made.
        left_out: what was not taken, each with its reason.
        problem: why nothing of it can be graded, in one line.
    """

    name: str
    path: Path
    files: Path
    sources: dict[str, Source]
    sha256: str
    left_out: list[str]
    problem: str = ""
