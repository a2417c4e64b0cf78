"""The command line: what is typed, what is printed, and the exit status."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from grader import cli
from grader.confine import PROMISES
from tests.handins import write_files
from tests.small_course import GOOD, function, small_course
from tests.small_grader import command

COMMANDS = ["grade", "check", "stubs", "mutants", "lint", "doctor", "data"]
HELP = """
import resource, sys
sys.argv = ["grader", "--help"]
from grader.cli import main
try:
    main()
except SystemExit as end:
    used = resource.getrusage(resource.RUSAGE_SELF)
    heavy = [name for name in ("torch", "numpy", "pytest", "pydantic") if name in sys.modules]
    print("STATUS", end.code, used.ru_utime + used.ru_stime, *heavy)
"""


class TestHelp:
    @pytest.fixture(scope="class")
    @classmethod
    def shown(cls, root: Path) -> str:
        """What `grader --help` prints in a process of its own, and what that cost."""
        done = subprocess.run([sys.executable, "-c", HELP], cwd=root, capture_output=True, text=True, check=True)
        return done.stdout

    def test_names_every_command(self, shown: str) -> None:
        assert [name for name in COMMANDS if f" {name} " not in shown] == []

    def test_imports_nothing_heavy(self, shown: str) -> None:
        _, status, _, *heavy = shown.splitlines()[-1].split()
        assert (status, heavy) == ("0", [])

    def test_costs_a_third_of_a_second_at_most(self, shown: str) -> None:
        assert float(shown.splitlines()[-1].split()[2]) <= 0.3

    @pytest.mark.parametrize("name", COMMANDS)
    def test_of_each_command_is_a_sentence_and_its_options(self, name: str) -> None:
        ended = command(name, "--help")
        assert ended.status == 0
        assert f"Usage: grader {name}" in ended.out


class TestExitStatus:
    @pytest.mark.parametrize("arguments", [(), ("grades",), ("grade",), ("data",), ("check", "--all"), ("doctor", "x")])
    def test_is_2_for_what_is_no_command(self, arguments: tuple[str, ...]) -> None:
        assert command(*arguments).status == 2

    def test_is_3_for_a_fault_that_nobody_foresaw_and_not_1(self, root: Path) -> None:
        with mock.patch.object(cli, "_course", side_effect=ValueError("unforeseen")):
            ended = command("lint")
        assert ended.status == 3
        assert "ValueError: unforeseen" in ended.err

    def test_is_130_for_an_interrupt(self) -> None:
        with mock.patch.object(cli, "_course", side_effect=KeyboardInterrupt):
            assert command("check").status == 130


class TestCheck:
    @pytest.fixture(autouse=True)
    def here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The tiny course is known, and the working folder holds a hand-in of it."""
        monkeypatch.setenv("GRADER_COURSE", str(small_course(tmp_path / "course").root))
        monkeypatch.chdir(write_files(tmp_path / "own", GOOD))

    def test_ends_with_0_when_every_part_passed(self) -> None:
        ended = command("check")
        assert ended.status == 0
        assert ended.out.splitlines()[0] == "✓ scale: 1 of 1 public tests passed"

    def test_ends_with_1_when_one_did_not(self) -> None:
        write_files(Path.cwd(), {"layers.py": function("scale", "return x")})
        assert command("check", "A9/layers/scale").status == 1
        assert command("check", "A9/layers/shift").status == 0

    def test_prints_one_object_a_part_for_machines(self) -> None:
        ended = command("check", "A9/layers", "--json")
        found = [json.loads(line) for line in ended.out.splitlines()]
        assert [(one["module"], one["part"], one["passed"]) for one in found] == [
            ("A9/layers", "scale", True),
            ("A9/layers", "shift", True),
            ("A9/layers", "affine", True),
        ]
        assert found[0]["tests"] == [{"name": "doubles a small table", "status": "passed", "message": ""}]

    def test_ends_with_2_for_a_wrong_name(self) -> None:
        ended = command("check", "A9/nets")
        assert ended.status == 2
        assert ended.err.splitlines() == [
            "grader: there is no A9/nets",
            "  expected  one of A9/layers, A9/net",
            "  way out   mend the name",
        ]

    def test_ends_with_2_outside_a_course(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("GRADER_COURSE")
        ended = command("check")
        assert ended.status == 2
        assert ended.err.startswith("grader: no course folder found\n")


class TestDoctor:
    def test_gives_machines_every_promise_as_true_or_false(self, root: Path) -> None:
        ended = command("doctor", "--json", "--course", root)
        facts = json.loads(ended.out)
        assert list(facts) == ["sandbox", "gpu", "data", "versions"]
        assert list(facts["sandbox"]) == list(PROMISES.values())
        assert ended.status == (0 if all(facts["sandbox"].values()) else 3)

    def test_gives_people_a_mark_a_line(self, root: Path) -> None:
        ended = command("doctor", "--course", root)
        assert f"✓ {PROMISES['network']}" in ended.out
        assert "  cifar10 stand-in\n" in ended.out

    def test_says_with_its_status_that_a_promise_is_not_kept(self, root: Path) -> None:
        with mock.patch("grader.confine.doctor_facts", return_value={"a promise": False}):
            ended = command("doctor", "--course", root)
        assert (ended.status, "✗ a promise" in ended.out) == (3, True)


class TestData:
    def test_lists_each_set_and_what_is_in_use(self) -> None:
        ended = command("data", "list")
        assert ended.status == 0
        assert [line.split()[:2] for line in ended.out.splitlines()] == [["cifar10", "stand-in"]]

    def test_says_where_a_set_is(self) -> None:
        assert "cifar10" in command("data", "path", "cifar10").out

    @pytest.mark.parametrize("verb", ["path", "fetch"])
    def test_a_set_that_there_is_not_is_a_matter_of_usage(self, verb: str) -> None:
        ended = command("data", verb, "cifar11")
        assert ended.status == 2
        assert "there is no data set cifar11" in ended.err


class TestForAuthors:
    def test_the_stubs_and_recorded_answers_of_the_course_are_in_step(self, root: Path) -> None:
        ended = command("stubs", "--check", "--course", root)
        assert (ended.status, ended.out) == (0, "")

    def test_the_course_is_in_order(self, root: Path) -> None:
        ended = command("lint", "--course", root)
        assert (ended.status, ended.out) == (0, "")

    def test_stubs_are_written_and_then_in_step(self, tmp_path: Path) -> None:
        course = small_course(tmp_path)
        shutil.rmtree(course.root / "assignments")
        stale = command("stubs", "--check", "--course", course.root)
        assert (stale.status, "layers.py is missing" in stale.out) == (1, True)
        written = command("stubs", "--course", course.root)
        assert (written.status, "wrote assignments/A9/layers.py" in written.out) == (0, True)
        assert command("stubs", "--check", "--course", course.root).status == 0

    def test_mutants_are_counted_for_machines(self, tmp_path: Path) -> None:
        ended = command("mutants", "-a", "A9/layers", "--course", small_course(tmp_path).root, "--json")
        counts = {"mistakes": 3, "killed": 3, "right_part": 3, "diagnosed": 3, "survivors": []}
        assert ended.status == 0
        assert json.loads(ended.out) == {"modules": {"A9/layers": counts}}

    def test_lint_ends_with_1_and_a_text_for_each_fault(self, tmp_path: Path) -> None:
        course = small_course(tmp_path)
        path = course.suites / "A9" / "layers" / "mistakes.py"
        path.write_text(path.read_text().replace("x * factor", "x times factor"))
        ended = command("lint", "--course", course.root)
        assert ended.status == 1
        assert ended.out.count("its old text stands 0 times in scale") == 2
