"""The catalogue: finding a course folder, and where its files are."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from grader.course import Course, Module, Part, class_name, find
from grader.errors import CourseError, UsageError
from tests.handins import write_files

PART = Part("scale", "A factor", Fraction(5), thresholds={"stand-in": 0.4})
MODULE = Module("A9", "layers", "Layers", (PART,))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that is a course, and none of its parents is."""
    (tmp_path / "course" / "grader" / "suites").mkdir(parents=True)
    return tmp_path / "course"


class TestFind:
    def test_takes_the_folder_that_is_named(self, root: Path) -> None:
        assert find(root).root == root.resolve()

    def test_takes_the_one_of_the_environment_where_none_is_named(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GRADER_COURSE", str(root))
        assert find().root == root.resolve()

    def test_looks_upwards_from_here(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        deep = root / "assignments" / "A9"
        deep.mkdir(parents=True)
        monkeypatch.chdir(deep)
        monkeypatch.delenv("GRADER_COURSE", raising=False)
        assert find().root == root.resolve()

    def test_a_named_folder_that_is_none_is_refused_although_there_is_one_here(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(root)
        with pytest.raises(UsageError, match="no course folder found") as caught:
            find(tmp_path)
        assert str(tmp_path) in str(caught.value)
        assert "--course DIR" in caught.value.way_out


class TestFiles:
    def test_each_stands_at_its_place(self) -> None:
        course = Course(Path("/c"))
        assert course.solution(MODULE) == Path("/c/solutions/A9/layers.py")
        assert course.stub(MODULE) == Path("/c/assignments/A9/layers.py")
        assert course.suite(MODULE, "hidden") == Path("/c/grader/suites/A9/layers/test_hidden.py")
        assert course.mistakes(MODULE) == Path("/c/grader/suites/A9/layers/mistakes.py")

    def test_given_helpers_are_what_is_neither_a_stub_nor_solved(self, root: Path) -> None:
        files = {
            "assignments/A9/layers.py": "",
            "assignments/A9/net.py": "",
            "assignments/A9/a9_helpers.py": "given = 1\n",
            "solutions/A9/layers.py": "",
            "grader/suites/A9/net/test_public.py": "",
        }
        assert Course(write_files(root, files)).helpers("A9") == {"a9_helpers": ("a9_helpers.py", "given = 1\n")}

    def test_rubrics_come_in_order(self, root: Path) -> None:
        write_files(root, {f"grader/suites/A{n}/rubric.toml": "" for n in (2, 1)})
        assert [path.parent.name for path in Course(root).rubrics()] == ["A1", "A2"]


class TestParts:
    def test_a_module_is_typed_with_its_assignment(self) -> None:
        assert MODULE.path == "A9/layers"
        assert MODULE.part("scale") is PART

    def test_a_threshold_is_that_of_the_data_in_use(self) -> None:
        assert PART.threshold("stand-in") == 0.4
        with pytest.raises(CourseError, match="part scale has no threshold for the data 'real'"):
            PART.threshold("real")

    @pytest.mark.parametrize(
        ("part", "name"),
        [
            ("svm_loss", "TestSvmLoss"),
            ("BatchNorm.forward", "TestBatchNormForward"),
            ("RNN", "TestRNN"),
            ("conv_3x3", "TestConv3x3"),
        ],
    )
    def test_a_class_of_tests_is_named_after_its_part(self, part: str, name: str) -> None:
        assert class_name(part) == name
