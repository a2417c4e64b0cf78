"""What the pool asks of an examiner, and what it hears back: plain messages between two trusted processes."""

from __future__ import annotations

import msgspec

from grader.session.outcomes import PartOutcome

__all__ = ["Finished", "Job", "PartSaid", "Said", "Setup", "decode_job", "decode_said", "encode"]


class Setup(msgspec.Struct):
    """How a parent of examiners is set up, once."""

    course: str
    modules: list[str]  # "A2/linear_classifier"
    mode: str
    data: dict[str, str]
    scratch: str
    seed: str


class Job(msgspec.Struct):
    """One hand-in through one assignment: which parts are wanted, in the order of the rubric, and which are known."""

    assignment: str
    texts: dict[str, tuple[str, str]]
    folder: str
    seed: str
    wanted: list[tuple[str, str]]
    known: list[tuple[str, PartOutcome]] = []


class PartSaid(msgspec.Struct, tag="part"):
    """A part is examined."""

    module: str
    part: PartOutcome


class Finished(msgspec.Struct, tag="finished"):
    """The hand-in is through; `fault` where the examiner itself failed."""

    fault: str = ""


Said = PartSaid | Finished

_said = msgspec.json.Decoder(Said, dec_hook=lambda kind, value: kind(value))
_job = msgspec.json.Decoder(Job, dec_hook=lambda kind, value: kind(value))


def encode(message: Said | Setup | Job) -> bytes:
    """One line of JSON; fractions exactly."""
    return msgspec.json.encode(message, enc_hook=str) + b"\n"


def decode_said(line: bytes) -> Said:
    """What `encode` wrote."""
    said: Said = _said.decode(line)
    return said


def decode_job(data: bytes) -> Job:
    """The job that `encode` wrote."""
    return _job.decode(data)
