"""Runs every known mistake through the public tests, so that a student's own run can name it without its code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from grader import mistakes
from grader.course import Assignment, Course, Module
from grader.executors.desk import Desk, in_process
from grader.executors.forks import map_forked
from grader.mistakes import Mistake
from grader.session.collect import with_suites
from grader.session.digest import digest
from grader.session.exam import Paper
from grader.session.plugin import SuitesPlugin

__all__ = ["hints_text"]

CPU_LIMIT_S = 60


def hints_text(course: Course, assignment: Assignment) -> str:
    """`hints.json` of an assignment: part -> mistakes with title, hint, and digests of their answers by public test."""
    found: dict[str, Any] = {}

    def use(plugin: SuitesPlugin, items: list[pytest.Item]) -> None:
        desk = Desk(course, assignment, plugin, items)
        for module in assignment.modules:
            found[module.id] = _of_module(desk, module)

    with_suites(course, assignment.modules, ("public",), use)
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def _of_module(desk: Desk, module: Module) -> dict[str, list[dict[str, Any]]]:
    known = mistakes.load(desk.course, module)
    answers = {}
    for mistake, data in map_forked(
        lambda one: _digests(desk, module, one), known, jobs=os.cpu_count() or 1, cpu_s=CPU_LIMIT_S
    ):
        answers[mistake.id] = json.loads(data) if data else {}
    found: dict[str, list[dict[str, Any]]] = {}
    for mistake in known:
        if answers[mistake.id]:
            entry = {"id": mistakes.full_id(module, mistake), "title": mistake.title, "hint": mistake.hint}
            found.setdefault(mistake.part, []).append({**entry, "answers": answers[mistake.id]})
    return found


def _digests(desk: Desk, module: Module, mistake: Mistake) -> bytes:
    file, text = desk.texts[module.id]
    texts = {**desk.texts, module.id: (file, mistakes.mutate(text, mistake))}
    exam = desk.exam(Paper(texts, "0", desk.data), in_process)
    exam.visibilities = ("public",)
    logs = exam.part(module, module.part(mistake.part)).logs
    return json.dumps({name: digest(log) for name, log in _named(logs)}).encode()


def _named(logs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((node.rpartition("::")[2], log) for node, log in sorted(logs.items()) if log)
