"""Text that student code may have written, made harmless: no escapes, control characters, addresses or floods."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["clean_line", "clean_lines", "printable_name"]

LINE_LIMIT = 300  # characters of a message, or of one line of details
LINES_LIMIT = 60  # lines of details that a page shows for one test
TAB = "    "

# What a terminal would obey: CSI (colours, cursor), OSC and its kin (titles, links, clipboard), other two-byte escapes.
# Each repeats a class that excludes its own end, so that hostile text costs linear time.
ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# Eight digits at least: a shorter number in hexadecimal is something that a student may have written.
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{8,}\b")
BREAKS = re.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
# Marks that turn the direction of what follows, and the byte order mark: unseen, they reorder other people's text.
UNSEEN = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
LONE = re.compile("[\ud800-\udfff]")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def clean_line(text: str, limit: int = LINE_LIMIT) -> str:
    """`text` as one line of at most `limit` characters, its middle cut where it is longer.

    Terminal escapes, control characters and marks of direction go, a lone surrogate becomes U+FFFD, an address becomes
    `0x…`, each run of white space one space.
    """
    return _cut(" ".join(_harmless(_bounded(text, limit)).split()), limit)


def clean_lines(lines: Iterable[str], limit: int = LINE_LIMIT, count: int = LINES_LIMIT) -> list[str]:
    """`lines`, split at line ends, each made harmless with its indentation kept, the middle left out past `count`."""
    split = [piece for line in lines for piece in BREAKS.split(_bounded(line, limit * count))]
    if len(split) > count:
        head, tail = count - count // 3, count // 3
        split = [*split[:head], f"… {len(split) - head - tail} lines left out …", *split[len(split) - tail :]]
    return [_cut(_harmless(_bounded(line, limit)).rstrip(), limit) for line in split]


def printable_name(name: str) -> str:
    """`name` with everything that can't be seen, or that would break a row, written as a backslash escape.

    Two names never become one: a backslash of the name's own is doubled.
    """
    return "".join(char if _is_plain(char) else _escape(char) for char in name)


def _is_plain(char: str) -> bool:
    return char == " " or (char != "\\" and unicodedata.category(char)[0] not in "CZ")


def _escape(char: str) -> str:
    return "\\\\" if char == "\\" else char.encode("unicode_escape", "surrogatepass").decode("ascii")


def _harmless(line: str) -> str:
    """`line` with no line end, escape, control character, surrogate or address left in it."""
    line = ESCAPES.sub("", line)
    line = BREAKS.sub(" ", line).replace("\t", TAB)
    line = CONTROL.sub("", UNSEEN.sub("", line))
    return ADDRESS.sub("0x…", LONE.sub("\ufffd", line))


def _bounded(text: str, limit: int) -> str:
    """Head and tail of `text` where it is far past `limit`, so that cleaning a flood costs no more than a page."""
    room = 8 * limit
    return text if len(text) <= 2 * room else f"{text[:room]} … {text[-room:]}"


def _cut(line: str, limit: int) -> str:
    if len(line) <= limit:
        return line
    tail = (limit - 3) // 3
    return f"{line[: limit - 3 - tail].rstrip()} … {line[len(line) - tail :].lstrip()}"
