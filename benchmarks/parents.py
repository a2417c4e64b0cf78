"""A warm parent of workers beside a benchmark, and the CPU seconds that it and its workers use."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from benchmarks.processes import cpu_with_children_s, own_cpu_s
from grader import confine
from grader.student import Confined, Texts, Transport
from grader.worker import warm

__all__ = ["Workers", "hardly_warm", "warm_parent"]


@dataclass(frozen=True)
class Workers:
    """The near end of a warm parent's socket, and its process."""

    control: socket.socket
    pid: int

    def connect(self, texts: Texts, memory_mib: int = 2048, cpu_s: float = 600) -> Transport:
        """A confined worker for one hand-in."""
        return Confined(self.control, texts, mode=confine.CONFINED, memory_mib=memory_mib, cpu_s=cpu_s)

    def cpu_s(self) -> float:
        """CPU seconds of both sides so far: this process, the parent, and those of their children that have ended."""
        return own_cpu_s() + cpu_with_children_s(self.pid)


def hardly_warm() -> confine.Prepared:
    """For a quick look: one operation in this process, so that workers know what the CPU can do, and no packages."""
    torch.ones(2, 2).mm(torch.ones(2, 2))
    return confine.prepare()


@contextmanager
def warm_parent(prepared: confine.Prepared | None = None) -> Iterator[Workers]:
    """A fork of this process that warms itself up, unless this process has done so and `prepared` says it."""
    control, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if (pid := os.fork()) == 0:
        control.close()
        try:
            warm.serve(end, prepared or warm.make_ready())
        finally:
            os._exit(1)
    end.close()
    try:
        assert control.recv(16) == b"ready", "the parent of workers did not start"
        yield Workers(control, pid)
    finally:
        control.close()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
