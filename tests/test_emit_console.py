"""What a terminal shows of graded hand-ins, and what a pipe gets."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pytest
from rich.console import Console

from grader.emit import hand_in_line, show
from grader.results import Record
from grader.session.outcomes import PartOutcome
from tests import sample_class

SGR = re.compile(r"\x1b\[[0-9;]*m")  # colours: the only escapes that we write ourselves


def _shown(records: Sequence[Record], *, terminal: bool = True, width: int = 140) -> str:
    out = io.StringIO()
    show(
        records,
        console=Console(file=out, force_terminal=terminal, width=width, color_system="standard", no_color=False),
    )
    return out.getvalue()


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return sample_class.records()


def _named(records: Sequence[Record], name: str) -> Record:
    return next(record for record in records if record.submission.startswith(name))


class TestTheTable:
    def test_has_a_row_a_hand_in_with_its_score_and_a_letter_a_part(self, records: list[Record]) -> None:
        text = SGR.sub("", _shown(records))
        assert re.search(r"chiara-three-mistakes +84\.2 / 100 +PP?~PP?FPPPPPPP +P~PPPPP", text)
        assert re.search(r"gonzalo-syntax-error +40 / 100 +unloadable +P{7}", text)

    def test_explains_the_letters_in_use_and_no_others(self, records: list[Record]) -> None:
        legend = SGR.sub("", _shown(records[:3])).strip().splitlines()[-1]
        assert legend == "P passed   ~ partly   F failed"

    def test_of_nothing_is_nothing(self) -> None:
        assert _shown([]) == ""

    def test_of_one_hand_in_goes_part_by_part_with_what_to_do(self, records: list[Record]) -> None:
        text = SGR.sub("", _shown([_named(records, "fatima")], width=200))
        assert re.search(r"svm_loss_vectorized +4\.8 / 12 +partly +loss is 64 times", text)
        assert "behaves like a loss that is summed, not averaged, over the batch" in text

    def test_of_one_hand_in_says_why_a_module_was_not_graded(self, records: list[Record]) -> None:
        assert "'(' was never closed" in SGR.sub("", _shown([_named(records, "gonzalo")]))


class TestGraderErrors:
    @pytest.mark.parametrize("terminal", [True, False])
    def test_head_the_console_with_their_names(self, records: list[Record], terminal: bool) -> None:
        lines = SGR.sub("", _shown(records, terminal=terminal)).splitlines()
        assert lines[0] == "grader error in 1 part of 1 hand-in: their points are not final"
        assert lines[1].split() == ["A2/two_layer_net/find_best_net:", "kit-needs-memory"]

    def test_of_many_hand_ins_are_summed_up(self) -> None:
        def spoil(module: str, id: str, outcome: PartOutcome) -> None:
            sample_class.spoil(outcome, "grader_error", [0], "no worker")

        many = [sample_class.record(f"s{i}", sample_class.hand_in(spoil)) for i in range(5)]
        text = SGR.sub("", _shown(many))
        assert text.startswith("grader error in 19 parts of 5 hand-ins")
        assert "svm_loss_naive: s0, s1, s2 and 2 more" in text
        assert "… and 9 more" in text

    def test_are_not_mentioned_where_there_are_none(self, records: list[Record]) -> None:
        assert "grader error" not in _shown(records[:3])


class TestPlainLines:
    def test_are_one_a_hand_in_where_nobody_looks(self, records: list[Record]) -> None:
        lines = _shown(records[:3], terminal=False, width=20).splitlines()
        assert lines == [hand_in_line(record) for record in records[:3]]
        assert lines[2] == ("chiara-three-mistakes  84.2/100  linear_classifier P~PPFPPPPPPP  two_layer_net P~PPPPP")

    def test_of_one_hand_in_list_its_parts(self, records: list[Record]) -> None:
        lines = _shown([_named(records, "fatima")], terminal=False).splitlines()
        assert len(lines) == 1 + 19
        assert lines[2].startswith("  A2/linear_classifier/svm_loss_vectorized  4.8/12  partly  loss is 64 times")

    def test_name_grader_errors_in_their_own_line(self, records: list[Record]) -> None:
        assert hand_in_line(_named(records, "kit")).endswith("grader error in A2/two_layer_net/find_best_net")


class TestHostileText:
    @pytest.fixture
    def hostile(self) -> Record:
        return sample_class.record(
            "[red]x[/red] :bomb: \x1b[2J\n::error::owned\u202e", sample_class.hand_in(sample_class.attack)
        )

    @pytest.mark.parametrize("terminal", [True, False])
    @pytest.mark.parametrize("count", [1, 2])
    def test_no_escape_or_control_of_a_hand_in_reaches_the_terminal(
        self, hostile: Record, terminal: bool, count: int
    ) -> None:
        text = SGR.sub("", _shown([hostile] * count, terminal=terminal, width=300))
        assert "PermissionError" in text or count == 2
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)

    @pytest.mark.parametrize("terminal", [True, False])
    def test_names_are_neither_markup_nor_emoji(self, hostile: Record, terminal: bool) -> None:
        text = SGR.sub("", _shown([hostile, hostile], terminal=terminal, width=300))
        assert "[red]x[/red] :bomb: \\x1b[2J\\n::error::owned\\u202e" in text

    def test_no_line_begins_with_a_command_to_a_workflow(self, hostile: Record) -> None:
        for text in (_shown([hostile], terminal=False), _shown([hostile] * 2)):
            assert not any(line.startswith("::") for line in SGR.sub("", text).splitlines())


def test_a_run_without_a_sandbox_says_so_on_its_face() -> None:
    record = sample_class.record("ada", sample_class.hand_in(), sandbox="none")
    assert "graded without a sandbox" in _shown([record], terminal=False)
    assert "graded without a sandbox" in _shown([record])
