"""The warm parent of workers: imports torch once, then forks a locked worker for each request.

Started as `python -P -m grader.worker.warm FD`, with FD a SOCK_SEQPACKET socket. It imports packages only, never a
suite, a solution or any course code: a fork inherits memory.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from grader import confine
from grader.protocol import keep_freed_memory, put_code_down
from grader.worker import devices, loaders, process, spawn

__all__ = ["main", "make_ready", "serve"]


@dataclass
class _Child:
    pid: int
    status: socket.socket


def main() -> None:
    """Serve spawn requests until the other side is gone."""
    process.die_with(os.getppid())
    control = socket.socket(fileno=int(sys.argv[1]))
    serve(control, make_ready())


def serve(control: socket.socket, prepared: confine.Prepared) -> None:
    """Say "ready", then fork workers until the other end of `control` is closed; never returns."""
    control.send(b"ready")
    _Parent(control, prepared).serve()


def make_ready() -> confine.Prepared:
    """Do once, for all workers, whatever can be done before a fork."""
    warm_up()
    prepared = confine.prepare()
    gc.collect()
    gc.freeze()  # the collector of a child would otherwise touch, and so copy, every page of the parent's objects
    put_code_down()
    return prepared


def warm_up() -> None:
    """Import what hand-ins import and run one operation of each kind, on one thread, with no course code."""
    torch.set_num_threads(1)
    keep_freed_memory()
    _import_packages()
    devices.map_cuda_to_cpu()
    loaders.load_in_process()
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

    with _out_of_reach("triton"):
        import torchvision

    import eecs598  # noqa: F401

    matplotlib.font_manager.findfont("sans")
    torchvision.ops.nms(torch.ones(1, 4), torch.ones(1), 0.5)


@contextlib.contextmanager
def _out_of_reach(package: str) -> Iterator[None]:
    """As if a package were not installed, for what is imported meanwhile.

    torchvision reaches for triton, the compiler of GPU kernels: 76 MiB of each parent that no CPU worker has a use for.
    """
    sys.modules[package] = None  # type: ignore[assignment]  # the import system's own sign for "not to be had"
    try:
        yield
    finally:
        sys.modules.pop(package, None)


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
        assert threads() == 1, "a fork beside a running thread would leave its locks held"
        status = socket.socket(fileno=fds[4])
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._selector.close()
            process.run(request, fds[:4], self._prepared, parent)
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
            pid, status, used = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is None:
                continue
            with contextlib.suppress(OSError):  # the examiner may have closed its end: nobody waits for this answer
                spawn.send(child.status, spawn.Ended(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime))
            if child.status in self._selector.get_map():
                self._selector.unregister(child.status)
            child.status.close()

    def _end(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        os._exit(0)


def threads() -> int:
    """Threads of this process, also those that a library has started behind Python's back."""
    return len(os.listdir("/proc/self/task"))


def _drain(fd: int) -> None:
    try:
        while os.read(fd, 4096):
            pass
    except BlockingIOError:
        return


if __name__ == "__main__":
    main()
