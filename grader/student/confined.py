"""A hand-in's code in a confined worker: its requests, its limits, its clock and its end, seen from outside."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import select
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from grader.errors import GraderError, ProtocolError
from grader.protocol import Arena, Message, Wire, pack
from grader.student.faults import StudentCrash, StudentFault, StudentTimeout
from grader.student.scratch import remove_tree
from grader.student.transport import Answer, Texts
from grader.worker import spawn

__all__ = ["Confined", "sealed"]

POLL_MS = 50
TEXT_KEPT = 4096
WALL_FACTOR = 10  # wall time is only a backstop: a machine may be busy
START_SECONDS = 120
HUNG_UP = (EOFError, BrokenPipeError, ConnectionResetError)
_numbers = random.SystemRandom()


class Confined:
    """A worker process: forked and locked by the warm parent at the other end of `control`, ended by `close`.

    CPU time is the kernel's own count for the process. Wall time counts only while an answer is awaited, so that a
    slow test on this side is no fault of the hand-in.

    Raises:
        GraderError: the worker can't be started or locked, or computes otherwise than this process does.
    """

    def __init__(self, control: socket.socket, texts: Texts, *, mode: str, memory_mib: int, cpu_s: float) -> None:
        self._limit = cpu_s
        self._waited = 0.0
        self._since = time.monotonic()  # when the request in progress began; for now, the start itself
        self._depth = self._in_use = 0
        self._next_check = 0.0
        self._ready = self._stopped = self._closed = False
        self._ended: spawn.Ended | None = None
        self._printed, self._text, self._used = 0, "", 0.0
        self._scratch = tempfile.mkdtemp(prefix="scratch-")
        self._channel, channel = socket.socketpair()
        self._channel.setblocking(False)
        self._status, status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.output = sealed("output", spawn.OUTPUT_BYTES)
        self.pid = self._pidfd = -1
        self._polls = {event: _poll(self._channel, event) for event in (select.POLLIN, select.POLLOUT)}
        incoming, outgoing = sealed("incoming", spawn.ARENA_BYTES), sealed("outgoing", spawn.ARENA_BYTES)
        arenas = Arena(incoming, spawn.ARENA_BYTES), Arena(outgoing, spawn.ARENA_BYTES)
        self._wire = Wire(self._channel.fileno(), *arenas, self._wait)
        request = spawn.Spawn([texts.folder] if texts.folder else [], self._scratch, memory_mib, mode)
        try:
            with contextlib.closing(channel), contextlib.closing(status), _open(incoming), _open(outgoing):
                fds = [channel.fileno(), incoming, outgoing, self.output, status.fileno()]
                spawn.send(control, request, fds)
            self.pid, self._pidfd = self._identity()
            self._introduce(texts)
        except OSError as fault:
            self.close()
            raise _parent_gone() from fault
        except BaseException:
            self.close()
            raise

    def _identity(self) -> tuple[int, int]:
        try:
            started, fds = spawn.receive(self._status)
        except EOFError:
            raise _parent_gone() from None
        if not isinstance(started, spawn.Started):
            raise GraderError("the parent of workers could not start a worker")
        return started.pid, fds[0]

    def _introduce(self, texts: Texts) -> None:
        """Wait until the worker is locked, then send the hand-in's texts; they have no reply."""
        try:
            ready, _ = self._wire.receive()
        except EOFError:
            raise GraderError("a worker ended before it was locked", place=self.text().strip()[:500]) from None
        expected = torch.backends.cpu.get_cpu_capability()
        if ready.text != expected:
            raise GraderError(f"a worker computes with {ready.text!r:.40}", expected=expected)
        self._ready = True
        value = {
            "sources": {name: list(source) for name, source in texts.sources.items()},
            "aliases": {name: list(others) for name, others in texts.aliases.items()},
            "folder": texts.folder,
        }
        self._wire.send(Message("texts", value=pack(value, [])), [])

    # -- requests -----------------------------------------------------------------------------------------------------

    def request(self, message: Message, tensors: list[Tensor], answer: Answer) -> tuple[Message, list[Tensor]]:
        """The reply of the worker.

        Raises:
            StudentTimeout: its CPU time is used up; the worker is ended.
            StudentCrash: it has ended.
            ProtocolError: what it sent is no reply; the worker is ended.
        """
        if self._stopped:
            self.resume()
        outer = self._in_use  # a callback's own calls leave the shared memory of the call around them alone
        try:
            with self._awaiting(message):
                self._wire.send(message, tensors, keep=outer)
                self._in_use = self._wire.used()
                while True:
                    reply, results = self._receive(message)
                    if reply.op != "callback":
                        return reply, results
                    answered, sent = answer(reply, results)
                    self._wire.send(answered, sent, keep=self._in_use)
        finally:
            self._in_use = outer

    def timed(self, message: Message, tensors: list[Tensor]) -> tuple[float, Message, list[Tensor]]:
        """The request is put in place while the process is stopped; the clock runs on this side, from its SIGCONT.

        Outside timed calls the process is stopped, so that nothing it has left running slows the other side down.
        """
        self.stop()
        with self._awaiting(message):
            self._wire.send(message, tensors, inline=0)  # all tensors in shared memory: nothing reads the socket yet
            start = time.perf_counter()
            self.resume()
            reply, results = self._receive(message)
            seconds = time.perf_counter() - start
        if reply.op == "callback":
            self.close()
            raise StudentFault("can't be timed while it calls a function that this side answers")
        self.stop()
        return seconds, reply, results

    def _receive(self, message: Message) -> tuple[Message, list[Tensor]]:
        reply, results = self._wire.receive()
        if reply.number != message.number:
            raise ProtocolError("a reply to a call that was not made")
        return reply, results

    @contextlib.contextmanager
    def _awaiting(self, message: Message) -> Iterator[None]:
        """While a request is in progress its number is one that nobody can foresee, and time counts."""
        message.number = _numbers.getrandbits(62)
        self._depth += 1
        if self._depth == 1:
            self._since = time.monotonic()
        try:
            yield
        except ProtocolError:
            self.close()
            raise
        except HUNG_UP:
            raise self._crash() from None
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._waited += time.monotonic() - self._since

    # -- limits -------------------------------------------------------------------------------------------------------

    def _wait(self, event: int) -> None:
        """Until the channel can be read or written; raises when the worker's time is used up.

        Time is looked at every 50 ms also where something comes all the time: one byte and then another.
        """
        if event == select.POLLOUT and self._stopped:
            self.resume()  # a request of more than the socket holds: it has to be read while it is sent
        while True:
            now = time.monotonic()
            if now >= self._next_check:
                self._check_time(now)
                self._next_check = now + POLL_MS / 1000
            if self._polls[event].poll(POLL_MS):
                return

    def _check_time(self, now: float) -> None:
        if not self._ready:
            if now - self._since > START_SECONDS:
                raise GraderError(f"a worker was not locked within {START_SECONDS} seconds")
            return
        if self.cpu_s() > self._limit:
            self.close()
            raise StudentTimeout(f"stopped after its {self._limit:g} CPU seconds for this part were used up")
        if self._waited + now - self._since > self._limit * WALL_FACTOR:
            self.close()
            raise StudentTimeout(f"stopped: no answer within {self._limit * WALL_FACTOR:g} seconds")

    def cpu_s(self) -> float:
        """CPU seconds of the worker's process: by its own kernel clock, and at its end by what its parent was told."""
        if self._ended is not None:
            return self._ended.cpu_s
        if self._pidfd >= 0:  # else another process may have its number
            with contextlib.suppress(OSError):
                self._used = time.clock_gettime((~self.pid << 3) | 2)
        return self._used

    def stop(self) -> None:
        """Stop the process, and wait until the kernel says that it is."""
        if self._closed:
            return
        signal.pidfd_send_signal(self._pidfd, signal.SIGSTOP)
        deadline = time.monotonic() + 5
        while _state(self.pid) not in "Tt" and time.monotonic() < deadline:
            time.sleep(0.0002)
        self._stopped = True

    def resume(self) -> None:
        """Let a stopped process go on."""
        signal.pidfd_send_signal(self._pidfd, signal.SIGCONT)
        self._stopped = False

    # -- the end ------------------------------------------------------------------------------------------------------

    def _crash(self) -> StudentCrash | GraderError:
        self.close()
        if self._ended is None:
            return _parent_gone()
        status = self._ended.status
        if status < 0:
            return StudentCrash(f"ended the process that runs it with {_signal_name(-status)} (a crash in native code)")
        return StudentCrash(f"ended the process that runs it (exit status {status})")

    def printed(self) -> int:
        """Bytes that it has printed."""
        return self._printed if self._closed else os.lseek(self.output, 0, os.SEEK_CUR)

    def text(self) -> str:
        """The beginning of what it has printed, for staff."""
        return self._text if self._closed else os.pread(self.output, TEXT_KEPT, 0).decode("utf-8", "replace")

    def close(self) -> None:
        """Kill the process, learn what it has used, and remove its scratch folder."""
        if self._closed:
            return
        if self._pidfd >= 0:
            self.cpu_s()
            with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            self._ended = self._ending()
            os.close(self._pidfd)
            self._pidfd = -1
        self._printed, self._text = self.printed(), self.text()
        self._closed = True
        self._wire.close()
        self._channel.close()
        self._status.close()
        os.close(self.output)
        remove_tree(self._scratch)

    def _ending(self) -> spawn.Ended | None:
        try:
            ended, _ = spawn.receive(self._status)
        except (EOFError, OSError):
            return None
        return ended if isinstance(ended, spawn.Ended) else None


def sealed(name: str, size: int) -> int:
    """Shared memory of a fixed size: neither side can shrink it under the other, nor let it grow."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return fd


@contextlib.contextmanager
def _open(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)


def _poll(sock: socket.socket, event: int) -> select.poll:
    poll = select.poll()
    poll.register(sock, event)
    return poll


def _parent_gone() -> GraderError:
    return GraderError("the parent of workers is gone", way_out="run the command again")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"


def _state(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "T"
    return text.rpartition(")")[2].split()[0]
