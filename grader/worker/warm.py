"""The warm parent of workers: imports torch once, then forks a locked worker for each request.

Started as `python -P -m grader.worker.warm FD`, with FD a SOCK_SEQPACKET socket. It imports packages only, never a
suite, a solution or any course code: a fork inherits memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import selectors
import signal
import socket
import sys
import threading
from dataclasses import dataclass

import torch

from grader import confine
from grader.worker import devices, process, spawn

__all__ = ["main"]

PR_SET_PDEATHSIG = 1


@dataclass
class _Child:
    pid: int
    status: socket.socket


def main() -> None:
    """Serve spawn requests until the other side is gone."""
    _die_with(os.getppid())
    control = socket.socket(fileno=int(sys.argv[1]))
    warm_up()
    prepared = confine.prepare()
    gc.collect()
    gc.freeze()  # the collector of a child would otherwise touch, and so copy, every page of the parent's objects
    control.send(b"ready")
    _Parent(control, prepared).serve()


def warm_up() -> None:
    """Import what hand-ins import and run one operation of each kind, on one thread, with no course code."""
    torch.set_num_threads(1)
    _import_packages()
    devices.map_cuda_to_cpu()
    x = torch.ones(4, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.ones(2, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.conv2d(x, weight).sum().backward()  # type: ignore[no-untyped-call]
    torch.mm(torch.ones(8, 8), torch.ones(8, 8)).softmax(dim=1)
    torch.autograd.gradcheck(torch.sin, torch.ones(2, dtype=torch.float64, requires_grad=True))
    parameter = torch.nn.Parameter(torch.ones(2))
    for optimiser in (torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop):
        parameter.grad = torch.ones(2)
        optimiser([parameter], lr=0.1).step()
    torch.manual_seed(0)


def _import_packages() -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.font_manager
    import matplotlib.pyplot
    import numpy  # noqa: F401
    import PIL.Image  # noqa: F401
    import scipy.ndimage  # noqa: F401
    import torchvision

    import eecs598  # noqa: F401

    matplotlib.font_manager.findfont("sans")
    torchvision.ops.nms(torch.ones(1, 4), torch.ones(1), 0.5)


class _Parent:
    """Forks workers, reports how they end, and kills those whose examiner is gone."""

    def __init__(self, control: socket.socket, prepared: confine.Prepared) -> None:
        self._control = control
        self._prepared = prepared
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ, None)
        # a child that ends wakes the selector through this pipe
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(reader, selectors.EVENT_READ, reader)

    def serve(self) -> None:
        """Until the control socket is closed."""
        while True:
            for key, _ in self._selector.select():
                if isinstance(key.data, _Child):
                    self._examiner_gone(key.data)
                elif key.data is not None:
                    _drain(key.data)
                else:
                    try:
                        request, fds = spawn.receive(self._control)
                    except EOFError:
                        self._end()
                    assert isinstance(request, spawn.Spawn)
                    self._fork(request, fds)
            self._reap()

    def _fork(self, request: spawn.Spawn, fds: list[int]) -> None:
        assert threading.active_count() == 1, "a fork beside a running thread would leave its locks held"
        status = socket.socket(fileno=fds[4])
        pid = os.fork()
        if pid == 0:
            self._selector.close()
            process.run(request, fds[:4], self._prepared)
        for fd in fds[:4]:
            os.close(fd)
        pidfd = os.pidfd_open(pid)
        child = _Child(pid, status)
        self._children[pid] = child
        self._selector.register(status, selectors.EVENT_READ, child)
        try:
            spawn.send(status, spawn.Started(pid), [pidfd])
        except OSError:
            os.kill(pid, signal.SIGKILL)
        os.close(pidfd)

    def _examiner_gone(self, child: _Child) -> None:
        if child.pid in self._children:
            os.kill(child.pid, signal.SIGKILL)
            self._selector.unregister(child.status)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is None:
                continue
            with contextlib.suppress(OSError):  # the examiner may have closed its end: nobody waits for this answer
                spawn.send(child.status, spawn.Ended(os.waitstatus_to_exitcode(status)))
            if child.status in self._selector.get_map():
                self._selector.unregister(child.status)
            child.status.close()

    def _end(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        os._exit(0)


def _drain(fd: int) -> None:
    try:
        while os.read(fd, 4096):
            pass
    except BlockingIOError:
        return


def _die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies, and end at once where that has happened."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    main()
