"""Known mistakes: small edits of the solution's text, as mutants of it and as names for what a hand-in answers."""

from __future__ import annotations

import ast
import functools
import importlib.util
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.course import Course, Module
from grader.errors import CourseError, GraderError
from grader.protocol import Message, unpack
from grader.session.outcomes import Diagnosis
from grader.student import Exchange, InProcess, Texts

__all__ = ["Mistake", "Replayer", "load", "mutate", "part_source"]

CPU_LIMIT_S = 2.0


@dataclass(frozen=True)
class Mistake:
    """A classic error of one part, as one or two edits of the solution's text.

    `title` completes "behaves like …"; `hint` speaks of the behaviour, never of expected values; `axis` is its kind
    (sign, factor, transpose, off-by-one, missing term, reduction, dtype, …).
    """

    id: str
    part: str
    title: str
    hint: str
    axis: str
    old: str = ""
    new: str = ""
    edits: tuple[tuple[str, str], ...] = ()

    @property
    def changes(self) -> tuple[tuple[str, str], ...]:
        """All edits, one or two."""
        return self.edits or ((self.old, self.new),)


def load(course: Course, module: Module) -> tuple[Mistake, ...]:
    """The known mistakes of a module; their ids are given the module's path in front.

    Raises:
        CourseError: the file can't be read as a list of mistakes.
    """
    path = course.mistakes(module)
    if not path.exists():
        return ()
    spec = importlib.util.spec_from_file_location(f"mistakes_of_{module.id}", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(loaded)
        found = tuple(loaded.MISTAKES)
    except Exception as fault:
        raise CourseError(f"mistakes.py can't be read: {type(fault).__name__}: {fault}", place=str(path)) from fault
    ids = [mistake.id for mistake in found]
    doubled = {one for one in ids if ids.count(one) > 1}
    if doubled:
        raise CourseError(f"two mistakes have one id: {', '.join(sorted(doubled))}", place=str(path))
    return found


def full_id(module: Module, mistake: Mistake) -> str:
    """The id as records show it: "A2.linear_classifier.svm_loss_naive.half-reg"."""
    return f"{module.assignment}.{module.id}.{mistake.id}"


@functools.lru_cache(maxsize=1000)
def part_source(source: str, part: str) -> tuple[int, int]:
    """Where a function, class or method stands in a module's text: its first and last character.

    Raises:
        CourseError: there is none of this name.
    """
    body: Sequence[ast.stmt] = ast.parse(source).body
    node: ast.stmt | None = None
    for name in part.split("."):
        node = next((one for one in body if getattr(one, "name", None) == name), None)
        if node is None:
            raise CourseError(f"the solution has no {part}")
        body = getattr(node, "body", [])
    assert node is not None
    assert node.end_lineno is not None
    lines = source.splitlines(keepends=True)
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
    return sum(map(len, lines[: first - 1])), sum(map(len, lines[: node.end_lineno]))


def mutate(source: str, mistake: Mistake, place: str = "") -> str:
    """The solution's text with the mistake in it.

    Raises:
        CourseError: what an edit replaces does not stand exactly once in its part.
    """
    start, end = part_source(source, mistake.part)
    text = source[start:end]
    if not 1 <= len(mistake.changes) <= 2:
        raise CourseError(f"mistake {mistake.id} has {len(mistake.changes)} edits", expected="one or two", place=place)
    for old, new in mistake.changes:
        if text.count(old) != 1:
            raise CourseError(
                f"mistake {mistake.id}: its old text stands {text.count(old)} times in {mistake.part}",
                place=place,
                expected=f"exactly once: {old!r}",
                way_out="make `old` longer until it is unique, or bring it in step with the solution",
            )
        text = text.replace(old, new)
    return source[:start] + text + source[end:]


class Replayer:
    """Sends the calls of a failing test again to each known mistake of a part, and compares the answers."""

    def __init__(
        self, module: Module, solution: str, mistakes: Sequence[Mistake], others: Mapping[str, tuple[str, str]]
    ) -> None:
        self._module = module
        self._solution = solution
        self._mistakes = mistakes
        self._others = others

    def prepare(self) -> None:
        """Read and run every known mistake once, so that processes forked from this one need not read them again."""
        for mistake in self._mistakes:
            self._loaded(mutate(self._solution, mistake))

    def diagnose(self, part: str, logs: Sequence[Sequence[Exchange]]) -> list[Diagnosis]:
        """The known mistakes of `part` that answer all these calls as the hand-in did, where the solution does not."""
        logs = [log for log in logs if log]
        candidates = [mistake for mistake in self._mistakes if mistake.part == part]
        if not logs or not candidates:
            return []
        start = time.process_time()
        if all(self._answers_alike(self._solution, log) for log in logs):
            return []
        found = []
        for mistake in candidates:
            if time.process_time() - start > CPU_LIMIT_S:
                break
            text = mutate(self._solution, mistake)
            if all(self._answers_alike(text, log) for log in logs):
                found.append(Diagnosis(full_id(self._module, mistake), mistake.title, mistake.hint))
        return found

    def _answers_alike(self, text: str, log: Sequence[Exchange]) -> bool:
        server = self._loaded(text)  # anew for each log: what one test replaces in the module is back for the next
        return all(_replay(server, exchange) for exchange in log)

    def _loaded(self, text: str) -> InProcess:
        sources = {**self._others, self._module.id: (f"{self._module.id}.py", text)}
        server = InProcess(Texts(sources, self._module.aliases))
        server.request(Message("load", text=self._module.id), [], _unasked)
        return server


def _replay(server: InProcess, exchange: Exchange) -> bool:
    """Whether the module behind `server` answers one request as the hand-in did."""
    asked: list[tuple[Any, Any]] = []

    def answer(question: Message, tensors: list[Tensor]) -> tuple[Message, list[Tensor]]:
        return exchange.answer(question, tensors, asked)

    try:
        reply, results = server.request(exchange.request, exchange.tensors, answer)
    except GraderError:
        return False
    theirs = exchange.reply
    if reply.op != theirs.op:
        return False
    if reply.error is not None and theirs.error is not None:
        return (reply.error.type, reply.error.message) == (theirs.error.type, theirs.error.message)
    mine = (unpack(reply.value, results), unpack(reply.after, results), asked)
    return _alike(
        mine, (unpack(theirs.value, exchange.results), unpack(theirs.after, exchange.results), exchange.asked)
    )


def _unasked(question: Message, tensors: list[Tensor]) -> tuple[Message, list[Tensor]]:
    raise GraderError("a module calls back while it is loaded")


def _alike(one: Any, other: Any) -> bool:
    """Equal in structure, numbers within rounding; NaN is like NaN."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return _alike_tensors(one, other)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.shape == other.shape and _alike_tensors(torch.from_numpy(one), torch.from_numpy(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-5) or (one != one and other != other)
    return bool(type(one) is type(other) and (one == other or repr(one) == repr(other)))


def _alike_tensors(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    scale = float(other.detach().abs().double().nan_to_num(0, 0, 0).max()) if other.numel() else 0.0
    return torch.allclose(one.detach().double(), other.detach().double(), rtol=1e-5, atol=1e-9 * scale, equal_nan=True)
