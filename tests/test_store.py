"""The store: nothing finished is lost, nothing old is overwritten, and one seed serves one folder."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader import store as rooms_store
from grader.errors import UsageError
from grader.session.outcomes import Diagnosis, PartOutcome, TestOutcome
from grader.store import FILE, Store, StoreError, part_from_json, part_to_json
from tests import sample_class

VERSIONS = {"kit": "0.1.0", "torch": "2.14.1"}
SUITE = "5" * 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store.open(folder) as store:
        yield store


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms_store, "PATIENCE_S", 0.0)


def _begin_run(store: Store, **changes: Any) -> rooms_store.Run:
    return store.begin_run(**{"suite_sha256": SUITE, "versions": VERSIONS, **changes})


class TestSeeds:
    def test_is_drawn_once_for_a_folder_and_used_again(self, folder: Path) -> None:
        with Store.open(folder) as store:
            first = _begin_run(store)
        with Store.open(folder) as store:
            assert _begin_run(store) == first
            assert _begin_run(store, fresh=True).seed == first.seed

    def test_two_folders_have_two(self, tmp_path: Path) -> None:
        seeds = set()
        for name in "abcd":
            with Store.open(tmp_path / name) as store:
                seeds.add(_begin_run(store).seed)
        assert len(seeds) == 4

    def test_is_the_one_asked_for(self, store: Store) -> None:
        assert _begin_run(store, seed=0).seed == 0
        assert _begin_run(store).seed == 0

    @pytest.mark.parametrize("seed", [-1, 2**63])
    def test_one_that_is_too_large_or_negative_is_refused(self, store: Store, seed: int) -> None:
        with pytest.raises(UsageError, match=r"is no seed\n  expected  a whole number"):
            _begin_run(store, seed=seed)


class TestRuns:
    def test_the_same_command_goes_on_with_its_run(self, store: Store) -> None:
        assert _begin_run(store).number == _begin_run(store).number == 1

    @pytest.mark.parametrize(
        "change", [{"fresh": True}, {"suite_sha256": "6" * 64}, {"versions": {"kit": "0.2.0"}}, {"seed": 4}]
    )
    def test_whatever_may_change_a_score_begins_a_new_one(self, store: Store, change: dict[str, Any]) -> None:
        _begin_run(store, seed=3)
        assert _begin_run(store, **change).number == 2

    def test_a_regrade_keeps_the_old_run(self, store: Store) -> None:
        old, new = sample_class.records()[:2]
        for fresh, record in ((False, old), (True, new)):
            _begin_run(store, fresh=fresh)
            key = store.begin("ada", "0" * 64)
            assert store.record(key) is None
            store.put_record(key, record)
        assert [run.number for run in store.runs()] == [1, 2]
        assert [[r.submission for r in store.records(n)] for n in (1, 2)] == [[old.submission], [new.submission]]
        assert store.records() == store.records(2)

    def test_a_hand_in_needs_a_run(self, store: Store) -> None:
        with pytest.raises(StoreError, match="begun before its run"):
            store.begin("ada", "0" * 64)


class TestHandIns:
    def test_a_finished_part_comes_back_as_it_was(self, folder: Path) -> None:
        outcome = sample_class.outcomes()["fatima-summed"]["A2"][0].parts[1]
        with Store.open(folder) as store:
            _begin_run(store)
            store.put_part(store.begin("fatima", "0" * 64), "A2/linear_classifier", outcome)
        with Store.open(folder) as store:
            _begin_run(store)
            parts = store.parts(store.begin("fatima", "0" * 64))
        assert parts == {("A2/linear_classifier", "svm_loss_vectorized"): outcome}

    def test_changed_bytes_are_another_hand_in(self, store: Store) -> None:
        _begin_run(store)
        store.put_part(store.begin("ada", "0" * 64), "A2/m", sample_class.part("p"))
        assert store.parts(store.begin("ada", "1" * 64)) == {}
        assert len(store.parts(store.begin("ada", "0" * 64))) == 1

    def test_two_students_with_the_same_bytes_are_two(self, store: Store) -> None:
        _begin_run(store)
        assert store.begin("ada", "0" * 64) != store.begin("bob", "0" * 64)

    def test_the_last_hand_in_of_a_name_is_the_one_that_counts(self, store: Store) -> None:
        _begin_run(store)
        records = sample_class.records()
        for source, record in (("0", records[0]), ("1", records[1])):
            store.put_record(store.begin("ada", source * 64), record)
        assert [r.submission for r in store.records()] == [records[1].submission]
        store.begin("ada", "0" * 64)
        assert [r.submission for r in store.records()] == [records[0].submission]

    def test_what_a_grader_error_spoilt_is_not_finished(self, store: Store) -> None:
        _begin_run(store)
        key = store.begin("kit", "0" * 64)
        spoilt = sample_class.part("find_best_net", status="grader_error")
        store.put_part(key, "A2/two_layer_net", spoilt)
        store.put_record(key, next(r for r in sample_class.records() if r.grader_errors))
        assert store.parts(key) == {}
        assert store.record(key) is None
        assert len(store.records()) == 1
        store.put_part(key, "A2/two_layer_net", sample_class.part("find_best_net"))
        assert list(store.parts(key)) == [("A2/two_layer_net", "find_best_net")]

    def test_a_record_comes_back_as_it_was(self, store: Store) -> None:
        _begin_run(store)
        record = sample_class.records()[2]
        key = store.begin("chiara", "0" * 64)
        store.put_record(key, record)
        found = store.record(key)
        assert found is not None
        assert found.to_json() == record.to_json()

    def test_its_time_never_moves(self, store: Store) -> None:
        _begin_run(store)
        store.begin("ada", "0" * 64, handed_in="2025-03-01T10:00:00Z")
        _begin_run(store, fresh=True)
        store.begin("ada", "0" * 64, handed_in="2025-09-09T00:00:00Z")
        assert store.handed_in("ada", "0" * 64) == "2025-03-01T10:00:00Z"
        assert store.handed_in("ada", "1" * 64) == ""

    @pytest.mark.parametrize("name", ["'); DROP TABLE parts;--", "a\nb", "\udc80", "\u202e", "x" * 300, "日本"])
    def test_any_name_is_a_name(self, store: Store, name: str) -> None:
        _begin_run(store)
        key = store.begin(name, "0" * 64)
        assert store.begin(name, "0" * 64) == key
        assert store.begin(name + "x", "0" * 64) != key


class TestOutcomesAsJson:
    text = st.text(st.characters(exclude_categories=[]))
    fractions = st.fractions(min_value=0, max_value=1)
    plain = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
    tests = st.builds(
        TestOutcome,
        name=text,
        visibility=st.sampled_from(["public", "hidden"]),
        status=st.sampled_from(["passed", "failed", "timeout", "grader_error"]),
        share=fractions,
        message=text,
        details=st.lists(text, max_size=3),
        staff=st.dictionaries(st.text(), plain, max_size=3),
        duration_s=st.floats(0, 1e6),
    )
    parts = st.builds(
        PartOutcome,
        id=text,
        title=text,
        max_points=st.fractions(min_value=0, max_value=100),
        tests=st.lists(tests, max_size=3),
        diagnosis=st.lists(st.builds(Diagnosis, text, text, text), max_size=2),
        stood_in=st.lists(text, max_size=2),
        staff=st.dictionaries(st.text(), plain, max_size=2),
        message=text,
        duration_s=st.floats(0, 1e6),
    )

    @given(parts)
    def test_come_back_exactly(self, part: PartOutcome) -> None:
        assert part_from_json(part_to_json(part)) == part

    def test_keep_their_fractions(self) -> None:
        part = PartOutcome("p", "P", Fraction(22, 7), [TestOutcome("t", "public", "passed", Fraction(1, 3))])
        back = part_from_json(part_to_json(part))
        assert (back.max_points, back.tests[0].share) == (Fraction(22, 7), Fraction(1, 3))

    def test_refuse_what_is_none(self) -> None:
        with pytest.raises(msgspec.ValidationError, match="missing required field `id`"):
            part_from_json("{}")


class TestTheFile:
    def test_is_for_its_owner_alone(self, folder: Path, store: Store) -> None:
        _begin_run(store)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}

    def test_has_one_writer_at_a_time(self, folder: Path) -> None:
        with Store.open(folder), pytest.raises(StoreError, match="another grader is writing its results here"):
            Store.open(folder)
        Store.open(folder).close()

    def test_may_be_read_while_it_is_written(self, folder: Path, store: Store) -> None:
        _begin_run(store)
        store.put_record(store.begin("ada", "0" * 64), sample_class.records()[0])
        with Store.open(folder, read_only=True) as reader:
            assert len(reader.records()) == 1

    def test_that_is_not_there_is_a_matter_of_usage(self, folder: Path) -> None:
        with pytest.raises(UsageError, match="no results in"):
            Store.open(folder, read_only=True)

    def test_that_is_no_database_is_named_with_the_way_out(self, folder: Path) -> None:
        folder.mkdir()
        (folder / FILE).write_text("these are my notes, and they are longer than a header would be")
        with pytest.raises(StoreError, match=r"can't be opened: (.|\n)*results\.sqlite(.|\n)*another folder with -o"):
            Store.open(folder)

    def test_that_can_not_be_made_is_named_with_the_way_out(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match=r"no results can be written: Not a directory\n  in (.|\n)*-o"):
            Store.open(tmp_path / "file" / "results")

    def test_of_another_version_is_left_alone(self, folder: Path) -> None:
        Store.open(folder).close()
        with sqlite3.connect(folder / FILE) as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
        with pytest.raises(StoreError, match="form 1 of the tables, not 99"):
            Store.open(folder)


WRITER = """
    import sys
    from pathlib import Path
    from grader.store import Store
    from tests import sample_class

    with Store.open(Path(sys.argv[1])) as store:
        store.begin_run(suite_sha256="s", versions={}, seed=1)
        key = store.begin("ada", "0")
        done = len(store.parts(key))
        for i in range(done, 100_000):
            store.put_part(key, "A2/m", sample_class.part(f"p{i}"))
            sys.stdout.write(f"{i}\\n")
            sys.stdout.flush()
"""


class TestKill9:
    def _kill_after(self, folder: Path, lines: int, root: Path) -> int:
        """Let a writer finish some parts, kill it in the middle of the next ones, and give the last it told of."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "assignments")])}
        command = [sys.executable, "-c", textwrap.dedent(WRITER), str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline() for _ in range(lines)]
            writer.send_signal(signal.SIGKILL)
            told += writer.stdout.readlines()
        assert writer.returncode == -signal.SIGKILL
        whole = [line for line in told if line.endswith("\n")]
        return int(whole[-1])

    def test_loses_no_part_that_was_finished(self, folder: Path, root: Path) -> None:
        for lines in (1, 7, 40, 153):
            last = self._kill_after(folder, lines, root)
            with Store.open(folder) as store:
                store.begin_run(suite_sha256="s", versions={}, seed=1)
                parts = store.parts(store.begin("ada", "0"))
            # one more may have been stored and not yet told of
            assert len(parts) in (last + 1, last + 2)
            assert {("A2/m", f"p{i}") for i in range(last + 1)} <= set(parts)
            assert parts["A2/m", f"p{last}"] == sample_class.part(f"p{last}")
