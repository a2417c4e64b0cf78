"""Cuts the blanks out of the solutions: the stubs that students receive, and whether they are in step."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from grader.errors import CourseError

__all__ = ["BEGIN", "END", "blanks_of", "solutions_of", "stale_stubs", "stub_of", "stub_path", "write_stubs"]

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


@dataclass(frozen=True)
class Region:
    """One blank: the numbers of its two marker lines, from 1, and the function that it belongs to."""

    first: int
    last: int
    owner: str


def stub_of(source: str, place: str = "the solution") -> str:
    """The text of a solution in which each marked region is one line that raises.

    Everything outside the regions is kept as it stands, imports and unreachable lines included, so that the same
    solution always gives the same bytes.

    Args:
        source: a solution, its blanks between `### BEGIN SOLUTION` and `### END SOLUTION` on lines of their own.
        place: what to call the source in an error.
    Raises:
        CourseError: markers that don't pair up or stand outside a function; a solution or stub that does not parse.
    """
    tree = _parse(source, place, "the solution is no Python")
    lines = source.split("\n")
    for region in reversed(_regions(lines, tree, place)):
        indent = lines[region.first - 1].removesuffix(BEGIN)
        blank = [f"{indent}# Your code goes here.", f'{indent}raise NotImplementedError("{region.owner}")']
        lines[region.first - 1 : region.last] = blank
    stub = "\n".join(lines)
    _parse(stub, place, "the stub would be no Python: a marker stands inside a statement")
    return stub


def blanks_of(source: str, place: str = "the solution") -> list[str]:
    """The function or `Class.method` of each blank, in order.

    Raises:
        CourseError: see `stub_of`.
    """
    tree = _parse(source, place, "the solution is no Python")
    return [region.owner for region in _regions(source.split("\n"), tree, place)]


def _parse(source: str, place: str, trouble: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise CourseError(f"{trouble}: {error.msg}", place=f"{place}, line {error.lineno}") from error


def _regions(lines: list[str], tree: ast.Module, place: str) -> list[Region]:
    owners = list(_functions(tree))
    regions = []
    opened = 0
    for number, line in enumerate(lines, start=1):
        if line.strip() == BEGIN and not opened:
            opened = number
        elif line.strip() == END and opened:
            regions.append(Region(opened, number, _owner(owners, opened, number, place)))
            opened = 0
        elif BEGIN in line or END in line:
            raise _unpaired(number, line, place)
    if opened:
        raise _unpaired(opened, lines[opened - 1], place)
    return regions


def _unpaired(number: int, line: str, place: str) -> CourseError:
    return CourseError(
        f"a marker has no partner: {line.strip()}",
        place=f"{place}, line {number}",
        expected=f"{BEGIN!r} and {END!r} in turn, each alone on its line",
        way_out="add the other marker, or take this one out",
    )


def _functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, int, int]]:
    """Name, first and last line of each function of a module, methods as `Class.method`; none inside another."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + child.name, child.lineno, child.end_lineno or child.lineno
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


def _owner(functions: list[tuple[str, int, int]], first: int, last: int, place: str) -> str:
    """The function that a region lies in; its end marker, a comment, may come after the last line of the tree."""
    inside = [name for name, start, end in functions if start < first <= end]
    crossed = [name for name, start, _ in functions if first < start < last]
    if not inside or crossed:
        raise CourseError(
            f"the blank holds {crossed[0]} whole" if crossed else "the blank lies in no function",
            place=f"{place}, lines {first} to {last}",
            expected="both markers inside the body of one function or method",
            way_out="move the markers into the function whose part the blank is",
        )
    return inside[-1]


def solutions_of(course_root: Path) -> list[Path]:
    """The solutions of a course folder, in order.

    Raises:
        CourseError: where there are none, as in a student's copy.
    """
    found = sorted((course_root / "solutions").glob("A*/*.py"))
    if not found:
        raise CourseError(
            "this course holds no solutions, so no stub can be made",
            place=str(course_root / "solutions"),
            expected="solutions/<assignment>/<module>.py",
            way_out="name the instructors' course folder with --course or GRADER_COURSE",
        )
    return found


def stub_path(solution: Path) -> Path:
    """Where the stub of `<course>/solutions/<A>/<module>.py` belongs."""
    course_root, assignment = solution.parents[2], solution.parent.name
    return course_root / "assignments" / assignment / solution.name


def _cut(solution: Path) -> str:
    place = solution.relative_to(solution.parents[2]).as_posix()
    return stub_of(solution.read_text(encoding="utf-8"), place)


def write_stubs(course_root: Path) -> list[Path]:
    """Write the stub of each solution where it differs from what is there; the paths written.

    Raises:
        CourseError: see `stub_of`; nothing is written then.
    """
    stubs = {stub_path(solution): _cut(solution) for solution in solutions_of(course_root)}
    written = [path for path, text in stubs.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(stubs[path], encoding="utf-8", newline="\n")
    return written


def stale_stubs(course_root: Path) -> list[str]:
    """A sentence for each stub that is not what its solution gives; none when all are in step."""
    return [trouble for solution in solutions_of(course_root) if (trouble := _out_of_step(solution))]


def _out_of_step(solution: Path) -> str:
    path = stub_path(solution)
    name = path.relative_to(solution.parents[2]).as_posix()
    if not path.is_file():
        return f"{name} is missing; `grader stubs` writes it"
    expected, got = _cut(solution).split("\n"), path.read_text(encoding="utf-8").split("\n")
    for number, (wanted, line) in enumerate(zip_longest(expected, got), start=1):
        if wanted != line:
            return f"{name}, line {number} differs from what its solution gives; `grader stubs` writes it anew"
    return ""
