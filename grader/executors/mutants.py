"""Every known mistake against its suite: does it lose points, on the right part, and is it named?"""

from __future__ import annotations

import gc
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import pytest

from grader import mistakes, rubric
from grader.course import Assignment, Course, Module, Part
from grader.executors.desk import Desk, in_process
from grader.executors.forks import map_forked
from grader.executors.margins import Margin, margins_of
from grader.mistakes import Mistake
from grader.session.collect import with_suites
from grader.session.exam import Exam, Paper
from grader.session.outcomes import PartOutcome
from grader.session.plugin import SuitesPlugin

__all__ = ["Report", "Verdict", "callers", "run", "run_all", "spare"]

CPU_LIMIT_S, TRAINING_CPU_LIMIT_S = 120, 900
MARGIN_SEEDS = 10


class Verdict(msgspec.Struct):
    """What the suites said of one mistake: the parts that lost points, and the mistakes that were named, in order."""

    mistake: str
    part: str
    lost: list[str]
    named: list[str]
    messages: list[str] = []

    @property
    def killed(self) -> bool:
        """Its own part lost points."""
        return self.part in self.lost


@dataclass
class Report:
    """The verdicts on one module's mistakes."""

    module: Module
    verdicts: list[Verdict] = field(default_factory=list)
    margins: list[Margin] = field(default_factory=list)

    def right(self, verdict: Verdict) -> bool:
        """The part lost points, and no part that does not call it did."""
        allowed = {verdict.part, *callers(self.module, verdict.part)}
        return verdict.killed and set(verdict.lost) <= allowed

    def named(self, verdict: Verdict) -> bool:
        """The diagnosis names the mistake itself, first."""
        return verdict.named[:1] == [f"{self.module.assignment}.{self.module.id}.{verdict.mistake}"]

    @property
    def clean(self) -> bool:
        """Every mistake loses points, on the right part alone, and nine in ten are named first."""
        named = sum(map(self.named, self.verdicts))
        return all(map(self.right, self.verdicts)) and 10 * named >= 9 * len(self.verdicts)

    def lines(self) -> list[str]:
        """For a person: the counts, and each mistake that is not as it should be."""
        count = self.summary()
        head = (
            f"{self.module.path}: {count['mistakes']} mistakes, {count['killed']} killed, "
            f"{count['right_part']} on the right part, {count['diagnosed']} named"
        )
        rows = [head]
        for verdict in self.verdicts:
            if not verdict.killed:
                rows.append(f"  survives        {verdict.mistake}")
            elif not self.right(verdict):
                rows.append(f"  costs others    {verdict.mistake}: {', '.join(verdict.lost)}")
            elif not self.named(verdict):
                rows.append(f"  not named first {verdict.mistake}: {', '.join(verdict.named) or 'nothing is named'}")
        return rows + [margin.line() for margin in self.margins]

    def summary(self) -> dict[str, object]:
        """Counts, and the ids of those that survive."""
        return {
            "mistakes": len(self.verdicts),
            "killed": sum(verdict.killed for verdict in self.verdicts),
            "right_part": sum(map(self.right, self.verdicts)),
            "diagnosed": sum(map(self.named, self.verdicts)),
            "survivors": [verdict.mistake for verdict in self.verdicts if not verdict.killed],
        }


def run_all(course: Course, asked: Sequence[str], *, whole: bool = False, margins: bool = False) -> list[Report]:
    """The reports of the modules that `-a` names, of all where it names none; with `margins`, tolerances too.

    Raises:
        UsageError: there is no such module.
    """
    return [
        report
        for assignment, modules in rubric.select(rubric.read_all(course), asked)
        for report in run(course, assignment, modules, whole=whole, margins=margins)
    ]


