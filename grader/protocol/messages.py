"""What is said between the two sides: one form for requests, replies, callbacks and their answers."""

from __future__ import annotations

import msgspec

from grader.protocol.values import Node

__all__ = ["Error", "Message"]


class Error(msgspec.Struct, omit_defaults=True):
    """An exception of the student's code, in words; `file` is relative to the hand-in."""

    type: str
    message: str
    category: str = ""
    file: str = ""
    line: int = 0
    code: str = ""
    trace: list[str] = []


class Message(msgspec.Struct, omit_defaults=True):
    """One request, reply, callback or answer; which fields count depends on `op`."""

    op: str
    number: int = 0  # of the request; a reply and a callback repeat it
    target: list[str | int] | None = None  # ["f", name], ["h", number, attribute …], ["m", number], ["c", number]
    args: Node = None
    kwargs: Node = None
    value: Node = None
    grad: list[int] = []  # tensors (by index) that are inputs, or outputs, of a gradient
    tape: int = 0
    rng: int = -1
    drop_tapes: list[int] = []
    forget: bool = False  # a new test: objects of the one before are gone, and numbers begin again
    after: Node = None  # arguments' contents after the call, where they changed
    changed: list[str | int] = []
    shares: list[str | int] = []
    cpu_s: float = 0.0
    error: Error | None = None
    text: str = ""
