"""Hand-ins found, named and copied, and the line that says why one can't be graded."""

from __future__ import annotations

import os
import re
import stat
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from grader.errors import GraderError, UsageError
from grader.submissions import find
from tests.handins import (
    EXAMPLES,
    HELPERS,
    LINEAR,
    MODULES,
    TWO_LAYER,
    Finder,
    Taker,
    copied,
    find_all,
    find_one,
    notebook_of,
    write_files,
    write_handin,
    zip_of,
)


@pytest.fixture
def finding(tmp_path: Path) -> Finder:
    return partial(find_all, tmp_path / "workspace")


@pytest.fixture
def taking(tmp_path: Path) -> Taker:
    return partial(find_one, tmp_path / "workspace")


class TestWhatIsOneHandIn:
    def test_a_folder_with_a_modules_file_at_its_top_is_one(self, finding: Finder, tmp_path: Path) -> None:
        folder = write_handin(tmp_path / "ada", linear=LINEAR, files={"notes/diary.txt": "hard"})
        assert [handin.name for handin in finding(folder)] == ["ada"]

    def test_a_folder_of_assignment_folders_alone_is_one(self, finding: Finder, tmp_path: Path) -> None:
        files = {"A1/knn.py": "", "A2/linear_classifier.py": LINEAR, "eecs598/__init__.py": "", ".git/config": ""}
        (handin,) = finding(write_files(tmp_path / "ada", files))
        assert list(handin.sources) == ["knn", "linear_classifier"]

    def test_of_any_other_folder_every_child_is_one(self, finding: Finder, tmp_path: Path) -> None:
        folder = tmp_path / "class"
        write_handin(folder / "ada", linear=LINEAR)
        write_handin(folder / "bela" / "A2", linear=LINEAR)
        zip_of(folder / "chen.zip", {"linear_classifier.py": LINEAR})
        assert [handin.name for handin in finding(folder)] == ["ada", "bela", "chen"]

    def test_hidden_files_caches_and_results_are_no_hand_ins(self, finding: Finder, tmp_path: Path) -> None:
        files = {".DS_Store": "", "__pycache__/x.pyc": "", "results/index.html": "", "run-2/results.sqlite": ""}
        write_files(tmp_path / "class", files)
        write_handin(tmp_path / "class" / "ada", linear=LINEAR)
        assert [handin.name for handin in finding(tmp_path / "class")] == ["ada"]

    def test_a_modules_file_alone_is_one(self, taking: Taker, tmp_path: Path) -> None:
        handin = taking(write_handin(tmp_path / "ada", linear=LINEAR) / "linear_classifier.py")
        assert (handin.name, list(handin.sources)) == ("linear_classifier", ["linear_classifier"])

    def test_a_path_that_comes_twice_counts_once(self, finding: Finder, tmp_path: Path) -> None:
        folder = write_handin(tmp_path / "class" / "ada", linear=LINEAR)
        assert len(finding(tmp_path / "class", folder, tmp_path / "class" / ".." / "class")) == 1

    def test_a_folder_with_a_zip_and_no_module_is_that_zip(self, finding: Finder, tmp_path: Path) -> None:
        zip_of(tmp_path / "class" / "Ada L_77_file" / "A2 final.zip", {"linear_classifier.py": LINEAR})
        write_handin(tmp_path / "class" / "bela", linear=LINEAR)
        ada, _ = finding(tmp_path / "class")
        assert (ada.name, list(ada.sources), ada.left_out) == ("Ada L_77_file", ["linear_classifier"], [])

    def test_a_path_that_is_not_there_is_an_error_of_usage(self, finding: Finder, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="nobody: no such file or folder"):
            finding(tmp_path / "nobody")

    def test_no_path_at_all_is_an_error_of_usage(self, finding: Finder) -> None:
        with pytest.raises(UsageError, match="no hand-in found"):
            finding()

    def test_every_hand_in_of_the_example_class_is_found(self, finding: Finder) -> None:
        handins = finding(EXAMPLES)
        assert len(handins) >= 10
        assert [h.name for h in handins if h.problem or list(h.sources) != ["linear_classifier", "two_layer_net"]] == []
        assert [s.path for h in handins for s in h.sources.values() if s.problem] == []

    def test_every_hand_in_of_the_example_class_stands_in_its_table(self) -> None:
        table = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
        assert re.findall(r"^\| `(.+?)` \|", table, flags=re.MULTILINE) == sorted(
            path.name for path in EXAMPLES.iterdir()
        )


