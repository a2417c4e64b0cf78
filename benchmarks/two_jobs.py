"""Hand-ins two at a time beside one at a time: wall time; memory of all processes at its peak and after a hundred."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, alternate, run
from benchmarks.processes import family, held
from benchmarks.tiny_course import ASSIGNMENT, PART, tiny_course
from grader import confine, rubric
from grader.course import Assignment, Course, Part
from grader.executors.jobs import Finished, Job, PartSaid, Setup
from grader.executors.local import LocalPool

ROOT = Path(__file__).resolve().parent.parent
HAND_INS, LONG_RUN = 20, 100
LIGHT_PARTS = ("sample_batch", "predict_linear_classifier", "nn_predict", PART)
SAMPLE_EVERY_S = 0.5  # a sample of all processes takes 0.1 s
SEED = "0"


def measure(quick: bool) -> Iterator[Figure]:
    """The solution of A2, handed in again and again; a tiny course in its place where it has to be quick."""
    if not quick:
        import grader.executors.grading  # noqa: F401  # what the command itself holds is part of the peak
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        course = tiny_course(Path(folder) / "course") if quick else Course(ROOT)
        assignment = rubric.read_all(course)[ASSIGNMENT if quick else "A2"]
        with LocalPool(_setup(course, assignment, folder), 1) as pool:
            batch = Batch(course, assignment, pool)
            yield from _figures(batch, 2 if quick else HAND_INS, 4 if quick else LONG_RUN, quick)


def _setup(course: Course, assignment: Assignment, folder: str) -> Setup:
    modules = [module.path for module in assignment.modules]
    mode = confine.choose("auto", [course.suites])
    return Setup(str(course.root), modules, mode, {"cifar10": "stand-in"}, folder, SEED)


def _figures(batch: Batch, count: int, long_run: int, quick: bool) -> Iterator[Figure]:
    pairs = alternate(lambda: batch.examine(count, 2), lambda: batch.examine(count, 1), 1 if quick else 3, warm_ups=0)
    ratio = median(two.wall_s / one.wall_s for two, one in pairs)
    yield Figure("two_jobs_wall_ratio", ratio, None if quick else 0.65)
    yield Figure("two_jobs_wall_s", median(two.wall_s for two, _ in pairs))
    yield Figure("one_job_wall_s", median(one.wall_s for _, one in pairs))
    yield Figure("peak_pss_mib", peak_pss_mib(lambda: batch.examine(count, 2)), 3072)
    yield Figure("peak_pss_with_training_mib", peak_pss_mib(lambda: batch.examine(2, 2, lambda part: True)), 3072)
    batch.examine(long_run // 10 + 1, 2, is_light)
    before = batch.parents_rss_mib()
    batch.examine(long_run, 2, is_light)
    yield Figure("growth_mib", batch.parents_rss_mib() - before, 8)


def needs_no_training(part: Part) -> bool:
    """Named results are what is trained for."""
    return not part.of


def is_light(part: Part) -> bool:
    """A part that costs little more than its worker."""
    return part.id in LIGHT_PARTS


@dataclass(frozen=True)
class Batch:
    """Copies of one assignment's solution, and the pool that examines them."""

    course: Course
    assignment: Assignment
    pool: LocalPool

    def examine(self, count: int, jobs: int, wanted: Callable[[Part], bool] = needs_no_training) -> None:
        """So many hand-ins, `jobs` at a time; each passes all tests of the parts that are `wanted`."""
        self.pool.jobs = jobs
        for _, said in self.pool.run((number, self._job(wanted)) for number in range(count)):
            if isinstance(said, Finished):
                assert not said.fault, said.fault
            elif isinstance(said, PartSaid):
                assert {test.status for test in said.part.tests} <= {"passed", "skipped"}, said.part

    def _job(self, wanted: Callable[[Part], bool]) -> Job:
        paths = {module.id: self.course.solution(module) for module in self.assignment.modules}
        texts = {name: (path.name, path.read_text("utf-8")) for name, path in paths.items()}
        parts = [(module.id, part.id) for module in self.assignment.modules for part in module.parts if wanted(part)]
        return Job(self.assignment.id, texts, "", SEED, parts)

    def parents_rss_mib(self) -> float:
        """What the two warm parents hold; how much of it their children share changes from moment to moment."""
        return held(family(os.getpid(), generations=1)).rss_mib


def peak_pss_mib(action: Callable[[], None]) -> float:
    """The most that this process and all that descend from it held at a time while `action` ran, by samples."""
    samples: list[float] = []
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_EVERY_S if samples else 0):
            samples.append(held([os.getpid(), *family(os.getpid())]).pss_mib)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        action()
    finally:
        ended.set()
        thread.join()
    return max(samples)


if __name__ == "__main__":
    raise SystemExit(run(__doc__ or "", measure))
