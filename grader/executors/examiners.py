"""The parent of examiners: collects the suites once, then forks an examiner for each hand-in.

Started as `python -P -m grader.executors.examiners FD WORKERS`: FD is a SOCK_SEQPACKET socket to the pool, WORKERS
one to the warm parent of workers. The first datagram is a `Setup`; each further one carries two descriptors, a file
with a `Job` and a pipe for what is said of it.
"""

from __future__ import annotations

import array
import fcntl
import gc
import os
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import torch

from grader import rubric
from grader.course import Assignment, Course, Module
from grader.errors import CourseError, GraderError
from grader.executors.desk import Desk, in_process
from grader.executors.jobs import Finished, Job, PartSaid, Said, Setup, decode_job, encode
from grader.protocol import keep_freed_memory
from grader.session.collect import with_suites
from grader.session.exam import Paper
from grader.session.plugin import SuitesPlugin
from grader.student import Confined, Texts, Transport
from grader.worker.process import die_with

__all__ = ["main"]

REFERENCE_MEMORY_MIB = 4096
REFERENCE_CPU_S = 600.0


def main() -> None:
    """Serve jobs until the pool is gone."""
    die_with(os.getppid())
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the pool decides what an interrupt ends
    torch.set_num_threads(1)
    control, workers = socket.socket(fileno=int(sys.argv[1])), socket.socket(fileno=int(sys.argv[2]))
    setup = msgspec.json.decode(control.recv(1 << 20), type=Setup)
    tempfile.tempdir = setup.scratch
    try:
        _Parent(control, workers, setup).run()
    except Exception as fault:
        control.send(b"failed " + msgspec.json.encode(_in_words(fault)))
        raise SystemExit(3) from fault


def _in_words(fault: Exception) -> list[str]:
    """Message, place, expected and way out of a fault that the pool raises anew."""
    rows = [fault.message, fault.place, fault.expected, fault.way_out] if isinstance(fault, GraderError) else None
    return [row[:10_000] for row in rows or [f"the suites can't be read: {type(fault).__name__}: {fault}", "", "", ""]]


class _Parent:
    def __init__(self, control: socket.socket, workers: socket.socket, setup: Setup) -> None:
        self._control = control
        self._workers = workers
        self._setup = setup
        self._course = Course(Path(setup.course))
        self._assignments = rubric.read_all(self._course)

    def run(self) -> None:
        """Collect, warm up, say so, and serve."""
        modules = [self._module(path) for path in self._setup.modules]
        for module in modules:
            rubric.check_suites(self._course, module)
        with_suites(self._course, modules, ("public", "hidden"), self._serve)

    def _module(self, path: str) -> Module:
        assignment, _, name = path.partition("/")
        return next(module for module in self._assignments[assignment].modules if module.id == name)

    def _serve(self, plugin: SuitesPlugin, items: list[pytest.Item]) -> None:
        names = {path.partition("/")[0] for path in self._setup.modules}
        desks = {name: self._desk(self._assignments[name], plugin, items) for name in sorted(names)}
        for desk in desks.values():
            warm_up(desk, self._setup.seed)
        gc.collect()
        gc.freeze()  # else the collector of a child touches, and so copies, every page of these objects
        assert threading.active_count() == 1, "a fork beside a running thread would leave its locks held"
        self._control.send(b"ready")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps: an examiner's verdict is what it says
        while (received := _receive(self._control)) is not None:
            self._fork(desks, *received)
        os._exit(0)

    def _desk(self, assignment: Assignment, plugin: SuitesPlugin, items: list[pytest.Item]) -> Desk:
        return Desk(self._course, assignment, plugin, items, self._setup.data)

    def _fork(self, desks: dict[str, Desk], job_fd: int, said_fd: int) -> None:
        parent = os.getpid()
        if os.fork() == 0:
            die_with(parent)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            try:
                os.lseek(job_fd, 0, os.SEEK_SET)
                with os.fdopen(job_fd, "rb") as file:
                    job = decode_job(file.read())
                self._examine(desks[job.assignment], job, said_fd)
            except BaseException:
                _say(said_fd, Finished(traceback.format_exc()[-4000:]))
            finally:
                os._exit(0)
        os.close(job_fd)
        os.close(said_fd)

    def _examine(self, desk: Desk, job: Job, said_fd: int) -> None:
        def connect(texts: Texts, memory_mib: int, cpu_s: float) -> Transport:
            return Confined(self._workers, texts, mode=self._setup.mode, memory_mib=memory_mib, cpu_s=cpu_s)

        def reference(texts: Texts) -> Transport:
            return connect(texts, REFERENCE_MEMORY_MIB, REFERENCE_CPU_S)

        exam = desk.exam(Paper(job.texts, job.seed, self._setup.data, job.folder), connect, reference)
        exam.timing = one_at_a_time
        for name, outcome in job.known:
            exam.know(desk.modules[name], outcome)
        wanted = [(desk.modules[module], desk.modules[module].part(part)) for module, part in job.wanted]
        for module, outcome in desk.grade(exam, wanted):
            _say(said_fd, PartSaid(module.id, outcome))
        _say(said_fd, Finished())


def warm_up(desk: Desk, seed: str) -> None:
    """Send the solution through every test once, but for training: imports and first calls are done before a fork.

    Raises:
        CourseError: the solution does not pass its own suites.
    """
    if any("pictures" in getattr(item, "fixturenames", ()) for item in desk.items):
        desk.pictures(seed).with_bias(torch.float64)  # the linear classifiers' form, shared by all children
    exam = desk.exam(Paper(desk.texts, seed, desk.data), in_process)
    collected = {(key.module, key.part_class) for key in map(desk.plugin.key, desk.items)}
    for module in desk.modules.values():
        if module.id not in {name for name, _ in collected}:
            continue
        for part in module.parts:
            if part.of:
                continue
            for test in exam.part(module, part).outcome.tests:
                if test.status not in ("passed", "skipped"):
                    raise CourseError(
                        f"the solution fails its own test: {test.name}",
                        place=f"{module.path}, part {part.id}",
                        expected="the solution passes every test of its suites",
                        way_out=f"mend one of the two; it said: {test.staff.get('message', test.message)}",
                    )


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """One timed pair on this machine at a time; other work goes on."""
    path = Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir()) / f"dlcv-grader-{os.getuid()}.lock"
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _receive(control: socket.socket) -> tuple[int, int] | None:
    data, rights, _, _ = control.recvmsg(64, socket.CMSG_SPACE(2 * array.array("i").itemsize))
    if not data:
        return None
    fds = array.array("i")
    for _, _, content in rights:
        fds.frombytes(content)
    return fds[0], fds[1]


def _say(fd: int, message: Said) -> None:
    data = memoryview(encode(message))
    while data:
        data = data[os.write(fd, data) :]


if __name__ == "__main__":
    main()
