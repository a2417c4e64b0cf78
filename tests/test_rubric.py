"""Rubrics: read, held against their suites, and what is asked for among them."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from grader import rubric
from grader.course import Course, Module
from grader.errors import CourseError, UsageError
from tests.small_course import small_course
from tests.small_grader import command

RUBRIC = "grader/suites/A9/rubric.toml"
HIDDEN, PUBLIC = "grader/suites/A9/layers/test_hidden.py", "grader/suites/A9/layers/test_public.py"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """The tiny course, in order."""
    return small_course(tmp_path)


def _module(course: Course, name: str = "layers") -> Module:
    return next(module for module in rubric.read_all(course)["A9"].modules if module.id == name)


def _spoil(course: Course, name: str, old: str, new: str) -> None:
    path = course.root / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


class TestRead:
    def test_gives_each_part_its_numbers_exactly(self, course: Course) -> None:
        part = _module(course).part("scale")
        assert (part.points, part.public) == (Fraction(5), Fraction(2, 5))
        assert (part.cpu_s, part.memory_mib) == (1.0, 512)
        assert part.weights == {"test_agrees_with_the_reference_on_fresh_inputs": Fraction(2)}

    def test_gives_a_named_result_what_it_is_of(self, course: Course) -> None:
        part = _module(course, "net").part("rates_work")
        assert (part.of, part.threshold("stand-in")) == (("get_rates",), 0.25)

    @pytest.mark.parametrize(("old", "new", "message"), [
        ("points = 5", "points = 5\nneed = []", "unknown field `need`"),
        ("title = \"A factor\"\n", "", "missing required field `title`"),
        ("points = 5", "points = \"5\"", "Expected"),
        ("points = 5", "points = 0", "a number of part scale can't be used"),
        ("points = 5", "points = nan", "a number of part scale can't be used"),
        ("points = 5", "points = 5\npublic = 1.5", "a number of part scale can't be used"),
        ("points = 5\ncpu_s = 1", "points = 5\ncpu_s = 0", "a number of part scale can't be used"),
        ("inputs = 2", "inputs = -1", "a number of part scale can't be used"),
        ("needs = [\"scale\", ", "needs = [\"scales\", ", "part affine needs scales, which is no part"),
        ("of = [\"get_rates\"]", "of = [\"rates\"]", "part rates_work needs rates, which is no part"),
        ("id = \"A9\"", "id = \"A8\"", "its id is A8"),
        ("id = \"A9\"", "id = A9", "rubric: "),
    ])  # fmt: skip
    def test_refuses_what_is_no_rubric_and_says_where(self, course: Course, old: str, new: str, message: str) -> None:
        _spoil(course, RUBRIC, old, new)
        with pytest.raises(CourseError) as caught:
            rubric.read_all(course)
        assert message in str(caught.value)
        assert "suites/A9/rubric.toml" in caught.value.place

    def test_a_course_without_one_is_refused(self, course: Course) -> None:
        (course.root / RUBRIC).unlink()
        with pytest.raises(CourseError, match="the course has no rubric"):
            rubric.read_all(course)


class TestAgainstTheSuites:
    def test_a_course_in_order_passes(self, course: Course) -> None:
        for module in rubric.read_all(course)["A9"].modules:
            rubric.check_suites(course, module)

    @pytest.mark.parametrize(("name", "old", "new", "message"), [
        (HIDDEN, "class TestShift:", "class TestShifts:", "class TestShifts earns no points, because no part has that"),
        (HIDDEN, "class TestShift:", "class Shift:", "part shift has no hidden test"),
        (PUBLIC, "class TestShift:", "class Shift:", "part shift has no public test"),
        (PUBLIC, "class TestShift:", "class TestScale:", "two classes are named TestScale"),
        (RUBRIC, "parts.affine]", "parts.Scale]", "parts scale and Scale of A9/layers have one class name, TestScale"),
        (RUBRIC, "test_agrees_with", "test_agree_with", "gives a weight to test_agree_with_the_reference_on_fresh"),
        (RUBRIC, "inputs = 2", "inputs = 0\ntest_its_input_stays_as_it_was = 0", "has no test with a weight in one"),
        (HIDDEN, "class TestShift:", "class TestShift", "a suite does not parse: expected ':'"),
    ])  # fmt: skip
    def test_a_mismatch_is_refused_by_name(self, course: Course, name: str, old: str, new: str, message: str) -> None:
        _spoil(course, name, old, new)
        with pytest.raises(CourseError) as caught:
            rubric.check_suites(course, _module(course))
        assert message in caught.value.message
        assert "suites/A9" in caught.value.place

    def test_a_missing_suite_is_named(self, course: Course) -> None:
        (course.root / HIDDEN).unlink()
        with pytest.raises(CourseError, match="a suite is missing") as caught:
            rubric.check_suites(course, _module(course))
        assert caught.value.place.endswith("layers/test_hidden.py")

    def test_a_named_result_needs_no_public_test(self, course: Course) -> None:
        assert "TestRatesWork" not in (course.root / "grader/suites/A9/net/test_public.py").read_text()
        rubric.check_suites(course, _module(course, "net"))

    def test_the_command_ends_with_3_and_says_what_where_and_the_way_out(self, course: Course) -> None:
        _spoil(course, HIDDEN, "class TestShift:", "class TestShifts:")
        ended = command("grade", course.root / "solutions", "--course", course.root, "-o", course.root / "results")
        assert ended.status == 3
        lines = ended.err.splitlines()
        assert lines[0] == "grader: rubric: class TestShifts earns no points, because no part has that name"
        assert [line.split()[0] for line in lines[1:]] == ["in", "expected", "way"]
        assert re.search(r"grader/suites/A9/layers/test_hidden\.py, line \d+$", lines[1])


class TestSelect:
    def _chosen(self, course: Course, *asked: str) -> list[str]:
        chosen = rubric.select(rubric.read_all(course), asked)
        return [module.path for _, modules in chosen for module in modules]

    @pytest.mark.parametrize(("asked", "found"), [
        ((), ["A9/layers", "A9/net"]),
        (("A9",), ["A9/layers", "A9/net"]),
        (("A9/net",), ["A9/net"]),
        (("A9/net", "A9"), ["A9/net", "A9/layers"]),
    ])  # fmt: skip
    def test_takes_what_is_asked_for_once(self, course: Course, asked: tuple[str, ...], found: list[str]) -> None:
        assert self._chosen(course, *asked) == found

    @pytest.mark.parametrize("asked", ["A8", "A9/nets", "layers", "A9/net/predict", ""])
    def test_what_there_is_none_of_is_a_matter_of_usage(self, course: Course, asked: str) -> None:
        with pytest.raises(UsageError, match=f"there is no {asked}") as caught:
            self._chosen(course, asked)
        assert caught.value.expected == "one of A9, A9/layers, A9/net"

    def test_modules_that_are_needed_come_behind_those_that_are_asked_for(self, course: Course) -> None:
        assignments = rubric.read_all(course)
        needed = rubric.with_needed(assignments, {"A9": [_module(course, "net")]})
        assert [module.id for module in needed] == ["net", "layers"]
        assert [module.id for module in rubric.with_needed(assignments, {"A9": [_module(course)]})] == ["layers"]
