"""The record of a graded hand-in and its score: what every output of the kit is made from."""

from grader.results.build import build, staff_view
from grader.results.record import (
    Assignment,
    Finding,
    Module,
    Part,
    PartStatus,
    Record,
    Test,
    json_schema,
    rounded,
    schema_text,
    without_durations,
)
from grader.results.student import VisibilityRule, for_student
from grader.results.text import clean_line, clean_lines, printable_name

__all__ = [
    "Assignment",
    "Finding",
    "Module",
    "Part",
    "PartStatus",
    "Record",
    "Test",
    "VisibilityRule",
    "build",
    "clean_line",
    "clean_lines",
    "for_student",
    "json_schema",
    "printable_name",
    "rounded",
    "schema_text",
    "staff_view",
    "without_durations",
]
