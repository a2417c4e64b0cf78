"""Lets the author of a suite run it under plain pytest: the solution is the student, in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import pytest

from grader import rubric
from grader.course import Course, Module
from grader.executors.desk import Desk, in_process
from grader.session.exam import Exam, Paper
from grader.session.plugin import SuitesPlugin, part_of
from grader.student import InProcess, Student, Texts

__all__ = ["AuthorPlugin"]


class AuthorPlugin(SuitesPlugin):
    """The suites' fixtures over pytest's own loop, so that its options, its tracebacks and `--pdb` all work."""

    def __init__(self, course: Course) -> None:
        super().__init__(course, [], lambda session: None)
        self._assignments = rubric.read_all(course)
        self._exams: dict[str, Exam] = {}
        self._desks: dict[str, Desk] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:  # type: ignore[override]
        """Leave the loop to pytest."""
        return None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """A desk for each assignment that was collected."""
        for name in {self.key(item).assignment for item in session.items}:
            desk = Desk(self.course, self._assignments[name], self, session.items)
            self._desks[name] = desk
            self._exams[name] = desk.exam(Paper(desk.texts, "0", desk.data), in_process)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Put the fixtures of one test in place around it."""
        key = self.key(item)
        module: Module = self._desks[key.assignment].modules[key.module]
        texts = Texts(self._desks[key.assignment].texts, module.aliases)
        student = Student(lambda spent: InProcess(texts), module.id)
        with contextlib.ExitStack() as stack:
            self.setting = self._exams[key.assignment].setting(module, part_of(module, key), key, student, stack)
            return (yield)
