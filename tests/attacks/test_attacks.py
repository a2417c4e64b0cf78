"""Every attack of the corpus, graded by the real command: it brings nothing, and the hand-in after it is unharmed."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.attacks import plain_grader
from tests.attacks.table import ATTACKS, CORPUS, PART, Attack, with_placeholders

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="hand-ins are confined on Linux only"),
]
SUCCESS = "ATTACK succeeded"
TRIED = "ATTACK tried"
# A hand-in that ends its process in the call takes with it what it had printed and not sent.
SILENT = {"F8", "P3"}
BASELINE = Attack("baseline", "is only wrong", "passes", "none")


@dataclass(frozen=True)
class Graded:
    """What a run left: a record and staff's text for each hand-in, and what the command said."""

    records: Mapping[str, Mapping[str, Any]]
    staff: Mapping[str, str]
    said: str

    def part(self, name: str) -> Mapping[str, Any]:
        """The attacked part's entry in a record."""
        parts = self.records[name]["assignments"][0]["modules"][0]["parts"]
        return next(part for part in parts if part["id"] == PART)


def _victim(number: int, root: Path) -> str:
    """A correct hand-in of one function, cut from the solution; its number makes it another file each time."""
    text = (root / "solutions" / "A2" / "linear_classifier.py").read_text(encoding="utf-8")
    function = next(node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == PART)
    head = f"# Victim {number}.\nimport torch\nfrom torch import Tensor\n\n\n"
    return with_placeholders(f"{head}{ast.get_source_segment(text, function)}\n\n")


