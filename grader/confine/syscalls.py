"""The system calls a worker may make: an allow-list, compiled once by libseccomp and loaded in each child."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import importlib
import mmap
import os
import struct
import tempfile
from dataclasses import dataclass
from typing import Any

__all__ = ["ALLOWED", "CONDITIONAL", "Program", "compile_program", "load", "missing_library", "number"]

# libseccomp itself may be missing (the package raises RuntimeError then), or the system may be no Linux.
_reason = ""
try:
    _seccomp: Any = importlib.import_module("pyseccomp")
except (ImportError, RuntimeError, OSError) as error:
    _seccomp, _reason = None, str(error)

_libc = ctypes.CDLL(None, use_errno=True)

# What plain computing needs. A call that is not named here is refused: one that libseccomp knows with EPERM, so that a
# student reads PermissionError, and one that is newer with ENOSYS, as an older kernel would, so that libraries fall
# back to what they did before. Absent on purpose, though they look harmless: chmod, chown, utime and setxattr, which
# Landlock doesn't restrict and which could shut the grader's own files; links and FIFOs, which lead the trusted side
# astray in the scratch folder; memfd_create and shared memory, which the memory limit doesn't count.
ALLOWED: frozenset[str] = frozenset(
    """
    read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek close close_range
    open openat creat dup dup2 dup3 flock fsync fdatasync ftruncate truncate fallocate fadvise64 readahead
    sync_file_range sendfile copy_file_range stat fstat lstat newfstatat statx statfs fstatfs access faccessat
    faccessat2 readlink readlinkat getdents getdents64 getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat
    rename renameat renameat2 umask poll ppoll select pselect6
    munmap mprotect mremap brk madvise msync mincore membarrier
    futex futex_wait futex_wake futex_requeue set_robust_list rseq set_tid_address sched_yield
    sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min getpriority
    getpid gettid getppid getpgrp getuid geteuid getgid getegid getgroups getresuid getresgid getrlimit
    getrusage times sysinfo uname getcpu getrandom time gettimeofday clock_gettime clock_getres clock_nanosleep
    nanosleep alarm setitimer getitimer pause wait4 waitid
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait sigaltstack restart_syscall
    exit exit_group
    """.split()
)

# Calls whose arguments decide. `clone3` is in no list, hence ENOSYS even where libseccomp knows it: its flags stand in
# memory, which a filter can't read, and the C library then starts its threads by `clone`.
CONDITIONAL: frozenset[str] = frozenset(
    {"clone", "clone3", "mmap", "prctl", "arch_prctl", "ioctl", "fcntl", "prlimit64", "kill", "tgkill"}
)

_CLONE_THREAD = 0x0001_0000
_CLONE_NEW_ANYTHING = 0x7E02_0080  # user, pid, net, ipc, uts, cgroup, mount and time namespaces
_MAP_TYPE = 0x0F
_MAP_GROWSDOWN = 0x100  # such pages count as stack, which the memory limit leaves out

_PRCTL_ALLOWED = (
    3,  # PR_GET_DUMPABLE
    15,  # PR_SET_NAME, the name of a thread
    16,  # PR_GET_NAME
    21,  # PR_GET_SECCOMP: a worker may see that it is locked
    39,  # PR_GET_NO_NEW_PRIVS
    0x53564D41,  # PR_SET_VMA: the C library names its arenas
)
_ARCH_PRCTL_ALLOWED = (0x1021, 0x1022, 0x1023)  # asking for AMX registers, as oneDNN does before its first product
_IOCTL_ALLOWED = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # isatty, window size, bytes waiting, FIO…
_FCNTL_ALLOWED = (
    fcntl.F_DUPFD,
    fcntl.F_DUPFD_CLOEXEC,
    fcntl.F_GETFD,
    fcntl.F_SETFD,
    fcntl.F_GETFL,
    fcntl.F_SETFL,
    fcntl.F_GETLK,
    fcntl.F_SETLK,
    fcntl.F_SETLKW,
    1034,  # F_GET_SEALS
)

# Stands in the compiled program where the worker's own process id belongs, which is known after the fork only.
_OWN_PID = 0x5EED_F00D

_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter: code, jump if true, jump if false, operand


class _FilterProgram(ctypes.Structure):
    """struct sock_fprog: a number of instructions and where they stand."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


@dataclass(frozen=True)
class Program:
    """A compiled filter, and the offsets at which a worker's process id has to be filled in."""

    instructions: bytes
    pid_offsets: tuple[int, ...]


def missing_library() -> str:
    """Why no filter can be compiled here; empty where one can."""
    return _reason


def number(name: str) -> int:
    """The number of a system call on this machine, negative where it has none."""
    return int(_seccomp.resolve_syscall(_seccomp.Arch.NATIVE, name))


