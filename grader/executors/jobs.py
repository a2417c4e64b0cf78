"""What the pool asks of an examiner, and what it hears back: plain messages between two trusted processes."""

from __future__ import annotations

import msgspec

from grader.session.outcomes import ModuleStatus, PartOutcome

__all__ = ["Finished", "Job", "ModuleSaid", "PartSaid", "Said", "Setup", "decode_said", "encode"]


class Setup(msgspec.Struct):
    """How a parent of examiners is set up, once."""

    course: str
    modules: list[str]  # "A2/linear_classifier"
    mode: str
    data: dict[str, str]
    scratch: str
    seed: str


class Job(msgspec.Struct):
    """One hand-in through one assignment: which parts are wanted, in the order of the rubric."""

    assignment: str
    texts: dict[str, tuple[str, str]]
    folder: str
    seed: str
    wanted: list[tuple[str, str]]


class PartSaid(msgspec.Struct, tag="part"):
    """A part is examined."""

    module: str
    part: PartOutcome


class ModuleSaid(msgspec.Struct, tag="module"):
    """A module can't be graded."""

    module: str
    status: ModuleStatus
    message: str


class Finished(msgspec.Struct, tag="finished"):
    """The hand-in is through; `fault` where the examiner itself failed."""

    fault: str = ""


Said = PartSaid | ModuleSaid | Finished

_decoder = msgspec.json.Decoder(Said, dec_hook=lambda kind, value: kind(value))


def encode(message: Said | Setup | Job) -> bytes:
    """One line of JSON; fractions exactly."""
    return msgspec.json.encode(message, enc_hook=str) + b"\n"


def decode_said(line: bytes) -> Said:
    """What `encode` wrote."""
    said: Said = _decoder.decode(line)
    return said
