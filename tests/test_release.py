"""Stubs cut from solutions, and the authors' lint."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from grader.course import Course
from grader.errors import CourseError
from grader.release.lint import findings
from grader.release.stubs import stale_stubs, stub_of, write_stubs

SOLUTION = dedent(
    '''
    """A lesson."""

    import torch


    def double(x):
        """Twice x."""
        # Multiply.
        ### BEGIN SOLUTION
        y = 2 * x
        ### END SOLUTION
        return y


    class Net:
        def forward(self, x):
            if x is None:
                ### BEGIN SOLUTION
                return torch.zeros(1)
                # nothing came
                ### END SOLUTION
    '''
).lstrip()


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course of one assignment with one module, no stub yet."""
    solutions = tmp_path / "solutions" / "A7"
    solutions.mkdir(parents=True)
    (solutions / "lesson.py").write_text(SOLUTION, encoding="utf-8")
    return tmp_path


class TestStubOf:
    def test_a_region_becomes_one_raise_that_names_its_function(self) -> None:
        expected = [
            "    # Multiply.",
            "    # Your code goes here.",
            '    raise NotImplementedError("double")',
            "    return y",
        ]
        lines = stub_of(SOLUTION).split("\n")
        start = lines.index("    # Multiply.")
        assert lines[start : start + 4] == expected

    def test_a_method_is_named_with_its_class_and_keeps_its_indent(self) -> None:
        assert '            raise NotImplementedError("Net.forward")' in stub_of(SOLUTION).split("\n")

    def test_nothing_of_a_region_and_no_marker_is_left(self) -> None:
        stub = stub_of(SOLUTION)
        assert all(word not in stub for word in ("2 * x", "zeros", "nothing came", "SOLUTION"))

    def test_everything_outside_the_regions_is_kept(self) -> None:
        stub = stub_of(SOLUTION)
        assert all(text in stub for text in ('"""A lesson."""', "import torch", '"""Twice x."""', "return y"))

    def test_a_source_without_regions_is_kept_byte_for_byte(self) -> None:
        source = "x = 1\n\n\ndef given():\n    return x\n"
        assert stub_of(source) == source

    def test_a_stub_is_its_own_stub(self) -> None:
        assert stub_of(stub_of(SOLUTION)) == stub_of(SOLUTION)

    def test_the_stub_loads_and_the_blank_says_which_part_it_is(self) -> None:
        names: dict[str, object] = {}
        exec(compile(stub_of(SOLUTION), "lesson.py", "exec"), names)
        double = names["double"]
        assert callable(double)
        with pytest.raises(NotImplementedError, match=r"^double$"):
            double(3)

    def test_each_region_of_a_function_is_cut(self) -> None:
        body = "    ### BEGIN SOLUTION\n    pass\n    ### END SOLUTION\n"
        assert stub_of(f"def f():\n{body}    given = 1\n{body}").count('raise NotImplementedError("f")') == 2

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("def f():\n    ### BEGIN SOLUTION\n    pass\n", "no partner"),
            ("def f():\n    pass\n    ### END SOLUTION\n", "no partner"),
            ("def f():\n    pass  ### BEGIN SOLUTION\n", "no partner"),
            (
                "def f():\n    ### BEGIN SOLUTION\n    ### BEGIN SOLUTION\n    pass\n    ### END SOLUTION\n",
                "no partner",
            ),
            ("### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n", "lies in no function"),
            ("def f():\n    ### BEGIN SOLUTION\n    pass\ndef g():\n    ### END SOLUTION\n    pass\n", "holds g whole"),
            ("def f(:\n    pass\n", "the solution is no Python"),
            ("def f():\n    x = (\n    ### BEGIN SOLUTION\n    1\n    ### END SOLUTION\n    )\n", "inside a statement"),
        ],
    )
    def test_a_marker_out_of_place_is_refused_with_its_line(self, source: str, message: str) -> None:
        with pytest.raises(CourseError, match=message) as caught:
            stub_of(source, "solutions/A7/lesson.py")
        assert caught.value.place.startswith("solutions/A7/lesson.py, line")


class TestWriteStubs:
    def test_it_writes_each_stub_where_students_find_it(self, course: Path) -> None:
        assert write_stubs(course) == [course / "assignments" / "A7" / "lesson.py"]
        assert (course / "assignments" / "A7" / "lesson.py").read_text(encoding="utf-8") == stub_of(SOLUTION)

    def test_a_second_run_writes_nothing(self, course: Path) -> None:
        write_stubs(course)
        assert write_stubs(course) == []

    def test_given_helpers_beside_a_stub_are_left_alone(self, course: Path) -> None:
        helper = course / "assignments" / "A7" / "a7_helpers.py"
        helper.parent.mkdir(parents=True)
        helper.write_text("given = 1\n", encoding="utf-8")
        write_stubs(course)
        assert helper.read_text(encoding="utf-8") == "given = 1\n"

    def test_one_bad_solution_keeps_all_stubs_as_they_were(self, course: Path) -> None:
        (course / "solutions" / "A7" / "other.py").write_text("### BEGIN SOLUTION\n", encoding="utf-8")
        with pytest.raises(CourseError, match="no partner"):
            write_stubs(course)
        assert not (course / "assignments").exists()

    def test_a_students_copy_has_no_solutions_and_is_told_so(self, tmp_path: Path) -> None:
        with pytest.raises(CourseError, match="holds no solutions"):
            write_stubs(tmp_path)


