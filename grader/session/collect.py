"""Collects suites in one pytest session, and hands the collected items to a function in place of running them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from grader.course import Course, Module
from grader.errors import CourseError
from grader.session.plugin import SuitesPlugin

__all__ = ["with_suites"]

# no terminal, cache or capture file: forked sessions would share them
OPTIONS = ["--capture=sys", "--import-mode=importlib", "-W", "ignore", "-c", os.devnull]
BLOCKED = (
    "terminal cacheprovider faulthandler junitxml pastebin doctest unittest stepwise logging threadexception "
    "unraisableexception"
).split()


def with_suites(
    course: Course,
    modules: Sequence[Module],
    visibilities: Sequence[str],
    use: Callable[[SuitesPlugin, list[pytest.Item]], None],
) -> None:
    """Call `use(plugin, items)` inside a pytest session that has collected the suites of these modules.

    Raises:
        CourseError: a suite can't be collected.
    """
    faults: list[BaseException] = []

    def loop(session: pytest.Session) -> None:
        try:
            use(plugin, session.items)
        except BaseException as fault:  # pytest would report it as an internal error and go on
            faults.append(fault)

    plugin = SuitesPlugin(course, list(modules), loop)
    keeper = _Faults()
    paths = [path for module in modules for v in visibilities if (path := course.suite(module, v)).exists()]
    blocked = [option for name in BLOCKED for option in ("-p", f"no:{name}")]
    arguments = [*OPTIONS, *blocked, f"--rootdir={course.suites}", *map(str, paths)]
    status = pytest.main(arguments, plugins=[plugin, keeper])
    if faults:
        raise faults[0]
    if keeper.texts:
        raise CourseError(f"a suite can't be collected: {keeper.texts[0]}", way_out="run `grader lint`")
    # tests that failed are the hand-in's, and no fault of the session
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise CourseError(f"pytest ended with {status!r} over the suites", place=_names(paths))


class _Faults:
    """Keeps what pytest could not collect."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """The last lines of a report that failed."""
        if report.failed:
            self.texts.append(f"{report.nodeid}: {str(report.longrepr).strip().splitlines()[-1][:300]}")


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(f"{path.parent.name}/{path.name}" for path in paths)