def compile_program() -> Program:
    """The allow-list as instructions for the kernel (some milliseconds: once, before any fork)."""
    rules = _seccomp.SyscallFilter(_seccomp.ERRNO(errno.ENOSYS))
    # int 0x80 and the x32 table give the same calls other numbers: whoever uses them is ended at once
    rules.set_attr(_seccomp.Attr.ACT_BADARCH, _seccomp.KILL_PROCESS)
    rules.set_attr(_seccomp.Attr.CTL_OPTIMIZE, 2)  # a tree over the numbers, not a list
    _allow_by_name(rules)
    _allow_by_argument(rules)
    _refuse_the_rest(rules)
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        instructions = file.read()
    operands = range(0, len(instructions), _INSTRUCTION.size)
    pids = (at + 4 for at in operands if _INSTRUCTION.unpack_from(instructions, at)[3] == _OWN_PID)
    return Program(instructions, tuple(pids))


def load(program: Program) -> None:
    """Put the calling thread under the filter; needs NO_NEW_PRIVS or a privilege, and can't be undone.

    Raises:
        OSError: where the kernel refuses.
    """
    own = ctypes.create_string_buffer(program.instructions, len(program.instructions))
    for offset in program.pid_offsets:
        struct.pack_into("=I", own, offset, os.getpid())
    filters = _FilterProgram(len(program.instructions) // _INSTRUCTION.size, ctypes.addressof(own))
    if _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filters), 0, 0):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _allow_by_name(rules: Any) -> None:
    for name in sorted(ALLOWED):
        if number(name) >= 0:  # some exist on other machines only
            rules.add_rule(_seccomp.ALLOW, name)


def _allow_by_argument(rules: Any) -> None:
    """Calls that are allowed with some arguments; unlisted arguments get ENOSYS, or EPERM where that helps a reader."""
    _choose(rules, "prctl", 0, _PRCTL_ALLOWED)
    _choose(rules, "ioctl", 1, _IOCTL_ALLOWED)
    _choose(rules, "fcntl", 1, _FCNTL_ALLOWED)
    if number("arch_prctl") >= 0:
        _choose(rules, "arch_prctl", 0, _ARCH_PRCTL_ALLOWED)
    allow, refuse = _seccomp.ALLOW, _seccomp.ERRNO(errno.EPERM)
    # a thread of this process in the same namespaces, never a process
    rules.add_rule(allow, "clone", _masked(0, _CLONE_THREAD | _CLONE_NEW_ANYTHING, _CLONE_THREAD))
    rules.add_rule(refuse, "clone", _masked(0, _CLONE_THREAD, 0))
    # private pages, which the memory limit counts, and shared pages of a file; shared pages of no file count nowhere
    shared_anonymous = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS
    rules.add_rule(allow, "mmap", _masked(3, _MAP_TYPE | _MAP_GROWSDOWN, mmap.MAP_PRIVATE))
    rules.add_rule(allow, "mmap", _masked(3, _MAP_TYPE | _MAP_GROWSDOWN | mmap.MAP_ANONYMOUS, mmap.MAP_SHARED))
    rules.add_rule(refuse, "mmap", _masked(3, _MAP_TYPE | mmap.MAP_ANONYMOUS, shared_anonymous))
    # limits may be read, never set
    rules.add_rule(allow, "prlimit64", _equal(0, 0), _equal(2, 0))
    rules.add_rule(refuse, "prlimit64", _differs(2, 0))
    for name in ("kill", "tgkill"):  # abort() and raise() signal the process itself
        rules.add_rule(allow, name, _equal(0, _OWN_PID))
        rules.add_rule(refuse, name, _differs(0, _OWN_PID))


def _refuse_the_rest(rules: Any) -> None:
    """EPERM for every other call that libseccomp knows; those it doesn't know fall to the default, ENOSYS."""
    for code in range(1024):  # the tables of all machines end far below
        name = _name(code)
        if name and name not in ALLOWED and name not in CONDITIONAL:
            rules.add_rule(_seccomp.ERRNO(errno.EPERM), code)


def _name(code: int) -> str:
    try:
        return bytes(_seccomp.resolve_syscall(_seccomp.Arch.NATIVE, code)).decode()
    except (OSError, ValueError):
        return ""


def _choose(rules: Any, name: str, argument: int, values: tuple[int, ...]) -> None:
    for value in values:
        rules.add_rule(_seccomp.ALLOW, name, _equal(argument, value))


def _equal(argument: int, value: int) -> Any:
    return _seccomp.Arg(argument, _seccomp.EQ, value)


def _differs(argument: int, value: int) -> Any:
    return _seccomp.Arg(argument, _seccomp.NE, value)


def _masked(argument: int, mask: int, value: int) -> Any:
    return _seccomp.Arg(argument, _seccomp.MASKED_EQ, mask, value)
