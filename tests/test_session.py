"""One hand-in through the suites of the tiny course, in this process: shares, seeds, blanks, needs, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from grader import rubric
from grader.course import Course, Part
from grader.executors.desk import Desk, in_process
from grader.protocol import Error
from grader.session import verdicts
from grader.session.collect import with_suites
from grader.session.exam import Paper
from grader.session.outcomes import PartOutcome, TestOutcome
from grader.session.plugin import SuitesPlugin
from grader.student import StudentError, Texts, Transport
from tests.small_course import GOOD, LAYERS, NET, function, replaced, small_course, without

DATA = {"cifar10": "stand-in"}
WRONG = function("scale", "return x + factor")
OLD = {"scale": "raise NotImplementedError()", "shift": "y = None\ntotal = 0.0\nreturn y, total", "affine": "pass"}


def _old_stub() -> str:
    text = LAYERS
    for name, body in OLD.items():
        text = function(name, body, text)
    return text


HAND_INS: dict[str, Mapping[str, str]] = {
    "good": GOOD,
    "stub": {},  # the course's own, put in by the fixture
    "old stub": {"layers.py": _old_stub()},
    "half": {"layers.py": function("scale", "if x.dtype is torch.float32:\n    return x\nreturn x * factor")},
    "wrong": {"layers.py": WRONG, "net.py": NET},
    "no layers": {"net.py": NET},
    "unreadable layers": {"layers.py": "def scale(:\n", "net.py": NET},
    "no scale": {"layers.py": without("scale"), "net.py": NET},
    "own fault": {"layers.py": function("affine", "return shift(x * factor, by)[1]")},
    "none": {"layers.py": function("affine", "shift(scale(x, factor), by)[0]")},
    "square": {"layers.py": replaced("x * factor", "factor**2 * x")},
    "mean": {"layers.py": function("shift", "y = by + x\nreturn y, y.sum() / y.numel()")},
    "advised": {"layers.py": function("shift", "return x + by, float((x + by).sum())")},
    "another": {"layers.py": function("scale", "return x * factor + 0.1")},
    "raises": {"layers.py": function("scale", "raise ValueError(str(x.sum()))")},
    "no rates": {"net.py": function("get_rates", "pass", NET)},
    "low rates": {"net.py": function("get_rates", "return [0.1, 0.2]", NET)},
    "own name": {"layers.py": replaced("def scale(", "def times(")},
}


@dataclass
class Session:
    """The collected suites, and what became of each hand-in: its parts by id."""

    course: Course
    outcomes: dict[str, dict[str, PartOutcome]]
    inputs: dict[str, dict[str, list[Any]]]
    connects: dict[str, list[str]]


def _texts(files: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {name.removesuffix(".py"): (name, text) for name, text in files.items()}


def _graded(desk: Desk, files: Mapping[str, str]) -> dict[str, PartOutcome]:
    exam = desk.exam(Paper(_texts(files), "11", DATA), in_process)
    wanted = [(module, part) for module in desk.assignment.modules for part in module.parts]
    return {outcome.id: outcome for _, outcome in desk.grade(exam, wanted)}


def _inputs(desk: Desk, seed: str) -> dict[str, list[Any]]:
    """The tensors that each test of a wrong hand-in's `scale` and `affine` was called with, by the test's node."""
    files = {"layers.py": function("affine", "return x", function("scale", "return x", WRONG))}
    exam = desk.exam(Paper(_texts(files), seed, DATA), in_process)
    found: dict[str, list[Any]] = {}
    for part in desk.modules["layers"].parts[::2]:
        logs = exam._sit(desk.modules["layers"], part, exam._items_of(desk.modules["layers"], part), {}).logs
        found |= {node: log[0].tensors for node, log in logs.items()}
    return found


def _counted(desk: Desk) -> dict[str, list[str]]:
    """The workers that `affine` needs where `scale` was found to be wrong, and where it was stopped by its limit."""
    layers = desk.modules["layers"]
    found: dict[str, list[str]] = {}
    for status in ("failed", "timeout"):
        begun: list[str] = []

        def connect(texts: Texts, memory_mib: int, cpu_s: float, begun: list[str] = begun) -> Transport:
            begun.append("worker")
            return in_process(texts, memory_mib, cpu_s)

        exam = desk.exam(Paper(_texts({"layers.py": WRONG}), "11", DATA), connect)
        test = TestOutcome("doubles a small table", "public", status, Fraction(1))
        exam.know(layers, PartOutcome("scale", "A factor", Fraction(5), [test]))
        known = exam.part(layers, layers.part("scale"))
        assert known.outcome.tests == [test]
        exam.part(layers, layers.part("shift"))
        begun.clear()
        found[status] = begun if exam.part(layers, layers.part("affine")).passed else ["failed"]
    return found


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Every hand-in of the table, through one collected session."""
    course = small_course(tmp_path_factory.mktemp("course"))
    assignment = rubric.read_all(course)["A9"]
    found = Session(course, {}, {}, {})

    def use(plugin: SuitesPlugin, items: list[pytest.Item]) -> None:
        desk = Desk(course, assignment, plugin, items)
        stubs = {f"{one.id}.py": course.stub(one).read_text() for one in assignment.modules}
        for name, files in {**HAND_INS, "stub": stubs}.items():
            found.outcomes[name] = _graded(desk, files)
        broken = course.suite(assignment.modules[0], "hidden").with_name("broken")
        broken.touch()
        found.outcomes["broken suite"] = _graded(desk, GOOD)
        broken.unlink()
        found.inputs = {seed: _inputs(desk, seed.rstrip("'")) for seed in ("1", "1'", "2")}
        found.connects = _counted(desk)

    with_suites(course, assignment.modules, ("public", "hidden"), use)
    return found