class TestNames:
    def test_a_zip_and_a_folder_of_one_name_are_told_apart(self, finding: Finder, tmp_path: Path) -> None:
        write_handin(tmp_path / "class" / "ada", linear=LINEAR)
        zip_of(tmp_path / "class" / "ada.zip", {"linear_classifier.py": LINEAR})
        assert [handin.name for handin in finding(tmp_path / "class")] == ["ada", "ada.zip"]

    def test_case_twins_are_told_apart(self, finding: Finder, tmp_path: Path) -> None:
        for name in ("ADA", "Ada", "ada"):
            write_handin(tmp_path / "class" / name, linear=LINEAR)
        assert [handin.name for handin in finding(tmp_path / "class")] == ["ADA", "Ada-2", "ada-3"]

    def test_accents_written_in_two_ways_are_told_apart(self, finding: Finder, tmp_path: Path) -> None:
        for name in ("Zoe\u0301", "Zo\u00e9"):
            write_handin(tmp_path / "class" / name, linear=LINEAR)
        assert [handin.name for handin in finding(tmp_path / "class")] == ["Zoé", "Zoé-2"]

    def test_folders_of_one_name_take_their_parents_name_too(self, finding: Finder, tmp_path: Path) -> None:
        for name in ("ada", "bela"):
            write_handin(tmp_path / name / "hw2", linear=LINEAR)
        assert [handin.name for handin in finding(tmp_path / "ada", tmp_path / "bela")] == ["hw2", "bela-hw2"]

    def test_a_name_that_is_made_up_is_nobody_elses(self, finding: Finder, tmp_path: Path) -> None:
        for name in ("ADA", "ada", "ada-2"):
            write_handin(tmp_path / "class" / name, linear=LINEAR)
        assert [handin.name for handin in finding(tmp_path / "class")] == ["ADA", "ada-3", "ada-2"]

    def test_spaces_and_other_alphabets_are_fine(self, finding: Finder, tmp_path: Path) -> None:
        write_handin(tmp_path / "Übung 2" / "Лев и 小明", linear=LINEAR, files={"Bilder/große Skizze.txt": "x"})
        (handin,) = finding(tmp_path / "Übung 2")
        assert handin.name == "Лев и 小明"
        assert copied(handin) == ["Bilder/große Skizze.txt", "linear_classifier.py"]

    def test_bytes_that_are_no_text_can_still_be_written_down(self, finding: Finder, tmp_path: Path) -> None:
        write_handin(tmp_path / "class" / os.fsdecode(b"ren\xe9"), linear=LINEAR)
        (handin,) = finding(tmp_path / "class")
        assert handin.name.encode() == "ren\N{REPLACEMENT CHARACTER}".encode()


class TestModules:
    def test_a_module_is_known_by_its_name_whatever_the_folder(self, taking: Taker, tmp_path: Path) -> None:
        files = {
            "ada_hw/src/linear_classifier.py": LINEAR,
            "ada_hw/two_layer_net.py": TWO_LAYER,
            "ada_hw/mine.py": "x = 1",
        }
        handin = taking(zip_of(tmp_path / "ada.zip", files))
        assert {name: str(source.path) for name, source in handin.sources.items()} == {
            "linear_classifier": "ada_hw/src/linear_classifier.py",
            "two_layer_net": "ada_hw/two_layer_net.py",
        }
        assert handin.sources["linear_classifier"].text == LINEAR
        assert (handin.files / "ada_hw" / "mine.py").read_text() == "x = 1"

    def test_a_python_file_wins_over_a_notebook_of_its_name(self, taking: Taker, tmp_path: Path) -> None:
        notebook = {"linear_classifier.ipynb": notebook_of("def other(): pass")}
        handin = taking(write_handin(tmp_path / "ada", linear=LINEAR, files=notebook))
        assert handin.sources["linear_classifier"].text == LINEAR

    def test_two_modules_of_one_name_are_a_problem_of_that_module_alone(self, taking: Taker, tmp_path: Path) -> None:
        files = {
            "old/linear_classifier.py": LINEAR + "\n",
            "linear_classifier.py": LINEAR,
            "two_layer_net.py": TWO_LAYER,
        }
        sources = taking(write_files(tmp_path / "ada", files)).sources
        assert "(linear_classifier.py and old/linear_classifier.py)" in sources["linear_classifier"].problem
        assert sources["linear_classifier"].text == ""
        assert (sources["two_layer_net"].text, sources["two_layer_net"].problem) == (TWO_LAYER, "")

    def test_the_same_module_twice_is_one(self, taking: Taker, tmp_path: Path) -> None:
        source = taking(
            write_handin(tmp_path / "ada", linear=LINEAR, files={"A2/linear_classifier.py": LINEAR})
        ).sources
        assert (source["linear_classifier"].problem, source["linear_classifier"].text) == ("", LINEAR)

    def test_given_helpers_are_left_behind_without_a_word(self, taking: Taker, tmp_path: Path) -> None:
        helpers = {"a2_helpers.py": "raise SystemExit", "A2/eecs598/__init__.py": "", "A2/eecs598/data.py": ""}
        handin = taking(write_handin(tmp_path / "ada", linear=LINEAR, files=helpers))
        assert (copied(handin), handin.left_out) == (["linear_classifier.py"], [])

    def test_a_module_below_a_folder_with_the_courses_name_is_taken(self, taking: Taker, tmp_path: Path) -> None:
        handin = taking(zip_of(tmp_path / "ada.zip", {"eecs598/A2/linear_classifier.py": LINEAR}))
        assert list(handin.sources) == ["linear_classifier"]

    def test_leftovers_of_editors_and_systems_are_passed_over(self, taking: Taker, tmp_path: Path) -> None:
        files = {
            "linear_classifier.py": LINEAR,
            "__MACOSX/._linear_classifier.py": "\0",
            ".ipynb_checkpoints/linear_classifier.py": "",
            "__pycache__/linear_classifier.cpython-311.pyc": "",
            ".DS_Store": "",
        }
        for handin in (taking(zip_of(tmp_path / "ada.zip", files)),):
            assert (copied(handin), handin.left_out) == (["linear_classifier.py"], [])

    def test_a_virtual_environment_is_not_copied(self, taking: Taker, tmp_path: Path) -> None:
        files = {"env/pyvenv.cfg": "", "env/lib/knn.py": ""}
        assert copied(taking(write_handin(tmp_path / "ada", linear=LINEAR, files=files))) == ["linear_classifier.py"]

    def test_compiled_code_is_left_out_with_its_reason(self, taking: Taker, tmp_path: Path) -> None:
        handin = taking(write_handin(tmp_path / "ada", linear=LINEAR, files={"linear_classifier.so": "\x7fELF"}))
        assert handin.left_out == ["linear_classifier.so: compiled code: hand in the source"]


