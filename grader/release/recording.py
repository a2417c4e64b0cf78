"""Keeps what is generated from the solutions in step with them: stubs, and the recorded answers of public suites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grader import mistakes, rubric
from grader.course import Assignment, Course
from grader.executors.desk import Desk
from grader.release.hints import hints_text
from grader.release.stubs import stale_stubs, write_stubs
from grader.session import recorded
from grader.session.collect import with_suites
from grader.session.plugin import SuitesPlugin

__all__ = ["refresh", "stale"]

TOLERANCE = 1e-6


def refresh(course: Course) -> list[Path]:
    """Write stubs and recorded answers where they are out of step; the paths written.

    Raises:
        CourseError: a solution can't be cut, or fails its own public suite.
    """
    written = write_stubs(course.root)
    for assignment in rubric.read_all(course).values():
        path, answers = _path(course, assignment), record(course, assignment)
        if _differences(recorded.load(path), answers):
            recorded.save(path, answers)
            written.append(path)
        path, text = course.suites / assignment.id / "hints.json", hints_text(course, assignment)
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            written.append(path)
    return written


def stale(course: Course) -> list[str]:
    """A sentence for each stub and recorded answer that is out of step."""
    found = stale_stubs(course.root)
    for assignment in rubric.read_all(course).values():
        path = _path(course, assignment)
        differing = _differences(recorded.load(path), record(course, assignment, inputs=recorded.load(path)))
        found += _stale_hints(course, assignment)
        found += [f"{path.relative_to(course.root)}: {name} is out of step; run `grader stubs`" for name in differing]
    return found


def _stale_hints(course: Course, assignment: Assignment) -> list[str]:
    """Hints of mistakes that are gone, or of none that are there; their numbers are made anew by `grader stubs`."""
    path = course.suites / assignment.id / "hints.json"
    stored: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    there = {
        (one["id"], one["title"], one["hint"]) for parts in stored.values() for known in parts.values() for one in known
    }
    wanted = {
        (mistakes.full_id(module, mistake), mistake.title, mistake.hint)
        for module in assignment.modules
        for mistake in mistakes.load(course, module)
    }
    name = path.relative_to(course.root)
    return [f"{name}: {one[0]} is not in mistakes.py as it stands here" for one in sorted(there - wanted)] + (
        [] if there else [f"{name} is missing or empty; run `grader stubs`"]
    )


def record(course: Course, assignment: Assignment, inputs: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the solution gives on the public inputs: fresh ones, or those recorded before."""
    found: dict[str, Any] = {}

    def use(plugin: SuitesPlugin, items: list[pytest.Item]) -> None:
        found.update(Desk(course, assignment, plugin, items).record_answers(inputs or {}))

    with_suites(course, assignment.modules, ("public",), use)
    return found


def _path(course: Course, assignment: Assignment) -> Path:
    return course.suites / assignment.id / "public_answers.npz"


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return sorted(name for name in old.keys() | new.keys() if not _alike(old.get(name), new.get(name)))


def _alike(one: Any, other: Any) -> bool:
    return (
        one is not None
        and other is not None
        and one.shape == other.shape
        and bool(np.allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE))
    )