def _states(outcome: PartOutcome) -> list[str]:
    return [test.status for test in outcome.tests]


def _points(outcome: PartOutcome) -> Fraction:
    passed = sum((test.share for test in outcome.tests if test.status == "passed"), Fraction(0))
    return outcome.max_points * passed


class TestShares:
    def test_of_a_part_sum_to_one(self, session: Session) -> None:
        for outcome in session.outcomes["good"].values():
            assert sum(test.share for test in outcome.tests) == 1

    def test_follow_visibility_then_weight_then_cases(self, session: Session) -> None:
        shares = {test.name: test.share for test in session.outcomes["good"]["scale"].tests}
        assert shares == {
            "doubles a small table": Fraction(2, 5),
            "agrees with the reference on fresh inputs [float32]": Fraction(1, 5),
            "agrees with the reference on fresh inputs [float64]": Fraction(1, 5),
            "its input stays as it was": Fraction(1, 5),
        }

    def test_a_named_result_has_hidden_tests_alone(self, session: Session) -> None:
        (test,) = session.outcomes["good"]["rates_work"].tests
        assert (test.visibility, float(test.share)) == ("hidden", 1.0)

    def test_a_test_of_no_weight_is_advice_which_costs_nothing(self, session: Session) -> None:
        shift = session.outcomes["advised"]["shift"]
        assert _states(shift) == ["passed", "passed", "failed"]
        assert _points(shift) == 4
        assert shift.tests[-1].message == "total is no tensor"

    def test_a_case_that_fails_costs_its_own_share(self, session: Session) -> None:
        scale = session.outcomes["half"]["scale"]
        assert _states(scale) == ["failed", "failed", "passed", "passed"]
        assert _points(scale) == 2


class TestSeeds:
    def test_the_same_seed_gives_the_same_inputs_and_another_others(self, session: Session) -> None:
        first, again, other = (session.inputs[seed] for seed in ("1", "1'", "2"))
        hidden = [node for node in first if "test_hidden" in node]
        assert len(hidden) == 3
        for node in hidden:
            assert torch.equal(first[node][0], again[node][0])
            assert not torch.equal(first[node][0], other[node][0])

    def test_public_inputs_are_the_same_whatever_the_seed(self, session: Session) -> None:
        public = [node for node in session.inputs["1"] if "test_public" in node]
        assert len(public) == 2
        assert all(torch.equal(session.inputs["1"][node][0], session.inputs["2"][node][0]) for node in public)

    def test_each_case_draws_for_itself(self, session: Session) -> None:
        cases = [tensors[0] for node, tensors in session.inputs["1"].items() if "[float" in node]
        assert not torch.allclose(cases[0].double(), cases[1])


