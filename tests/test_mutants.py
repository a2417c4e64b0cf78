"""Every known mistake costs its own part, and no part that does not call it; nine in ten are named first."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader import rubric
from grader.course import Course
from grader.executors import mutants
from grader.executors.mutants import Report

ASSIGNMENT = rubric.read_all(Course(Path(__file__).resolve().parent.parent))["A2"]
LEAST_MISTAKES = 25  # a module

# all mistakes of a module are tried in the first test of it, and the machine may be busy
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module", params=ASSIGNMENT.modules, ids=lambda module: str(module.id))
def report(root: Path, request: pytest.FixtureRequest) -> Report:
    """What the suites said of every mistake of one module."""
    (found,) = mutants.run(Course(root), ASSIGNMENT, [request.param])
    return found


def listed(report: Report, *, unlike: str) -> list[str]:
    """The report's lines on mistakes that are not as they should be, those of one kind."""
    return [line for line in report.lines()[1:] if line.split()[0] == unlike]


class TestMistakes:
    def test_there_are_many(self, report: Report) -> None:
        assert len(report.verdicts) >= LEAST_MISTAKES

    def test_each_part_but_named_results_has_some(self, report: Report) -> None:
        parts = {part.id for part in report.module.parts if not part.of}
        assert parts - {verdict.part for verdict in report.verdicts} == set()

    def test_each_costs_its_own_part(self, report: Report) -> None:
        assert listed(report, unlike="survives") == []

    def test_none_costs_a_part_that_does_not_call_it(self, report: Report) -> None:
        assert listed(report, unlike="costs") == []

    def test_nine_in_ten_are_named_first(self, report: Report) -> None:
        unnamed = listed(report, unlike="not")
        assert 10 * len(unnamed) <= len(report.verdicts), unnamed

    def test_a_mistake_is_never_taken_for_one_of_another_part(self, report: Report) -> None:
        own = {
            verdict.mistake: f"{report.module.path.replace('/', '.')}.{verdict.part}." for verdict in report.verdicts
        }
        assert [
            v.mistake for v in report.verdicts if not all(name.startswith(own[v.mistake]) for name in v.named)
        ] == []
