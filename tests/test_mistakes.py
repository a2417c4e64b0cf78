"""Known mistakes: read, put into the solution's text, and recognised in a hand-in's answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from grader import mistakes, rubric
from grader.course import Course, Module
from grader.errors import CourseError
from grader.mistakes import Mistake, Replayer
from grader.student import InProcess, Student, Texts
from tests.small_course import LAYERS, function, small_course

SOURCE = '''"""Text."""


@staticmethod
def double(x):
    return 2 * x


class Net:
    """A net."""

    def forward(self, x):
        return 2 * x

    def backward(self, x):
        return x
'''
Ask = Callable[[Student], object]


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """The tiny course."""
    return small_course(tmp_path)


@pytest.fixture
def module(course: Course) -> Module:
    """Its module `layers`."""
    return rubric.read_all(course)["A9"].modules[0]


def _mistake(part: str, *edits: tuple[str, str]) -> Mistake:
    return Mistake("id", part, "title", "hint", "axis", edits=edits)


class TestPartSource:
    def test_is_the_function_with_its_decorators(self) -> None:
        start, end = mistakes.part_source(SOURCE, "double")
        assert SOURCE[start:end] == "@staticmethod\ndef double(x):\n    return 2 * x\n"

    def test_of_a_method_is_the_method_alone(self) -> None:
        start, end = mistakes.part_source(SOURCE, "Net.forward")
        assert SOURCE[start:end].strip() == "def forward(self, x):\n        return 2 * x"

    @pytest.mark.parametrize("name", ["triple", "Net.sideways"])
    def test_of_what_is_not_there_is_refused(self, name: str) -> None:
        with pytest.raises(CourseError, match=f"the solution has no {name}"):
            mistakes.part_source(SOURCE, name)


class TestMutate:
    def test_changes_the_part_and_nothing_else(self) -> None:
        mutant = mistakes.mutate(SOURCE, _mistake("Net.forward", ("2 * x", "3 * x")))
        assert mutant == SOURCE.replace("2 * x\n\n    def", "3 * x\n\n    def")

    def test_makes_two_edits_at_most(self) -> None:
        two = (("def double", "def twice"), ("2 * x", "x + x"))
        assert "def twice(x):\n    return x + x" in mistakes.mutate(SOURCE, _mistake("double", *two))
        with pytest.raises(CourseError, match="mistake id has 3 edits"):
            mistakes.mutate(SOURCE, _mistake("double", *two, ("x + x", "x")))

    @pytest.mark.parametrize(("old", "times"), [("x", 2), ("3 * x", 0)])
    def test_refuses_what_does_not_stand_there_once(self, old: str, times: int) -> None:
        with pytest.raises(CourseError, match=f"stands {times} times in double") as caught:
            mistakes.mutate(SOURCE, _mistake("double", (old, "y")), "mistakes.py")
        assert (caught.value.place, caught.value.expected) == ("mistakes.py", f"exactly once: {old!r}")


class TestLoad:
    def test_gives_a_modules_mistakes_with_its_path_in_front(self, course: Course, module: Module) -> None:
        found = mistakes.load(course, module)
        ids = [mistakes.full_id(module, mistake) for mistake in found]
        assert ids == ["A9.layers.scale.plus", "A9.layers.scale.square", "A9.layers.shift.mean"]

    def test_a_module_may_have_none(self, course: Course, module: Module) -> None:
        course.mistakes(module).unlink()
        assert mistakes.load(course, module) == ()

    @pytest.mark.parametrize(("text", "message"), [
        ("MISTAKE = []\n", "can't be read: AttributeError"),
        ("MISTAKES = [1\n", "can't be read: SyntaxError"),
        ("MISTAKES = 2 * MISTAKES\n", "two mistakes have one id: scale.plus, scale.square, shift.mean"),
    ])  # fmt: skip
    def test_what_is_no_list_of_mistakes_is_refused(
        self, course: Course, module: Module, text: str, message: str
    ) -> None:
        path = course.mistakes(module)
        path.write_text(path.read_text() + text if "2 *" in text else text)
        with pytest.raises(CourseError, match=message):
            mistakes.load(course, module)


class TestDiagnose:
    """A hand-in's calls are sent again to each mistake; the one that answers alike is named."""

    @pytest.fixture
    def named(self, course: Course, module: Module) -> Callable[[str, str, Ask], list[str]]:
        """Which mistakes are named for a hand-in of this text, asked in this way."""
        replayer = Replayer(module, course.solution(module).read_text(), mistakes.load(course, module), {})

        def ask(text: str, part: str, question: Ask) -> list[str]:
            student = Student(lambda spent: InProcess(Texts({"layers": ("layers.py", text)})), "layers")
            student._begin("1")
            question(student)
            return [one.id for one in replayer.diagnose(part, [student._log])]

        return ask

    @staticmethod
    def _scaled(student: Student) -> object:
        return student.scale(torch.arange(4.0), 3.0)

    @pytest.mark.parametrize(("body", "known"), [
        ("return factor + x", ["A9.layers.scale.plus"]),
        ("return (factor**2) * x", ["A9.layers.scale.square"]),
        ("return factor + x.double()", ["A9.layers.scale.plus"]),
        ("return x * factor", []),
        ("return x - factor", []),
        ("return (x + factor)[None]", []),
        ("return x.mul_(0) + torch.arange(4.0) + factor", []),
    ])  # fmt: skip
    def test_names_what_answers_alike_and_nothing_else(
        self, named: Callable[[str, str, Ask], list[str]], body: str, known: list[str]
    ) -> None:
        assert named(function("scale", body), "scale", self._scaled) == known

    def test_names_none_where_the_solution_answers_alike(self, named: Callable[[str, str, Ask], list[str]]) -> None:
        text = function("scale", "return x + factor")
        assert named(text, "scale", lambda student: student.scale(torch.full((2,), 2.0), 2.0)) == []

    def test_names_only_mistakes_of_the_part(self, named: Callable[[str, str, Ask], list[str]]) -> None:
        assert named(function("scale", "return x + factor"), "shift", self._scaled) == []

    def test_sees_a_mistake_by_the_number_it_returns(self, named: Callable[[str, str, Ask], list[str]]) -> None:
        text = function("shift", "return x + by, float((x + by).sum() / x.numel())")
        said = named(text, "shift", lambda student: student.shift(torch.arange(4.0), 1.0))
        assert said == []  # a number, where the mistake gives a tensor

    def test_ends_when_its_time_is_used_up(
        self, named: Callable[[str, str, Ask], list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mistakes, "CPU_LIMIT_S", 0.0)
        assert named(function("scale", "return x + factor"), "scale", self._scaled) == []

    def test_says_nothing_without_calls(self, course: Course, module: Module) -> None:
        replayer = Replayer(module, LAYERS, mistakes.load(course, module), {})
        assert replayer.diagnose("scale", [[], []]) == []
