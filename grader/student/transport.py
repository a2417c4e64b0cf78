"""How requests reach a hand-in: a confined worker in another process, or a server in this one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from grader.errors import GraderError, ProtocolError
from grader.protocol import Arena, Message, Wire, pack
from grader.student.faults import StudentCrash, StudentTimeout
from grader.worker import spawn
from grader.worker.load import Handin
from grader.worker.serve import Server

__all__ = ["Confined", "InProcess", "Texts", "Transport"]

Answer = Callable[[Message, list[Tensor]], tuple[Message, list[Tensor]]]
POLL_MS = 50
TEXT_KEPT = 4096
WALL_FACTOR = 10  # wall time is only a backstop: a machine may be busy


@dataclass(frozen=True)
class Texts:
    """The texts of a hand-in: module name -> (file name in messages, text), and the names of other terms."""

    sources: Mapping[str, tuple[str, str]]
    aliases: Mapping[str, Collection[str]] = field(default_factory=dict)
    folder: str = ""


class Transport(Protocol):
    """Carries one request to the hand-in's code and its reply back."""

    def request(self, message: Message, tensors: list[Tensor], answer: Answer) -> tuple[Message, list[Tensor]]:
        """The reply; callbacks on the way are given to `answer`."""

    def timed(self, message: Message, tensors: list[Tensor]) -> tuple[float, Message, list[Tensor]]:
        """Seconds from the moment when the request is in place until the reply has arrived, and the reply."""

    def cpu_s(self) -> float:
        """CPU seconds that the hand-in's code has used."""

    def printed(self) -> int:
        """Bytes that it has printed."""

    def text(self) -> str:
        """The beginning of what it has printed."""

    def close(self) -> None:
        """End it."""


class InProcess:
    """A server in this process, for code that is trusted or is the user's own; tensors are copied all the same."""

    def __init__(self, texts: Texts) -> None:
        self._answer: Answer = _no_callbacks
        self._server = Server(Handin(texts.sources), self._ask, texts.aliases)
        self._used = 0.0

    def _ask(self, question: Message, tensors: list[Tensor]) -> tuple[Message, list[Tensor]]:
        return self._answer(question, [one.clone() for one in tensors])

    def request(self, message: Message, tensors: list[Tensor], answer: Answer) -> tuple[Message, list[Tensor]]:
        """The reply, with tensors of its own."""
        outer, self._answer = self._answer, answer
        try:
            with torch.enable_grad():
                reply, results = self._server.handle(message, tensors)
        finally:
            self._answer = outer
        self._used += reply.cpu_s
        return reply, [one.clone() for one in results]

    def timed(self, message: Message, tensors: list[Tensor]) -> tuple[float, Message, list[Tensor]]:
        """As `request`, by this process's clock."""
        start = time.perf_counter()
        reply, results = self.request(message, tensors, _no_callbacks)
        return time.perf_counter() - start, reply, results

    def cpu_s(self) -> float:
        """CPU seconds of the calls so far."""
        return self._used

    def printed(self) -> int:
        """What code in this process prints is not counted."""
        return 0

    def text(self) -> str:
        """What code in this process prints goes where it goes."""
        return ""

    def close(self) -> None:
        """Nothing to end."""


def _no_callbacks(question: Message, tensors: list[Tensor]) -> tuple[Message, list[Tensor]]:
    raise GraderError("a callback came outside a call")


