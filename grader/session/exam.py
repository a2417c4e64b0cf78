"""Examines one hand-in, part by part: a fresh worker each, the reference standing in for what failed before."""

from __future__ import annotations

import contextlib
import functools
import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import ModuleType
from typing import Any

import pytest

from grader.checks import Draw, Failure, Race, Source
from grader.course import Course, Module, Part, class_name
from grader.errors import GraderError, ProtocolError
from grader.session import placeholder
from grader.session.outcomes import PartOutcome, TestOutcome, Visibility
from grader.session.plugin import Bench, Key, PartEntry, Setting, SuitesPlugin
from grader.session.recorded import Recorded
from grader.student import Exchange, InProcess, Student, StudentFault, StudentTimeout, Texts, Transport

__all__ = ["Connect", "Exam", "Paper"]

# how a module's texts become something that answers: (texts, memory MiB, CPU seconds) -> transport
Connect = Callable[[Texts, int, float], Transport]


@dataclass(frozen=True)
class Paper:
    """One hand-in, ready to be examined: its texts by module, the run's seed, the data in use."""

    texts: Mapping[str, tuple[str, str]]
    seed: str
    data: Mapping[str, str]
    folder: str = ""


@dataclass
class Examined:
    """A part's outcome, and what the student's code answered in each test that failed."""

    outcome: PartOutcome
    logs: dict[str, list[Exchange]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Every test that ran passed."""
        return all(test.status in ("passed", "skipped") for test in self.outcome.tests)


@dataclass
class Exam:
    """One hand-in through the suites of one assignment.

    `reference` connects to the solution of a module where there is one; without it (at home) nothing stands in for a
    part that fails, budgets are not timed, and a part whose called part fails is skipped with its name.
    """

    course: Course
    plugin: SuitesPlugin
    items: list[pytest.Item]
    modules: Mapping[str, Module]
    paper: Paper
    connect: Connect
    solutions: Callable[[Module], ModuleType] | None
    reference: Callable[[Module], Transport] | None
    answers: dict[str, Any] = field(default_factory=dict)
    pictures: Callable[[str], Any] | None = None
    writing: bool = False
    visibilities: tuple[str, ...] = ("public", "hidden")
    timing: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    unloadable: dict[str, str] = field(default_factory=dict)
    _done: dict[tuple[str, str], Examined] = field(default_factory=dict)
    _running: set[tuple[str, str]] = field(default_factory=set)

    def part(self, module: Module, part: Part) -> Examined:
        """Examine one part, once; the parts that it needs are examined first where they are asked for."""
        key = (module.id, part.id)
        if key not in self._done:
            self._running.add(key)
            self._done[key] = self._examine(module, part)
            self._running.discard(key)
        return self._done[key]

    # -- one part -----------------------------------------------------------------------------------------------------

    def _examine(self, module: Module, part: Part) -> Examined:
        start = time.perf_counter()
        items = self._items_of(module, part)
        blank = self._blank(module, part)
        if self._cannot_load(module):
            examined = Examined(self._outcome(part, items, "error", self.unloadable[module.id]))
        elif blank:
            examined = Examined(self._outcome(part, items, "not_implemented", blank))
        else:
            # a called part that is known to run on and on would only use up this one's time too
            stuck = self._stuck_needs(module, part)
            examined = self._sit(module, part, items, {}) if not stuck else Examined(PartOutcome("", "", Fraction(0)))
            failed = [] if examined.passed and not stuck else self._failed_needs(module, part)
            if failed and self.solutions is not None:
                examined = self._sit(module, part, items, dict(failed))
                examined.outcome.stood_in = [name for name, _ in failed]
            elif failed:
                text = f"first mend {failed[0][0]}, which this part calls"
                examined = Examined(self._outcome(part, items, "skipped", text))
        examined.outcome.duration_s = time.perf_counter() - start
        return examined

    def _cannot_load(self, module: Module) -> bool:
        """Whether the module's text does not parse, or it was found before that it can't be loaded."""
        if module.id in self.paper.texts and module.id not in self.unloadable:
            trouble = placeholder.does_not_parse(*self.paper.texts[module.id])
            if trouble:
                self.unloadable[module.id] = trouble
        return module.id in self.unloadable

    def _blank(self, module: Module, part: Part) -> str:
        """Why the part can't be examined, or nothing."""
        if module.id not in self.paper.texts:
            return "the module is missing"
        text = self.paper.texts[module.id][1]
        stub = self.course.stub(module)
        given = stub.read_text("utf-8") if stub.exists() else ""
        names = list(part.of) or [part.id]
        others = [alias for name in names for alias in module.aliases.get(name, ())]
        blank = placeholder.blank_parts(text, [*names, *others], given)
        return f"{', '.join(sorted(blank))} is not implemented yet" if blank else ""

    def _failed_needs(self, module: Module, part: Part) -> list[tuple[str, tuple[Module, Part]]]:
        """Those parts that this one calls, with theirs, that failed by themselves."""
        failed = {}
        for name, (other, needed) in self._needs(module, part).items():
            if (other.id, needed.id) not in self._running and not self.part(other, needed).passed:
                failed[name] = (other, needed)
        return list(failed.items())

    def _stuck_needs(self, module: Module, part: Part) -> bool:
        found = [self._done.get((other.id, needed.id)) for other, needed in self._needs(module, part).values()]
        stopped = {test.status for one in found if one is not None for test in one.outcome.tests}
        return self.solutions is not None and bool(stopped & {"timeout", "memory"})

    def _needs(self, module: Module, part: Part) -> dict[str, tuple[Module, Part]]:
        found: dict[str, tuple[Module, Part]] = {}
        todo = [(module, name) for name in part.needs]
        while todo:
            owner, name = todo.pop(0)
            other_id, _, short = name.rpartition(".")
            other = self.modules.get(other_id, owner) if other_id in self.modules else owner
            needed = other.part(short if other is not owner or other_id in self.modules else name)
            label = needed.id if other is module else f"{other.id}.{needed.id}"
            if label not in found:
                found[label] = (other, needed)
                todo += [(other, more) for more in needed.needs]
        return found

    def _sit(
        self, module: Module, part: Part, items: list[pytest.Item], stand_ins: dict[str, tuple[Module, Part]]
    ) -> Examined:
        """Run the part's tests against one worker, which is forked anew where it dies."""
        student = Student(functools.partial(self._connect_part, module, part), module.id)
        student._limit = part.cpu_s
        for label, (other, needed) in stand_ins.items():
            where = "" if other is module else other.id
            student._stand_ins[where, needed.id] = self._stand_in(other, needed, label)
        outcome = PartOutcome(part.id, part.title, part.points)
        examined = Examined(outcome)
        shares = self._shares(part, items)
        try:
            for item in items:
                test = self._test(module, part, item, student, shares[item])
                outcome.tests.append(test)
                if test.status == "failed":
                    examined.logs[item.nodeid] = list(student._log)
        finally:
            student._close()
            outcome.staff = {"notes": student._notes, "printed_bytes": student._printed, "printed": student._text}
            if student._load_fault is not None:
                self.unloadable[module.id] = student._load_fault.message
        return examined

    def _connect_part(self, module: Module, part: Part, spent: float) -> Transport:
        left = part.cpu_s - spent
        if left <= 0:
            raise StudentTimeout(f"not run: the {part.cpu_s:g} CPU seconds for this part were used up before")
        texts = {**self.course.helpers(module.assignment), **self.paper.texts}
        return self.connect(Texts(texts, module.aliases, self.paper.folder), part.memory_mib, left)

    def _stand_in(self, module: Module, part: Part, label: str) -> Callable[..., Any]:
        assert self.solutions is not None
        function = getattr(self.solutions(module), part.id)
        accepted = set(inspect.signature(function).parameters)

        def stand_in(*args: Any, **kwargs: Any) -> Any:
            # a hand-in may call its own function with a further keyword that only its own function takes
            return function(*args, **{name: value for name, value in kwargs.items() if name in accepted})

        stand_in.stands_in = True  # type: ignore[attr-defined]  # what it raises is the caller's doing
        stand_in.__name__ = label
        return stand_in

    # -- one test -----------------------------------------------------------------------------------------------------

    def _test(self, module: Module, part: Part, item: pytest.Item, student: Student, share: Fraction) -> TestOutcome:
        key = self.plugin.key(item)
        start = time.perf_counter()
        seed = self._seed(module, part, key)
        student._begin(seed)
        with contextlib.ExitStack() as stack:
            setting = self._setting(module, part, key, student, seed, stack)
            bench = self.plugin.run(item, setting)
        if (
            not bench.passed
            and not bench.skipped
            and _unforeseen(bench)
            and self._passes_itself(module, part, item, seed)
        ):
            bench.fault = _misfit(bench.fault)
        visibility: Visibility = "public" if key.visibility == "public" else "hidden"
        test = _verdict(bench, TestOutcome(key.name, visibility, "passed", share), student)
        test.duration_s = time.perf_counter() - start
        return test

    def _setting(
        self, module: Module, part: Part, key: Key, student: Student, seed: str, stack: contextlib.ExitStack
    ) -> Setting:
        prefix = f"{module.id}/{key.part_class}/{key.test}[{key.case}]"

        def solution() -> ModuleType:
            if self.solutions is None:
                raise GraderError(f"the public suite of {module.path} asks for the reference", place=key.test)
            return self.solutions(module)

        return Setting(
            part=PartEntry(part, dict(self.paper.data)),
            student=student,
            reference=solution,
            draw=Draw(seed),
            race=self._race(module, student, stack),
            source=lambda: Source(self.paper.texts[module.id][1]),
            recorded=Recorded(self.answers, prefix, writing=self.writing),
            pictures=lambda: self._pictures(),
        )

    def _race(self, module: Module, student: Student, stack: contextlib.ExitStack) -> Race:
        if self.reference is None:
            return Race(None, None, lambda reason: pytest.skip(reason))
        connect = self.reference

        @functools.cache
        def second() -> Student:
            other = Student(lambda spent: connect(module), module.id)
            stack.callback(other._close)
            return other

        def reference(name: str, args: tuple[Any, ...]) -> tuple[float, Any]:
            return second()._timed(name, args)

        return Race(student._timed, reference, lambda reason: pytest.skip(reason), self.timing)

    def _pictures(self) -> Any:
        if self.pictures is None:
            raise pytest.skip.Exception("trained at grading")
        return self.pictures(self.paper.seed)

    def _seed(self, module: Module, part: Part, key: Key) -> str:
        run = "0" if key.visibility == "public" else self.paper.seed
        return f"{run}/{module.path}/{part.id}/{key.visibility}/{key.test}/{key.case}"

    def _passes_itself(self, module: Module, part: Part, item: pytest.Item, seed: str) -> bool:
        """Whether the solution passes the same test on the same inputs: then what went wrong is the hand-in's."""
        if self.solutions is None:
            return True
        text = {module.id: (f"{module.id}.py", self.course.solution(module).read_text("utf-8"))}
        student = Student(lambda spent: InProcess(Texts({**self._solution_texts(), **text})), module.id)
        student._begin(seed)
        with contextlib.ExitStack() as stack:
            setting = self._setting(module, part, self.plugin.key(item), student, seed, stack)
            return self.plugin.run(item, setting).passed

    def _solution_texts(self) -> dict[str, tuple[str, str]]:
        found = {}
        for module in self.modules.values():
            path = self.course.solution(module)
            if path.exists():
                found[module.id] = (path.name, path.read_text("utf-8"))
        return found

    # -- shares -------------------------------------------------------------------------------------------------------

    def _items_of(self, module: Module, part: Part) -> list[pytest.Item]:
        wanted = (module.assignment, module.id, class_name(part.id))
        keys = [(item, self.plugin.key(item)) for item in self.items]
        return [
            item
            for item, key in keys
            if (key.assignment, key.module, key.part_class) == wanted and key.visibility in self.visibilities
        ]

    def _shares(self, part: Part, items: list[pytest.Item]) -> dict[pytest.Item, Fraction]:
        """Each test's share of the part: by visibility, then by weight, the cases of one function alike."""
        keys = {item: self.plugin.key(item) for item in items}
        functions: dict[str, dict[str, list[pytest.Item]]] = {}
        for item, key in keys.items():
            functions.setdefault(key.visibility, {}).setdefault(key.test, []).append(item)
        both = len(functions) == 2
        shares = {}
        for visibility, tests in functions.items():
            whole = (part.public if visibility == "public" else 1 - part.public) if both else Fraction(1)
            total = sum((part.weights.get(test, Fraction(1)) for test in tests), Fraction(0))
            for test, cases in tests.items():
                for item in cases:
                    shares[item] = whole * part.weights.get(test, Fraction(1)) / total / len(cases)
        return shares

    def _outcome(self, part: Part, items: list[pytest.Item], status: Any, message: str) -> PartOutcome:
        shares = self._shares(part, items)
        outcome = PartOutcome(part.id, part.title, part.points, message=message)
        for item in items:
            key = self.plugin.key(item)
            visibility: Visibility = "public" if key.visibility == "public" else "hidden"
            outcome.tests.append(TestOutcome(key.name, visibility, status, shares[item], message))
        return outcome


def _unforeseen(bench: Bench) -> bool:
    """An exception that neither a check nor the student's code raised: a suite stumbled over what came back."""
    return not isinstance(
        bench.fault, AssertionError | StudentFault | ProtocolError | GraderError | pytest.skip.Exception
    )


def _misfit(fault: BaseException | None) -> Failure:
    text = str(fault).strip().splitlines()[0] if str(fault).strip() else ""
    return Failure(f"returns something that can't be used as asked ({type(fault).__name__}: {text[:160]})")


def _verdict(bench: Bench, test: TestOutcome, student: Student) -> TestOutcome:
    fault = bench.fault
    called = student._last.described if student._last is not None else ""
    if bench.passed:
        return test
    if bench.skipped:
        test.status, test.message = "skipped", bench.skipped
    elif isinstance(fault, Failure):
        test.status, test.message = "failed", fault.message
        test.details = [f"{label:<9} {text}" for label, text in [("called", called), *fault.details] if text]
    elif isinstance(fault, StudentFault):
        test.status, test.message = fault.status, fault.message  # type: ignore[assignment]
        test.details = [f"called    {called}", *fault.details] if called else fault.details
    elif isinstance(fault, ProtocolError):
        test.status, test.message = "error", f"sends something that is no answer: {fault.message}"
    elif isinstance(fault, AssertionError):
        test.status, test.message = "failed", (str(fault).strip().splitlines() or ["a check did not hold"])[0][:300]
    else:
        test.status = "grader_error"
        test.message = f"the grader's own fault: {type(fault).__name__}: {fault}"[:300]
    return test


def all_parts(modules: Mapping[str, Module]) -> Iterator[tuple[Module, Part]]:
    """Every part of every module, in the order of the rubric."""
    for module in modules.values():
        for part in module.parts:
            yield module, part
