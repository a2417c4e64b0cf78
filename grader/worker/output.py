"""The beginning of what a call prints, kept while the text goes where it always goes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO

__all__ = ["Tee", "keeping_output"]

OUTPUT_KEPT = 4096


class Tee:
    """Passes text on and keeps its beginning."""

    def __init__(self, onward: TextIO) -> None:
        self._onward = onward
        self._kept: list[str] = []
        self._size = 0

    def write(self, text: str) -> int:
        """Pass `text` on, as a text stream does."""
        if self._size < OUTPUT_KEPT:
            self._kept.append(text[: OUTPUT_KEPT - self._size])
            self._size += len(text)
        return self._onward.write(text)

    def text(self) -> str:
        """What is kept."""
        return "".join(self._kept)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._onward, name)


@contextmanager
def keeping_output() -> Iterator[Tee]:
    """Within it, `print` writes through a `Tee`."""
    tee = Tee(sys.stdout)
    with redirect_stdout(tee):  # a text stream in all that print() asks
        try:
            yield tee
        except BaseException:
            with suppress(OSError):  # where nothing more may be printed, what the call raised says more
                sys.stdout.flush()
            raise
        sys.stdout.flush()
