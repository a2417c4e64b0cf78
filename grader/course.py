"""The catalogue: what a course folder holds, as frozen data, and where its files are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from grader.errors import CourseError, UsageError

__all__ = ["Assignment", "Course", "Module", "Part", "class_name", "find"]


@dataclass(frozen=True)
class Part:
    """What earns points: a function or class of a module, or a named result such as an accuracy."""

    id: str
    title: str
    points: Fraction
    needs: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    public: Fraction = Fraction(2, 5)
    cpu_s: float = 10.0
    memory_mib: int = 2048
    thresholds: dict[str, float] = field(default_factory=dict)
    weights: dict[str, Fraction] = field(default_factory=dict)

    def threshold(self, data: str) -> float:
        """The accuracy (fraction) asked for on this data: "stand-in" or "real"."""
        if data not in self.thresholds:
            raise CourseError(f"part {self.id} has no threshold for the data {data!r}")
        return self.thresholds[data]


@dataclass(frozen=True)
class Module:
    """One file that students hand in, and its parts in the order of the rubric."""

    assignment: str
    id: str
    title: str
    parts: tuple[Part, ...]
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def part(self, name: str) -> Part:
        """The part of this id."""
        return next(part for part in self.parts if part.id == name)

    @property
    def path(self) -> str:
        """As it is typed: "A2/linear_classifier"."""
        return f"{self.assignment}/{self.id}"


@dataclass(frozen=True)
class Assignment:
    """A2 and its modules."""

    id: str
    title: str
    modules: tuple[Module, ...]


@dataclass(frozen=True)
class Course:
    """A course folder: `assignments/ solutions/ notebooks/ grader/suites/`."""

    root: Path

    @property
    def suites(self) -> Path:
        """Where rubrics and suites are."""
        return self.root / "grader" / "suites"

    def rubrics(self) -> Iterator[Path]:
        """The rubric file of each assignment."""
        yield from sorted(self.suites.glob("A*/rubric.toml"))

    def solution(self, module: Module) -> Path:
        """The annotated reference of a module."""
        return self.root / "solutions" / module.assignment / f"{module.id}.py"

    def stub(self, module: Module) -> Path:
        """What students receive of a module."""
        return self.root / "assignments" / module.assignment / f"{module.id}.py"

    def suite(self, module: Module, visibility: str) -> Path:
        """The public or hidden suite of a module."""
        return self.suites / module.assignment / module.id / f"test_{visibility}.py"

    def mistakes(self, module: Module) -> Path:
        """The known mistakes of a module."""
        return self.suites / module.assignment / module.id / "mistakes.py"

    def helpers(self, assignment: str) -> dict[str, tuple[str, str]]:
        """The given helper files of an assignment: module name -> (file name, text)."""
        folder = self.root / "assignments" / assignment
        solved = {path.stem for path in (self.root / "solutions" / assignment).glob("*.py")}
        stubs = {path.parent.name for path in self.suites.glob(f"{assignment}/*/test_public.py")}
        found = [path for path in sorted(folder.glob("*.py")) if path.stem not in solved | stubs]
        return {path.stem: (path.name, path.read_text("utf-8")) for path in found}


def find(asked: Path | None = None) -> Course:
    """The course folder: the one asked for, else GRADER_COURSE, else the nearest one upwards from here.

    Raises:
        UsageError: there is none.
    """
    named = asked or (Path(os.environ["GRADER_COURSE"]) if os.environ.get("GRADER_COURSE") else None)
    candidates = [named] if named else [Path.cwd(), *Path.cwd().parents]
    for folder in candidates:
        if (folder / "grader" / "suites").is_dir():
            return Course(folder.resolve())
    raise UsageError(
        "no course folder found",
        place=str(named or Path.cwd()),
        expected="a folder that holds grader/suites, with assignments/ and solutions/ beside it",
        way_out="name one with --course DIR or in the environment as GRADER_COURSE",
    )


def class_name(part: str) -> str:
    """The test class of a part: `svm_loss` -> `TestSvmLoss`, `BatchNorm.forward` -> `TestBatchNormForward`."""
    words = part.replace(".", "_").split("_")
    return "Test" + "".join(word[:1].upper() + word[1:] for word in words)
