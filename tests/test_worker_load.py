"""Loading a hand-in: statement by statement, with its other modules in reach, and nothing left behind."""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Iterator

import pytest

from grader.worker import shims
from grader.worker.load import Finder, Handin, Unloadable


def load(text: str, **others: str) -> Handin:
    """A hand-in of the module `one` and others, `one` loaded."""
    handin = Handin({name: (f"{name}.py", body) for name, body in {"one": text, **others}.items()})
    handin.module("one")
    return handin


def value(text: str, **others: str) -> object:
    """What the module `one` binds to `answer`."""
    return load(text, **others).modules["one"].answer


class TestStatementByStatement:
    def test_one_that_raises_is_noted_and_the_rest_is_run(self) -> None:
        handin = load("before = 1\nnowhere.mount('/drive')\nafter = 2\n")
        module = handin.modules["one"]
        assert (module.before, module.after) == (1, 2)
        (note,) = handin.notes
        assert (note.type, note.file, note.line, note.code) == ("NameError", "one.py", 2, "nowhere.mount('/drive')")

    @pytest.mark.parametrize(
        "statement",
        [
            "import a_package_that_nobody_has",
            "import turtle_graphics, json",
            "from math import no_such_name",
            "from platform import dist",
            "import torch._no_such_part",
            "assert False",
            "raise SystemExit(0)",
            "import sys; sys.exit()",
            "raise GeneratorExit",
            "open('/nowhere/cifar.pt')",
            "return 5",
            "def f(self):\n    nonlocal x\n",
            "class C(undefined): ...",
            "x = [i for i in range(10**3)][10**4]",
            "import unittest\nraise unittest.SkipTest('skip me')",
        ],
    )
    def test_no_statement_at_the_top_costs_what_is_below_it(self, statement: str) -> None:
        handin = load(f"{statement}\nanswer = 42\n")
        assert handin.modules["one"].answer == 42
        assert len(handin.notes) == 1

    def test_names_bound_before_a_name_is_missing_are_bound(self) -> None:
        assert value("from math import pi, no_such_name\nanswer = pi") == pytest.approx(3.14159, abs=1e-5)

    def test_a_future_import_holds_for_every_statement(self) -> None:
        text = "from __future__ import annotations\ndef f(x: NoSuchClass) -> None: ...\nanswer = f.__annotations__"
        assert value(text) == {"x": "NoSuchClass", "return": "None"}

    def test_without_it_such_a_function_is_not_defined(self) -> None:
        handin = load("def f(x: NoSuchClass) -> None: ...\n")
        assert not hasattr(handin.modules["one"], "f")

    def test_the_main_block_is_not_run(self) -> None:
        assert value("answer = 'loaded'\nif __name__ == '__main__':\n    answer = 'run'\n") == "loaded"

    def test_a_coding_line_is_a_comment_like_any_other(self) -> None:
        assert value("# -*- coding: latin-1 -*-\nanswer = 'é'\n") == "é"

    def test_an_interrupt_from_the_keyboard_is_no_note(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            load("raise KeyboardInterrupt\n")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("def f(:\n", r"one\.py, line 1: invalid syntax"),
            ("x = 1\n  y = 2\n", r"one\.py, line 2: unexpected indent"),
            ("x = '\x00'\n", r"one\.py.*null bytes"),
            ("x" + ".a" * 100_000, r"one\.py: can't be parsed \(RecursionError\)"),
            ("(" * 300, r"one\.py, line 1: too many nested parentheses"),
        ],
        ids=["syntax", "indent", "null byte", "deep", "parentheses"],
    )
    def test_a_text_that_does_not_parse_is_unloadable_with_its_line(self, text: str, message: str) -> None:
        with pytest.raises(Unloadable, match=message):
            load(text)


