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
from grader.protocol import Arena, Message, Wire, unpack
from grader.worker import spawn
from grader.worker.load import Handin
from grader.worker.serve import Parcel, Server

__all__ = ["run"]

PR_SET_PDEATHSIG = 1


def run(request: spawn.Spawn, fds: list[int], prepared: confine.Prepared) -> NoReturn:
    """Become the worker that `request` asks for; never returns."""
    try:
        _run(request, fds, prepared)
    except (EOFError, BrokenPipeError):
        os._exit(0)
    except BaseException as fault:  # the channel itself is broken: nothing can be answered any more
        os.write(2, f"worker: {type(fault).__name__}: {fault}\n".encode()[:2000])
        os._exit(70)


def _run(request: spawn.Spawn, fds: list[int], prepared: confine.Prepared) -> NoReturn:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    channel, incoming, outgoing = _keep_only(fds)
    wire = Wire(channel, Arena(outgoing, spawn.ARENA_BYTES), Arena(incoming, spawn.ARENA_BYTES))
    os.close(incoming)
    os.close(outgoing)
    _settle(request.scratch)
    cage = confine.Cage(read=tuple(map(Path, request.read)), write=(Path(request.scratch),))
    confine.lock(prepared, cage, confine.Limits(memory_mib=request.memory_mib), request.mode)
    server = _server(*wire.receive(), wire)
    while True:
        reply, results = server.handle(*wire.receive())
        wire.send(reply, results)


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
    sys.path.append(texts["folder"])  # last: a hand-in's statistics.py must not shadow the library's

    def ask(question: Message, sent: list[Tensor]) -> Parcel:
        wire.send(question, sent)
        while (received := wire.receive())[0].op != "answer":  # the callback itself may call a function of this side
            wire.send(*server.handle(*received))
        return received

    server = Server(Handin(texts["sources"], register=True), ask, texts["aliases"])
    return server
