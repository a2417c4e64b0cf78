"""Each benchmark prints one JSON object, and stays within twice what is allowed even in its quick form."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import figures
from benchmarks.figures import Cost, Figure

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = {path.stem: path.read_text("utf-8") for path in sorted((ROOT / "benchmarks").glob("*.py"))}
RUNNABLE = [name for name, text in SCRIPTS.items() if "if __name__ ==" in text]
MEASURED = [name for name in RUNNABLE if "benchmarks.figures import" in SCRIPTS[name]]


def _run(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


class TestScripts:
    @pytest.mark.parametrize("name", MEASURED)
    def test_a_benchmark_prints_one_json_object_and_keeps_within_twice_its_limits(self, name: str) -> None:
        ended = _run(name, "--quick", "--json")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        (line,) = ended.stdout.splitlines()
        said = json.loads(line)
        allowed, holds = said.pop("allowed"), said.pop("holds")
        assert [key for key in said if not re.search(r"_(s|ms|mib|ratio|count)$", key)] == []
        assert all(isinstance(value, float) for value in said.values())
        assert holds is True
        assert allowed.keys() <= said.keys()

    def test_the_log_has_a_row_for_every_benchmark(self) -> None:
        log = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
        assert [name for name in RUNNABLE if f"`python -m benchmarks.{name}`" not in log] == []


class TestFigures:
    def test_who_begins_changes_from_round_to_round_and_warm_ups_do_not_count(self) -> None:
        order: list[str] = []
        pairs = figures.alternate(lambda: order.append("a"), lambda: order.append("b"), 2, warm_ups=1)
        assert (len(pairs), "".join(order)) == (2, "baabba")

    def test_a_ratio_is_the_median_over_pairs_and_costs_are_for_each(self) -> None:
        pairs = [(Cost(a, 0.5), Cost(1, 0.5)) for a in (3, 1, 200)]
        found = {one.name: one.value for one in figures.compared("x", pairs, None, each=10)}
        assert (found["x_ratio"], found["x_cpu_ms"], found["x_baseline_wall_ms"]) == (3, 300, 50)

    @pytest.fixture
    def measured(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        def measure(options: str, value: float) -> int:
            monkeypatch.setattr(sys, "argv", ["benchmark", *options.split()])
            return figures.run("", lambda quick: [Figure("x_ratio", value, 1.5)])

        return measure

    @pytest.mark.parametrize(
        ("options", "value", "status"), [("", 1.5, 0), ("", 1.6, 1), ("--quick", 1.6, 0), ("--quick", 3.1, 1)]
    )
    def test_a_figure_above_what_is_allowed_is_the_exit_status(
        self, measured: Any, options: str, value: float, status: int
    ) -> None:
        assert measured(options, value) == status

    def test_lines_for_a_person_show_the_limit_beside_the_figure(
        self, measured: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        measured("", 1.25)
        assert re.search(r"^x_ratio +1\.25   at most 1\.5$", capsys.readouterr().out, flags=re.MULTILINE)
