"""Starting a worker: fork, lock and load beside an empty fork and a load in process; what the warm parent holds."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, alternate, compared, run
from benchmarks.parents import Workers, warm_parent
from benchmarks.processes import memory
from grader.student import Student, Texts
from grader.worker import warm
from grader.worker.load import Handin

MODULE = "linear_classifier"
SOLUTION = Path(__file__).resolve().parent.parent / "solutions" / "A2" / f"{MODULE}.py"
STARTS = 10  # in each round: what ended children have used is known to 10 ms


def measure(quick: bool) -> Iterator[Figure]:
    """This process becomes a warm parent, and so does a fork of it, which alone forks workers."""
    prepared = warm.make_ready()
    held = memory(os.getpid())  # the benchmark's few modules are among it
    with warm_parent(prepared) as workers:
        rounds, warm_ups = (1, 0) if quick else (15, 2)
        pairs = alternate(lambda: start_workers(workers), start_nothing, rounds, workers.cpu_s, warm_ups)
    yield from compared("fork_lock_load", pairs, 1.6, each=STARTS)
    yield Figure("warm_parent_rss_mib", held.rss_mib, 700)
    yield Figure("warm_parent_pss_mib", held.pss_mib)
    yield Figure("warm_parent_uss_mib", held.uss_mib)


def start_workers(workers: Workers) -> None:
    """Workers from the fork to the names of their module, ended and waited for."""
    for _ in range(STARTS):
        student = Student(lambda spent: workers.connect(_texts()), MODULE)
        assert student.has("svm_loss_naive")
        student._close()


def start_nothing() -> None:
    """Forks that end at once and are waited for; the module is loaded in this process."""
    for _ in range(STARTS):
        if (pid := os.fork()) == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        Handin(_texts().sources).module(MODULE)


def _texts() -> Texts:
    """The solution, with a last line of its own: a text that was compiled before is not compiled again."""
    return Texts({MODULE: (SOLUTION.name, f"{SOLUTION.read_text('utf-8')}# {time.perf_counter_ns()}\n")})


if __name__ == "__main__":
    raise SystemExit(run(__doc__ or "", measure))