class TestBlanks:
    @pytest.mark.parametrize("name", ["stub", "old stub"])
    def test_what_was_handed_out_is_not_implemented_whatever_its_placeholders(
        self, session: Session, name: str
    ) -> None:
        for part in ("scale", "shift", "affine"):
            outcome = session.outcomes[name][part]
            assert set(_states(outcome)) == {"not_implemented"}
            assert outcome.message == f"{part} is not implemented yet"

    def test_a_named_result_is_blank_where_its_function_is(self, session: Session) -> None:
        outcome = session.outcomes["no rates"]["rates_work"]
        assert (_states(outcome), outcome.message) == (["not_implemented"], "get_rates is not implemented yet")

    def test_nothing_stands_in_for_what_a_named_result_is_of(self, session: Session) -> None:
        outcome = session.outcomes["low rates"]["rates_work"]
        assert (_states(outcome), outcome.stood_in) == (["failed"], [])
        assert outcome.tests[0].message == "the best rate is 20 %, below the 25 % asked for"


class TestNeeds:
    @pytest.mark.parametrize("name", ["wrong", "no layers", "unreadable layers", "no scale"])
    def test_one_error_costs_its_points_once(self, session: Session, name: str) -> None:
        outcomes = session.outcomes[name]
        assert _points(outcomes["scale"]) < 2
        assert [_points(outcomes[part]) for part in ("predict", "fourfold", "get_rates")] == [3, 2, 2]

    @pytest.mark.parametrize("part", ["predict", "fourfold"])
    @pytest.mark.parametrize("name", ["wrong", "no layers", "unreadable layers", "no scale"])
    def test_the_reference_stands_in_however_the_other_module_is_imported(
        self, session: Session, name: str, part: str
    ) -> None:
        assert session.outcomes[name][part].stood_in == ["layers.scale"]

    def test_what_stood_in_is_named_in_the_module_itself_too(self, session: Session) -> None:
        assert session.outcomes["wrong"]["affine"].stood_in == ["scale"]
        assert _points(session.outcomes["wrong"]["affine"]) == 3

    def test_a_part_that_passes_with_the_hand_ins_own_has_no_stand_in(self, session: Session) -> None:
        assert all(outcome.stood_in == [] for outcome in session.outcomes["good"].values())

    def test_a_callers_own_fault_stays_its_own(self, session: Session) -> None:
        outcome = session.outcomes["own fault"]["affine"]
        assert _points(outcome) == 0
        assert outcome.stood_in == []

    def test_a_needed_part_that_ran_on_and_on_is_not_run_again_by_its_caller(self, session: Session) -> None:
        assert session.connects == {"failed": ["worker", "worker"], "timeout": ["worker"]}


class TestVerdicts:
    def test_a_suite_that_stumbles_over_an_odd_return_is_the_hand_ins_failure(self, session: Session) -> None:
        test = session.outcomes["none"]["affine"].tests[-1]
        assert (test.name, test.status) == ("keeps the shape", "failed")
        assert test.message == "returns something that can't be used as asked (AttributeError)"

    def test_a_suite_that_fails_for_the_solution_too_is_the_graders_fault(self, session: Session) -> None:
        test = session.outcomes["broken suite"]["affine"].tests[-1]
        assert (test.status, test.message) == ("grader_error", "the grader's own fault: ZeroDivisionError")
        assert "a fault of the suite's own" in test.staff["message"]
        assert "test_hidden.py" in test.staff["trace"]

    def test_a_public_test_shows_call_difference_and_hint(self, session: Session) -> None:
        test = session.outcomes["square"]["scale"].tests[0]
        assert test.details == [
            "called    scale((2, 2) float32, 2.0)",
            "differs   in 4 of 4 elements, most at [1, 1]: got 16, expected 8",
            "allowed   1e-09 + 1e-07 × |expected|",
            "look at   multiply by the factor",
        ]

    def test_an_exception_is_shown_in_full_by_public_tests_alone(self, session: Session) -> None:
        public, *hidden = session.outcomes["raises"]["scale"].tests
        line = LAYERS[: LAYERS.index("return x * factor")].count("\n")
        assert public.message == f"raises ValueError: tensor(10.) (layers.py, line {line})"
        for test in hidden:
            assert test.message == f"raises ValueError (layers.py, line {line})"
            assert test.staff["message"].startswith("raises ValueError: tensor(")

    @pytest.mark.parametrize(("said", "whole"), [
        ("stopped after its 0.37 CPU seconds for this part were used up",
         "stopped after its 1.5 CPU seconds for this part were used up"),
        ("stopped: no answer within 3.7 seconds", "stopped: no answer in time"),
    ])  # fmt: skip
    def test_a_limit_is_told_by_the_part_and_not_by_what_a_clock_had_left_of_it(self, said: str, whole: str) -> None:
        assert verdicts.of_the_whole(said, Part("scale", "A factor", Fraction(5), cpu_s=1.5)) == whole