def run(
    course: Course,
    assignment: Assignment,
    modules: Sequence[Module],
    *,
    whole: bool = False,
    margins: bool = False,
    seed: str = "0",
) -> list[Report]:
    """Put every mistake of these modules through the suites.

    A mistake is tried on its part and on the parts that call it, untimed but where it is one of speed; with `whole`, on
    all parts, timed, training included.
    """
    reports: list[Report] = []

    def use(plugin: SuitesPlugin, items: list[pytest.Item]) -> None:
        desk = Desk(course, assignment, plugin, items)
        if whole:
            desk.pictures(seed)
        for module in modules:
            report = Report(module, list(_verdicts(desk, module, whole, seed)))
            if margins:
                report.margins = margins_of(desk, module, seeds=MARGIN_SEEDS, jobs=os.cpu_count() or 1)
            reports.append(report)

    with_suites(course, modules, ("public", "hidden"), use)
    return reports


def _verdicts(desk: Desk, module: Module, whole: bool, seed: str) -> Iterator[Verdict]:
    known = mistakes.load(desk.course, module)
    order = {mistake.id: i for i, mistake in enumerate(known)}
    desk.replayer(module.id).prepare()
    _warm_up(desk, module, seed)

    def judge(mistake: Mistake) -> bytes:
        return msgspec.json.encode(_judge(desk, module, mistake, whole, seed))

    found = []
    limit = TRAINING_CPU_LIMIT_S if whole else CPU_LIMIT_S
    for mistake, data in map_forked(judge, known, jobs=os.cpu_count() or 1, cpu_s=limit):
        if data is None:  # stopped: an endless loop is a loss too
            found.append(Verdict(mistake.id, mistake.part, [mistake.part], [], ["stopped by its CPU limit"]))
        else:
            found.append(msgspec.json.decode(data, type=Verdict))
    yield from sorted(found, key=lambda verdict: order[verdict.mistake])


def _warm_up(desk: Desk, module: Module, seed: str) -> None:
    """Send the solution through the tests once: what first calls import, forks then share."""
    exam = desk.exam(Paper(desk.texts, seed, desk.data), in_process)
    exam.reference = None
    for part in module.parts:
        if not part.of:
            exam.part(module, part)
    gc.collect()
    gc.freeze()


def _judge(desk: Desk, module: Module, mistake: Mistake, whole: bool, seed: str) -> Verdict:
    file, text = desk.texts[module.id]
    texts = {**desk.texts, module.id: (file, mistakes.mutate(text, mistake, str(desk.course.mistakes(module))))}
    tried = module.parts if whole else tuple(_touched(module, mistake.part))
    exam = desk.exam(Paper(texts, seed, desk.data), in_process)
    if not whole:
        spare(exam, desk, [(module, part) for part in tried])
        exam.reference = exam.reference if mistake.axis == "speed" else None
    verdict = Verdict(mistake.id, mistake.part, [], [])
    for _, outcome in desk.grade(exam, [(module, part) for part in tried]):
        wrong = [test for test in outcome.tests if test.share and test.status not in ("passed", "skipped")]
        if wrong:
            verdict.lost.append(outcome.id)
        if outcome.id == mistake.part:
            verdict.named = [one.id for one in outcome.diagnosis]
            verdict.messages = sorted({test.message for test in wrong})
    return verdict


def spare(exam: Exam, desk: Desk, tried: Collection[tuple[Module, Part]]) -> None:
    """Take all other parts than these for right: what is known to be as in the solution need not be examined."""
    kept = {(module.id, part.id) for module, part in tried}
    for module in desk.modules.values():
        for part in module.parts:
            if (module.id, part.id) not in kept:
                exam.know(module, PartOutcome(part.id, part.title, part.points))


def _touched(module: Module, name: str) -> Iterator[Part]:
    wanted = {name, *callers(module, name)}
    return (part for part in module.parts if part.id in wanted and not part.of)


def callers(module: Module, name: str) -> set[str]:
    """The parts of a module that need this part, directly or through others."""
    found: set[str] = set()
    while more := {part.id for part in module.parts if {name, *found} & {*part.needs, *part.of}} - found:
        found |= more
    return found
