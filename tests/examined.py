"""Examines texts as hand-ins without a worker, each in a fork of one process that has collected the suites once."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from grader import rubric
from grader.course import Assignment, Course
from grader.executors.desk import Desk, in_process
from grader.executors.forks import map_forked
from grader.executors.mutants import callers, spare
from grader.session.collect import with_suites
from grader.session.exam import Paper
from grader.session.outcomes import PartOutcome, TestOutcome
from grader.session.plugin import SuitesPlugin
from grader.worker.process import die_with
from grader.worker.warm import warm_up

__all__ = ["Answer", "Examiners", "examiners"]

CPU_LIMIT_S = 400
SIZE = struct.Struct("!Q")
Texts = dict[str, tuple[str, str]]


class Question(msgspec.Struct):
    """The texts of a hand-in's modules, and the parts that are asked for: (module, part)."""

    texts: Texts
    parts: list[tuple[str, str]]
    seed: str = "0"
    timed: bool = False  # run speed budgets too
    shuffled: bool = False  # run each part's tests in the opposite order


class Answer(msgspec.Struct):
    """The outcomes of the parts, by (module, part), and the CPU seconds of it all."""

    outcomes: list[tuple[str, PartOutcome]]
    cpu_s: float

    def tests(self) -> Iterator[tuple[str, TestOutcome]]:
        """Every test with the part it belongs to."""
        return ((part.id, test) for _, part in self.outcomes for test in part.tests)

    def failures(self) -> list[str]:
        """What was lost and why, in a line for each test."""
        return [
            f"{part}: {test.name}: {test.status}: {test.message} {test.details}"
            for part, test in self.tests()
            if _costs(test)
        ]

    def lost(self) -> set[str]:
        """The parts that lost points."""
        return {part for part, test in self.tests() if _costs(test)}

    def named(self) -> list[str]:
        """The known mistakes that some answers are like."""
        return [one.id for _, part in self.outcomes for one in part.diagnosis]


def _costs(test: TestOutcome) -> bool:
    return test.share > 0 and test.status not in ("passed", "skipped")


@dataclass(frozen=True)
class Examiners:
    """The way to the process that examines, and what it has at hand."""

    assignment: Assignment
    solutions: Texts
    stubs: Texts
    _socket: socket.socket

    def __call__(self, texts: Texts, parts: Sequence[tuple[str, str]] = (), **how: Any) -> Answer:
        """Examine these modules' texts beside the solution's others; all parts but training, where none are named."""
        wanted = list(parts) or self.parts(*texts)
        _send(self._socket, msgspec.json.encode(Question({**self.solutions, **texts}, wanted, **how)))
        answer = _receive(self._socket)
        if not answer:
            pytest.fail("the examiner died: its last words are on standard error", pytrace=False)
        return msgspec.json.decode(answer, type=Answer, dec_hook=lambda kind, value: kind(value))

    def parts(self, *modules: str, training: bool = False) -> list[tuple[str, str]]:
        """The parts of these modules, those that train left out unless they are asked for."""
        found = [module for module in self.assignment.modules if module.id in modules]
        return [(module.id, part.id) for module in found for part in module.parts if training or not part.of]

    def touched(self, name: str, functions: Sequence[str], *, training: bool = False) -> list[tuple[str, str]]:
        """The parts of a module that these functions are, and those that call them."""
        module = next(module for module in self.assignment.modules if module.id == name)
        wanted = {*functions}.union(*(callers(module, function) for function in functions))
        return [(name, part.id) for part in module.parts if part.id in wanted and (training or not part.of)]


@contextmanager
def examiners(root: Path, name: str) -> Iterator[Examiners]:
    """Examiners of one assignment, until the context ends."""
    course = Course(root)
    assignment = rubric.read_all(course)[name]
    mine, theirs = socket.socketpair()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        mine.close()
        _serve(course, assignment, theirs)
    theirs.close()
    paths = [(module.id, course.solution(module), course.stub(module)) for module in assignment.modules]
    solutions = {module: (f"{module}.py", solution.read_text("utf-8")) for module, solution, _ in paths}
    stubs = {module: (f"{module}.py", stub.read_text("utf-8")) for module, _, stub in paths}
    try:
        yield Examiners(assignment, solutions, stubs, mine)
    finally:
        mine.close()
        os.waitpid(pid, 0)


def _serve(course: Course, assignment: Assignment, channel: socket.socket) -> NoReturn:
    die_with(os.getppid())  # a test run that is killed leaves nobody at work
    warm_up()  # what a worker has: packages imported, 'cuda' meaning the CPU

    def use(plugin: SuitesPlugin, items: list[pytest.Item]) -> None:
        desk = Desk(course, assignment, plugin, items)
        _examine(desk, Question(desk.texts, []))  # loads what forks can share
        while data := _receive(channel):
            question = msgspec.json.decode(data, type=Question)
            if question.seed == "0" and any(desk.modules[m].part(part).of for m, part in question.parts):
                desk.pictures("0")  # drawn once, for the forks to share
            ((_, answer),) = map_forked(lambda one: _in_scratch(desk, one), [question], jobs=1, cpu_s=CPU_LIMIT_S)
            _send(channel, answer or b"")

    try:
        with_suites(course, assignment.modules, ("public", "hidden"), use)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _in_scratch(desk: Desk, question: Question) -> bytes:
    """The answer, in a folder where a hand-in may write what it likes."""
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    try:
        return msgspec.json.encode(_examine(desk, question), enc_hook=str)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _examine(desk: Desk, question: Question) -> Answer:
    start = time.process_time()
    exam = desk.exam(Paper(question.texts, question.seed, desk.data), in_process)
    if question.shuffled:
        exam.items = exam.items[::-1]
    if not question.timed:
        exam.reference = None
    wanted = [(desk.modules[module], desk.modules[module].part(part)) for module, part in question.parts]
    spare(exam, desk, wanted)
    found = [(module.id, outcome) for module, outcome in desk.grade(exam, wanted)]
    return Answer(found, time.process_time() - start)


def _send(channel: socket.socket, data: bytes) -> None:
    channel.sendall(SIZE.pack(len(data)) + data)


def _receive(channel: socket.socket) -> bytes:
    """The next message; empty where the other side is gone."""
    head = _exactly(channel, SIZE.size)
    return _exactly(channel, SIZE.unpack(head)[0]) if head else b""


def _exactly(channel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = channel.recv(min(size - len(data), 1 << 20))
        if not chunk:
            return b""
        data += chunk
    return data
