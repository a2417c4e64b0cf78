"""The pytest plugin: the fixtures that suites ask for, and how one test ends."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from grader.checks import Draw, Race, Source
from grader.course import Course, Module, Part, class_name
from grader.errors import GraderError
from grader.session.recorded import Recorded
from grader.student import Student

__all__ = ["Bench", "Key", "Setting", "SuitesPlugin"]


@dataclass(frozen=True)
class Key:
    """Which test an item is."""

    assignment: str
    module: str
    visibility: str
    part_class: str
    test: str
    case: str

    @property
    def name(self) -> str:
        """As feedback shows it: "a row of zeros [float32]"."""
        words = self.test.removeprefix("test_").replace("_", " ")
        return f"{words} [{self.case}]" if self.case else words


@dataclass
class Setting:
    """What the fixtures give to the test that is running."""

    part: PartEntry
    student: Student
    reference: Callable[[], ModuleType]
    draw: Draw
    race: Race
    source: Callable[[], Source]
    recorded: Recorded
    pictures: Callable[[], Any]


@dataclass(frozen=True)
class PartEntry:
    """A part's entry in the rubric, and the data in use."""

    entry: Part
    data: dict[str, str]

    def threshold(self, name: str) -> float:
        """The accuracy (fraction) asked for on the data set of this name, for the data in use."""
        return self.entry.threshold(self.data.get(name, "stand-in"))


@dataclass
class Bench:
    """How the test that has just run ended, and the exception where it raised."""

    passed: bool = False
    skipped: str = ""
    fault: BaseException | None = None
    in_setup: bool = False
    line: int = 0


@dataclass
class SuitesPlugin:
    """Collected suites; `loop` is called in place of pytest's own loop over the items."""

    course: Course
    modules: list[Module]
    loop: Callable[[pytest.Session], None]
    setting: Setting | None = None
    bench: Bench = field(default_factory=Bench)

    # -- hooks --------------------------------------------------------------------------------------------------------

    def pytest_configure(self, config: pytest.Config) -> None:
        """A failure in one line: pytest's long form, which nobody reads, parses the suite anew for every frame."""
        config.option.tbstyle = "value"

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Hand the collected items over; where a suite could not be collected, whoever asked says which."""
        if not session.testsfailed:
            self.loop(session)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the exception itself: a report has only its text."""
        report = yield
        if call.when == "call" and report.passed:
            self.bench.passed = True
        if call.excinfo is not None and self.bench.fault is None and not self.bench.skipped:
            if isinstance(call.excinfo.value, pytest.skip.Exception):
                self.bench.skipped = str(call.excinfo.value)
            else:
                self.bench.fault = call.excinfo.value
                self.bench.in_setup = call.when != "call"
            self.bench.passed = False
        return report

    # -- fixtures -----------------------------------------------------------------------------------------------------

    def _now(self) -> Setting:
        if self.setting is None:
            raise GraderError("a suite ran outside a session", way_out="run it by `grader`")
        return self.setting

    @pytest.fixture
    def student(self) -> Student:
        """The hand-in's module."""
        return self._now().student

    @pytest.fixture
    def reference(self) -> ModuleType:
        """The solution's module."""
        return self._now().reference()

    @pytest.fixture
    def draw(self) -> Draw:
        """Fresh inputs of this test."""
        return self._now().draw

    @pytest.fixture
    def part(self) -> PartEntry:
        """The part's entry in the rubric."""
        return self._now().part

    @pytest.fixture
    def race(self) -> Race:
        """Speed budgets."""
        return self._now().race

    @pytest.fixture
    def source(self) -> Source:
        """Rules on the student's source."""
        return self._now().source()

    @pytest.fixture
    def recorded(self) -> Recorded:
        """Recorded public answers."""
        return self._now().recorded

    @pytest.fixture
    def pictures(self) -> Any:
        """Training pictures with labels, and held-back pictures whose labels stay here."""
        return self._now().pictures()

    # -- items --------------------------------------------------------------------------------------------------------

    @staticmethod
    @functools.cache
    def key(item: pytest.Item) -> Key:
        """Which test an item is, read off its path and names."""
        assert isinstance(item, pytest.Function)
        assert item.cls is not None
        path = Path(item.path)
        case = item.callspec.id if hasattr(item, "callspec") else ""
        return Key(
            assignment=path.parent.parent.name,
            module=path.parent.name,
            visibility=path.stem.removeprefix("test_"),
            part_class=item.cls.__name__,
            test=item.originalname,
            case=case,
        )

    def run(self, item: pytest.Item, setting: Setting) -> Bench:
        """Run one test in this setting, through pytest's own protocol."""
        self.setting, self.bench = setting, Bench()
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        finally:
            self.setting = None
        return self.bench


def part_of(module: Module, key: Key) -> Part:
    """The part that a test class belongs to."""
    return next(part for part in module.parts if class_name(part.id) == key.part_class)
