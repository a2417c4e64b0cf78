"""Examines one hand-in, part by part: a fresh worker each, the reference standing in for what failed before."""

from __future__ import annotations

import contextlib
import functools
import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import ModuleType
from typing import Any

import pytest

from grader.checks import Draw, Race, Source
from grader.course import Course, Module, Part, class_name
from grader.errors import GraderError
from grader.session import placeholder, verdicts
from grader.session.outcomes import PartOutcome, TestOutcome, Visibility
from grader.session.plugin import Key, PartEntry, Setting, SuitesPlugin
from grader.session.recorded import Recorded
from grader.student import Exchange, InProcess, Student, StudentFault, StudentTimeout, Texts, Transport

__all__ = ["Connect", "Exam", "Paper"]

# how a module's texts become something that answers: (texts, memory MiB, CPU seconds) -> transport
Connect = Callable[[Texts, int, float], Transport]
LOADING_S = 0.05  # with less CPU time left than a module may need to be loaded, no test is begun


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
    loaded: bool = True

    @property
    def passed(self) -> bool:
        """Every test that ran and is worth something passed."""
        return all(test.status in ("passed", "skipped") for test in self.outcome.tests if test.share)

    @property
    def flawless(self) -> bool:
        """Every test that ran passed, advice too."""
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

    def know(self, module: Module, outcome: PartOutcome) -> None:
        """Take over a part that was examined before, so that it isn't again."""
        self._done[module.id, outcome.id] = Examined(outcome)
        if "unloadable" in outcome.staff:
            self.unloadable[module.id] = outcome.staff["unloadable"]

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
            examined = self._unloadable(module, part, items)
        elif blank:
            examined = Examined(self._outcome(part, items, "not_implemented", blank))
        else:
            # a called part that is known to run on and on would only use up this one's time too
            stuck = self._stuck_needs(module, part)
            examined = self._sit(module, part, items, {}) if not stuck else Examined(PartOutcome("", "", Fraction(0)))
            if not examined.loaded and not self._blame(module, examined):
                examined = self._sit(module, part, items, {})
            failed = [] if examined.passed and not stuck else self._failed_needs(module, part)
            if module.id in self.unloadable:  # found by the try
                examined = self._unloadable(module, part, items)
            elif failed and self.solutions is not None:
                examined = self._sit(module, part, items, dict(failed))
                examined.outcome.stood_in = [name for name, _ in failed]
            elif failed:
                text = f"first mend {failed[0][0]}, which this part calls"
                examined = Examined(self._outcome(part, items, "skipped", text))
        examined.outcome.duration_s = time.perf_counter() - start
        return examined

    def _cannot_load(self, module: Module) -> bool:
        """Whether the module's text is no answer at all, or it was found before that it can't be loaded."""
        if module.id in self.paper.texts and module.id not in self.unloadable:
            file, text = self.paper.texts[module.id]
            asked = [name.partition(".")[0] for part in module.parts for name in part.of or (part.id,)]
            others = [alias for aliases in module.aliases.values() for alias in aliases]
            trouble = placeholder.does_not_parse(file, text)
            if not trouble and placeholder.defines_none(text, [*asked, *others]):
                trouble = f"{file}: defines none of {', '.join(dict.fromkeys(asked))}"
            if trouble:
                self.unloadable[module.id] = trouble
        return module.id in self.unloadable

    def _blame(self, module: Module, examined: Examined) -> bool:
        """Find out which module ends the process while it is loaded: this one, or another of the hand-in's."""
        for other in self.modules.values():
            if other is not module and other.id in self.paper.texts and not self._cannot_load(other):
                connect = functools.partial(self._connect_part, other, other.parts[0], without=module.id)
                student = Student(connect, other.id)
                try:
                    student.has("")
                except StudentFault as fault:
                    self.unloadable[other.id] = fault.message
                    return False
                finally:
                    student._close()
        self.unloadable[module.id] = examined.outcome.tests[0].message
        return True

    def _unloadable(self, module: Module, part: Part, items: list[pytest.Item]) -> Examined:
        outcome = self._outcome(part, items, "error", self.unloadable[module.id])
        outcome.staff["unloadable"] = self.unloadable[module.id]
        return Examined(outcome)

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
            if (other.id, needed.id) not in self._running:
                examined = self.part(other, needed)
                # a caller must not lose what the needed part itself does not lose
                if not (examined.passed if self.solutions is None else examined.flawless):
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
            other_id, _, short = name.partition(".")
            other = self.modules.get(other_id, owner)
            needed = other.part(short if other_id in self.modules else name)
            label = needed.id if other is module else f"{other.id}.{needed.id}"
            if label not in found:
                found[label] = (other, needed)
                todo += [(other, more) for more in needed.needs]
        return found

    def _sit(
        self, module: Module, part: Part, items: list[pytest.Item], stand_ins: dict[str, tuple[Module, Part]]
    ) -> Examined:
        """Run the part's tests against one worker, which is forked anew where it dies."""
        before: list[float] = []  # CPU seconds that were used up when each worker began

        def connect(spent: float) -> Transport:
            before.append(spent)
            return self._connect_part(module, part, spent)

        student = Student(connect, module.id)
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
            examined.loaded = student._load_fault is None or any(before)
        return examined

    def _connect_part(self, module: Module, part: Part, spent: float, without: str = "") -> Transport:
        left = part.cpu_s - spent
        if left <= LOADING_S:
            raise StudentTimeout(f"not run: the {part.cpu_s:g} CPU seconds for this part were used up before")
        texts = {**self.course.helpers(module.assignment), **self.paper.texts}
        for name in ({*self.unloadable, without} & texts.keys()) - {module.id}:
            texts[name] = (texts[name][0], "")  # else whoever imports it would end with it
        try:
            return self.connect(Texts(texts, module.aliases, self.paper.folder), part.memory_mib, left)
        except OSError as fault:
            raise GraderError(f"no worker can be had: {fault}", way_out="run the command again") from fault

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
        with contextlib.ExitStack() as stack:
            bench = self.plugin.run(item, self.setting(module, part, key, student, stack))
        if (
            not bench.passed
            and not bench.skipped
            and verdicts.unforeseen(bench)
            and self._passes_itself(module, part, item)
        ):
            bench.fault = verdicts.misfit(bench.fault)
        visibility: Visibility = "public" if key.visibility == "public" else "hidden"
        if self.solutions is None and verdicts.interrupted(bench):
            raise KeyboardInterrupt  # at home it came from the keyboard
        called = student._last.described if student._last is not None else ""
        test = verdicts.judge(bench, TestOutcome(key.name, visibility, "passed", share), called)
        if isinstance(bench.fault, StudentTimeout):
            test.message = verdicts.of_the_whole(test.message, part)
        if visibility == "hidden" and not bench.passed:
            verdicts.veil(test, bench.fault, self.paper.texts)
        test.duration_s = time.perf_counter() - start
        return test

    def setting(self, module: Module, part: Part, key: Key, student: Student, stack: contextlib.ExitStack) -> Setting:
        """What the fixtures give to one test; `student` begins anew, and what the test opens ends with `stack`."""
        seed = self._seed(module, part, key)
        student._begin(seed)
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

    def _passes_itself(self, module: Module, part: Part, item: pytest.Item) -> bool:
        """Whether the solution passes the same test on the same inputs: then what went wrong is the hand-in's."""
        if self.solutions is None:
            return True
        text = {module.id: (f"{module.id}.py", self.course.solution(module).read_text("utf-8"))}
        student = Student(lambda spent: InProcess(Texts({**self._solution_texts(), **text})), module.id)
        with contextlib.ExitStack() as stack:
            setting = self.setting(module, part, self.plugin.key(item), student, stack)
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
