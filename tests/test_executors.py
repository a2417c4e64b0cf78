"""Pool, examiners and mutants over the tiny course: nothing is lost in silence, every fault is ours by name."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from unittest import mock

import msgspec
import pytest

from grader import rubric
from grader.course import Course
from grader.errors import CourseError, GraderError
from grader.executors import examiners, local, mutants
from grader.executors.desk import Desk
from grader.executors.forks import map_forked
from grader.executors.grading import suite_hash
from grader.executors.jobs import Finished, Job, PartSaid, Said, Setup, decode_job, decode_said, encode
from grader.executors.local import LocalPool, Tag
from grader.session.collect import with_suites
from grader.session.outcomes import Diagnosis, PartOutcome, TestOutcome
from tests.handins import write_files
from tests.small_course import LAYERS, function, small_course
from tests.small_grader import SmallGrader, Warm, part_of

linux = pytest.mark.skipif(sys.platform != "linux", reason="hand-ins are confined on Linux only")


class TestMessages:
    part = PartOutcome(
        "scale",
        "A factor",
        Fraction(5, 3),
        [TestOutcome("is wrong", "hidden", "failed", Fraction(1, 7), "no", ["a", "b"], {"trace": "t"}, 0.5)],
        [Diagnosis("A9.layers.scale.plus", "t", "h")],
        ["shift"],
        staff={"printed": "x"},
    )

    def test_a_part_crosses_the_pipe_whole(self) -> None:
        assert decode_said(encode(PartSaid("layers", self.part))) == PartSaid("layers", self.part)

    def test_a_job_carries_what_is_known_already(self) -> None:
        job = Job("A9", {"layers": ("layers.py", LAYERS)}, "/f", "1", [("layers", "shift")], [("layers", self.part)])
        assert decode_job(encode(job)) == job

    def test_an_examiner_that_ends_before_it_is_done_is_heard(self) -> None:
        talk = local._Conversation("tag")
        line = encode(PartSaid("layers", self.part))
        assert talk.hear(line[:20]) == []
        assert talk.hear(line[20:]) == [PartSaid("layers", self.part)]
        assert talk.hear(b"") == [Finished("the examiner ended before it was done")]
        assert talk.over

    def test_one_that_is_done_is_over_without_a_fault(self) -> None:
        talk = local._Conversation("tag")
        assert talk.hear(encode(Finished())) == [Finished()]
        assert (talk.hear(b""), talk.over) == ([], True)


@linux
class TestAnExaminerThatIsKilled:
    def test_costs_nothing_in_silence(self, small: SmallGrader, tmp_path: Path) -> None:
        hand_in = write_files(tmp_path / "loop", {"layers.py": function("shift", "while True: pass")})
        arguments = (hand_in, "-a", "A9/layers", "-o", tmp_path / "results", "--json")
        with mock.patch.object(small.warm, "run", lambda jobs: _killing(small.warm, jobs)):
            ended = small.grade(*arguments)
        (record,) = ended.records.values()
        assert ended.status == 3
        assert part_of(record, "scale")["status"] == "passed"
        for name in ("shift", "affine"):
            assert part_of(record, name)["status"] == "grader_error"
            assert part_of(record, name)["message"] == "the grader's own fault: the examiner ended before it was done"
        again = small.grade(*arguments)
        assert again.status == 0
        assert [part_of(again.records["loop"], name)["status"] for name in ("shift", "affine")] == ["timeout", "passed"]


def _killing(warm: Warm, jobs: Iterable[tuple[Tag, Job]]) -> Iterator[tuple[Tag, Said]]:
    """As the pool does, but that every examiner is killed once it has said something."""
    parent = warm.pool._processes[1].pid
    for tag, said in warm.pool.run(jobs):
        if isinstance(said, PartSaid):
            for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
        yield tag, said


@linux
class TestAPoolThatCanNotWork:
    def test_names_a_parent_that_is_gone(self, tmp_path: Path) -> None:
        pool = LocalPool(Setup(str(tmp_path), [], "none", {}, str(tmp_path), "1"), 1)
        pool._control, other = local._pair()
        other.close()
        with pool._control, pytest.raises(GraderError, match="the parent of examiners is gone"):
            next(pool.run([("tag", Job("A9", {}, "", "1", []))]))

    @pytest.mark.parametrize("fault", [
        CourseError("rubric: no", place="here", expected="this", way_out="that"),
        ValueError("odd"),
    ])  # fmt: skip
    def test_says_what_its_parent_said(self, fault: Exception) -> None:
        ours, theirs = local._pair()
        with ours, theirs:
            theirs.send(b"failed " + msgspec.json.encode(examiners._in_words(fault)))
            with pytest.raises(GraderError) as caught:
                local._await(ours, "the parent of examiners")
        expected = str(fault) if isinstance(fault, CourseError) else "the suites can't be read: ValueError: odd"
        assert str(caught.value).startswith(expected)

    def test_says_that_its_parent_ended(self) -> None:
        ours, theirs = local._pair()
        theirs.close()
        with ours, pytest.raises(GraderError, match="the parent of workers ended while it was starting"):
            local._await(ours, "the parent of workers")


class TestWarmingUp:
    def test_a_solution_that_fails_its_own_suite_stops_the_grader(self, tmp_path: Path) -> None:
        course = small_course(tmp_path)
        assignment = rubric.read_all(course)["A9"]
        path = course.solution(assignment.modules[0])
        path.write_text(path.read_text().replace("x * factor", "x + factor"))

        def use(plugin: object, items: list[pytest.Item]) -> None:
            examiners.warm_up(Desk(course, assignment, plugin, items), "1")  # type: ignore[arg-type]

        with pytest.raises(CourseError, match="the solution fails its own test: doubles a small table") as caught:
            with_suites(course, assignment.modules, ("public", "hidden"), use)
        assert caught.value.place == "A9/layers, part scale"
        assert "y is wrong in 3 of 4 elements" in caught.value.way_out


class TestSuiteHash:
    @pytest.mark.parametrize("name", [
        "grader/suites/A9/rubric.toml",
        "grader/suites/A9/layers/test_public.py",
        "grader/suites/A9/layers/test_hidden.py",
        "grader/suites/A9/layers/mistakes.py",
        "solutions/A9/layers.py",
    ])  # fmt: skip
    def test_moves_with_everything_a_score_may_depend_on(self, tmp_path: Path, name: str) -> None:
        course = small_course(tmp_path)
        modules = rubric.read_all(course)["A9"].modules
        before = suite_hash(course, modules)
        assert suite_hash(Course(course.root), modules[::-1]) == before
        with open(course.root / name, "a") as file:
            file.write("\n")
        assert suite_hash(course, modules) != before


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> mutants.Report:
    """Every known mistake of the tiny course, put through its suite."""
    (report,) = mutants.run_all(small_course(tmp_path_factory.mktemp("course")), ["A9/layers"])
    return report


class TestMutants:
    def test_every_mistake_loses_points_on_its_own_part_and_is_named(self, report: mutants.Report) -> None:
        expected = {"mistakes": 3, "killed": 3, "right_part": 3, "diagnosed": 3, "survivors": []}
        assert report.summary() == expected
        assert report.clean
        assert report.lines() == ["A9/layers: 3 mistakes, 3 killed, 3 on the right part, 3 named"]

    def test_one_that_survives_or_costs_others_is_listed(self, report: mutants.Report) -> None:
        verdicts = [
            mutants.Verdict("scale.none", "scale", [], []),
            mutants.Verdict("shift.wide", "shift", ["shift", "scale"], ["A9.layers.shift.wide"]),
            mutants.Verdict("shift.mute", "shift", ["shift", "affine"], ["A9.layers.shift.mean"]),
        ]
        bad = mutants.Report(report.module, verdicts)
        assert not bad.clean
        assert bad.lines()[1:] == [
            "  survives        scale.none",
            "  costs others    shift.wide: shift, scale",
            "  not named first shift.mute: A9.layers.shift.mean",
        ]

    def test_callers_of_a_part_are_found_through_others(self, report: mutants.Report) -> None:
        assert mutants.callers(report.module, "shift") == {"affine"}
        assert mutants.callers(report.module, "affine") == set()


class TestForks:
    def test_gives_what_each_child_said(self) -> None:
        found = dict(map_forked(lambda n: str(n * n).encode(), range(5), jobs=2, cpu_s=5))
        assert found == {n: str(n * n).encode() for n in range(5)}

    def test_a_child_that_raises_ends_or_runs_on_gives_nothing(self, capfd: pytest.CaptureFixture[str]) -> None:
        def act(name: str) -> bytes:
            if name == "raises":
                raise ValueError("on purpose")
            if name == "ends":
                os._exit(3)
            while name == "runs on":
                pass
            return b"done"

        found = dict(map_forked(act, ["raises", "ends", "runs on", "works"], jobs=4, cpu_s=1))
        assert found == {"raises": None, "ends": None, "runs on": None, "works": b"done"}
        assert "ValueError: on purpose" in capfd.readouterr().err