class TestModulesOfOneHandIn:
    @pytest.mark.parametrize(
        "statement",
        [
            "import two\nanswer = two.x",
            "import two as second\nanswer = second.x",
            "from two import x as answer",
            "from two import *\nanswer = x",
            "from .two import x as answer",
            "from . import two\nanswer = two.x",
            "from A2.two import x as answer",
            "from A2 import two\nanswer = two.x",
            "import A2.two\nanswer = A2.two.x",
            "import A2.two as second\nanswer = second.x",
            "from eecs598_materials.A2.two import x as answer",
            "def f():\n    from two import x\n    return x\nanswer = f()",
            "answer = __import__('two').x",
        ],
    )
    def test_find_each_other_in_every_spelling(self, statement: str) -> None:
        assert value(statement, two="x = 5\n") == 5

    @pytest.mark.parametrize("statement", ["from A2.three import x", "import B2.two", "from .three import x"])
    def test_find_nothing_that_is_not_there(self, statement: str) -> None:
        (note,) = load(statement, two="x = 5\n").notes
        assert note.type in ("ImportError", "ModuleNotFoundError")

    def test_are_run_once(self) -> None:
        text = "import two, three\nanswer = two.seen is three.seen"
        assert value(text, two="seen = object()", three="from two import seen") is True

    def test_may_import_each_other(self) -> None:
        assert value("import two\nx = 1\nanswer = two.f()", two="import one\ndef f():\n    return one.x\n") == 1

    def test_may_import_themselves(self) -> None:
        assert value("x = 3\nimport one\nfrom one import x as y\nanswer = one.x + y") == 6

    def test_one_that_does_not_parse_costs_the_import_of_it_alone(self) -> None:
        handin = load("import two\nanswer = 1", two="def f(:\n")
        assert handin.modules["one"].answer == 1
        assert (handin.notes[0].type, handin.notes[0].file) == ("ImportError", "one.py")
        assert "two.py, line 1" in handin.notes[0].message

    def test_an_installed_package_of_another_name_is_found_as_ever(self) -> None:
        assert value("import statistics\nanswer = statistics.mean([1, 3])", two="") == 2

    def test_leave_no_module_behind_in_this_process(self) -> None:
        stays = sys.modules["statistics"] = __import__("statistics")
        handin = Handin({"statistics": ("statistics.py", "mean = 5"), "one": ("one.py", "import statistics")})
        assert handin.module("one").statistics.mean == 5
        assert sys.modules["statistics"] is stays
        assert "one" not in sys.modules

    def test_a_blank_module_stands_where_none_parses(self) -> None:
        handin = load("x = 1", two="def f(:\n")
        handin.module_or_blank("two").f = abs  # type: ignore[attr-defined]  # what a stand-in does
        handin.sources = {**handin.sources, "three": ("three.py", "from two import f\nanswer = f(-1)")}
        assert handin.module("three").answer == 1


class TestWhatLibrariesAskOfAModule:
    def test_a_data_class_is_made_with_its_annotations_as_text(self) -> None:
        imports = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        assert value(imports + "@dataclass\nclass P:\n    x: int = 4\nanswer = P().x") == 4

    def test_the_source_of_a_function_can_be_read(self) -> None:
        handin = load("x = '\x0c'\ndef f():\n    return 1  # a comment\n")  # a form feed ends no line
        assert inspect.getsource(handin.modules["one"].f) == "def f():\n    return 1  # a comment\n"

    def test_a_line_that_raised_is_quoted_from_the_hand_in_itself(self) -> None:
        first = load("x = 1 / 0\n")
        second = load("y = 2 / 0\n")  # of the same file name
        assert [first.notes[0].code, second.notes[0].code] == ["x = 1 / 0", "y = 2 / 0"]
        assert linecache.getline("one.py", 1) == "y = 2 / 0\n"


class TestFinder:
    """For imports by others than the hand-in's modules; a worker puts it first on `sys.meta_path`."""

    @pytest.fixture
    def handin(self) -> Iterator[Handin]:
        handin = Handin({"answers_of_mine": ("answers_of_mine.py", "x = 5")}, register=True)
        finder = Finder(handin)
        sys.meta_path.insert(0, finder)
        yield handin
        sys.meta_path.remove(finder)
        sys.modules.pop("answers_of_mine", None)

    def test_finds_the_hand_ins_modules(self, handin: Handin) -> None:
        import answers_of_mine  # type: ignore[import-not-found]

        assert answers_of_mine.x == 5
        assert answers_of_mine is handin.module("answers_of_mine")

    def test_finds_nothing_else(self, handin: Handin) -> None:
        with pytest.raises(ModuleNotFoundError):
            __import__("answers_of_yours")


class TestStandInsForPackages:
    @pytest.mark.parametrize(
        "text",
        [
            "from google.colab import drive\ndrive.mount('/content/drive')",
            "import google.colab\ngoogle.colab.drive.mount('/content/drive')",
            "from google.colab.patches import cv2_imshow\ncv2_imshow(1)",
            "from torchsummary import summary\nsummary(1, (3, 32, 32), device='cpu')",
            "import ipdb; ipdb.set_trace()",
        ],
    )
    def test_known_ones_can_be_called_and_do_nothing(self, text: str) -> None:
        assert load(text).notes == []

    @pytest.mark.parametrize(
        "text",
        [
            "answer = sum(bar(range(4)))",
            "answer = sum(bar([0, 1, 2, 3], desc='epochs', leave=False))",
            "b = bar(range(4))\nanswer = 0\nfor i in b:\n    answer += i\n    b.set_description(str(i))",
            "with bar(total=4) as b:\n    b.update(1)\nanswer = 6",
            "answer = len(bar([1] * 6))",
        ],
    )
    def test_a_progress_bar_gives_what_it_is_wrapped_around(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "tqdm", None)  # as where it is not installed
        monkeypatch.setitem(sys.modules, "tqdm.notebook", None)
        for module in ("tqdm", "tqdm.notebook"):
            assert value(f"from {module} import tqdm as bar\n{text}") == 6
        assert value("from tqdm import trange\nanswer = sum(trange(1, 4, desc='x'))") == 6

    def test_unknown_ones_are_missing(self) -> None:
        assert shims.find("a_package_that_nobody_has", None) is None
        assert shims.find("googlemaps", None) is None

    def test_what_has_no_such_special_method_does_not_pretend_to(self) -> None:
        shim = shims.find("torchsummary", ("summary",))
        assert shim is not None
        assert not hasattr(shim, "__wrapped__")
        assert not hasattr(shim.summary, "__array__")
