"""Real workers for tests: a warm parent, started once, and students whose code runs confined in its children."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from grader.confine import CONFINED
from grader.student import Confined, InProcess, Student, Texts

__all__ = ["Connect", "WarmParent", "gone", "student_in_process", "student_of", "texts_of"]

MODULE = "answers"


class WarmParent:
    """`python -P -m grader.worker.warm`, and connections to workers that are ended with it."""

    def __enter__(self) -> WarmParent:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "grader.worker.warm", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, **single, "PYTHONPATH": os.pathsep.join(sys.path), "CUDA_VISIBLE_DEVICES": ""},
                stdin=subprocess.DEVNULL,
            )
        self.control.settimeout(120)
        assert self.control.recv(100) == b"ready"
        self.control.settimeout(None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.control.close()
        self.process.kill()
        self.process.wait()


class Connect:
    """Connects to fresh workers, and ends them all."""

    def __init__(self, parent: WarmParent) -> None:
        self.parent = parent
        self._made: list[Confined] = []

    def __call__(
        self, texts: Texts | Mapping[str, str] | str, *, memory_mib: int = 1024, cpu_s: float = 10, mode: str = CONFINED
    ) -> Confined:
        """A worker that holds these modules, by name; a single text is the module `answers`."""
        worker = Confined(self.parent.control, texts_of(texts), mode=mode, memory_mib=memory_mib, cpu_s=cpu_s)
        self._made.append(worker)
        return worker

    def student(
        self, texts: Texts | Mapping[str, str] | str, *, memory_mib: int = 1024, cpu_s: float = 10, mode: str = CONFINED
    ) -> Student:
        """A student whose module is `answers`, or the first of the modules given."""
        given = texts_of(texts)
        module = MODULE if MODULE in given.sources else next(iter(given.sources))
        return student_of(lambda spent: self(given, memory_mib=memory_mib, cpu_s=cpu_s - spent, mode=mode), module)

    def close(self) -> None:
        """End every worker."""
        for worker in self._made:
            worker.close()


def texts_of(texts: Texts | Mapping[str, str] | str) -> Texts:
    """A hand-in's texts, each module in a file of its name."""
    if isinstance(texts, Texts):
        return texts
    modules = {MODULE: texts} if isinstance(texts, str) else texts
    return Texts({name: (f"{name}.py", text) for name, text in modules.items()})


def student_of(connect: object, module: str = MODULE) -> Student:
    """A student at the beginning of a test."""
    student = Student(connect, module)  # type: ignore[arg-type]  # a function that gives a transport
    student._begin("a test")
    return student


def student_in_process(text: str, **others: str) -> Student:
    """A student whose module is `answers`, in this process."""
    return student_of(lambda spent: InProcess(texts_of({MODULE: text, **others})))


def gone(pid: int, within_s: float = 5) -> bool:
    """Whether a process has ended, or does so soon."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.01)
    return False
