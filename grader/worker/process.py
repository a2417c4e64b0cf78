"""The life of one worker after the fork: tidy up, lock, then answer messages until the channel ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from grader import confine
from grader.errors import ProtocolError
from grader.protocol import Arena, Error, Message, Wire, unpack
from grader.worker import spawn
from grader.worker.load import Finder, Handin
from grader.worker.serve import Parcel, Server

__all__ = ["die_with", "run"]

PR_SET_PDEATHSIG = 1


def run(request: spawn.Spawn, fds: list[int], prepared: confine.Prepared, parent: int) -> NoReturn:
    """Become the worker that `request` asks for, forked from the process `parent`; never returns."""
    try:
        die_with(parent)
        _run(request, fds, prepared)
    except (EOFError, BrokenPipeError):
        os._exit(0)
    except BaseException as fault:  # the channel itself is broken: nothing can be answered any more
        os.write(2, f"worker: {type(fault).__name__}: {fault}\n".encode()[:2000])
        os._exit(70)


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies, and end at once where that has happened."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _run(request: spawn.Spawn, fds: list[int], prepared: confine.Prepared) -> NoReturn:
    channel, incoming, outgoing = _keep_only(fds)
    arenas = Arena(outgoing, spawn.ARENA_BYTES), Arena(incoming, spawn.ARENA_BYTES)
    wire = Wire(channel, *arenas, worker=True)
    os.close(incoming)
    os.close(outgoing)
    _settle(request.scratch)
    cage = confine.Cage(read=tuple(map(Path, request.read)), write=(Path(request.scratch),))
    confine.lock(prepared, cage, confine.Limits(memory_mib=request.memory_mib), request.mode)
    # said before any line of the hand-in runs: a process locked too early computes more slowly, with other last digits
    wire.send(Message("ready", text=torch.backends.cpu.get_cpu_capability()), [])
    server = _server(*wire.receive(), wire)
    while True:
        reply, results = server.handle(*wire.receive())
        try:
            wire.send(reply, results)
        except ProtocolError as fault:
            error = Error(type="ValueError", message=f"gives a value that can't be sent: {fault.message}")
            wire.send(Message("error", number=reply.number, error=error), [])


def _keep_only(fds: list[int]) -> tuple[int, int, int]:
    """Close every inherited descriptor but the four of this worker; standard output and error go to the last."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(fds[3], 1)
    os.dup2(fds[3], 2)
    kept = []
    for target, fd in zip((900, 901, 902), fds[:3], strict=True):
        os.dup2(fd, target)
        kept.append(target)
    os.closerange(3, 900)
    os.closerange(903, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") < 1 << 16 else 1 << 16)
    return kept[0], kept[1], kept[2]


def _settle(scratch: str) -> None:
    """Point everything that the parent had pointed elsewhere at this worker's own scratch folder."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(scratch)
    tempfile.tempdir = scratch
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS") if
            name in os.environ}  # fmt: skip
    os.environ.clear()
    os.environ.update(kept, HOME=scratch, TMPDIR=scratch, MPLCONFIGDIR=scratch, TORCH_HOME=scratch, MPLBACKEND="Agg")
    sys.argv = ["hand-in"]
    sys.stdout = open(1, "w", buffering=1 << 13, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    torch.set_num_threads(1)


def _server(message: Message, tensors: list[Tensor], wire: Wire) -> Server:
    """The first message holds the hand-in's texts: {module: (file name, text)} and aliases."""
    texts = unpack(message.value, tensors)
    if texts["folder"]:
        sys.path.append(texts["folder"])  # last: a hand-in's statistics.py must not shadow the library's
    handin = Handin(texts["sources"], register=True)
    sys.meta_path.insert(0, Finder(handin))

    def ask(question: Message, sent: list[Tensor]) -> Parcel:
        wire.send(question, sent)
        while (received := wire.receive())[0].op != "answer":  # the callback itself may call a function of this side
            wire.send(*server.handle(*received))
        return received

    server = Server(handin, ask, texts["aliases"])
    return server
