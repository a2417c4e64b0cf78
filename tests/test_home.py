"""The student's own run: `grader check` on modules in a folder, with the public suites alone."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import grader
from grader.course import Course
from grader.errors import UsageError
from grader.home import check_modules
from grader.home.doctor import facts_of
from tests.handins import write_files
from tests.small_course import GOOD, LAYERS, NET, function, small_course

Check = Callable[..., dict[str, list[str]]]


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """What a student has of the tiny course: public suites, no solutions; the working folder is empty."""
    course = small_course(tmp_path / "kit")
    shutil.rmtree(course.root / "solutions")
    for path in [*course.suites.rglob("test_hidden.py"), *course.suites.rglob("mistakes.py")]:
        path.unlink()
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.chdir(own)
    monkeypatch.setenv("GRADER_COURSE", str(course.root))
    return course


@pytest.fixture
def check(kit: Course) -> Check:
    """What a student reads of each part, for these files in the working folder."""

    def run(files: dict[str, Any], path: str = "") -> dict[str, list[str]]:
        write_files(Path.cwd(), files)
        return {one.outcome.id: one.lines() for one in check_modules(kit, path, Path.cwd())}

    return run


class TestCheck:
    def test_a_complete_hand_in_passes_with_neither_solutions_nor_hidden_tests(self, check: Check) -> None:
        lines = check(GOOD)
        assert lines["scale"] == ["✓ scale: 1 of 1 public tests passed"]
        assert lines["rates_work"] == ["– rates_work: no public test"]

    def test_says_what_was_called_and_what_differs(self, check: Check) -> None:
        lines = check({"layers.py": function("scale", "return x + factor")}, "A9/layers/scale")
        assert list(lines) == ["scale"]
        assert lines["scale"][:3] == [
            "✗ scale: 0 of 1 public tests passed",
            "    doubles a small table: y is wrong in 3 of 4 elements (off by 2.5e-01 of the value where it is worst)",
            "        called    scale((2, 2) float32, 2.0)",
        ]

    def test_shows_an_exception_with_the_students_own_file_and_line(self, check: Check) -> None:
        lines = check({"layers.py": function("scale", "raise KeyError('lost')")}, "A9/layers/scale")["scale"]
        assert "raises KeyError: 'lost' (layers.py, line 8)" in lines[1]
        assert not any("grader" in line for line in lines)

    @pytest.mark.parametrize("path", ["A9", "A9/net", "A9/net/predict"])
    def test_a_part_whose_called_part_fails_says_what_to_mend_first(self, check: Check, path: str) -> None:
        lines = check({"layers.py": function("scale", "return x + factor"), "net.py": NET}, path)
        assert lines["predict"] == ["– predict: first mend layers.scale, which this part calls"]

    def test_a_blank_is_named_once(self, check: Check) -> None:
        assert check({"layers.py": function("scale", "pass")})["scale"] == ["○ scale: scale is not implemented yet"]

    @pytest.mark.parametrize(("content", "message"), [
        (LAYERS.replace("x * factor", "(x * factor"), "layers.py, line 9: does not parse: '(' was never closed"),
        (LAYERS.replace("small", "schöne").encode("latin-1"), "layers.py: line 1 isn't UTF-8"),
        (b"\0\1", "layers.py: it holds zero bytes, so it is no text"),
    ])  # fmt: skip
    def test_a_file_that_is_no_python_says_so_for_each_part(
        self, check: Check, content: str | bytes, message: str
    ) -> None:
        lines = check({"layers.py": content})
        assert len(lines) == 3
        assert all(len(said) == 1 and message in said[0] for said in lines.values())

    def test_advice_is_shown_and_fails_nothing(self, check: Check, kit: Course) -> None:
        path = kit.suites / "A9/rubric.toml"
        path.write_text(path.read_text().replace("test_the_sum_is_a_tensor = 0", "test_adds_nothing = 0"))
        suite = kit.suites / "A9/layers/test_public.py"
        advice = "    def test_adds_nothing(self, student):\n        checks.fail('try it')\n\n\nclass TestAffine:"
        suite.write_text(suite.read_text().replace("\nclass TestAffine:", advice))
        assert check(GOOD, "A9/layers/shift")["shift"] == [
            "✓ shift: 1 of 2 public tests passed",
            "    advice, which costs nothing: adds nothing: try it",
        ]

    def test_finds_modules_in_the_folder_of_the_assignment(self, check: Check) -> None:
        assert check({"A9/layers.py": LAYERS})["scale"] == ["✓ scale: 1 of 1 public tests passed"]

    def test_sees_what_was_edited_since(self, check: Check) -> None:
        assert check({"layers.py": function("scale", "return x")})["scale"][0].startswith("✗")
        assert check({"layers.py": LAYERS})["scale"][0].startswith("✓")

    def test_shows_what_the_students_code_prints(self, check: Check, capsys: pytest.CaptureFixture[str]) -> None:
        check({"layers.py": function("scale", "print('here it is')\nreturn x * factor")}, "A9/layers/scale")
        assert "here it is" in capsys.readouterr().out

    def test_an_interrupt_ends_it_also_inside_the_students_code(self, check: Check) -> None:
        body = f"import signal\nsignal.raise_signal({int(signal.SIGINT)})\nreturn x"
        with pytest.raises(KeyboardInterrupt):
            check({"layers.py": function("scale", body)})

    @pytest.mark.parametrize(("path", "message"), [
        ("A8", "there is no A8"),
        ("A9/nets", "there is no A9/nets"),
        ("A9/layers/scales", "there is no A9/layers/scales"),
    ])  # fmt: skip
    def test_what_there_is_none_of_is_a_matter_of_usage(self, check: Check, path: str, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            check(GOOD, path)

    def test_a_folder_without_modules_is_told_what_is_expected(self, check: Check) -> None:
        with pytest.raises(UsageError, match="there is no file of A9 here") as caught:
            check({}, "A9")
        assert caught.value.expected == "layers.py, net.py"


class TestFromPython:
    """`grader.check`, as a notebook calls it."""

    def test_prints_and_says_whether_all_passed(self, kit: Course, capsys: pytest.CaptureFixture[str]) -> None:
        write_files(Path.cwd(), {"layers.py": function("shift", "return x")})
        assert grader.check("A9/layers/scale") is True
        assert grader.check("A9/layers") is False
        assert "✗ shift: 0 of 1 public tests passed" in capsys.readouterr().out

    def test_a_part_that_can_not_be_run_is_no_pass(self, kit: Course) -> None:
        write_files(Path.cwd(), {"layers.py": function("scale", "return x[0]")})
        assert grader.check("A9/layers/affine") is False

    def test_a_wrong_name_is_told_in_words(self, kit: Course, capsys: pytest.CaptureFixture[str]) -> None:
        assert grader.check("A9/nothing") is False
        assert capsys.readouterr().out.startswith("grader: there is no A9/nothing\n")


class TestDoctor:
    def test_says_what_is_enforced_and_what_is_here(self, kit: Course) -> None:
        facts = facts_of(kit.root)
        assert list(facts) == ["sandbox", "gpu", "data", "versions"]
        assert facts["sandbox"]
        assert all(type(held) is bool for held in facts["sandbox"].values())
        assert facts["data"]["cifar10"]
        assert facts["versions"]["torch"]

    def test_needs_no_course(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("GRADER_COURSE", raising=False)
        assert facts_of()["versions"]["python"]