class Confined:
    """A worker process: forked and locked by the warm parent at the other end of `control`, ended by `close`."""

    def __init__(self, control: socket.socket, texts: Texts, *, mode: str, memory_mib: int, cpu_s: float) -> None:
        self._limit = cpu_s
        self._started = time.monotonic()
        self._scratch = tempfile.mkdtemp(prefix="scratch-")
        self._ended: int | None = None
        channel, worker_channel = socket.socketpair()
        channel.setblocking(False)
        self._status, worker_status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        incoming, outgoing = _sealed("incoming", spawn.ARENA_BYTES), _sealed("outgoing", spawn.ARENA_BYTES)
        self.output = _sealed("output", spawn.OUTPUT_BYTES)
        request = spawn.Spawn([texts.folder] if texts.folder else [], self._scratch, memory_mib, mode)
        fds = [worker_channel.fileno(), incoming, outgoing, self.output, worker_status.fileno()]
        spawn.send(control, request, fds)
        self._channel = channel
        self._wire = Wire(channel.fileno(), Arena(incoming, spawn.ARENA_BYTES), Arena(outgoing, spawn.ARENA_BYTES),
                          self._wait)  # fmt: skip
        for fd in (incoming, outgoing):
            os.close(fd)
        worker_channel.close()
        worker_status.close()
        self.pid, self._pidfd = self._identity()
        self._stopped = False
        self._in_use = 0
        self._printed, self._text = 0, ""
        self._introduce(texts)

    def _identity(self) -> tuple[int, int]:
        try:
            started, fds = spawn.receive(self._status)
        except (EOFError, OSError) as fault:
            raise GraderError("the parent of workers is gone", way_out="run the command again") from fault
        if not isinstance(started, spawn.Started):
            raise GraderError("the parent of workers could not start a worker")
        return started.pid, fds[0]

    def _introduce(self, texts: Texts) -> None:
        """The first message holds the hand-in's texts; it has no reply."""
        value = {
            "sources": {name: list(source) for name, source in texts.sources.items()},
            "aliases": {name: list(others) for name, others in texts.aliases.items()},
            "folder": texts.folder,
        }
        self._wire.send(Message("texts", value=pack(value, [])), [])

    def request(self, message: Message, tensors: list[Tensor], answer: Answer) -> tuple[Message, list[Tensor]]:
        """The reply of the worker.

        Raises:
            StudentTimeout: its CPU time is used up; the worker is ended.
            StudentCrash: it has ended.
            ProtocolError: what it sent is no reply.
        """
        if self._stopped:
            self.resume()
        outer = self._in_use  # a callback's own calls leave the shared memory of the call around them alone
        try:
            self._wire.send(message, tensors, keep=outer)
            self._in_use = self._wire.used()
            while True:
                reply, results = self._wire.receive()
                if reply.op != "callback":
                    return reply, results
                answered, sent = answer(reply, [one.clone() for one in results])
                self._wire.send(answered, sent, keep=self._in_use)
        except ProtocolError:
            self.close()
            raise
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise self._crash() from None
        finally:
            self._in_use = outer

    def _wait(self, event: int) -> None:
        """Until the channel can be read or written; raises when the worker's time is used up."""
        poll = select.poll()
        poll.register(self._channel, event)
        while not poll.poll(POLL_MS):
            self._check_time()

    def _check_time(self) -> None:
        used = self.cpu_s()
        if used > self._limit:
            self.close()
            raise StudentTimeout(f"stopped after its {self._limit:g} CPU seconds for this part were used up")
        if time.monotonic() - self._started > self._limit * WALL_FACTOR:
            self.close()
            raise StudentTimeout(f"stopped: no answer within {self._limit * WALL_FACTOR:g} seconds")

    def _crash(self) -> StudentCrash:
        status = self._exit_status()
        self.close()
        if status is not None and status < 0:
            name = signal.Signals(-status).name
            return StudentCrash(f"ended the process that runs it with {name} (a crash in native code)")
        return StudentCrash(f"ended the process that runs it (exit status {status})")

    def _exit_status(self) -> int | None:
        if self._ended is None:
            try:
                ended, _ = spawn.receive(self._status)
                self._ended = ended.status if isinstance(ended, spawn.Ended) else None
            except (EOFError, OSError):
                self._ended = None
        return self._ended

    def cpu_s(self) -> float:
        """CPU seconds of the worker's process, by its own kernel clock."""
        try:
            return time.clock_gettime((~self.pid << 3) | 2)
        except OSError:
            return 0.0

    def stop(self) -> None:
        """Stop the process, and wait until the kernel says that it is."""
        signal.pidfd_send_signal(self._pidfd, signal.SIGSTOP)
        deadline = time.monotonic() + 5
        while _state(self.pid) not in "Tt" and time.monotonic() < deadline:
            time.sleep(0.0002)
        self._stopped = True

    def resume(self) -> None:
        """Let a stopped process go on."""
        signal.pidfd_send_signal(self._pidfd, signal.SIGCONT)
        self._stopped = False

    def timed(self, message: Message, tensors: list[Tensor]) -> tuple[float, Message, list[Tensor]]:
        """The request is put in place while the process is stopped; the clock runs on this side, from its SIGCONT.

        Outside timed calls the process is stopped, so that nothing it has left running slows the other side down.
        """
        self.stop()
        self._wire.send(message, tensors)
        start = time.perf_counter()
        self.resume()
        try:
            reply, results = self._wire.receive()
            seconds = time.perf_counter() - start
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise self._crash() from None
        self.stop()
        return seconds, reply, results

    def printed(self) -> int:
        """Bytes that it has printed."""
        return self._printed if self._pidfd < 0 else os.lseek(self.output, 0, os.SEEK_CUR)

    def text(self) -> str:
        """The beginning of what it has printed, for staff."""
        return self._text if self._pidfd < 0 else os.pread(self.output, TEXT_KEPT, 0).decode("utf-8", "replace")

    def close(self) -> None:
        """Kill the process and remove its scratch folder."""
        if self._pidfd < 0:
            return
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._exit_status()
        self._printed, self._text = self.printed(), self.text()
        os.close(self._pidfd)
        self._pidfd = -1
        self._channel.close()
        self._status.close()
        os.close(self.output)
        shutil.rmtree(self._scratch, ignore_errors=True)


def _sealed(name: str, size: int) -> int:
    """Shared memory of a fixed size: neither side can shrink it under the other, nor let it grow."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return fd


def _state(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "T"
    return text.rpartition(")")[2].split()[0]
