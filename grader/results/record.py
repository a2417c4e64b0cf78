"""The form of one graded hand-in: pydantic models, their JSON, and the JSON Schema that is published from them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from math import floor
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

from grader.session.outcomes import ModuleStatus, TestStatus, Visibility

__all__ = [
    "Assignment",
    "Finding",
    "Module",
    "Part",
    "PartStatus",
    "Record",
    "Test",
    "json_schema",
    "rounded",
    "schema_text",
    "without_durations",
]

SCHEMA: Final = 1
PartStatus = Literal[
    "passed", "partial", "failed", "not_implemented", "error", "timeout", "memory", "skipped", "grader_error"
]


def _as_points(value: object) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        raise ValueError("points are a number")
    points = value if isinstance(value, Fraction) else Fraction(str(value))
    if points < 0:
        raise ValueError("points are never negative")
    return points


def rounded(points: Fraction) -> int | float:
    """Rounded half up to two decimals, and without a point where it is whole."""
    hundredths = floor(points * 100 + Fraction(1, 2))
    return hundredths // 100 if hundredths % 100 == 0 else float(Fraction(hundredths, 100))


# Exact in memory; a sum is never a sum of rounded numbers.
Points = Annotated[
    Fraction,
    PlainValidator(_as_points),
    PlainSerializer(rounded),
    WithJsonSchema({"type": "number", "minimum": 0, "description": "rounded half up to two decimals"}),
]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True)


class Finding(_Form):
    """A known mistake that the answers of a part are like."""

    id: str = Field(examples=["A2.linear_classifier.svm_loss_vectorized.sum-not-mean"])
    title: str = Field(description="completes the words 'behaves like …'")
    hint: str = Field(description="what to look at; speaks of behaviour, never of an expected value")


class Test(_Form):
    """One test of a part."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    name: str
    visibility: Visibility
    status: TestStatus
    message: str = Field(description="one line; empty where the test passed")
    details: list[str] = Field(description="further lines on a public test; always empty for a hidden one")
    duration_s: float


class Part(_Form):
    """What earns points: a function, a class, or a named result."""

    id: str
    title: str
    points: Points
    max_points: Points
    status: PartStatus
    message: str = Field(description="one line that the student can act on")
    diagnosis: list[Finding]
    tests: list[Test]


class Module(_Form):
    """One module's file of the hand-in."""

    id: str
    status: ModuleStatus
    message: str
    parts: list[Part]


class Assignment(_Form):
    """One assignment; parts that were skipped have left its `max_score`."""

    id: str
    score: Points
    max_score: Points
    modules: list[Module]


class Record(_Form):
    """One graded hand-in. What a clock or a gauge measured stands under keys that begin with `duration`."""

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    kit: str = Field(description="version of the kit")
    submission: str = Field(description="name of the hand-in, unprintable characters as backslash escapes")
    source_sha256: str = Field(description="hash of what was handed in")
    seed: int | None = Field(description="the run's seed; null for a student who may not see hidden tests yet")
    sandbox: str = Field(examples=["landlock+seccomp", "user+seccomp", "none"])
    device: str = Field(examples=["cpu", "cuda"])
    data: dict[str, str] = Field(examples=[{"cifar10": "stand-in"}])
    score: Points
    max_score: Points
    duration_s: float
    assignments: list[Assignment]

    def parts(self) -> Iterator[tuple[str, Part]]:
        """Each part with its full name, such as `A2/linear_classifier/svm_loss_naive`."""
        for assignment in self.assignments:
            for module in assignment.modules:
                for part in module.parts:
                    yield f"{assignment.id}/{module.id}/{part.id}", part

    @property
    def grader_errors(self) -> list[str]:
        """Full names of the parts over which the grader itself failed."""
        return [name for name, part in self.parts() if part.status == "grader_error"]

    def to_json(self, indent: int | None = None) -> str:
        """The record as ASCII JSON, keys in the order of the schema; on one line where `indent` is None."""
        return json.dumps(self.model_dump(mode="json"), indent=indent)

    @classmethod
    def from_json(cls, text: str) -> Record:
        """The record that `to_json` wrote.

        Raises:
            pydantic.ValidationError: `text` is no record of this schema.
        """
        return cls.model_validate_json(text)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a record as it is written."""
    schema = Record.model_json_schema(by_alias=True, mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A graded hand-in, schema 1",
    }


def schema_text() -> str:
    """What stands in `docs/schema/results-1.json`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def without_durations(record: Record | dict[str, Any]) -> dict[str, Any]:
    """The record's JSON form less every key that begins with `duration`: what the same seed repeats byte for byte."""
    form = record.model_dump(mode="json") if isinstance(record, Record) else record
    kept: dict[str, Any] = _strip(form)
    return kept


def _strip(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strip(item) for key, item in value.items() if not key.startswith("duration")}
    return [_strip(item) for item in value] if isinstance(value, list) else value
