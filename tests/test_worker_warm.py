"""The warm parent of workers: what it refuses to fork, and that nothing outlives whoever asked for it."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from grader import confine
from grader.errors import GraderError
from grader.student import (
    Confined,
    Student,
    confined,
)
from grader.worker import process, spawn, warm
from tests.workers import Connect, WarmParent, gone, student_of, texts_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")


class TestTheWarmParent:
    def test_forks_nothing_beside_a_second_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert warm.threads() == len(os.listdir("/proc/self/task"))
        monkeypatch.setattr(warm, "threads", lambda: 2)
        parent = object.__new__(warm._Parent)
        with pytest.raises(AssertionError, match="a fork beside a running thread"):
            parent._fork(spawn.Spawn([], "", 1, "none"), [])

    def test_counts_threads_that_python_does_not_know(self) -> None:
        libc, thread = ctypes.CDLL(None), ctypes.c_ulong()
        before = warm.threads(), threading.active_count()
        libc.pthread_create(ctypes.byref(thread), None, libc.usleep, ctypes.c_void_p(200_000))
        assert (warm.threads(), threading.active_count()) == (before[0] + 1, before[1])
        libc.pthread_join(thread, None)

    def test_a_worker_that_can_not_be_locked_is_the_graders_fault(
        self, warm_parent: WarmParent, tmp_path: Path
    ) -> None:
        texts = type(texts_of(""))({}, folder=str(tmp_path / "nowhere"))
        with pytest.raises(GraderError, match="a worker ended before it was locked") as caught:
            Confined(warm_parent.control, texts, mode="landlock+seccomp", memory_mib=100, cpu_s=1)
        assert "nowhere" in caught.value.place

    def test_a_worker_that_computes_otherwise_is_the_graders_fault(
        self, warm_parent: WarmParent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "ABACUS")
        with pytest.raises(GraderError, match="a worker computes with") as caught:
            Confined(warm_parent.control, texts_of(""), mode="none", memory_mib=100, cpu_s=1)
        assert caught.value.expected == "ABACUS"

    def test_a_worker_that_never_gets_locked_is_given_up(
        self, warm_parent: WarmParent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(confined, "START_SECONDS", -1)
        with pytest.raises(GraderError, match="a worker was not locked within"):
            Confined(warm_parent.control, texts_of(""), mode="none", memory_mib=100, cpu_s=1)


FOREVER = "def f():\n    while True: pass\n"


class TestOrphans:
    """The processes in between are forks of this one: they hold the kit already, and end by `os._exit` or a signal."""

    @staticmethod
    def fork(run: Callable[[], Student], said: int) -> int:
        """A process that has a student made by `run` do its endless work, once it has said which worker does it."""
        pid = os.fork()
        if pid:
            return pid
        try:
            student = run()
            student.has("f")
            assert isinstance(student._transport, Confined)
            os.write(said, f"{student._transport.pid}\n".encode())
            student.f()
        finally:
            os._exit(1)

    @pytest.fixture
    def pipe(self) -> Iterator[tuple[int, int]]:
        pipe = os.pipe()
        yield pipe
        for fd in pipe:
            os.close(fd)

    def test_none_is_left_by_an_examiner_that_is_killed(
        self, warm_parent: WarmParent, connect: Connect, pipe: tuple[int, int]
    ) -> None:
        examiner = self.fork(lambda: Connect(warm_parent).student(FOREVER, cpu_s=60), pipe[1])
        worker = int(os.read(pipe[0], 100))
        os.kill(worker, 0)  # it runs
        os.kill(examiner, signal.SIGKILL)
        os.waitpid(examiner, 0)
        assert gone(worker)
        assert connect.student("def f(): return 1\n").f() == 1  # the warm parent goes on

    def test_none_is_left_by_a_pool_that_is_killed(self, pipe: tuple[int, int]) -> None:
        def run() -> Student:
            control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            pool, warm_pid = os.getpid(), os.fork()
            if warm_pid == 0:
                control.close()
                process.die_with(pool)
                warm._Parent(theirs, confine.prepare()).serve()
            theirs.close()
            os.write(pipe[1], f"{warm_pid} ".encode())
            return student_of(
                lambda spent: Confined(control, texts_of(FOREVER), mode=confine.CONFINED, memory_mib=500, cpu_s=60)
            )

        pool = self.fork(run, pipe[1])
        said = b""
        while not said.endswith(b"\n"):
            said += os.read(pipe[0], 100)
        pids = [int(pid) for pid in said.split()]
        for pid in pids:
            os.kill(pid, 0)  # they run
        os.kill(pool, signal.SIGKILL)
        os.waitpid(pool, 0)
        assert all(map(gone, pids))

    def test_a_process_whose_parent_is_gone_already_ends_at_once(self) -> None:
        pid = os.fork()
        if pid == 0:
            process.die_with(os.getpid())  # not the parent: as if that had died before the kernel was asked
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
