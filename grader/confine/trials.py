"""What this machine can enforce, proven by trying forbidden and needed acts in locked processes."""

from __future__ import annotations

import errno
import functools
import importlib
import json
import mmap
import os
import platform
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from grader.confine import deeds
from grader.confine.deeds import Deed
from grader.confine.locking import CONFINED, UNCONFINED, Cage, Limits, Prepared, landlock_version, lock, prepare
from grader.confine.paths import refuse_readable
from grader.errors import SandboxError

__all__ = ["PROMISES", "Outcome", "apart", "choose", "doctor_facts", "modes", "trial"]

_MIB = 1 << 20
_TRIAL_LIMITS = Limits(memory_mib=64, file_mib=1, open_files=64)
_TRIAL_SECONDS = 30

#: What the trial proves, in the order in which it is reported.
PROMISES: dict[str, str] = {
    "course": "no hand-in opens a file of the course, of the results or of another hand-in",
    "reads": "no hand-in opens any other file of this machine",
    "writes": "no hand-in changes a file outside its scratch folder",
    "files": "no hand-in makes a link, a FIFO, or changes a mode, an owner or a time",
    "network": "no hand-in has a socket of any kind",
    "processes": "no hand-in starts a process or a program",
    "signals": "no hand-in signals another process",
    "tracing": "no hand-in looks into another process",
    "kernel": "no hand-in reaches the kernel's less trodden calls",
    "limits": "no hand-in changes its limits or its priority",
    "lock": "no hand-in changes its own lock",
    "memory": "no hand-in holds memory that its limit doesn't count",
    "foreign": "a call by another machine's numbers ends the process",
    "memory_limit": "the limit on memory binds",
    "file_limit": "the limit on the size of a file binds",
    "open_limit": "the limit on open files binds",
    "scratch": "a hand-in reads and writes its scratch folder",
    "library": "a hand-in imports standard modules that nobody has loaded yet",
    "threads": "a hand-in starts threads",
}


@dataclass(frozen=True)
class Outcome:
    """How a function ended that ran in a process of its own: with a value, an error, or a signal."""

    value: object = None
    error: str = ""
    errno: int = 0
    signal: int = 0


def apart(act: Callable[[], object], before: Callable[[], None] | None = None) -> Outcome:
    """Run `before` and then `act` in a forked process, and say how that ended.

    Args:
        act: what it returns comes back as JSON, as text where JSON has no word for it.
        before: what to do first, such as locking the process; its errors are the outcome too.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _run_and_leave(act, before, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        text = stream.read()
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return Outcome(signal=os.WTERMSIG(status))
    return Outcome(**json.loads(text)) if text else Outcome(error="the process ended without a word")


def _run_and_leave(act: Callable[[], object], before: Callable[[], None] | None, writer: int) -> None:
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_TRIAL_SECONDS)
        if before:
            before()
        outcome = Outcome(value=act())
    except BaseException as error:  # whatever it is, the parent must hear of it
        outcome = Outcome(error=f"{type(error).__name__}: {error}", errno=getattr(error, "errno", 0) or 0)
    try:
        os.write(writer, json.dumps(asdict(outcome), default=str).encode())
    finally:
        os._exit(0)


def trial(prepared: Prepared, forbidden: Iterable[Path] = ()) -> dict[str, bool]:
    """Whether each promise of `PROMISES` holds on this machine.

    Args:
        prepared: what `prepare` gave.
        forbidden: files and folders a worker must not see: a `rubric.toml`, the suites, the results.
    """
    return _examine(prepared, list(forbidden))[0]


def _examine(prepared: Prepared, forbidden: list[Path]) -> tuple[dict[str, bool], str]:
    """Each promise and whether it holds, and why the locked process said nothing, where it didn't."""
    with tempfile.TemporaryDirectory(prefix="grader-trial-") as folder:
        scratch, outside = Path(folder, "scratch"), Path(folder, "outside")
        for made in (scratch, outside):
            made.mkdir()
        for file in (scratch / "own", outside / "there"):
            file.write_text("x")
        cage = Cage(read=(), write=(scratch,))
        locked = functools.partial(lock, prepared, cage, _TRIAL_LIMITS)
        seen = apart(lambda: _try_everything(forbidden, scratch, outside), locked)
        ended = apart(_call_by_foreign_number, locked)
    held = seen.value if isinstance(seen.value, dict) else {}
    foreign = platform.machine() != "x86_64" or ended.signal == signal.SIGSYS
    kept = {name: foreign if name == "foreign" else bool(held.get(name)) for name in PROMISES}
    return kept, seen.error or (signal.strsignal(seen.signal) or "" if seen.signal else "")


