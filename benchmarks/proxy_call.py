"""A proxied call: CPU on both sides together with small tensors, and 3 MB there and back beside two copies of it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from statistics import median

import torch

from benchmarks.figures import Cost, Figure, alternate, compared, cost, run
from benchmarks.parents import hardly_warm, warm_parent
from grader.student import Student, Texts

TEXT = "def affine(x, w, b):\n    return x @ w + b\n\n\ndef echo(x):\n    return x\n"
CALLS = 50  # in each round
MEGABYTES = 3


def measure(quick: bool) -> Iterator[Figure]:
    """One worker answers all calls."""
    torch.set_num_threads(1)
    rounds = 3 if quick else 30
    with warm_parent(hardly_warm() if quick else None) as workers:
        transport = workers.connect(Texts({"handin": ("handin.py", TEXT)}))
        student = Student(lambda spent: transport, "handin")

        def both_sides() -> float:
            return time.process_time() + transport.cpu_s()

        x, w, b = torch.randn(4, 5), torch.randn(5, 3), torch.randn(3)
        yield from _each("call", _rounds(lambda: student.affine(x, w, b), student, rounds, both_sides), 0.6)
        w.requires_grad_()
        yield from _each("backward_call", _rounds(lambda: _backward(student, x, w, b), student, rounds, both_sides))
        large, room = _pool(16), _pool(16)
        echo = _afresh(student, lambda: student.echo(next(large)))
        pairs = alternate(echo, lambda: _copy_twice(next(large), room), 10 * rounds, both_sides)
        yield from compared("there_and_back", pairs, 4)
        student._close()


def _backward(student: Student, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> None:
    torch.autograd.grad(student.affine(x, w, b).sum(), w)


def _pool(count: int) -> Iterator[torch.Tensor]:
    """Tensors of 3 MB in turn: more than a cache holds, in memory that is in use, so that no page is asked for anew."""
    return itertools.cycle([torch.randn(MEGABYTES * 1_000_000 // 4) for _ in range(count)])


def _copy_twice(tensor: torch.Tensor, room: Iterator[torch.Tensor]) -> None:
    for _ in range(2):
        next(room).copy_(tensor)


def _afresh(student: Student, call: Callable[[], object], calls: int = 1) -> Callable[[], None]:
    """So many calls as one test makes them: what was said in the test before is forgotten."""

    def test() -> None:
        student._begin("0")
        for _ in range(calls):
            call()

    return test


def _rounds(call: Callable[[], object], student: Student, rounds: int, clock: Callable[[], float]) -> list[Cost]:
    test = _afresh(student, call, CALLS)
    test()
    return [cost(test, clock) for _ in range(rounds)]


def _each(name: str, costs: list[Cost], most: float | None = None) -> Iterator[Figure]:
    yield Figure(f"{name}_cpu_ms", 1000 * median(one.cpu_s for one in costs) / CALLS, most)
    yield Figure(f"{name}_wall_ms", 1000 * median(one.wall_s for one in costs) / CALLS)


if __name__ == "__main__":
    raise SystemExit(run(__doc__ or "", measure))