class TestNothingToGrade:
    @pytest.mark.parametrize("hidden", [{}, {".DS_Store": ""}])
    def test_an_empty_folder(self, taking: Taker, tmp_path: Path, hidden: dict[str, str]) -> None:
        handin = taking(write_files(tmp_path / "ada", hidden))
        assert handin.problem == "empty: hand in knn.py, linear_classifier.py, two_layer_net.py"
        assert handin.sources == {}

    def test_an_empty_folder_among_others_stops_nobody(self, finding: Finder, tmp_path: Path) -> None:
        write_files(tmp_path / "class" / "ada", {})
        write_handin(tmp_path / "class" / "bela", linear=LINEAR)
        ada, bela = finding(tmp_path / "class")
        assert ada.problem.startswith("empty")
        assert bela.problem == ""

    def test_a_folder_without_a_module_says_what_it_found(self, taking: Taker, tmp_path: Path) -> None:
        handin = taking(zip_of(tmp_path / "ada.zip", {"linear_classifier (1).py": LINEAR, "report.pdf": ""}))
        assert handin.problem.startswith("holds no module of the course: hand in knn.py, ")
        assert handin.problem.endswith("found linear_classifier (1).py, report.pdf")

    def test_a_file_instead_of_a_folder(self, finding: Finder, tmp_path: Path) -> None:
        write_files(tmp_path / "class", {"ada.pdf": "%PDF", "bela.tar.gz": "\x1f\x8b", "chen.py": LINEAR})
        handins = finding(tmp_path / "class")
        assert [handin.name for handin in handins] == ["ada.pdf", "bela.tar.gz", "chen"]
        assert {handin.problem.split(":")[0] for handin in handins} == {"a file that can't be graded"}

    def test_a_pipe_instead_of_a_folder(self, finding: Finder, tmp_path: Path) -> None:
        write_handin(tmp_path / "class" / "ada", linear=LINEAR)
        os.mkfifo(tmp_path / "class" / "bela.zip")
        assert finding(tmp_path / "class")[1].problem == "neither a file nor a folder"

    def test_a_link_among_hand_ins_is_not_followed(self, finding: Finder, tmp_path: Path) -> None:
        solutions = write_handin(tmp_path / "solutions", linear=LINEAR)
        write_handin(tmp_path / "class" / "ada", linear=LINEAR)
        (tmp_path / "class" / "mallory").symlink_to(solutions)
        (mallory,) = finding(tmp_path / "class")[1:]
        assert mallory.problem.startswith("a link among hand-ins, which is not followed")
        assert copied(mallory) == []

    def test_a_link_on_the_command_line_is_followed(self, taking: Taker, tmp_path: Path) -> None:
        folder = write_handin(tmp_path / "ada", linear=LINEAR)
        (tmp_path / "latest").symlink_to(folder)
        assert taking(tmp_path / "latest").name == "ada"


