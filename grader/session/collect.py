"""Collects suites in one pytest session, and hands the collected items to a function in place of running them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from grader.course import Course, Module
from grader.errors import CourseError
from grader.session.plugin import SuitesPlugin

__all__ = ["with_suites"]

# no terminal, cache or capture file: forked sessions would share them
OPTIONS = ["--import-mode=importlib", "--noconftest", "-W", "ignore", "-c", os.devnull]
BLOCKED = (
    "terminal cacheprovider faulthandler junitxml pastebin doctest unittest stepwise logging threadexception "
    "unraisableexception"
).split()


def with_suites(
    course: Course,
    modules: Sequence[Module],
    visibilities: Sequence[str],
    use: Callable[[SuitesPlugin, list[pytest.Item]], None],
    capture: str = "sys",
) -> None:
    """Call `use(plugin, items)` inside a pytest session that has collected the suites of these modules.

    What the code under test prints is kept back by `capture="sys"`, and shown by "no".

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
    arguments = [*OPTIONS, f"--capture={capture}", *blocked, f"--rootdir={course.suites}", *map(str, paths)]
    try:
        status = pytest.main(arguments, plugins=[plugin, keeper])
    finally:
        _forget(paths)
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
            said = str(report.longrepr).strip().splitlines()[-1].removeprefix("E").strip()
            self.texts.append(f"{report.nodeid}: {said[:300]}")


def _forget(paths: Sequence[Path]) -> None:
    """Take imported suites out of `sys.modules`: the next session may have others at these names, or edited ones."""
    files = set(map(str, paths))
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) in files:
            del sys.modules[name]


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(f"{path.parent.name}/{path.name}" for path in paths)
