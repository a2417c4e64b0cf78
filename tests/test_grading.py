"""Grading a folder: what a run leaves, how it goes on after an end of any kind, and what students are never told."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema  # type: ignore[import-untyped]
import pytest

from grader.results import without_durations
from grader.session.outcomes import PartOutcome
from grader.store import Store
from tests.handins import write_files
from tests.small_course import CANARY, GOOD, LAYERS, NET, POINTS, function, replaced
from tests.small_grader import SEED, Ended, SmallGrader, part_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hand-ins are confined on Linux only")
HAND_INS = {
    "complete": GOOD,
    "wrong": {"layers.py": replaced("x * factor", "x + factor"), "net.py": NET},
    "ended": {"layers.py": f"import os\nos._exit(1)\n{LAYERS}", "net.py": NET},
    "half": {"layers.py": LAYERS},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hand-ins."""
    folder = tmp_path_factory.mktemp("class")
    for name, files in HAND_INS.items():
        write_files(folder / name, files)
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run that nothing disturbed leaves its results."""
    return tmp_path_factory.mktemp("results") / "of the class"


@pytest.fixture(scope="module")
def graded(small: SmallGrader, folder: Path, results: Path) -> Ended:
    """They are graded, and nothing disturbs it."""
    return small.grade(folder, "-o", results, "--json")


def _plain(ended: Ended) -> dict[str, Any]:
    return {name: without_durations(record) for name, record in ended.records.items()}


def _stored(results: Path) -> dict[tuple[str, str, str], str]:
    """Every finished part as it stands in the store, its duration too: what is examined again differs there."""
    with sqlite3.connect(results / "results.sqlite") as store:
        rows = store.execute("SELECT submission, module, part, outcome FROM parts JOIN hand_ins ON key = hand_in")
        return {(name, module, part): outcome for name, module, part, outcome in rows}


class TestARun:
    def test_prints_a_record_for_each_hand_in_by_the_published_schema(
        self, graded: Ended, folder: Path, root: Path
    ) -> None:
        schema = json.loads((root / "docs" / "schema" / "results-1.json").read_text())
        assert list(graded.records) == sorted(HAND_INS)
        for record in graded.records.values():
            jsonschema.validate(record, schema)

    def test_leaves_pages_a_gradebook_and_a_folder_for_each(self, graded: Ended, results: Path) -> None:
        assert {path.name for path in results.iterdir()} == {"results.sqlite", "gradebook.csv", "index.html", *HAND_INS}
        for name in HAND_INS:
            files = {path.name: path.stat().st_mode & 0o777 for path in (results / name).iterdir()}
            assert files == {"results.json": 0o644, "feedback.html": 0o644, "staff.json": 0o600}

    def test_counts_the_assignment_of_which_a_module_was_found(self, graded: Ended) -> None:
        scores = {name: (record["score"], record["max_score"]) for name, record in graded.records.items()}
        assert scores == {"complete": (20, 20), "wrong": (16, 20), "ended": (8, 20), "half": (12, 20)}

    def test_takes_the_points_of_one_error_once_and_says_what_stood_in(self, graded: Ended) -> None:
        for part, name in (("affine", "scale"), ("predict", "layers.scale"), ("fourfold", "layers.scale")):
            outcome = part_of(graded.records["wrong"], part)
            assert outcome["points"] == POINTS[part]
            assert outcome["message"] == f"graded with the reference in place of your {name}"

    def test_says_of_a_module_that_ends_its_process_that_it_can_not_be_loaded(self, graded: Ended) -> None:
        layers, net = graded.records["ended"]["assignments"][0]["modules"]
        assert (layers["status"], net["status"]) == ("unloadable", "graded")

    def test_begins_nothing_when_all_is_known(
        self, small: SmallGrader, graded: Ended, folder: Path, results: Path
    ) -> None:
        before = _stored(results)
        with mock.patch.object(small.warm, "run", side_effect=AssertionError("an examiner was asked")):
            again = small.grade(folder, "-o", results, "--json")
        assert again.records == graded.records
        assert _stored(results) == before

    def test_of_one_module_file_counts_that_module_alone(
        self, small: SmallGrader, folder: Path, tmp_path: Path
    ) -> None:
        ended = small.grade(folder / "half" / "layers.py", "-o", tmp_path, "--json")
        assert [(record["score"], record["max_score"]) for record in ended.records.values()] == [(12, 12)]

    def test_of_one_module_finds_what_is_wrong_with_those_that_it_calls(
        self, small: SmallGrader, folder: Path, tmp_path: Path
    ) -> None:
        ended = small.grade(folder / "wrong", "-a", "A9/net", "-o", tmp_path, "--json")
        assert ended.records["wrong"]["score"] == ended.records["wrong"]["max_score"] == 8
        assert "in place of your layers.scale" in part_of(ended.records["wrong"], "predict")["message"]


class TestExitStatus:
    def test_is_0_for_a_run_whatever_the_scores(self, graded: Ended) -> None:
        assert graded.status == 0

    @pytest.mark.parametrize(("percent", "status"), [("40", 0), ("40.1", 1)])
    def test_is_1_below_what_is_asked(
        self, small: SmallGrader, graded: Ended, folder: Path, results: Path, percent: str, status: int
    ) -> None:
        assert small.grade(folder, "-o", results, "--fail-under", percent).status == status

    @pytest.mark.parametrize("arguments", [
        ("-a", "A8"), ("-a", "A9/nets"), ("--sandbox", "some"), ("--visibility", "soon"), ("--jobs", "0"), ("--now",),
        ("--data", "nowhere"), ("--course", "nowhere"), ("--seed", "-1"), ("nowhere",),
    ])  # fmt: skip
    def test_is_2_for_what_can_not_be_meant(
        self, small: SmallGrader, folder: Path, tmp_path: Path, arguments: tuple[str, ...]
    ) -> None:
        ended = small.grade(folder, "-o", tmp_path / "results", *arguments)
        assert (ended.status, ended.out) == (2, "")
        assert "Traceback" not in ended.err

    def test_is_3_where_the_grader_itself_failed_which_heads_the_console(
        self, small: SmallGrader, folder: Path, tmp_path: Path
    ) -> None:
        marker = small.course.suites / "A9" / "layers" / "broken"
        marker.touch()
        try:
            ended = small.grade(folder / "complete", folder / "half", "-o", tmp_path)
        finally:
            marker.unlink()
        assert ended.status == 3
        assert ended.out.splitlines()[:2] == [
            "grader error in 1 part of 2 hand-ins: their points are not final",
            "  A9/layers/affine: complete, half",
        ]
        assert small.grade(folder / "complete", folder / "half", "-o", tmp_path).status == 0

    def test_is_3_without_a_sandbox_and_says_the_way_out(
        self, small: SmallGrader, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from grader.confine import locking, trials

        monkeypatch.setattr(locking, "_reason", "No module named 'sandlock'")
        monkeypatch.setattr(trials, "_prepared", locking.prepare)
        ended = small.grade(folder, "-o", tmp_path / "results")
        assert (ended.status, ended.out) == (3, "")
        lines = ended.err.splitlines()
        assert lines[0] == "grader: a hand-in can't be confined here: No module named 'sandlock'"
        assert [line.split()[0] for line in lines[1:]] == ["in", "expected", "way"]
        assert "--sandbox none" in lines[3]
        assert not (tmp_path / "results").exists()

    def test_is_3_without_hidden_suites_which_a_students_kit_has_not(
        self, small: SmallGrader, folder: Path, tmp_path: Path
    ) -> None:
        kit = shutil.copytree(small.course.root, tmp_path / "kit")
        for path in kit.rglob("test_hidden.py"):
            path.unlink()
        ended = small.grade(folder, "-o", tmp_path / "results", "--course", kit)
        assert ended.status == 3
        assert ended.err.splitlines() == [
            "grader: there is no hidden suite for A9/layers, A9/net",
            f"  in        {kit}/grader/suites",
            "  expected  test_hidden.py beside test_public.py: students' kits have none",
            "  way out   grade with the instructor's course folder: --course DIR",
        ]

    def test_is_3_where_one_module_has_none_and_the_others_are_graded(
        self, small: SmallGrader, folder: Path, tmp_path: Path
    ) -> None:
        course = shutil.copytree(small.course.root, tmp_path / "course")
        (course / "grader/suites/A9/net/test_hidden.py").unlink()
        ended = small.grade(folder / "complete", "-o", tmp_path / "results", "--course", course)
        assert ended.status == 3
        assert "there is no hidden suite for A9/net: the others are graded" in ended.err
        record = json.loads((tmp_path / "results" / "complete" / "results.json").read_text())
        assert (record["score"], record["max_score"]) == (12, 12)


class TestAnInterrupt:
    def test_at_any_moment_loses_no_finished_part_and_the_end_is_the_same(
        self, small: SmallGrader, graded: Ended, folder: Path, tmp_path: Path
    ) -> None:
        put, kept = Store.put_part, 0
        statuses: list[int] = []

        def put_and_interrupt(store: Store, key: int, module: str, part: PartOutcome) -> None:
            put(store, key, module, part)
            if len(_stored(tmp_path)) > kept + 3:
                signal.raise_signal(signal.SIGINT)

        while not statuses or statuses[-1] == 130:
            before = _stored(tmp_path) if statuses else {}
            kept = len(before)
            with mock.patch.object(Store, "put_part", put_and_interrupt):
                ended = small.grade(folder, "-o", tmp_path, "--json")
            statuses.append(ended.status)
            assert _stored(tmp_path).items() >= before.items()  # none was examined again
        assert len(statuses) > 4
        assert _plain(ended) == _plain(graded)

    def test_says_that_what_is_finished_is_kept(self, small: SmallGrader, folder: Path, tmp_path: Path) -> None:
        with mock.patch.object(Store, "put_record", side_effect=lambda *_: signal.raise_signal(signal.SIGINT)):
            ended = small.grade(folder, "-o", tmp_path, "--json")
        assert (ended.status, ended.out) == (130, "")
        assert "interrupted: what is finished is kept, and the same command goes on from there" in ended.err


class TestAKill:
    @pytest.fixture
    def killed(self, small: SmallGrader, folder: Path, tmp_path: Path, root: Path) -> list[int]:
        """The command in a process of its own, killed at a random moment after its first hand-in; its descendants."""
        command = [sys.executable, "-m", "grader", "grade", str(folder), "-o", str(tmp_path), "--seed", SEED]
        process = subprocess.Popen([*command, "--course", str(small.course.root)], cwd=root, stderr=subprocess.DEVNULL)
        give_up = time.monotonic() + 120
        while time.monotonic() < give_up and not list(tmp_path.glob("*/results.json")):
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(random.Random().uniform(0, 0.5))
        family = _descendants(process.pid)
        process.kill()
        process.wait()
        return family

    def test_leaves_no_orphan_loses_no_finished_part_and_the_end_is_the_same(
        self, small: SmallGrader, graded: Ended, killed: list[int], folder: Path, tmp_path: Path
    ) -> None:
        before = _stored(tmp_path)
        give_up = time.monotonic() + 10
        while any(map(_runs, killed)) and time.monotonic() < give_up:
            time.sleep(0.05)
        assert [pid for pid in killed if _runs(pid)] == []
        ended = small.grade(folder, "-o", tmp_path, "--json")
        assert _stored(tmp_path).items() >= before.items()
        assert _plain(ended) == _plain(graded)
        assert {path.name for path in (tmp_path / "complete").iterdir()} == {
            "results.json",
            "feedback.html",
            "staff.json",
        }


def _descendants(pid: int) -> list[int]:
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return children + [one for child in children for one in _descendants(child)]


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class TestARegrade:
    def test_fresh_examines_all_anew_and_keeps_the_old_run(
        self, small: SmallGrader, graded: Ended, folder: Path, tmp_path: Path
    ) -> None:
        first = small.grade(folder / "half", "-o", tmp_path, "--json")
        second = small.grade(folder / "half", "-o", tmp_path, "--json", "--fresh")
        assert _plain(first) == _plain(second)
        with Store.open(tmp_path, read_only=True) as store:
            assert [run.number for run in store.runs()] == [1, 2]
            old, new = ([record.to_json() for record in store.records(number)] for number in (1, 2))
        assert (old, new) == (first.out.splitlines(), second.out.splitlines())
        assert old != new  # in what a clock measured

    def test_of_a_changed_hand_in_keeps_the_old_record(self, small: SmallGrader, tmp_path: Path) -> None:
        hand_in = write_files(tmp_path / "ada", {"layers.py": function("scale", "return x")})
        before = small.grade(hand_in, "-a", "A9/layers", "-o", tmp_path / "results", "--json")
        write_files(hand_in, {"layers.py": LAYERS})
        after = small.grade(hand_in, "-a", "A9/layers", "-o", tmp_path / "results", "--json")
        assert before.records["ada"]["score"] < after.records["ada"]["score"] == 12
        with sqlite3.connect(tmp_path / "results" / "results.sqlite") as store:
            assert store.execute("SELECT count(*) FROM hand_ins WHERE record IS NOT NULL").fetchone() == (2,)


LEAKS = {
    "print": "print('seen', by)\nreturn x, x",
    "raise": "raise ValueError(f'seen {by}')",
    "class": "raise type(f'Seen{int(by)}', (Exception,), {})()",
    "line": "exec(compile('\\n' * int(by) + 'raise ValueError()', 'layers.py', 'exec'))",
    "shape": "return torch.zeros(int(by), 0), x",
    "count": "return [0] * int(by)",
    "dtype": "import numpy as np\nreturn np.zeros(2, dtype=[(f'seen{int(by)}', int)]), x",
    "object": "return type(f'Seen{int(by)}', (), {})(), x",
    "odd": "from grader.protocol import Odd\nreturn Odd(f'seen {by}'), x",
    "key": "return {f'seen {by}': x}[str(by)]",
    "memory": "raise MemoryError(f'seen {by}')",
    "status": "import os\nprint(by, flush=True)\nos._exit(int(by) % 256)",
    "value": "return x + by + 1, by",
    "blank": "raise NotImplementedError(f'seen {by}')",
}


@pytest.fixture(scope="module")
def told(small: SmallGrader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hand-ins that pass on a hidden input in every way, graded."""
    place = tmp_path_factory.mktemp("leaks")
    for name, body in LEAKS.items():
        write_files(place / "hand-ins" / name, {"layers.py": function("shift", body)})
    ended = small.grade(place / "hand-ins", "-a", "A9/layers", "-o", place / "results")
    assert ended.status == 0, ended.err
    return write_files(place, {"console.txt": ended.out + ended.err})