def _try_everything(forbidden: list[Path], scratch: Path, outside: Path) -> dict[str, bool]:
    """Inside the locked process: every promise but the one whose breach ends it."""
    machine = ("/etc/passwd", "/tmp", "/proc/self/environ", f"/proc/{os.getppid()}/cmdline", "/")
    refused: dict[str, Mapping[str, Deed]] = {
        "course": deeds.reading(forbidden),
        "reads": deeds.reading(Path(path) for path in machine if os.path.exists(path)),
        "writes": deeds.writing(outside),
        "files": deeds.files(scratch),
        "network": deeds.NETWORK,
        "processes": deeds.PROCESSES,
        "signals": deeds.SIGNALS,
        "tracing": deeds.TRACING,
        "kernel": deeds.KERNEL,
        "limits": deeds.LIMITS,
        "lock": deeds.LOCK,
        "memory": deeds.MEMORY,
    }
    needed: dict[str, Callable[[], bool]] = {
        "memory_limit": _memory_binds,
        "file_limit": lambda: _file_size_binds(scratch / "big"),
        "open_limit": _open_files_bind,
        "scratch": lambda: _scratch_works(scratch / "file"),
        "library": _library_is_readable,
        "threads": _threads_start,
    }
    held = {name: all(deeds.is_refused(deed) for deed in some.values()) for name, some in refused.items()}
    return held | {name: _is_true(act) for name, act in needed.items()}


def _is_true(act: Callable[[], bool]) -> bool:
    try:
        return act()
    except Exception:  # whatever goes wrong in it, the promise is not kept
        return False


def _memory_binds() -> bool:
    limit, little = _TRIAL_LIMITS.memory_mib * _MIB, 8 * _MIB  # the interpreter itself needs some in between
    # pages from the kernel: what this process had and has freed is no new memory, and malloc would give it first
    fresh_pages(limit - little).close()
    try:
        fresh_pages(limit + little).close()
    except OSError as error:
        return error.errno == errno.ENOMEM
    return False


def fresh_pages(size: int) -> mmap.mmap:
    """So many bytes of private memory, straight from the kernel."""
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def _file_size_binds(path: Path) -> bool:
    block = bytes(_TRIAL_LIMITS.file_mib * _MIB)
    path.write_bytes(block)
    return _fails_with(errno.EFBIG, lambda: path.write_bytes(block + b"x"))


def _open_files_bind() -> bool:
    opened: list[int] = []

    def open_too_many() -> None:
        for _ in range(_TRIAL_LIMITS.open_files + 1):
            opened.append(os.open("/dev/null", os.O_RDONLY))

    try:
        return _fails_with(errno.EMFILE, open_too_many)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _fails_with(code: int, deed: Deed) -> bool:
    try:
        deed()
    except OSError as error:
        return error.errno == code
    return False


def _scratch_works(path: Path) -> bool:
    path.write_text("kept")
    path.rename(path.with_suffix(".new"))
    return path.with_suffix(".new").read_text() == "kept" and os.listdir(path.parent) != []


def _library_is_readable() -> bool:
    fresh = next(name for name in ("colorsys", "nturl2path", "cmd", "sched", "wave") if name not in sys.modules)
    return importlib.import_module(fresh) is not None


def _threads_start() -> bool:
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(1))
    thread.start()
    thread.join(5)
    return seen == [1]


def _call_by_foreign_number() -> None:
    deeds.raw_number(deeds.FOREIGN_NUMBER)


@functools.cache
def _prepared() -> Prepared:
    return prepare()


def doctor_facts(forbidden: Iterable[Path] = ()) -> dict[str, bool]:
    """Each promise as a plain sentence, and whether it holds here; all False where nothing can be confined."""
    try:
        held = trial(_prepared(), forbidden)
    except SandboxError:
        held = {}
    return {sentence: held.get(name, False) for name, sentence in PROMISES.items()}


def modes() -> tuple[str, ...]:
    """The modes this machine can keep, strongest first; `none` is always among them."""
    return (CONFINED, UNCONFINED) if all(doctor_facts().values()) else (UNCONFINED,)


def choose(mode: str, protected: Iterable[Path] = ()) -> str:
    """The mode to grade in, once its promises are proven.

    Args:
        mode: `auto` for the strongest that holds, or `none`.
        protected: course, results and hand-ins, which no worker may read beyond its own.
    Raises:
        SandboxError: where `auto` can't be had, or where a protected path lies under what every worker reads.
    """
    if mode == UNCONFINED:
        return UNCONFINED
    protected = list(protected)
    prepared = _prepared()
    refuse_readable(prepared.readable, protected)
    kept, cause = _examine(prepared, [Path(path) for path in protected if os.path.exists(path)])
    broken = [name for name, held in kept.items() if not held]
    if broken:
        raise _not_confined(broken, cause)
    return CONFINED


def _not_confined(broken: list[str], cause: str) -> SandboxError:
    """The error that says which promises this machine doesn't keep."""
    first = "; ".join(PROMISES[name] for name in broken[:3])
    more = f"; and {len(broken) - 3} more, all in grader doctor" if len(broken) > 3 else ""
    version = landlock_version()
    return SandboxError(
        f"a hand-in can't be confined on this machine: {cause or f'not kept here: {first}{more}'}",
        place=f"Linux {os.uname().release}, " + (f"Landlock ABI {version}" if version else "no Landlock"),
        expected="Landlock ABI 6 (Linux 6.12 with landlock among its security modules) and seccomp filters",
        way_out="grade on such a machine (this version has no second way to confine a container without Landlock); "
        "or --sandbox none, for hand-ins you trust: the result will say so",
    )