class TestDiagnosis:
    @pytest.mark.parametrize(("name", "part", "known"), [
        ("square", "scale", "A9.layers.scale.square"),
        ("wrong", "scale", "A9.layers.scale.plus"),
        ("mean", "shift", "A9.layers.shift.mean"),
    ])  # fmt: skip
    def test_names_the_mistake_that_answers_alike(self, session: Session, name: str, part: str, known: str) -> None:
        assert [one.id for one in session.outcomes[name][part].diagnosis] == [known]

    @pytest.mark.parametrize("name", ["good", "stub", "another", "none", "raises", "own name"])
    def test_names_none_where_nothing_is_known(self, session: Session, name: str) -> None:
        assert [outcome.diagnosis for outcome in session.outcomes[name].values()] == [[]] * 7


class TestWhatAHiddenTestTells:
    @pytest.mark.parametrize(("message", "shown"), [
        ("y is wrong in 3 of 12 elements (off by 2.1e+00 of the value where it is worst)", None),
        ("the best rate is 20 %, below the 25 % asked for", None),
        ("gives a tensor of shape (918273,), float64", "gives a tensor of shape (…), float64"),
        ("W1 has shape (3, 4), expected (4, 3)", "W1 has shape (…), expected (…)"),
        ("returns 918273 values where 2 values (y, total) are asked for",
         "returns … values where 2 values (y, total) are asked for"),
        ("accuracy is 0.9183 where a fraction is asked for", "accuracy is … where a fraction is asked for"),
        ("accuracy is -9.183e+05, no fraction", "accuracy is …, no fraction"),
        ("y is wrong in 3000 of 30000 elements", "y is wrong in … of … elements"),
        ("a leak_918273 of it", "a leak_… of it"),
        ("rows [1, 22, 333] differ", "rows (…) differ"),
    ])  # fmt: skip
    def test_has_no_shape_and_no_long_number(self, message: str, shown: str | None) -> None:
        assert verdicts.without_values(message) == (shown or message)

    def _told(self, **fields: Any) -> str:
        error = Error(**{"type": "ValueError", "message": "918273", "file": "layers.py", "line": 3, **fields})
        test = TestOutcome("a test", "hidden", "error", Fraction(1), "in full")
        verdicts.veil(test, StudentError(error), {"layers": ("layers.py", "a\nb\nc\n")})
        assert test.staff == {"message": "in full"}
        return test.message

    def test_has_no_exception_of_the_students_own_making(self) -> None:
        assert self._told() == "raises ValueError (layers.py, line 3)"
        assert self._told(type="E918273") == "raises an exception of its own (layers.py, line 3)"

    def test_has_no_line_that_the_hand_in_has_not(self) -> None:
        assert self._told(line=918273) == "raises ValueError"
        assert self._told(file="918273.py") == "raises ValueError"


class TestCollecting:
    def test_a_suite_that_can_not_be_imported_is_named(self, tmp_path: Path) -> None:
        from grader.errors import CourseError

        course = small_course(tmp_path)
        module = rubric.read_all(course)["A9"].modules[0]
        course.suite(module, "public").write_text("import nothing_of_this_name\n")
        with pytest.raises(CourseError, match=r"can't be collected: .*layers/test_public\.py.*nothing_of_this_name"):
            with_suites(course, [module], ("public",), lambda plugin, items: None)
