"""What an author has to put in order before a course can be used: blanks, rubric, suites, mistakes, notebooks."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from grader import mistakes, rubric
from grader.course import Course, Module
from grader.errors import CourseError
from grader.mistakes import Mistake
from grader.release.stubs import blanks_of, solutions_of, stub_of

__all__ = ["findings"]


def findings(course: Course) -> list[str]:
    """A text for each thing that is not in order; none when all is.

    Raises:
        CourseError: this course holds no solutions, as a student's copy.
    """
    solutions = solutions_of(course.root)
    faults = [fault for solution in solutions for fault in _caught(_cut, solution, course)]
    rubrics = list(course.rubrics())
    if not rubrics:
        faults.append(
            CourseError("the course has no rubric", place="grader/suites", expected="A1/rubric.toml or the like")
        )
    for path in rubrics:
        read = _caught(rubric.read, path)
        modules = () if read else rubric.read(path).modules
        faults += read + [fault for module in modules for fault in _of_module(course, module)]
    faults += [fault for path in sorted((course.root / "notebooks").rglob("*.ipynb")) for fault in _of_notebook(path)]
    return [str(fault) for fault in faults]


def _caught(check: Callable[..., Any], *arguments: Any) -> list[CourseError]:
    """What a check raised, as a list of one or none."""
    try:
        check(*arguments)
    except CourseError as fault:
        return [fault]
    return []


def _cut(solution: Path, course: Course) -> str:
    return stub_of(solution.read_text(encoding="utf-8"), _name(course, solution))


def _name(course: Course, path: Path) -> str:
    return path.relative_to(course.root).as_posix()


def _of_module(course: Course, module: Module) -> list[CourseError]:
    faults = _caught(rubric.check_suites, course, module)
    path = course.solution(module)
    if not path.is_file():
        return [*faults, CourseError(f"module {module.path} has no solution", place=_name(course, path))]
    source = path.read_text(encoding="utf-8")
    unreadable = _caught(blanks_of, source)  # told by its own text before
    return (
        faults if unreadable else [*faults, *_of_parts(course, module, source), *_of_mistakes(course, module, source)]
    )


def _of_parts(course: Course, module: Module, source: str) -> Iterator[CourseError]:
    """Every part that is no named result holds a blank, every blank lies in a part."""
    place, blanks = _name(course, course.solution(module)), blanks_of(source)
    parts = [part for part in module.parts if not part.of]
    for part in parts:
        if not any(_is_in(blank, part.id) for blank in blanks):
            yield CourseError(
                f"part {part.id} has no blank: given code earns no points",
                place=place,
                expected=f"a region between markers in {part.id}",
                way_out="mark what the student fills, or take the part out of rubric.toml",
            )
    for blank in dict.fromkeys(blanks):
        if not any(_is_in(blank, part.id) for part in parts):
            yield CourseError(
                f"the blank in {blank} earns no points, because no part has that name",
                place=place,
                expected=f"one of {', '.join(part.id for part in parts)}",
                way_out=f"add [modules.{module.id}.parts.{blank}] to rubric.toml, or take the markers out",
            )


def _is_in(blank: str, part: str) -> bool:
    return blank == part or blank.startswith(f"{part}.")


def _of_mistakes(course: Course, module: Module, source: str) -> list[CourseError]:
    unreadable = _caught(mistakes.load, course, module)
    if unreadable:
        return unreadable
    place = _name(course, course.mistakes(module))
    known = {part.id for part in module.parts}
    return [
        fault
        for mistake in mistakes.load(course, module)
        for fault in _caught(_of_mistake, mistake, known, source, place)
    ]


def _of_mistake(mistake: Mistake, known: set[str], source: str, place: str) -> None:
    if mistake.part not in known:
        raise CourseError(f"mistake {mistake.id} names {mistake.part}, which is no part", place=place)
    empty = [name for name in ("title", "hint", "axis") if not getattr(mistake, name).strip()]
    if empty:
        raise CourseError(f"mistake {mistake.id} has no {empty[0]}", place=place)
    mutant = mistakes.mutate(source, mistake, place)
    if mutant == source:
        raise CourseError(f"mistake {mistake.id} changes nothing", place=place)
    try:
        ast.parse(mutant)
    except SyntaxError as fault:
        raise CourseError(f"mistake {mistake.id} is no Python: {fault.msg}", place=place) from fault


def _of_notebook(path: Path) -> Iterator[CourseError]:
    """A notebook is stored without outputs, so that its changes can be read."""
    place = "/".join(path.parts[-3:])
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError) as fault:
        yield CourseError(f"the notebook can't be read: {fault}", place=place)
        return
    for number, cell in enumerate(cells, start=1):
        if cell.get("outputs") or cell.get("execution_count") is not None:
            yield CourseError(
                "a notebook is stored with outputs",
                place=f"{place}, cell {number}",
                expected="no outputs and no execution count",
                way_out="clear all outputs and save it",
            )
            return
