"""How requests reach a hand-in, in short; and the way that stays in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from grader.errors import GraderError
from grader.protocol import Message
from grader.worker.load import Handin
from grader.worker.serve import Server

__all__ = ["Answer", "InProcess", "Texts", "Transport"]

Answer = Callable[[Message, list[Tensor]], tuple[Message, list[Tensor]]]


@dataclass(frozen=True)
class Texts:
    """The texts of a hand-in: module name -> (file name in messages, text), and the names of other terms."""

    sources: Mapping[str, tuple[str, str]]
    aliases: Mapping[str, Collection[str]] = field(default_factory=dict)
    folder: str = ""


class Transport(Protocol):
    """Carries one request to the hand-in's code and its reply back."""

    def request(self, message: Message, tensors: list[Tensor], answer: Answer) -> tuple[Message, list[Tensor]]:
        """The reply, its tensors the caller's own; callbacks on the way are given to `answer`."""

    def timed(self, message: Message, tensors: list[Tensor]) -> tuple[float, Message, list[Tensor]]:
        """Seconds from the moment when the request is in place until the reply has arrived, and the reply."""

    def cpu_s(self) -> float:
        """CPU seconds that the hand-in's code has used."""

    def printed(self) -> int:
        """Bytes that it has printed."""

    def text(self) -> str:
        """The beginning of what it has printed."""

    def close(self) -> None:
        """End it."""


class InProcess:
    """A server in this process, for code that is trusted or is the user's own; tensors are copied all the same."""

    def __init__(self, texts: Texts) -> None:
        self._answer: Answer = _no_callbacks
        self._server = Server(Handin(texts.sources), self._ask, texts.aliases)
        self._used = 0.0

    def _ask(self, question: Message, tensors: list[Tensor]) -> tuple[Message, list[Tensor]]:
        with torch.enable_grad():  # the caller may have switched it off; a worker's switch would not be felt here
            return self._answer(question, [one.clone() for one in tensors])

    def request(self, message: Message, tensors: list[Tensor], answer: Answer) -> tuple[Message, list[Tensor]]:
        """The reply, with tensors of its own."""
        outer, self._answer = self._answer, answer
        try:
            with torch.enable_grad():
                reply, results = self._server.handle(message, tensors)
        finally:
            self._answer = outer
        self._used += reply.cpu_s
        return reply, [one.clone() for one in results]

    def timed(self, message: Message, tensors: list[Tensor]) -> tuple[float, Message, list[Tensor]]:
        """As `request`, by this process's clock."""
        start = time.perf_counter()
        reply, results = self.request(message, tensors, _no_callbacks)
        return time.perf_counter() - start, reply, results

    def cpu_s(self) -> float:
        """CPU seconds of the calls so far."""
        return self._used

    def printed(self) -> int:
        """What code in this process prints is not counted."""
        return 0

    def text(self) -> str:
        """What code in this process prints goes where it goes."""
        return ""

    def close(self) -> None:
        """Nothing to end."""


def _no_callbacks(question: Message, tensors: list[Tensor]) -> tuple[Message, list[Tensor]]:
    raise GraderError("a callback came outside a call")
