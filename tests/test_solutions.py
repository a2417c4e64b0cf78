"""Whoever is right keeps every point, in whatever way it is written; whoever has done nothing earns none."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader import rubric
from grader.course import Course
from tests.edits import with_functions, without
from tests.examined import Answer, Examiners, examiners
from tests.habits import HABITS, Habit, handed_in
from tests.placeholders import NOTHING, ZEROS, with_placeholders
from tests.variations import Variation

ASSIGNMENT = rubric.read_all(Course(Path(__file__).resolve().parent.parent))["A2"]
MODULES = [module.id for module in ASSIGNMENT.modules]
STUB_CPU_S = 0.6

# an examiner starts in the first test that needs it, and the machine may be busy
pytestmark = pytest.mark.timeout(1200)


def variations(module: str) -> list[Variation]:
    """Other right ways of writing a module's functions, usual and unusual ones."""
    packages = ("tests.variations", "tests.variations.unusual")
    return [way for one in packages for way in importlib.import_module(f"{one}.{module}").VARIATIONS]


def named(value: object) -> str | None:
    """Name of a test's parameter."""
    return value.name.replace(" ", "-") if isinstance(value, Variation | Habit) else None


@pytest.fixture(scope="module")
def examine(root: Path) -> Iterator[Examiners]:
    """What examines texts: one session of the suites, a fork for each question."""
    with examiners(root, ASSIGNMENT.id) as found:
        yield found


def whole(answer: Answer) -> list[str]:
    """What was not to be: tests that cost points, and known mistakes that a right hand-in's answers are like."""
    return answer.failures() + answer.named()


class TestSolution:
    @pytest.mark.parametrize("module", MODULES)
    def test_it_passes_every_test(self, examine: Examiners, module: str) -> None:
        assert whole(examine({module: examine.solutions[module]})) == []

    @pytest.mark.parametrize("module", MODULES)
    def test_the_order_of_tests_does_not_matter(self, examine: Examiners, module: str) -> None:
        assert whole(examine({module: examine.solutions[module]}, seed="1", shuffled=True)) == []


class TestVariations:
    @pytest.mark.parametrize(
        ("module", "variation"), [(one, way) for one in MODULES for way in variations(one)], ids=named
    )
    def test_another_right_way_keeps_every_point(self, examine: Examiners, module: str, variation: Variation) -> None:
        file, text = examine.solutions[module]
        text = with_functions(text, variation.functions)
        touched = examine.touched(module, list(variation.functions))
        assert whole(examine({module: (file, text)}, touched)) == []


class TestHabits:
    @pytest.mark.parametrize(
        ("module", "habit"), [(one, habit) for habit in HABITS for one in habit.modules], ids=named
    )
    def test_a_habit_costs_nothing(self, examine: Examiners, module: str, habit: Habit) -> None:
        file, text = examine.solutions[module]
        assert whole(examine({module: (file, handed_in(habit, module, text))})) == []

    @pytest.mark.parametrize("habit", HABITS, ids=named)
    def test_a_habit_changes_some_module(self, examine: Examiners, habit: Habit) -> None:
        texts = {module: examine.solutions[module][1] for module in habit.modules}
        assert any(handed_in(habit, module, text) != text for module, text in texts.items())


class TestUnasked:
    """Functions under another name, and those that another term of the course had or had not."""

    @pytest.mark.parametrize(
        ("module", "name"),
        [(module.id, part.id) for module in ASSIGNMENT.modules for part in module.parts if not part.of],
    )
    def test_a_function_under_a_name_of_its_own_costs_its_own_part(
        self, examine: Examiners, module: str, name: str
    ) -> None:
        file, text = examine.solutions[module]
        renamed = re.sub(rf"\b{name}\b", f"{name}_me", text)
        answer = examine({module: (file, renamed)})
        assert answer.lost() == {name}
        assert {test.status for part, test in answer.tests() if part == name} - {"skipped"} == {"not_implemented"}

    def test_the_names_of_an_earlier_term_are_known(self, examine: Examiners) -> None:
        assert whole(examine({"two_layer_net": _earlier(*examine.solutions["two_layer_net"])})) == []

    def test_a_mistake_under_such_a_name_costs_its_own_part(self, examine: Examiners) -> None:
        file, text = _earlier(*examine.solutions["two_layer_net"])
        wrong = text.replace("hidden = (X @ W1 + b1)", "hidden = (X @ W1 - b1)")
        assert examine({"two_layer_net": (file, wrong)}).lost() == {"nn_forward_pass"}

    def test_a_batch_drawn_inside_training_costs_sample_batch_alone(self, examine: Examiners) -> None:
        file, text = examine.solutions["linear_classifier"]
        drawn = "X_batch, y_batch = (lambda i: (X[i], y[i]))(torch.randint(num_train, (batch_size,)))"
        text = without("sample_batch")(text).replace(
            "X_batch, y_batch = sample_batch(X, y, num_train, batch_size)", drawn
        )
        texts = {"linear_classifier": (file, text), "two_layer_net": examine.solutions["two_layer_net"]}
        assert examine(texts).lost() == {"sample_batch"}


def _earlier(file: str, text: str) -> tuple[str, str]:
    """A module with the names of an earlier term in the place of those that the rubric knows them under."""
    module = next(module for module in ASSIGNMENT.modules if module.aliases)
    for name, others in module.aliases.items():
        text = re.sub(rf"\b{name}\b", others[0], text)
    return file, text


class TestNothingDone:
    def test_the_untouched_stubs_earn_nothing_in_no_time(self, examine: Examiners) -> None:
        answer = examine(examine.stubs)
        assert {test.status for _, test in answer.tests()} == {"not_implemented"}
        assert answer.cpu_s < STUB_CPU_S

    @pytest.mark.parametrize("module", MODULES)
    @pytest.mark.parametrize("values", [NOTHING, ZEROS], ids=["nothing", "zeros"])
    def test_placeholders_pass_no_test(self, examine: Examiners, module: str, values: dict[str, str]) -> None:
        file, stub = examine.stubs[module]
        answer = examine({module: (file, with_placeholders(stub, values))})
        assert [f"{part}: {test.name}" for part, test in answer.tests() if test.status == "passed"] == []

    @pytest.mark.parametrize("module", MODULES)
    def test_placeholders_meet_failures_not_errors_of_ours(self, examine: Examiners, module: str) -> None:
        file, stub = examine.stubs[module]
        answer = examine({module: (file, with_placeholders(stub, ZEROS))})
        assert [line for line in answer.failures() if "grader_error" in line or "can't be used as asked" in line] == []
