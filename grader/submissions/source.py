"""The text of a module out of its bytes, decoded as Python itself would, and whether that text is Python."""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
import warnings

__all__ = ["Unreadable", "as_text", "parses", "with_plain_line_ends", "within_limits"]

# A module has 60 kB. The worst text of this size costs the parser 1.5 s and 450 MiB, one of 1 MB twice that (measured).
MOST_SOURCE_BYTES = 500_000
# Parsing an f-string of n fields takes n² steps up to Python 3.11: a minute for 300,000.
MOST_BRACES = 10_000
# Every encoding of text in which ASCII stands for itself: no rot13, no zip, no escapes, nothing that hides code.
ENCODINGS = re.compile(
    r"utf-8(-sig)?|ascii|iso8859-\d+|cp(125\d|437|85\d|866|874|932|949|950)|koi8-[rtu]"
    r"|mac-(roman|latin2|cyrillic|greek|turkish)|gbk|gb2312|gb18030|big5(hkscs)?|shift_jis|euc_(jp|kr)|johab|tis-620"
)
UTF_16_AND_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


class Unreadable(Exception):
    """There is no text to grade; the message says why in one line that the student can act on."""


def as_text(data: bytes) -> str:
    """The source text in `data`: a coding line and a byte order mark are honoured, every line end becomes "\\n".

    Raises:
        Unreadable: too long, UTF-16, bytes that are zero, an encoding that is unknown or isn't kept to.
    """
    if len(data) > MOST_SOURCE_BYTES:
        raise Unreadable(f"it has {len(data):,} bytes: a module may have {MOST_SOURCE_BYTES:,}")
    if data.startswith(UTF_16_AND_32):
        raise Unreadable("it is written in UTF-16 or UTF-32: save it as UTF-8")
    if b"\0" in data:
        raise Unreadable("it holds zero bytes, so it is no text: save it as UTF-8")
    return within_limits(with_plain_line_ends(_decoded(data, _encoding(data))))


def with_plain_line_ends(text: str) -> str:
    """`text` with a newline alone at the end of each line, as Python itself reads it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def within_limits(text: str) -> str:
    """`text`, where the parser's cost is bounded.

    Raises:
        Unreadable: too long, or of too many braces.
    """
    if len(text) > MOST_SOURCE_BYTES:
        raise Unreadable(f"it has {len(text):,} characters: a module may have {MOST_SOURCE_BYTES:,}")
    if text.count("{") > MOST_BRACES:
        raise Unreadable(f"it holds more than {MOST_BRACES:,} braces: leave long tables out of the module")
    return text


def _encoding(data: bytes) -> str:
    try:
        name, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as fault:
        if "unknown encoding" in str(fault):
            raise Unreadable("its first lines name an encoding that Python doesn't know: save it as UTF-8") from None
        # without a coding line: the first two lines aren't UTF-8, and the whole text is about to be refused as such
        return "utf-8"
    if not ENCODINGS.fullmatch(codecs.lookup(name).name):
        raise Unreadable(f"its first lines name the encoding {name[:40]}, which isn't read here: save it as UTF-8")
    return name


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        name = "UTF-8" if encoding.startswith("utf-8") else encoding
        byte = f"0x{data[fault.start]:02x}"
        way_out = "save the file as UTF-8, or name its encoding in line 1"
        raise Unreadable(f"line {line} isn't {name} (byte {byte}): {way_out}") from None


def parses(text: str) -> str:
    """Why `text` isn't Python, in one line with the line's number; "" where it is.

    `text` is taken to have passed `as_text`, whose limits hold the cost down; it is never run.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "invalid escape sequence" and its like are the student's own business
            ast.parse(text)
    except SyntaxError as fault:
        return f"line {fault.lineno}: {fault.msg}"
    except (RecursionError, MemoryError):
        return "an expression is nested too deeply to be parsed"
    except ValueError as fault:
        return f"can't be parsed: {fault}"
    return ""