class TestStaleStubs:
    def test_fresh_stubs_are_in_step(self, course: Path) -> None:
        write_stubs(course)
        assert stale_stubs(course) == []

    def test_a_missing_stub_is_named(self, course: Path) -> None:
        assert stale_stubs(course) == ["assignments/A7/lesson.py is missing; `grader stubs` writes it"]

    def test_an_edited_stub_is_named_with_its_first_strange_line(self, course: Path) -> None:
        (stub,) = write_stubs(course)
        stub.write_text(stub.read_text(encoding="utf-8").replace("import torch", "import numpy"), encoding="utf-8")
        (trouble,) = stale_stubs(course)
        assert trouble.startswith("assignments/A7/lesson.py, line 3 differs")

    def test_a_stub_with_lines_too_many_is_out_of_step(self, course: Path) -> None:
        (stub,) = write_stubs(course)
        stub.write_text(stub.read_text(encoding="utf-8") + "more\n", encoding="utf-8")
        assert len(stale_stubs(course)) == 1


RUBRIC = """
id = "A7"
title = "Lessons"
[modules.lesson]
title = "A lesson"
[modules.lesson.parts.double]
title = "Twice a number"
points = 2
[modules.lesson.parts.Net]
title = "A net"
points = 3
"""
SUITE = "class TestDouble:\n    pass\n\n\nclass TestNet:\n    pass\n"
MISTAKES = """
from grader.mistakes import Mistake
MISTAKES = [Mistake(id="double.triple", part="double", old="2 * x", new="3 * x", title="t", hint="h", axis="factor")]
"""
NOTEBOOK: dict[str, list[dict[str, object]]] = {
    "cells": [{"cell_type": "code", "outputs": [], "execution_count": None}]
}


@pytest.fixture
def whole(course: Path) -> Path:
    """A course in order: solution, rubric, both suites, a mistake, a notebook."""
    suites = course / "grader" / "suites" / "A7"
    (suites / "lesson").mkdir(parents=True)
    (suites / "rubric.toml").write_text(RUBRIC, encoding="utf-8")
    for name in ("test_public.py", "test_hidden.py"):
        (suites / "lesson" / name).write_text(SUITE, encoding="utf-8")
    (suites / "lesson" / "mistakes.py").write_text(MISTAKES, encoding="utf-8")
    (course / "notebooks" / "A7").mkdir(parents=True)
    (course / "notebooks" / "A7" / "lesson.ipynb").write_text(json.dumps(NOTEBOOK), encoding="utf-8")
    return course


def _spoil(course: Path, name: str, old: str, new: str) -> list[str]:
    """What lint says once a text in one file of the course is replaced by another."""
    path = course / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return findings(Course(course))


class TestLint:
    def test_a_course_in_order_has_no_faults(self, whole: Path) -> None:
        assert findings(Course(whole)) == []

    @pytest.mark.parametrize(
        ("name", "old", "new", "message"),
        [
            ("solutions/A7/lesson.py", "    ### END SOLUTION\n    return y", "    return y", "a marker has no partner"),
            ("grader/suites/A7/rubric.toml", "points = 2", 'points = "2"', "rubric: Expected"),
            ("grader/suites/A7/rubric.toml", "parts.double]", "parts.triple]", "TestDouble earns no points"),
            ("grader/suites/A7/lesson/test_hidden.py", "TestNet", "TestNets", "TestNets earns no points"),
            ("grader/suites/A7/lesson/test_public.py", "class TestNet:", "class Net:", "part Net has no public test"),
            ("grader/suites/A7/lesson/mistakes.py", "2 * x", "2*x", "stands 0 times in double"),
            ("grader/suites/A7/lesson/mistakes.py", 'old="2 * x"', 'old="x"', "stands 3 times in double"),
            ("grader/suites/A7/lesson/mistakes.py", 'part="double"', 'part="Nets"', "Nets, which is no part"),
            ("grader/suites/A7/lesson/mistakes.py", 'hint="h"', 'hint=" "', "has no hint"),
            ("grader/suites/A7/lesson/mistakes.py", "3 * x", "2 * x", "changes nothing"),
            ("grader/suites/A7/lesson/mistakes.py", "3 * x", "3 *", "is no Python"),
            ("grader/suites/A7/lesson/mistakes.py", "MISTAKES = [", "MISTAKE = [", "can't be read"),
            ("notebooks/A7/lesson.ipynb", '"outputs": []', '"outputs": [{}]', "stored with outputs"),
            ("notebooks/A7/lesson.ipynb", "null", "3", "stored with outputs"),
            ("notebooks/A7/lesson.ipynb", "{", "", "the notebook can't be read"),
        ],
    )
    def test_each_fault_is_named(self, whole: Path, name: str, old: str, new: str, message: str) -> None:
        faults = _spoil(whole, name, old, new)
        assert len(faults) >= 1
        assert message in faults[0]

    def test_a_part_without_a_blank_and_a_blank_without_a_part_are_named(self, whole: Path) -> None:
        faults = _spoil(whole, "solutions/A7/lesson.py", "def double", "def twice")
        assert "part double has no blank" in faults[0]
        assert "the blank in twice earns no points" in faults[1]

    def test_a_module_without_a_solution_is_named(self, whole: Path) -> None:
        (whole / "solutions" / "A7" / "lesson.py").rename(whole / "solutions" / "A7" / "other.py")
        assert any("module A7/lesson has no solution" in fault for fault in findings(Course(whole)))

    def test_a_course_without_a_rubric_is_named(self, whole: Path) -> None:
        (whole / "grader" / "suites" / "A7" / "rubric.toml").unlink()
        assert "the course has no rubric" in findings(Course(whole))[0]

    def test_every_fault_says_where_it_is(self, whole: Path) -> None:
        (fault,) = _spoil(whole, "grader/suites/A7/lesson/mistakes.py", "3 * x", "3 *")
        assert "  in        grader/suites/A7/lesson/mistakes.py" in fault.split("\n")
