"""The one function that locks the calling process: limits, Landlock, system calls; nothing takes it back."""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.confine import syscalls
from grader.confine.paths import DEVICES_TO_WRITE, base_paths
from grader.errors import SandboxError

__all__ = ["CONFINED", "UNCONFINED", "Cage", "Limits", "Prepared", "data_bytes", "landlock_version", "lock", "prepare"]

#: The modes a record can name. A third one, `user+seccomp`, for containers without Landlock, is not built yet.
CONFINED = "landlock+seccomp"
UNCONFINED = "none"

_reason = ""
try:
    _sandlock: Any = importlib.import_module("sandlock")
except (ImportError, RuntimeError, OSError) as error:
    _sandlock, _reason = None, str(error)

_libc = ctypes.CDLL(None, use_errno=True)

_MIB = 1 << 20
_STACK_BYTES = 8 * _MIB  # what shells give; pages of the stack count nowhere else, so it is bound even where they don't
_CAPABILITY_VERSION_3 = 0x2008_0522
_CAP_DAC_READ_SEARCH = 1 << 2


@dataclass(frozen=True)
class Limits:
    """What one worker may use; each is the kernel's own limit on the process.

    `memory_mib` counts private writable pages on top of what the worker has when it is locked, so torch raises its own
    error on the student's line. `file_mib` is the size of one file. `cpu_s`, where given, is the kernel's backstop
    for the watcher outside: SIGXCPU there, and SIGKILL a second later.
    """

    memory_mib: int
    file_mib: int = 64
    open_files: int = 256
    cpu_s: int | None = None


@dataclass(frozen=True)
class Cage:
    """The folders of one worker, beside the base paths: its hand-in to read, its scratch to read and write."""

    read: tuple[Path, ...]
    write: tuple[Path, ...]


@dataclass(frozen=True)
class Prepared:
    """What is the same for all workers, made once in the parent they are forked from."""

    readable: tuple[str, ...]
    program: syscalls.Program


def prepare() -> Prepared:
    """Collect the base paths and compile the filter, before any fork.

    Raises:
        SandboxError: where this machine has no sandlock or no libseccomp.
    """
    problem = _reason or syscalls.missing_library()
    if problem:
        raise SandboxError(
            f"a hand-in can't be confined here: {problem}",
            place=f"{os.uname().sysname} {os.uname().release}",
            expected="Linux, with the packages sandlock and pyseccomp and the library libseccomp",
            way_out="install them (on Debian: apt-get install libseccomp2); or --sandbox none, for hand-ins you trust",
        )
    return Prepared(base_paths(), syscalls.compile_program())


def landlock_version() -> int:
    """The kernel's Landlock ABI; 0 where there is none."""
    return max(0, int(_sandlock.landlock_abi_version())) if _sandlock else 0


def lock(prepared: Prepared, cage: Cage, limits: Limits, mode: str = CONFINED) -> None:
    """Lock the calling process for good; its threads and nothing else inherit it.

    With mode `none` the limits alone are set.

    Raises:
        SandboxError: where the process has more than one thread (Landlock binds the calling one only), where a
            folder of the cage doesn't exist, or where the kernel refuses. The process must then end.
    """
    data = data_bytes()  # before the lock: /proc is shut afterwards
    if mode == CONFINED:
        _refuse_threads()
        _restrict_paths(prepared, cage)
        _drop_privileges()
    _set_limits(limits, data)
    if mode == CONFINED:
        try:
            syscalls.load(prepared.program)
        except OSError as error:
            raise SandboxError(f"the filter of system calls can't be set: {error.strerror}") from error


def data_bytes() -> int:
    """What `RLIMIT_DATA` counts of the calling process at this moment (VmData), in bytes."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        line = next(line for line in status if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024


def _refuse_threads() -> None:
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise SandboxError(
            f"a process of {threads} threads can't be locked",
            expected="a freshly forked process: Landlock binds the calling thread only",
        )


def _restrict_paths(prepared: Prepared, cage: Cage) -> None:
    missing = [str(path) for path in (*cage.read, *cage.write) if not path.exists()]
    if missing:  # sandlock would say no more than 'confine failed'
        raise SandboxError(f"a folder of the worker doesn't exist: {missing[0]}")
    readable = [*prepared.readable, *(str(path) for path in cage.read)]
    writable = [*(str(path) for path in cage.write), *DEVICES_TO_WRITE]
    try:
        _sandlock.confine(_sandlock.Sandbox(fs_readable=readable, fs_writable=writable))
    except (_sandlock.SandlockError, OSError, RuntimeError, ValueError) as error:
        raise SandboxError(f"Landlock refused: {error}", place=f"Landlock ABI {landlock_version()}") from error


def _drop_privileges() -> None:
    """Give up every capability but reading files of other owners, which a grader run as root needs for hand-ins."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    held = ctypes.create_string_buffer(24)  # effective, permitted, inheritable; then the same for the upper 32 bits
    _must(_libc.capget(header, held), "capget")
    permitted = struct.unpack_from("=3I", held)[1] & _CAP_DAC_READ_SEARCH
    _must(_libc.capset(header, struct.pack("=6I", permitted, permitted, 0, 0, 0, 0)), "capset")


def _must(status: int, call: str) -> None:
    if status:
        raise SandboxError(f"privileges can't be dropped: {call}: {os.strerror(ctypes.get_errno())}")


def _set_limits(limits: Limits, data: int) -> None:
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_MEMLOCK, 0)
    _limit(resource.RLIMIT_STACK, _STACK_BYTES)
    _limit(resource.RLIMIT_FSIZE, limits.file_mib * _MIB)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)
    if limits.cpu_s is not None:
        _limit(resource.RLIMIT_CPU, limits.cpu_s, grace=1)
    _limit(resource.RLIMIT_DATA, data + limits.memory_mib * _MIB)


def _limit(which: int, amount: int, grace: int = 0) -> None:
    """Set soft and hard limit; an unprivileged process can't go above a hard limit it already has."""
    hardest = resource.getrlimit(which)[1]
    top = hardest if hardest != resource.RLIM_INFINITY else amount + grace
    resource.setrlimit(which, (min(amount, top), min(amount + grace, top)))
