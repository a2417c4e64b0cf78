"""Notebooks in place of modules: what is kept of them, where, and what is said of the rest."""

from __future__ import annotations

import ast
from functools import partial
from pathlib import Path

import pytest

from grader.submissions import Handin, parses
from grader.submissions import notebook as notebook_limits
from tests.handins import (
    Taker,
    find_one,
    notebook_of,
    write_files,
)


@pytest.fixture
def taking(tmp_path: Path) -> Taker:
    return partial(find_one, tmp_path / "workspace")


def module_of(taking: Taker, folder: Path, notebook: str) -> Handin:
    return taking(write_files(folder, {"linear_classifier.ipynb": notebook}))


class TestNotebooks:
    def test_definitions_and_plain_values_stay_in_order_and_the_rest_goes(self, taking: Taker, tmp_path: Path) -> None:
        cells = (
            "import torch\n%matplotlib inline\n!pip install torchsummary\nimport torch?\n",
            "    def half(x):\n        return x / 2\n\n    print(half(3))\n",
            "dtype, EPS = torch.float64, 1e-8\nbig = torch.rand(9000, 9000)\nhalf(2); LR = 3e-3; half(4)\n",
            "@torch.no_grad()\nclass Net:\n    def f(self):\n        return EPS\n\nNet.g = half\n",
            "Net().f()\nNet().x = 1\n",
            "for lr in (1, 2):\n    half(lr)\nif LR:\n    half = None\n",
            "device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')\ndouble = lambda x: 2 * x",
        )
        handin = module_of(taking, tmp_path / "ada", notebook_of(*cells))
        kept = [line for line in handin.sources["linear_classifier"].text.split("\n") if line and line[0] != "#"]
        assert kept == [
            "import torch",
            "def half(x):",
            "    return x / 2",
            "dtype, EPS = torch.float64, 1e-8",
            "LR = 3e-3",
            "@torch.no_grad()",
            "class Net:",
            "    def f(self):",
            "        return EPS",
            "Net.g = half",
            "device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
            "double = lambda x: 2 * x",
        ]
        assert handin.left_out == []

    def test_lines_keep_their_places_below_a_comment_that_names_the_cell(self, taking: Taker, tmp_path: Path) -> None:
        text = module_of(taking, tmp_path / "ada", notebook_of("x = 1\nprint(x)\ny = 2", "z = 3")).sources
        cells = ("# code cell 1 of the notebook", "x = 1", "", "y = 2", "# code cell 2 of the notebook", "z = 3", "")
        assert text["linear_classifier"].text == "\n".join(cells)

    def test_statements_that_share_a_line_stay_python(self, taking: Taker, tmp_path: Path) -> None:
        cell = "é = 'ü'; print(é); b = (2,\n  3); c = 4; print(c)\nprint(1); import os; d = -5  # last\n"
        text = module_of(taking, tmp_path / "ada", notebook_of(cell)).sources["linear_classifier"].text
        assert text.split("\n")[1:4] == ["é = 'ü'; b = (2,", "  3); c = 4", "import os; d = -5"]
        assert parses(text) == ""

    def test_a_percent_sign_that_goes_on_a_line_is_no_magic(self, taking: Taker, tmp_path: Path) -> None:
        cell = "%time\ndef show(x):\n    return ('%d'\n        % x)\ny = !ls it's\n"
        text = module_of(taking, tmp_path / "ada", notebook_of(cell)).sources["linear_classifier"].text
        assert "        % x)" in text
        assert "ls" not in text

    def test_a_magic_inside_a_block_leaves_the_block_whole(self, taking: Taker, tmp_path: Path) -> None:
        cell = "def f():\n    %timeit g()\n\ndef g():\n    return 1\n"
        text = module_of(taking, tmp_path / "ada", notebook_of(cell)).sources["linear_classifier"].text
        assert text.split("\n")[1:5] == ["def f():", "    pass", "", "def g():"]

    def test_only_cells_of_python_count(self, taking: Taker, tmp_path: Path) -> None:
        cells = (
            "%%time\na = 1",
            "%%bash\nb = 2",
            "%%writefile /content/linear_classifier.py\nc = 3",
            "%%writefile other.py\nd = 4",
            "\n%%html\n<b>e = 5</b>",
        )
        text = module_of(taking, tmp_path / "ada", notebook_of(*cells)).sources["linear_classifier"].text
        assert [line for line in text.split("\n") if line and line[0] != "#"] == ["a = 1", "c = 3"]

    def test_a_cell_that_does_not_parse_is_left_out_with_a_note(self, taking: Taker, tmp_path: Path) -> None:
        handin = module_of(taking, tmp_path / "ada", notebook_of("x = 1", "def f(:\n    pass", "y = 2"))
        assert handin.left_out == [
            "linear_classifier.ipynb: code cell 2 left out, for it doesn't parse: line 1: invalid syntax"
        ]
        assert "x = 1" in handin.sources["linear_classifier"].text
        assert "y = 2" in handin.sources["linear_classifier"].text

    @pytest.mark.parametrize("cell", ["x = " + "-" * 200_000 + "1", "x = a" + " + a" * 20_000, "x = '\0'"])
    def test_a_cell_that_overtaxes_the_parser_is_left_out(self, taking: Taker, tmp_path: Path, cell: str) -> None:
        handin = module_of(taking, tmp_path / "ada", notebook_of(cell, "y = 2"))
        assert "code cell 1 left out, for it doesn't parse" in handin.left_out[0]
        assert "y = 2" in handin.sources["linear_classifier"].text

    def test_a_long_cell_of_magics_costs_few_parses(
        self, taking: Taker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        parsed: list[int] = []
        tree = notebook_limits._tree

        def counted(lines: list[str]) -> ast.Module:
            parsed.append(len(lines))
            return tree(lines)

        monkeypatch.setattr(notebook_limits, "_tree", counted)
        monkeypatch.setattr(notebook_limits, "MOST_PARSED", 20_000)
        cell = "x = 1\n" * 300 + "!ls\n" * 150
        handin = module_of(taking, tmp_path / "ada", notebook_of(cell))
        assert handin.left_out == []
        assert len(parsed) <= 12

    def test_notebooks_of_version_three_are_read(self, taking: Taker, tmp_path: Path) -> None:
        cell = {"cell_type": "code", "language": "python", "metadata": {}, "input": ["x = 1\n", "y = 2"], "outputs": []}
        text = notebook_of(nbformat=3, nbformat_minor=0, worksheets=[{"cells": [cell], "metadata": {}}])
        sources = module_of(taking, tmp_path / "ada", text).sources
        assert "x = 1\ny = 2" in sources["linear_classifier"].text

    @pytest.mark.parametrize(
        "cell", [{"source": "x = 1", "id": "a"}, {"source": ["x = 1"], "outputs": [{"huge": [[]]}]}]
    )
    def test_what_a_notebook_holds_beside_its_cells_does_not_matter(
        self, taking: Taker, tmp_path: Path, cell: dict[str, object], capfd: pytest.CaptureFixture[str]
    ) -> None:
        text = notebook_of(nbformat_minor=5, cells=[{"cell_type": "code", **cell}])
        assert "x = 1" in module_of(taking, tmp_path / "ada", text).sources["linear_classifier"].text
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", "null", '{"cells": 3}', '{"nbformat": 4, "cells": [{}]}', notebook_of(nbformat=99), "\xff\xfe"],
    )
    def test_what_is_no_notebook_says_so(self, taking: Taker, tmp_path: Path, text: str) -> None:
        handin = module_of(taking, tmp_path / "ada", text)
        assert "no notebook that Jupyter could open" in handin.sources["linear_classifier"].problem

    def test_deep_nesting_is_no_notebook_either(self, taking: Taker, tmp_path: Path) -> None:
        handin = module_of(taking, tmp_path / "ada", "[" * 100_000)
        assert "nested too deeply" in handin.sources["linear_classifier"].problem