class TestCopies:
    def test_the_copy_is_private(self, taking: Taker, tmp_path: Path) -> None:
        handin = taking(write_handin(tmp_path / "ada", linear=LINEAR, files={"A2/mine.py": ""}))
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (handin.files.parent, handin.files)]
        assert modes == [0o700, 0o700]
        assert stat.S_IMODE((handin.files / "linear_classifier.py").stat().st_mode) == 0o600

    def test_a_later_change_of_the_original_has_no_effect(self, taking: Taker, tmp_path: Path) -> None:
        folder = write_handin(tmp_path / "ada", linear=LINEAR, files={"svm_best_model.pt": b"PK" * 9})
        handin = taking(folder)
        (folder / "svm_best_model.pt").write_bytes(b"")
        assert (handin.files / "svm_best_model.pt").read_bytes() == b"PK" * 9

    def test_links_and_pipes_in_a_folder_are_left_out(self, taking: Taker, tmp_path: Path) -> None:
        folder = write_handin(tmp_path / "ada", linear=LINEAR)
        (folder / "two_layer_net.py").symlink_to("/etc/passwd")
        (folder / "root").symlink_to("/")
        os.mkfifo(folder / "knn.py")
        handin = taking(folder)
        link = "a symbolic link, which is not followed"
        assert copied(handin) == ["linear_classifier.py"]
        assert handin.left_out == ["knn.py: not a plain file", f"root: {link}", f"two_layer_net.py: {link}"]
        assert handin.sources["two_layer_net"].problem == f"two_layer_net.py: {link}"
        assert handin.sources["knn"].problem == "knn.py: not a plain file"

    def test_a_workspace_in_use_is_refused(self, finding: Finder, tmp_path: Path) -> None:
        folder = write_handin(tmp_path / "ada", linear=LINEAR)
        finding(folder)
        with pytest.raises(GraderError, match="ada: can't be copied: File exists"):
            finding(folder)

    def test_control_characters_stay_out_of_what_is_said(self, taking: Taker, tmp_path: Path) -> None:
        handin = taking(write_handin(tmp_path / "ada", linear=LINEAR, files={"a\x1b[31m\n::error::b.txt": ""}))
        assert handin.left_out == ["a ::error::b.txt: control characters in its name"]

    def test_what_is_left_out_is_told_within_bounds(self, taking: Taker, tmp_path: Path) -> None:
        handin = taking(write_handin(tmp_path / "ada", linear=LINEAR, files={f"{n:02}.so": "" for n in range(50)}))
        assert len(handin.left_out) == 21
        assert handin.left_out[-1] == "… and 30 more"


class TestHash:
    FILES: ClassVar[dict[str, str | bytes]] = {
        "linear_classifier.py": LINEAR,
        "A2/two_layer_net.py": TWO_LAYER,
        "nn_best_model.pt": b"\0\1",
    }

    def sha256(self, path: Path, workspace: Path) -> str:
        (handin,) = find([path], MODULES, workspace, HELPERS)
        return handin.sha256

    def test_a_zip_and_its_folder_have_one_hash_whenever_they_were_made(self, tmp_path: Path) -> None:
        folder, packed = write_files(tmp_path / "ada", self.FILES), zip_of(tmp_path / "b.zip", self.FILES)
        os.utime(folder / "linear_classifier.py", (0, 0))
        backwards = zip_of(tmp_path / "c.zip", dict(reversed(self.FILES.items())))
        hashes = {self.sha256(path, tmp_path / f"w{n}") for n, path in enumerate((folder, packed, backwards))}
        assert len(hashes) == 1

    @pytest.mark.parametrize(
        "change",
        [{"linear_classifier.py": LINEAR + "\n"}, {"nn_best_model.pt": b"\0\2"}, {"empty": ""}],
        ids=["a byte of text", "a byte of weights", "an empty file more"],
    )
    def test_any_change_of_what_is_copied_changes_it(self, tmp_path: Path, change: dict[str, str | bytes]) -> None:
        before = self.sha256(write_files(tmp_path / "ada", self.FILES), tmp_path / "w1")
        after = self.sha256(write_files(tmp_path / "ada", change), tmp_path / "w2")
        assert before != after

    def test_contents_that_change_places_change_it(self, tmp_path: Path) -> None:
        a = write_files(tmp_path / "a", {"knn.py": "1", "two_layer_net.py": "2"})
        b = write_files(tmp_path / "b", {"knn.py": "2", "two_layer_net.py": "1"})
        assert self.sha256(a, tmp_path / "w1") != self.sha256(b, tmp_path / "w2")
