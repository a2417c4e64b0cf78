"""Reads `rubric.toml`, and holds it against the suites: every class has a part, every part a class."""

from __future__ import annotations

import ast
import math
import tomllib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from grader.course import Assignment, Course, Module, Part, class_name
from grader.errors import CourseError, UsageError

__all__ = ["check_suites", "read", "read_all", "select"]


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    points: float | int
    needs: list[str] = []
    of: list[str] = []
    public: float = 0.4
    cpu_s: float = 10.0
    memory_mib: int = 2048
    threshold: dict[str, float] = {}
    weights: dict[str, float] = {}


class _Module(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    parts: dict[str, _Part]
    aliases: dict[str, list[str]] = {}


class _Rubric(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    title: str
    modules: dict[str, _Module]


def read_all(course: Course) -> dict[str, Assignment]:
    """Every assignment of the course, by its id.

    Raises:
        CourseError: a rubric is not in order, or there is none.
    """
    found = [read(path) for path in course.rubrics()]
    if not found:
        raise CourseError("the course has no rubric", place=str(course.suites), expected="A1/rubric.toml and the like")
    return {assignment.id: assignment for assignment in found}


def read(path: Path) -> Assignment:
    """The assignment that a rubric describes.

    Raises:
        CourseError: it is no valid rubric, or a part needs one that does not exist.
    """
    try:
        raw = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _Rubric)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as fault:
        raise CourseError(f"rubric: {fault}", place=_short(path), way_out="see CONTRIBUTING.md, 'A rubric'") from fault
    modules = tuple(_module(raw.id, name, module) for name, module in raw.modules.items())
    assignment = Assignment(raw.id, raw.title, modules)
    _check_numbers(assignment, path)
    _check_needs(assignment, path)
    return assignment


def _module(assignment: str, name: str, raw: _Module) -> Module:
    parts = tuple(_part(part, entry) for part, entry in raw.parts.items())
    aliases = {canonical: tuple(others) for canonical, others in raw.aliases.items()}
    return Module(assignment, name, raw.title, parts, aliases)


def _part(name: str, raw: _Part) -> Part:
    return Part(
        id=name,
        title=raw.title,
        points=_exact(raw.points),
        needs=tuple(raw.needs),
        of=tuple(raw.of),
        public=_exact(raw.public),
        cpu_s=raw.cpu_s,
        memory_mib=raw.memory_mib,
        thresholds=raw.threshold,
        weights={test: _exact(weight) for test, weight in raw.weights.items()},
    )


def _exact(number: Any) -> Fraction:
    return Fraction(str(number)) if math.isfinite(number) else Fraction(-1)  # which no rule lets through


def _check_numbers(assignment: Assignment, path: Path) -> None:
    if assignment.id != path.parent.name:
        raise CourseError(
            f"rubric: its id is {assignment.id}",
            place=_short(path),
            expected=f"the name of its folder, {path.parent.name}",
        )
    for module in assignment.modules:
        for part in module.parts:
            rules = {
                "points are above 0": part.points > 0,
                "public is a share from 0 to 1": 0 <= part.public <= 1,
                "cpu_s and memory_mib are above 0": part.cpu_s > 0 and part.memory_mib > 0,
                "weights are not below 0": all(weight >= 0 for weight in part.weights.values()),
            }
            for rule, kept in rules.items():
                if not kept:
                    raise CourseError(
                        f"rubric: a number of part {part.id} can't be used",
                        place=f"{_short(path)}, [modules.{module.id}.parts.{part.id}]",
                        expected=rule,
                    )


def _check_needs(assignment: Assignment, path: Path) -> None:
    for module in assignment.modules:
        own = {part.id for part in module.parts}
        known = own | {f"{other.id}.{part.id}" for other in assignment.modules for part in other.parts}
        for part in module.parts:
            for name in (*part.needs, *part.of):
                if name not in known:
                    raise CourseError(
                        f"rubric: part {part.id} needs {name}, which is no part",
                        place=f"{_short(path)}, [modules.{module.id}.parts.{part.id}]",
                        expected=f"one of {', '.join(sorted(own))}",
                        way_out="mend the name, or add the part; another module's part is written module.part",
                    )


def select(assignments: Mapping[str, Assignment], asked: Sequence[str]) -> list[tuple[Assignment, list[Module]]]:
    """The assignments and modules that `A2` or `A2/linear_classifier` name; all where nothing is asked.

    Raises:
        UsageError: there is no such assignment or module.
    """
    if not asked:
        return [(assignment, list(assignment.modules)) for assignment in assignments.values()]
    found: dict[str, list[Module]] = {}
    for path in asked:
        name, _, module = path.partition("/")
        chosen = [one for one in assignments[name].modules if module in ("", one.id)] if name in assignments else []
        if not chosen:
            known = [one.path for assignment in assignments.values() for one in assignment.modules]
            raise UsageError(f"there is no {path}", expected=f"one of {', '.join([*assignments, *known])}")
        found.setdefault(name, []).extend(one for one in chosen if one not in found.get(name, []))
    return [(assignments[name], modules) for name, modules in found.items()]


def with_needed(assignments: Mapping[str, Assignment], asked: Mapping[str, Sequence[Module]]) -> list[Module]:
    """The modules that are asked for, by assignment, and behind them those of which their parts need a part."""
    found = [module for modules in asked.values() for module in modules]
    for module in found:  # grows on the way
        others = {other.id: other for other in assignments[module.assignment].modules}
        owners = dict.fromkeys(name.partition(".")[0] for part in module.parts for name in part.needs)
        found += [others[name] for name in owners if name in others and others[name] not in found]
    return found


def check_suites(course: Course, module: Module, visibilities: tuple[str, ...] = ("public", "hidden")) -> None:
    """Every test class of the suites belongs to a part, and every part has tests.

    Raises:
        CourseError: naming the class or the part that stands alone.
    """
    classes = _part_classes(course, module)
    found: dict[str, dict[str, ast.ClassDef]] = {visibility: {} for visibility in visibilities}
    for visibility in visibilities:
        path = course.suite(module, visibility)
        for node in _classes(path):
            if node.name not in classes:
                raise CourseError(
                    f"rubric: class {node.name} earns no points, because no part has that name",
                    place=f"{_short(path)}, line {node.lineno}",
                    expected=f"one of {', '.join(classes)}",
                    way_out="rename the class, or add the part with a title and points to rubric.toml",
                )
            if node.name in found[visibility]:
                raise CourseError(
                    f"rubric: two classes are named {node.name}, and only the second would be run",
                    place=f"{_short(path)}, lines {found[visibility][node.name].lineno} and {node.lineno}",
                    way_out="make one class of them",
                )
            found[visibility][node.name] = node
    for name, part in classes.items():
        lacking = [v for v in visibilities if name not in found[v] and not (part.of and v == "public")]
        if lacking:
            raise CourseError(
                f"rubric: part {part.id} has no {lacking[0]} test",
                place=_short(course.suite(module, lacking[0])),
                expected=f"a class {name}",
                way_out="write the class, or take the part out of rubric.toml",
            )
        if len(visibilities) == 2:  # else the test of a weight may stand in the other file
            _check_weights(course, module, part, [found[v][name] for v in visibilities if name in found[v]])


def _part_classes(course: Course, module: Module) -> dict[str, Part]:
    classes: dict[str, Part] = {}
    for part in module.parts:
        other = classes.setdefault(class_name(part.id), part)
        if other is not part:
            raise CourseError(
                f"rubric: parts {other.id} and {part.id} of {module.path} have one class name, {class_name(part.id)}",
                place=_short(course.suites / module.assignment / "rubric.toml"),
                way_out="rename one of them",
            )
    return classes


def _check_weights(course: Course, module: Module, part: Part, classes: Sequence[ast.ClassDef]) -> None:
    if any(node.bases for node in classes):
        return  # a test may stand in another class
    place = f"{_short(course.suites / module.assignment / 'rubric.toml')}, [modules.{module.id}.parts.{part.id}]"
    files = [{one.name for one in node.body if isinstance(one, ast.FunctionDef)} for node in classes]
    tests = sorted(name for names in files for name in names if name.startswith("test_"))
    strange = sorted(set(part.weights) - set(tests))
    if strange and classes:
        raise CourseError(
            f"rubric: part {part.id} gives a weight to {strange[0]}, which is no test of it",
            place=place,
            expected=f"one of {', '.join(tests)}",
            way_out="mend the name, or take the weight out",
        )
    weights = [[part.weights.get(name, Fraction(1)) for name in names if name in tests] for names in files]
    if any(of_a_file and not any(of_a_file) for of_a_file in weights):
        raise CourseError(
            f"rubric: part {part.id} has no test with a weight in one of its two files",
            place=place,
            expected="in each file a test that costs points where it fails",
        )


def _classes(path: Path) -> list[ast.ClassDef]:
    try:
        tree = ast.parse(path.read_text("utf-8"), str(path))
    except OSError as fault:
        raise CourseError("a suite is missing", place=_short(path)) from fault
    except SyntaxError as fault:
        raise CourseError(
            f"a suite does not parse: {fault.msg}", place=f"{_short(path)}, line {fault.lineno}"
        ) from fault
    return [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name.startswith("Test")]


def _short(path: Path) -> str:
    return "/".join(path.parts[-5:]) if len(path.parts) > 5 else str(path)
