"""The text of a module: decoded as Python reads it, or the line that says why not."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from grader.submissions import parses
from tests.handins import (
    LINEAR,
    Taker,
    find_one,
    write_handin,
)


@pytest.fixture
def taking(tmp_path: Path) -> Taker:
    return partial(find_one, tmp_path / "workspace")


def text_of(taking: Taker, folder: Path, data: bytes) -> str:
    """The text, or the problem behind the file's name."""
    source = taking(write_handin(folder, linear=data)).sources["linear_classifier"]
    assert bool(source.text) != bool(source.problem)
    return source.text or source.problem.removeprefix("linear_classifier.py: ")


class TestDecoding:
    @pytest.mark.parametrize(
        ("data", "text"),
        [
            ("x = 'ä'  # 很好\n".encode(), "x = 'ä'  # 很好\n"),
            (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
            (b"x = 1\r\nif x:\r\n\ty = 2\r\n", "x = 1\nif x:\n\ty = 2\n"),
            (b"x = 1\ry = 2\r", "x = 1\ny = 2\n"),
            (b"x = 1\n\x0c\ny = 2\n", "x = 1\n\x0c\ny = 2\n"),
            (b"# -*- coding: latin-1 -*-\nx = '\xe4'\n", "# -*- coding: latin-1 -*-\nx = 'ä'\n"),
            (
                b"#!/usr/bin/python\n# vim: fileencoding=cp1252\nx = '\x80'\n",
                "#!/usr/bin/python\n# vim: fileencoding=cp1252\nx = '€'\n",
            ),
            (b"# coding: gbk\nx = '\xba\xc3'\n", "# coding: gbk\nx = '好'\n"),
        ],
        ids=["UTF-8", "BOM", "CRLF", "CR", "form feed", "latin-1", "cp1252", "GBK"],
    )
    def test_text_is_read_as_python_reads_it(self, taking: Taker, tmp_path: Path, data: bytes, text: str) -> None:
        assert text_of(taking, tmp_path / "ada", data) == text
        assert parses(text) == ""

    @pytest.mark.parametrize(
        ("data", "problem"),
        [
            (
                b"x = 1\ny = '\xe9'\n",
                "line 2 isn't UTF-8 (byte 0xe9): save the file as UTF-8, or name its encoding in line 1",
            ),
            (b"x = '\xe9'\n", "line 1 isn't UTF-8 (byte 0xe9)"),
            ("x = 'ä'".encode("utf-16"), "it is written in UTF-16 or UTF-32: save it as UTF-8"),
            ("x = 1".encode("utf-16-le"), "it holds zero bytes"),
            (b"x = 1\n\0", "it holds zero bytes"),
            (b"# coding: klingon\nx = 1\n", "its first lines name an encoding that Python doesn't know"),
            (b"# coding: ascii\nx = '\xe9'\n", "line 2 isn't ascii"),
        ],
    )
    def test_what_is_no_text_says_why(self, taking: Taker, tmp_path: Path, data: bytes, problem: str) -> None:
        assert text_of(taking, tmp_path / "ada", data).startswith(problem)

    @pytest.mark.parametrize(
        "codec",
        ["rot13", "utf-7", "unicode_escape", "raw_unicode_escape", "hex", "zlib", "punycode", "cp037", "utf_16"],
    )
    def test_a_coding_line_cannot_hide_the_code(self, taking: Taker, tmp_path: Path, codec: str) -> None:
        problem = text_of(taking, tmp_path / "ada", f"# coding: {codec}\nx = 1\n".encode())
        assert "which isn't read here" in problem or "doesn't know" in problem


class TestParses:
    @pytest.mark.parametrize("text", ["", LINEAR, "x = '\\d'\n", "x = 1 is 1\n", "\x0cx = 1"])
    def test_python_has_nothing_to_say(self, text: str) -> None:
        assert parses(text) == ""

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("x = 1\ndef f(:\n    pass\n", "line 2: invalid syntax"),
            ("print 'hello'\n", "line 1: Missing parentheses in call to 'print'"),
            ("def f():\n\tx = 1\n        y = 2\n", "line 3: "),
            ("x = (1,\n", "line 1: '(' was never closed"),
            ("x = " + "(" * 5000, "line 1: too many nested parentheses"),
            ("x = " + "-" * 400_000 + "1", "an expression is nested too deeply to be parsed"),
            ("x = a" + ".b" * 200_000, "an expression is nested too deeply to be parsed"),
            ("x = '\ud800'", "can't be parsed: "),
        ],
    )
    def test_anything_else_is_one_line_with_its_number(self, text: str, reason: str) -> None:
        assert parses(text).startswith(reason)
        assert "\n" not in parses(text)
