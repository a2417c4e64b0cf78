"""The record of a call: what was called, what came back, what it did to its arguments, and how to say it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from grader.protocol import Message

__all__ = ["Call", "Exchange", "kept", "snapshot"]

COPIED_BYTES = 64 << 10


@dataclass
class Call:
    """The record of one call: its value, and what it did to its arguments."""

    name: str
    args: tuple[object, ...] = ()
    kwargs: dict[str, object] = field(default_factory=dict)
    value: Any = None
    changed: dict[str | int, Any] = field(default_factory=dict)
    after: list[Any] = field(default_factory=list)
    after_keywords: dict[str, Any] = field(default_factory=dict)
    shares: tuple[str | int, ...] = ()
    worker_cpu_s: float = 0.0
    output: str = ""

    @property
    def described(self) -> str:
        """The call in words: "svm_loss_naive((5, 3) float64, (7, 5) float64, (7,) int64, 0.1)"."""
        shown = [_kind(one) for one in self.args] + [f"{key}={_kind(one)}" for key, one in self.kwargs.items()]
        return f"{self.name}({', '.join(shown)})"


@dataclass
class Exchange:
    """One request with its reply, as it can be sent again to another module."""

    request: Message
    tensors: list[Tensor]
    callbacks: dict[int, Callable[..., Any]]
    asked: list[tuple[Any, Any]]
    reply: Message
    results: list[Tensor]
    run: Callable[..., tuple[Message, list[Tensor]]]

    def answer(
        self, question: Message, tensors: list[Tensor], asked: list[tuple[Any, Any]]
    ) -> tuple[Message, list[Tensor]]:
        """Answer a callback as it was answered the first time; what it was asked is put down in `asked`."""
        return self.run(self.callbacks, question, tensors, asked)


def kept(tensors: list[Tensor]) -> list[Tensor]:
    """Tensors as they are now: copies of the small ones. A large one that a suite changes spoils its replay."""
    return [one.clone() if one.nbytes <= COPIED_BYTES else one for one in tensors]


def snapshot(value: Any) -> Any:
    """A copy of containers and tensors, all else as it is."""
    if isinstance(value, Tensor):
        return value.clone() if value.nbytes <= COPIED_BYTES else value
    if isinstance(value, list | tuple):
        return type(value)(map(snapshot, value))
    return {key: snapshot(item) for key, item in value.items()} if isinstance(value, dict) else value


def _kind(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_kind(item)}" for key, item in list(value.items())[:8]) + "}"
    if isinstance(value, int | float | str | bool | type(None)):
        return repr(value)[:40]
    if isinstance(value, list | tuple):
        return f"{type(value).__name__} of {len(value)}"
    return vars(value).get("_type_name", "") or vars(value).get("_name", "") if hasattr(value, "__dict__") else ""
