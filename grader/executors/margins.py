"""How far tolerances are from rounding on one side and from every known mistake on the other, part by part.

A correct hand-in computes in another order, so its last digits differ. What that can do to an answer is measured by
running the solution on inputs changed by one unit in their last place: an error of a check's inputs that rounding
alone may cause. Both figures are errors as shares of what the check allows: the greatest that rounding makes must be
far below 1, the least that a mistake makes far above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import torch
from torch import Tensor

from grader import checks, mistakes
from grader.course import Module, Part
from grader.executors.desk import Desk, in_process
from grader.executors.forks import map_forked
from grader.mistakes import Mistake
from grader.protocol import Message
from grader.session.exam import Connect, Paper
from grader.student import InProcess, Texts, Transport
from grader.student.transport import Answer

__all__ = ["Margin", "margins_of"]

CPU_LIMIT_S = 120


@dataclass(frozen=True)
class Margin:
    """One part: the greatest error that rounding makes, the least that a mistake makes, in units of the allowance."""

    part: str
    rounding: float
    mistake: float
    least: str

    def line(self) -> str:
        """For a person."""
        closest = f"{self.mistake:.1e} ({self.least})" if self.least else "no mistake shows in a tolerance"
        return f"  {self.part:<28} rounding {self.rounding:.1e} of the allowance, nearest mistake {closest}"


class _Jittered(InProcess):
    """Calls the module on inputs that differ by one unit in the last place."""

    def request(self, message: Message, tensors: list[Tensor], answer: Answer) -> tuple[Message, list[Tensor]]:
        """The reply to the changed inputs."""
        return super().request(message, [_jittered(one, i) for i, one in enumerate(tensors)], answer)


def margins_of(desk: Desk, module: Module, *, seeds: int, jobs: int) -> list[Margin]:
    """The margins of each part of a module that is not a named result."""
    parts = [part for part in module.parts if not part.of]
    rounding = dict.fromkeys((part.id for part in parts), 0.0)
    runs = [(part, str(seed)) for part in parts for seed in range(seeds)]
    for (part, _), data in map_forked(lambda run: _rounding(desk, module, *run), runs, jobs=jobs, cpu_s=CPU_LIMIT_S):
        rounding[part.id] = max(
            rounding[part.id], *(msgspec.json.decode(data, type=list[float]) if data else [0.0]), 0.0
        )
    nearest = _nearest(desk, module, jobs)
    return [Margin(part.id, rounding[part.id], *nearest.get(part.id, (float("inf"), ""))) for part in parts]


def _nearest(desk: Desk, module: Module, jobs: int) -> dict[str, tuple[float, str]]:
    known = mistakes.load(desk.course, module)
    found: dict[str, tuple[float, str]] = {}
    for mistake, data in map_forked(lambda one: _wrong(desk, module, one), known, jobs=jobs, cpu_s=CPU_LIMIT_S):
        errors = [error for error in (msgspec.json.decode(data, type=list[float]) if data else []) if error > 1]
        if errors:
            found[mistake.part] = min(found.get(mistake.part, (float("inf"), "")), (max(errors), mistake.id))
    return found


def _rounding(desk: Desk, module: Module, part: Part, seed: str) -> bytes:
    def jittered(texts: Texts, memory_mib: int, cpu_s: float) -> Transport:
        return _Jittered(texts)

    return msgspec.json.encode(_errors(desk, module, part, desk.texts, seed, jittered))


def _wrong(desk: Desk, module: Module, mistake: Mistake) -> bytes:
    file, text = desk.texts[module.id]
    texts = {**desk.texts, module.id: (file, mistakes.mutate(text, mistake))}
    return msgspec.json.encode(_errors(desk, module, module.part(mistake.part), texts, "0", in_process))


def _errors(
    desk: Desk, module: Module, part: Part, texts: dict[str, tuple[str, str]], seed: str, connect: Connect
) -> Sequence[float]:
    exam = desk.exam(Paper(texts, seed, desk.data), connect)
    exam.reference = None  # a budget has no tolerance
    with checks.errors_noted() as errors:
        exam.part(module, part)
    return [error if error < 1e300 else 1e300 for error in errors]


def _jittered(tensor: Tensor, index: int) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    generator = torch.Generator().manual_seed(index)
    signs = torch.randint(0, 2, tensor.shape, generator=generator).to(tensor.dtype) * 2 - 1
    return tensor * (1 + signs * torch.finfo(tensor.dtype).eps)