class TestWhatStudentsAreTold:
    """A hand-in may pass on whatever it sees of a hidden test: staff may read it, its author may not."""

    @pytest.mark.parametrize("name", LEAKS)
    def test_no_hidden_input_stands_in_anything_that_a_student_reads(self, told: Path, name: str) -> None:
        digits = str(int(CANARY))
        for path in [told / "results" / name / file for file in ("results.json", "feedback.html")]:
            assert digits not in path.read_text()
        record = json.loads((told / "results" / name / "results.json").read_text())
        hidden = next(test for test in part_of(record, "shift")["tests"] if test["visibility"] == "hidden")
        assert hidden["status"] in ("failed", "error", "memory", "not_implemented")
        assert (hidden["details"], len(hidden["message"].splitlines())) == ([], 1)
        assert digits not in (told / "console.txt").read_text()

    @pytest.mark.parametrize("name", ["print", "raise", "class", "shape", "count", "key", "status"])
    def test_staff_may_read_it(self, told: Path, name: str) -> None:
        path = told / "results" / name / "staff.json"
        assert str(int(CANARY)) in path.read_text()
        assert path.stat().st_mode & 0o077 == 0

    def test_what_a_part_prints_is_told_to_staff_alone(self, told: Path) -> None:
        assert "seen" in (told / "results" / "print" / "staff.json").read_text()
        assert "seen" not in (told / "results" / "print" / "results.json").read_text()


def test_no_file_of_a_run_is_left_in_the_temporary_folder(
    small: SmallGrader, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    small.grade(folder / "half", "-o", tmp_path / "results")
    assert os.listdir(tmp_path / "temporary") == []