def _run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the checkout, as it is run where the kit is installed."""
    paths = os.pathsep.join((str(root), str(root / "assignments")))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = (sys.executable, *command)
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=500)


def _grade(corpus: Path, results: Path, root: Path, *options: str) -> Graded:
    where = ("-a", "A2/linear_classifier", "-o", str(results), "--course", str(root))
    done = _run(root, "-m", "grader", "grade", str(corpus), *where, "--seed", "7", "--jobs", "1", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    names = sorted(path.name for path in corpus.iterdir())
    return Graded(
        {name: json.loads((results / name / "results.json").read_text()) for name in names},
        {name: (results / name / "staff.json").read_text() for name in names},
        done.stdout + done.stderr,
    )


@pytest.fixture(scope="module")
def confined(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """The whole corpus, a correct hand-in after each attack in the same slot."""
    place = tmp_path_factory.mktemp("confined")
    for number, attack in enumerate((BASELINE, *ATTACKS)):
        attack.write(place / "corpus" / f"{number:02d}-{attack.id}")
        victim = place / "corpus" / f"{number:02d}-victim"
        victim.mkdir()
        (victim / "linear_classifier.py").write_text(_victim(number, root), encoding="utf-8")
    return _grade(place / "corpus", place / "results", root)


@pytest.fixture(scope="module")
def unconfined(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """The attacks that do no harm to the machine, with nothing to hold them."""
    place = tmp_path_factory.mktemp("unconfined")
    for attack in _controlled_by("unconfined"):
        attack.write(place / "corpus" / attack.id)
    return _grade(place / "corpus", place / "results", root, "--sandbox", "none")


@pytest.fixture(scope="module")
def plain(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Any]]:
    """What a plain grader in one process makes of the others."""
    place = tmp_path_factory.mktemp("plain")
    attacks = [BASELINE, *_controlled_by("plain")]
    for attack in attacks:
        attack.write(place / attack.id)
    done = _run(root, plain_grader.__file__, *(str(place / attack.id) for attack in attacks))
    found: Mapping[str, Mapping[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _controlled_by(control: str) -> list[Attack]:
    return [attack for attack in ATTACKS if attack.control == control]


def _id(attack: Attack) -> str:
    return f"{attack.id}: {attack.title}"


def _name(attack: Attack) -> str:
    return f"{1 + ATTACKS.index(attack):02d}-{attack.id}"


def _without(value: Any, names: Sequence[str]) -> Any:
    """`value` without the keys that differ between two equal hand-ins."""
    if isinstance(value, dict):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    return [_without(item, names) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("attack", ATTACKS, ids=_id)
class TestConfined:
    def test_the_attack_was_tried(self, confined: Graded, attack: Attack) -> None:
        if attack.id in SILENT:
            assert confined.part(_name(attack))["status"] in ("error", "failed", "timeout")
        else:
            assert TRIED in confined.staff[_name(attack)]

    def test_it_found_nothing(self, confined: Graded, attack: Attack) -> None:
        assert SUCCESS not in confined.staff[_name(attack)]
        assert f"{SUCCESS}: {attack.id}" not in confined.said

    def test_it_earned_no_more_than_wrong_code(self, confined: Graded, attack: Attack) -> None:
        record, baseline = confined.records[_name(attack)], confined.records["00-baseline"]
        assert record["score"] == baseline["score"] == 0
        assert record["max_score"] == baseline["max_score"]

    def test_no_test_was_skipped_or_blamed_on_the_grader(self, confined: Graded, attack: Attack) -> None:
        tests = confined.part(_name(attack))["tests"]
        assert len(tests) == len(confined.part("00-baseline")["tests"])
        assert {test["status"] for test in tests} <= {"failed", "error", "timeout", "memory"}

    def test_hidden_inputs_stay_hidden(self, confined: Graded, attack: Attack) -> None:
        tests = confined.part(_name(attack))["tests"]
        assert not [test for test in tests if test["visibility"] == "hidden" and "LEAK" in str(test)]

    def test_the_correct_hand_in_after_it_is_graded_as_the_first_one(self, confined: Graded, attack: Attack) -> None:
        own = ("submission", "source_sha256", "duration_s")
        after, first = f"{1 + ATTACKS.index(attack):02d}-victim", "00-victim"
        assert _without(confined.records[after], own) == _without(confined.records[first], own)


def test_the_correct_hand_in_has_full_marks_on_its_part(confined: Graded) -> None:
    part = confined.part("00-victim")
    assert part["points"] == part["max_points"] > 0


def test_no_answer_is_taken_for_the_one_to_the_next_call(confined: Graded) -> None:
    attack = next(attack for attack in ATTACKS if attack.id == "P2")
    assert not [test for test in confined.part(_name(attack))["tests"] if "has shape" in test["message"]]


def test_nothing_shipped_was_loaded_by_the_command(confined: Graded) -> None:
    assert SUCCESS not in confined.said


class TestControls:
    @pytest.mark.parametrize("attack", _controlled_by("unconfined"), ids=_id)
    def test_it_succeeds_where_nothing_confines_it(self, unconfined: Graded, attack: Attack) -> None:
        assert SUCCESS in unconfined.staff[attack.id]
        assert unconfined.records[attack.id]["sandbox"] == "none"

    @pytest.mark.parametrize("attack", _controlled_by("plain"), ids=_id)
    def test_it_succeeds_against_a_plain_grader(self, plain: Mapping[str, Mapping[str, Any]], attack: Attack) -> None:
        found = plain[attack.id]
        leaked = SUCCESS in found["output"] or re.search(r"LEAK \[-?\d", found["output"])
        assert found["passes"] if attack.proof == "passes" else leaked

    def test_wrong_code_alone_succeeds_nowhere(self, plain: Mapping[str, Mapping[str, Any]]) -> None:
        assert not plain["baseline"]["passes"]
        assert SUCCESS not in plain["baseline"]["output"]

    def test_each_attack_has_a_control_or_says_why_not(self) -> None:
        assert [attack.id for attack in ATTACKS if attack.control == "none" and not attack.why] == []

    def test_each_file_of_the_corpus_is_in_the_table(self) -> None:
        assert {path.stem for path in CORPUS.glob("*.py")} == {attack.id for attack in (BASELINE, *ATTACKS)}
