"""A pool of examiners on this machine: two warm parents, so many hand-ins at a time, what they say as it comes."""

from __future__ import annotations

import array
import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

import msgspec

from grader.errors import GraderError
from grader.executors.jobs import Finished, Job, Said, Setup, decode_said, encode

__all__ = ["LocalPool"]

Tag = TypeVar("Tag")
START_SECONDS = 300


class LocalPool:
    """Both parents run from `__enter__` on; `run` examines hand-ins, `jobs` at a time."""

    def __init__(self, setup: Setup, jobs: int) -> None:
        self._setup = setup
        self.jobs = jobs
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> LocalPool:
        self._scratch = tempfile.mkdtemp(prefix="scratch-", dir=self._setup.scratch)
        self._setup.scratch = self._scratch
        workers, workers_end = _pair()
        self._control, control_end = _pair()
        workers.set_inheritable(True)
        self._start("grader.worker.warm", workers_end)
        self._start("grader.executors.examiners", control_end, workers)
        self._control.send(encode(self._setup))
        _await(workers, "the parent of workers")
        _await(self._control, "the parent of examiners")
        self._workers = workers
        return self

    def _start(self, module: str, *sockets: socket.socket) -> None:
        fds = [one.fileno() for one in sockets]
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        environment = {**os.environ, **single, "CUDA_VISIBLE_DEVICES": "", "PYTHONHASHSEED": "0"}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *map(str, fds)],
            pass_fds=fds,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt from the keyboard is for the command, not for its parents
        )
        self._processes.append(process)
        sockets[0].close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.close()
        self._workers.close()
        for process in self._processes:
            process.kill()
            process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def run(self, jobs: Iterable[tuple[Tag, Job]]) -> Iterator[tuple[Tag, Said]]:
        """What examiners say of each job, as it comes; a job ends with one `Finished`."""
        waiting = iter(jobs)
        selector = selectors.DefaultSelector()
        running = 0
        while True:
            while running < self.jobs and (following := next(waiting, None)) is not None:
                tag, job = following
                selector.register(self._begin(job), selectors.EVENT_READ, _Conversation(tag))
                running += 1
            if not running:
                return
            for key, _ in selector.select():
                talk: _Conversation[Tag] = key.data
                for said in talk.hear(os.read(key.fd, 1 << 20)):
                    yield talk.tag, said
                if talk.over:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    running -= 1

    def _begin(self, job: Job) -> int:
        job_fd = os.memfd_create("job")
        with os.fdopen(os.dup(job_fd), "wb") as file:
            file.write(encode(job))
        reader, writer = os.pipe()
        rights = array.array("i", [job_fd, writer])
        try:
            self._control.sendmsg([b"job"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        except OSError as fault:
            raise GraderError("the parent of examiners is gone", way_out="run the command again") from fault
        finally:
            os.close(job_fd)
            os.close(writer)
        return reader


class _Conversation(Generic[Tag]):
    """Lines from one examiner, put together from what a pipe gives."""

    def __init__(self, tag: Tag) -> None:
        self.tag = tag
        self.over = False
        self._finished = False
        self._rest = b""

    def hear(self, data: bytes) -> list[Said]:
        self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        said = [decode_said(line) for line in lines]
        self._finished |= any(isinstance(one, Finished) for one in said)
        if not data:
            self.over = True
            if not self._finished:
                said.append(Finished("the examiner ended before it was done"))
        return said


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _await(sock: socket.socket, what: str) -> None:
    sock.settimeout(START_SECONDS)
    try:
        said = sock.recv(1 << 16)
    except TimeoutError:
        raise GraderError(f"{what} did not start within {START_SECONDS} seconds") from None
    sock.settimeout(None)
    if said == b"ready":
        return
    if not said.startswith(b"failed "):
        raise GraderError(f"{what} ended while it was starting", way_out="run `grader lint`, then `grader doctor`")
    message, place, expected, way_out = msgspec.json.decode(said.removeprefix(b"failed "), type=list[str])
    raise GraderError(message, place=place, expected=expected, way_out=way_out or "run `grader lint`")
