"""The record of a graded hand-in: its points and words, what its student may see, the schema it is published with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.results import (
    Assignment,
    Part,
    PartStatus,
    Record,
    build,
    clean_line,
    clean_lines,
    for_student,
    printable_name,
    rounded,
    schema_text,
    staff_view,
    without_durations,
)
from grader.session.outcomes import ModuleOutcome, PartOutcome, TestOutcome, TestStatus
from tests import sample_class

SCHEMA_FILE = "docs/schema/results-1.json"


def _graded(*parts: PartOutcome, status: str = "graded", message: str = "") -> Record:
    module = ModuleOutcome("linear_classifier", status, message, list(parts))  # type: ignore[arg-type]
    return sample_class.record("ada", {"A2": [module]})


def _only(record: Record) -> Part:
    ((_, part),) = record.parts()
    return part


def _totals(of: Record | Assignment) -> tuple[float, float]:
    return float(of.score), float(of.max_score)


def _part(*statuses: TestStatus, shares: Sequence[Fraction] = (), points: Fraction = Fraction(10)) -> PartOutcome:
    shares = shares or [Fraction(1, len(statuses))] * len(statuses)
    pairs = enumerate(zip(statuses, shares, strict=True))
    tests = [TestOutcome(f"test_{i}", "public", status, share, f"message {i}") for i, (status, share) in pairs]
    return PartOutcome("sample_batch", "A random minibatch", points, tests)


class TestPoints:
    def test_a_part_earns_by_the_shares_of_the_tests_that_passed(self) -> None:
        shares = (Fraction(1, 2), Fraction(1, 3), Fraction(1, 6))
        assert _only(_graded(_part("passed", "failed", "passed", shares=shares))).points == Fraction(20, 3)

    def test_the_share_of_a_skipped_test_goes_to_the_others(self) -> None:
        shares = (Fraction(1, 2), Fraction(1, 4), Fraction(1, 4))
        record = _graded(_part("skipped", "passed", "failed", shares=shares))
        assert _only(record).points == 5
        assert record.max_score == 10

    def test_a_part_whose_tests_were_all_skipped_leaves_the_maximum(self) -> None:
        record = _graded(_part("skipped", "skipped"), _part("passed"))
        assert [part.status for _, part in record.parts()] == ["skipped", "passed"]
        assert _totals(record) == (10, 10)

    def test_a_sum_is_exact_and_rounded_once(self) -> None:
        third = _part("passed", "failed", "failed", points=Fraction(1))
        record = _graded(third, third, third)
        assert record.score == 1
        assert json.loads(record.to_json())["score"] == 1

    @pytest.mark.parametrize(
        ("points", "written"),
        [("1/3", 0.33), ("2/3", 0.67), ("1/200", 0.01), ("2999/200", 15), ("12", 12), ("87.5", 87.5), ("0", 0)],
    )
    def test_points_are_rounded_half_up_to_two_decimals_where_written(self, points: str, written: float) -> None:
        assert rounded(Fraction(points)) == written
        assert isinstance(rounded(Fraction(points)), type(written))

    def test_totals_are_sums_over_all_assignments(self) -> None:
        modules = [ModuleOutcome("m", "graded", parts=[_part("passed", "failed")])]
        record = sample_class.record("ada", {"A2": modules, "A3": modules})
        assert {a.id: _totals(a) for a in record.assignments} == {"A2": (5, 10), "A3": (5, 10)}
        assert _totals(record) == (10, 20)

    @given(st.lists(st.sampled_from(["passed", "failed", "skipped", "error", "grader_error"]), min_size=1, max_size=8))
    def test_points_never_leave_their_range(self, statuses: list[TestStatus]) -> None:
        part = _only(_graded(_part(*statuses)))
        assert 0 <= part.points <= part.max_points
        assert (part.status == "passed") <= (part.points == part.max_points)


class TestStatusOfAPart:
    @pytest.mark.parametrize(
        ("statuses", "expected"),
        [
            (["passed", "passed"], "passed"),
            (["passed", "skipped"], "passed"),
            (["passed", "failed"], "partial"),
            (["passed", "timeout"], "partial"),
            (["failed", "error"], "error"),
            (["failed", "error", "memory"], "memory"),
            (["error", "memory", "timeout"], "timeout"),
            (["not_implemented", "not_implemented"], "not_implemented"),
            (["not_implemented", "skipped"], "not_implemented"),
            (["not_implemented", "failed"], "failed"),
            (["not_implemented", "error"], "error"),
            (["skipped", "skipped"], "skipped"),
            (["failed", "grader_error"], "grader_error"),
            (["passed", "grader_error"], "grader_error"),
        ],
    )
    def test_is_the_worst_that_stands_unless_points_were_earned(
        self, statuses: list[TestStatus], expected: PartStatus
    ) -> None:
        assert _only(_graded(_part(*statuses))).status == expected

    def test_a_grader_error_keeps_what_was_earned_and_is_named(self) -> None:
        record = _graded(_part("passed", "grader_error"))
        assert _only(record).points == 5
        assert record.grader_errors == ["A2/linear_classifier/sample_batch"]

    @pytest.mark.parametrize(
        ("module", "status", "maximum"),
        [("missing", "not_implemented", 10), ("unloadable", "error", 10), ("other_term", "skipped", 0)],
    )
    def test_the_parts_of_a_module_that_was_not_graded_say_why(self, module: str, status: str, maximum: int) -> None:
        record = _graded(PartOutcome("p", "P", Fraction(10)), status=module, message="line 3: invalid syntax")
        part = _only(record)
        assert part.status == status
        assert part.message == "line 3: invalid syntax"
        assert _totals(record) == (0, maximum)

    def test_a_graded_part_without_tests_is_a_fault_of_ours(self) -> None:
        part = _only(_graded(PartOutcome("p", "P", Fraction(10))))
        assert (part.status, part.message) == ("grader_error", "the grader ran no test of this part")


class TestMessageOfAPart:
    def test_is_that_of_the_first_test_that_did_not_pass(self) -> None:
        assert _only(_graded(_part("passed", "skipped", "failed", "error"))).message == "message 2"

    def test_prefers_a_public_test(self) -> None:
        part = _part("failed", "failed")
        part.tests[0].visibility = "hidden"
        assert _only(_graded(part)).message == "message 1"

    def test_of_a_grader_error_is_the_fault(self) -> None:
        assert _only(_graded(_part("failed", "grader_error"))).message == "message 1"

    def test_is_empty_where_all_passed(self) -> None:
        assert _only(_graded(_part("passed"))).message == ""

    def test_names_what_the_reference_stood_in_for(self) -> None:
        part = _part("failed")
        part.stood_in = ["svm_loss_naive", "sample_batch"]
        expected = "message 0 (graded with the reference in place of your svm_loss_naive, sample_batch)"
        assert _only(_graded(part)).message == expected

    def test_is_made_harmless(self) -> None:
        part = _part("failed")
        part.tests[0].message = "\x1b[31mno\x1b[0m\nat 0x7f3a12345678 \udc80"
        assert _only(_graded(part)).message == "no at 0x… \ufffd"

    def test_details_of_hidden_tests_stay_with_staff(self) -> None:
        part = _part("failed", "failed")
        part.tests[1].visibility = "hidden"
        for test in part.tests:
            test.details = ["expected 9.002"]
        assert [test.details for test in _only(_graded(part)).tests] == [["expected 9.002"], []]


class TestCleanText:
    @pytest.mark.parametrize(
        ("text", "clean"),
        [
            ("plain, with é and × and 日本", "plain, with é and × and 日本"),
            ("\x1b[1;31mred\x1b[0m \x9b2Jgone", "red gone"),
            ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink"),
            ("\x1bPq#0\x1b\\sixel \x1b(B\x1b7saved", "sixel saved"),
            ("unfinished \x1b[", "unfinished"),
            ("bell\x07 back\x08 null\x00 del\x7f c1\x85next", "bell back null del c1 next"),
            ("two\r\nlines\u2028three\ttab", "two lines three tab"),
            ("\u202eright to left\u2066", "right to left"),
            ("lone \ud800 pair \udc80", "lone \ufffd pair \ufffd"),
            ("<Net at 0x7f12ab34cd56> 0xFF", "<Net at 0x…> 0xFF"),
        ],
    )
    def test_a_line_keeps_what_can_be_read_and_nothing_that_acts(self, text: str, clean: str) -> None:
        assert clean_line(text) == clean

    @given(st.text(st.characters(exclude_categories=[]), max_size=400))
    def test_a_line_is_short_printable_and_clean_already(self, text: str) -> None:
        line = clean_line(text)
        assert len(line) <= 300
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 or 0xD800 <= ord(char) < 0xE000 for char in line)
        assert clean_line(line) == line

    def test_a_long_line_loses_its_middle(self) -> None:
        line = clean_line("begin " + "x" * 1000 + " end")
        assert len(line) == 300
        assert line.startswith("begin xxx")
        assert line.endswith("xxx end")
        assert " … " in line

    @pytest.mark.timeout(10)
    @pytest.mark.parametrize("piece", ["\x1b]", "\x1b[", "\x1b[0;", "0x", "\n", "\x1bP\x1b"])
    def test_a_flood_is_cut_before_it_costs(self, piece: str) -> None:
        assert len(clean_line(piece * 5_000_000)) <= 300
        assert len(clean_lines([piece * 5_000_000])) <= 61

    def test_lines_keep_their_indentation_and_lose_their_middle(self) -> None:
        lines = clean_lines(["    one\x1b[2J\ntwo  ", *(str(i) for i in range(100))])
        assert lines[:2] == ["    one", "two"]
        assert "… 42 lines left out …" in lines
        assert lines[-1] == "99"
        assert len(lines) == 61

    @given(st.text(st.characters(exclude_categories=[])), st.text(st.characters(exclude_categories=[])))
    def test_printable_names_are_printable_and_never_merge_two(self, one: str, other: str) -> None:
        assert printable_name(one).isprintable()
        assert (printable_name(one) == printable_name(other)) == (one == other)

    def test_a_printable_name_is_the_name_where_it_can_be_read(self) -> None:
        assert printable_name("Müller, Ann (2)") == "Müller, Ann (2)"
        assert printable_name("a\nb\u202ec\udc80\\") == "a\\nb\\u202ec\\udc80\\\\"


class TestForm:
    def test_has_the_keys_of_the_design_in_their_order(self) -> None:
        form = json.loads(_graded(_part("failed")).to_json())
        settings = "schema kit submission source_sha256 seed sandbox device data".split()
        assert list(form) == [*settings, "score", "max_score", "duration_s", "assignments"]
        (assignment,) = form["assignments"]
        assert list(assignment) == "id score max_score modules".split()
        (module,) = assignment["modules"]
        assert list(module) == "id status message parts".split()
        (part,) = module["parts"]
        assert list(part) == "id title points max_points status message diagnosis tests".split()
        assert list(part["tests"][0]) == "name visibility status message details duration_s".split()

    def test_comes_back_from_json_as_it_was_written(self) -> None:
        for record in sample_class.records():
            assert Record.from_json(record.to_json()).to_json() == record.to_json()

    def test_is_one_line_of_ascii(self) -> None:
        text = sample_class.record("Müller\n\u202e", sample_class.hand_in()).to_json()
        assert text.isascii()
        assert "\n" not in text

    @pytest.mark.parametrize("broken", [{"schema": 2}, {"score": -1}, {"score": "9"}, {"more": 1}])
    def test_refuses_what_is_no_record(self, broken: dict[str, Any]) -> None:
        form = json.loads(_graded(_part("passed")).to_json())
        with pytest.raises(ValidationError):
            Record.from_json(json.dumps({**form, **broken}))

    def test_repeats_byte_for_byte_but_for_durations(self) -> None:
        def record(seconds: float) -> Record:
            modules = sample_class.hand_in()
            modules["A2"][0].parts[0].tests[0].duration_s = seconds
            return sample_class.record("ada", modules, duration_s=seconds)

        assert record(1.0).to_json() != record(2.0).to_json()
        assert json.dumps(without_durations(record(1.0))) == json.dumps(without_durations(record(2.0)))

    def test_without_durations_no_key_that_begins_with_duration_is_left(self) -> None:
        assert "duration" not in json.dumps(without_durations(sample_class.records()[0]))
        assert without_durations({"a": [{"duration_gpu_s": 1, "b": 2}]}) == {"a": [{"b": 2}]}


class TestSchema:
    def test_the_published_file_is_in_step(self, root: Path) -> None:
        write = f"""python -c "from grader.results import schema_text; print(schema_text(), end='')" > {SCHEMA_FILE}"""
        assert (root / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text(), f"write it anew: {write}"

    def test_every_record_of_the_sample_class_fulfils_it(self) -> None:
        validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
        validator.check_schema(validator.schema)
        for record in sample_class.records():
            validator.validate(json.loads(record.to_json()))
            validator.validate(json.loads(for_student(record, "after_due").to_json()))

    def test_it_refuses_a_status_that_does_not_exist(self) -> None:
        form = json.loads(_graded(_part("passed")).to_json())
        form["assignments"][0]["modules"][0]["parts"][0]["status"] = "splendid"
        assert not jsonschema.Draft202012Validator(json.loads(schema_text())).is_valid(form)


class TestWhatAStudentSees:
    @pytest.fixture
    def part(self) -> PartOutcome:
        part = sample_class.part("svm_loss_naive")
        sample_class.spoil(part, "failed", [2], "")
        part.diagnosis = [sample_class.SUMMED]
        return part

    def test_everything_now(self, part: PartOutcome) -> None:
        record = _graded(part)
        assert for_student(record, "now") is record

    @pytest.mark.parametrize("rule", ["after_due", "never"])
    def test_no_word_of_hidden_tests_later(self, part: PartOutcome, rule: Any) -> None:
        shown = for_student(_graded(part), rule)
        text = shown.to_json()
        hidden = [test for test in part.tests if test.visibility == "hidden"]
        assert not any(test.name in text for test in hidden)
        assert not any(test.message in text for test in hidden if test.message)
        assert sample_class.SUMMED.title not in text
        assert "hidden tests" in _only(shown).message

    def test_points_stay_and_the_seed_goes(self, part: PartOutcome) -> None:
        record = _graded(part)
        shown = for_student(record, "after_due")
        assert _totals(shown) == _totals(record) == (8, 10)
        assert _only(shown).status == "partial"
        assert shown.seed is None

    def test_what_a_public_test_said_stays_with_its_diagnosis(self, part: PartOutcome) -> None:
        sample_class.spoil(part, "failed", [1], "the gradient is off", "in 3 of 12 elements")
        shown = _only(for_student(_graded(part), "after_due"))
        assert shown.message == "the gradient is off"
        assert [finding.title for finding in shown.diagnosis] == [sample_class.SUMMED.title]
        assert shown.tests[1].details == ["in 3 of 12 elements"]

    def test_a_status_that_only_hidden_tests_know_becomes_failed(self) -> None:
        part = sample_class.part("svm_loss_naive", status="failed")
        sample_class.spoil(part, "timeout", [2, 3, 4], "")
        assert _only(_graded(part)).status == "timeout"
        assert _only(for_student(_graded(part), "after_due")).status == "failed"

    def test_a_module_that_is_missing_still_says_so(self) -> None:
        record = _graded(PartOutcome("p", "P", Fraction(1)), status="missing", message="no file")
        assert _only(for_student(record, "never")).message == "no file"


class TestWhatStaffSee:
    def test_everything_a_hidden_test_kept(self) -> None:
        modules = sample_class.outcomes()["fatima-summed"]
        view = staff_view(modules)
        part = view["assignments"][0]["modules"][0]["parts"][1]
        assert part["id"] == "svm_loss_vectorized"
        assert part["tests"][2]["staff"]["expected"] == 9.02
        assert part["tests"][2]["share"] == "1/5"
        assert part["diagnosis"] == [sample_class.SUMMED.id]

    def test_is_json_whatever_was_kept(self) -> None:
        part = _part("failed")
        part.tests[0].staff = {
            "shape": (2, 3),
            "four": {4: float("nan")},
            "share": Fraction(1, 3),
            "text": "\udc80\x1b",
        }
        view = staff_view({"A2": [ModuleOutcome("m", "graded", parts=[part])]})
        text = json.dumps(view, allow_nan=False)
        assert text.isascii()
        kept = json.loads(text)["assignments"][0]["modules"][0]["parts"][0]["tests"][0]["staff"]
        assert kept == {"shape": [2, 3], "four": {"4": "nan"}, "share": "Fraction(1, 3)", "text": "\udc80\x1b"}


def test_build_orders_data_sets_by_name() -> None:
    record = build(
        "ada",
        "0",
        {},
        seed=0,
        sandbox="none",
        device="cpu",
        data={"mnist": "real", "cifar10": "stand-in"},
        kit="1",
        duration_s=0,
    )
    assert list(record.data) == ["cifar10", "mnist"]
    assert _totals(record) == (0, 0)
