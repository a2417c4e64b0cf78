"""The dear proofs that a module is done: seeds in a row, the full cross of mistakes, training, budgets under load.

Run by `tox -e proofs -- A2/linear_classifier`; accuracy thresholds are proven in `test_good_settings.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.course import Course, Module
from grader.executors import mutants
from grader.executors.grading import Options, grade_all
from tests.edits import chain, with_functions
from tests.examined import Examiners, examiners
from tests.habits import HABITS, Habit, handed_in
from tests.handins import write_files
from tests.test_solutions import ASSIGNMENT, named, variations, whole
from tests.variations import Variation

SEEDS = range(10)
TIMED_RUNS, TIMED_LOOPS = 50, 15  # a loop is ten times too slow: fewer runs say as much

pytestmark = [pytest.mark.proofs, pytest.mark.timeout(7200)]


def proof(module: str, *values: object) -> Any:
    """A parameter that belongs to the proofs of a module."""
    return pytest.param(
        module,
        *values,
        marks=pytest.mark.proofs(f"{ASSIGNMENT.id}/{module}"),
        id="-".join(map(_shown, (module, *values))),
    )


def _shown(value: object) -> str:
    return named(value) or str(value)


def proofs(*rows: Iterable[tuple[str, object]]) -> list[Any]:
    return [proof(*row) for part in rows for row in part]


MODULES = [module.id for module in ASSIGNMENT.modules]
EACH = [proof(module) for module in MODULES]
WAYS = [(module, way) for module in MODULES for way in variations(module)]
USES = [(module, habit) for habit in HABITS for module in habit.modules]
TIMED = [
    ("linear_classifier", "svm_loss_vectorized", "svm_loss_naive"),
    ("linear_classifier", "softmax_loss_vectorized", "softmax_loss_naive"),
]
RESTLESS = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(100_000))"
BUDGETS = {name for _, name, _ in TIMED}
QUICK = [(module, way) for module, way in WAYS if not way.slow]


def _module(name: str) -> Module:
    return next(module for module in ASSIGNMENT.modules if module.id == name)


def _is_trained(name: str, way: Variation) -> bool:
    """Whether an accuracy depends on one of these functions."""
    module = _module(name)
    touched = set(way.functions).union(*(mutants.callers(module, function) for function in way.functions))
    return any(part.of for part in module.parts if part.id in touched)


@pytest.fixture(scope="module")
def examine(root: Path) -> Iterator[Examiners]:
    """What examines texts: one session of the suites, a fork for each question."""
    with examiners(root, ASSIGNMENT.id) as found:
        yield found


@pytest.fixture
def busy_cores() -> Iterator[None]:
    """Another process on each core, which never rests; it ends with this one, however this one ends."""
    others = [subprocess.Popen([sys.executable, "-c", RESTLESS]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


class TestSolution:
    @pytest.mark.parametrize(("module", "seed"), proofs((m, seed) for m in MODULES for seed in SEEDS))
    def test_it_has_full_marks_on_ten_seeds_in_a_row(self, examine: Examiners, module: str, seed: int) -> None:
        parts = examine.parts(module, training=True)
        assert whole(examine({module: examine.solutions[module]}, parts, seed=str(seed), timed=True)) == []


class TestRightWays:
    @pytest.mark.parametrize(("module", "way"), proofs(row for row in QUICK if _is_trained(*row)))
    def test_another_way_keeps_full_marks_where_it_trains(
        self, examine: Examiners, module: str, way: Variation
    ) -> None:
        file, text = examine.solutions[module]
        touched = examine.touched(module, list(way.functions), training=True)
        trained = [one for one in touched if one not in examine.parts(module)]
        assert whole(examine({module: (file, with_functions(text, way.functions))}, trained)) == []

    @pytest.mark.parametrize(("module", "habit"), proofs(USES))
    def test_a_habit_keeps_full_marks_where_it_trains(self, examine: Examiners, module: str, habit: Habit) -> None:
        file, text = examine.solutions[module]
        trained = [one for one in examine.parts(module, training=True) if one not in examine.parts(module)]
        assert whole(examine({module: (file, handed_in(habit, module, text))}, trained)) == []

    @pytest.mark.parametrize(("module", "way"), proofs(WAYS))
    @pytest.mark.parametrize("seed", ["1", "2", "3"])
    def test_another_way_keeps_full_marks_on_other_seeds(
        self, examine: Examiners, module: str, way: Variation, seed: str
    ) -> None:
        file, text = examine.solutions[module]
        touched = examine.touched(module, list(way.functions))
        assert whole(examine({module: (file, with_functions(text, way.functions))}, touched, seed=seed)) == []

    @pytest.mark.parametrize(("module", "way"), proofs(WAYS))
    def test_another_way_with_many_habits_at_once_keeps_full_marks(
        self, examine: Examiners, module: str, way: Variation
    ) -> None:
        file, text = examine.solutions[module]
        touched = examine.touched(module, list(way.functions))
        text = MANY_AT_ONCE(with_functions(text, way.functions))
        assert whole(examine({module: (file, text)}, touched)) == []


MANY_AT_ONCE = chain(
    *(
        habit.edit  # type: ignore[arg-type]  # those that give text
        for habit in HABITS
        if habit.name
        in (
            "every tensor to the GPU by .cuda()",
            "touches its arguments in place, to no effect",
            "raises, catches and warns",
            "prints everywhere",
            "bodies in nested functions with nonlocal",
            "lists in the place of tuples",
            "imports that nobody uses, some gone from Python",
            "packages that nobody has, the helper under many names",
            "a drive to mount, data that isn't there, a statement that raises",
            "leaves by sys.exit",
        )
    )
)


class TestLockedWorkers:
    def test_every_habit_keeps_full_marks_in_a_locked_worker(self, root: Path, tmp_path: Path) -> None:
        course = Course(root)
        for number, habit in enumerate(HABITS):
            write_files(tmp_path / "class" / f"{number:02d} {habit.name}"[:60], _files(course, habit))
        options = Options([tmp_path / "class"], [ASSIGNMENT.id], tmp_path / "results", jobs=2, seed=0)
        records = grade_all(course, options, print)
        assert len(records) == len(HABITS)
        assert [record.submission for record in records if record.score < record.max_score] == []


def _files(course: Course, habit: Habit) -> dict[str, str | bytes]:
    """A whole hand-in in this habit."""
    files: dict[str, str | bytes] = {}
    for module in ASSIGNMENT.modules:
        text = course.solution(module).read_text("utf-8")
        kept = module.id in habit.modules
        files[module.id + (habit.suffix if kept else ".py")] = habit.edit(text) if kept else text
    return files


class TestMistakes:
    @pytest.mark.parametrize("module", EACH)
    def test_in_the_full_cross_each_costs_its_own_part_and_what_calls_it(self, root: Path, module: str) -> None:
        (report,) = mutants.run(Course(root), ASSIGNMENT, [_module(module)], whole=True)
        assert [line for line in report.lines()[1:] if not line.startswith("  not named")] == []


class TestBudgets:
    @pytest.mark.usefixtures("busy_cores")
    @pytest.mark.parametrize(("module", "name", "loop"), [proof(*row) for row in TIMED])
    def test_the_solution_is_fast_enough_fifty_times_in_fifty_on_a_busy_machine(
        self, examine: Examiners, module: str, name: str, loop: str
    ) -> None:
        for _ in range(TIMED_RUNS):
            answer = examine({module: examine.solutions[module]}, [(module, name)], timed=True)
            assert answer.failures() == []
            assert "skipped" not in {test.status for _, test in answer.tests()}

    @pytest.mark.parametrize(("module", "way"), proofs(row for row in QUICK if BUDGETS & set(row[1].functions)))
    def test_another_way_is_fast_enough(self, examine: Examiners, module: str, way: Variation) -> None:
        file, text = examine.solutions[module]
        timed = [(module, name) for name in way.functions if name in BUDGETS]
        assert whole(examine({module: (file, with_functions(text, way.functions))}, timed, timed=True)) == []

    @pytest.mark.usefixtures("busy_cores")
    @pytest.mark.parametrize(("module", "name", "loop"), [proof(*row) for row in TIMED])
    def test_a_loop_is_too_slow_every_time(self, examine: Examiners, module: str, name: str, loop: str) -> None:
        file, text = examine.solutions[module]
        text = with_functions(text, {name: f"def {name}(W, X, y, reg):\n    return {loop}(W, X, y, reg)"})
        for _ in range(TIMED_LOOPS):
            answer = examine({module: (file, text)}, [(module, name)], timed=True)
            assert any("slower than" in line for line in answer.failures())


class TestWeakerMethods:
    @pytest.mark.parametrize(
        ("module", "name", "part", "lists"),
        [
            proof("linear_classifier", "svm_get_search_params", "svm_accuracy", "[1e-5, 2e-5], [1e-3, 1e-2, 1e-1]"),
            proof("linear_classifier", "softmax_get_search_params", "softmax_accuracy", "[1e-5, 2e-5], [0, 1e-2, 1]"),
            proof("two_layer_net", "nn_get_search_params", "two_layer_accuracy", "[1e-3], [16, 32], [0.1], [0.9]"),
        ],
    )
    @pytest.mark.parametrize("seed", ["0", "1", "2"])
    def test_poor_settings_miss_the_accuracy_asked_for(
        self, examine: Examiners, module: str, name: str, part: str, lists: str, seed: str
    ) -> None:
        file, text = examine.solutions[module]
        text = with_functions(text, {name: f"def {name}():\n    return {lists}"})
        assert examine({module: (file, text)}, [(module, part)], seed=seed).lost() == {part}
