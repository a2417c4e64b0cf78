"""Forbidden acts, each small and harmless in itself, that a locked process tries in order to prove its lock."""

from __future__ import annotations

import ctypes
import errno
import functools
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from grader.confine.syscalls import number

__all__ = ["FOREIGN_NUMBER", "KERNEL", "LIMITS", "LOCK", "MEMORY", "NETWORK", "PROCESSES", "SIGNALS", "TRACING", "Deed"]
__all__ += ["files", "is_refused", "open_any", "raw", "raw_number", "reading", "writing"]

#: Something to try: it returns when it could be done and raises OSError when it was refused.
Deed = Callable[[], object]

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

# A refused call never reaches the kernel's own code, so its arguments don't matter; a call that does reach it gets
# arguments it answers with another error than these.
_REFUSALS = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS})


def is_refused(deed: Deed) -> bool:
    """Whether a deed is refused for want of permission; any other error means that it got through the lock."""
    try:
        deed()
    except OSError as error:
        return error.errno in _REFUSALS
    return False


def raw(name: str, *arguments: int) -> Deed:
    """A system call by its number, past all libraries (as a hand-in does by ctypes or from native code)."""

    return lambda: raw_number(number(name), *arguments)


def raw_number(code: int, *arguments: int) -> int:
    """A system call by any number, of this machine or not.

    Raises:
        OSError: with what the kernel answered.
    """
    result = int(_libc.syscall(ctypes.c_long(code), *(ctypes.c_long(value) for value in arguments)))
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def open_any(path: Path) -> int:
    """Open a file or list a folder, and say how much was seen."""
    if path.is_dir():
        return len(os.listdir(path))
    with path.open("rb") as file:
        return len(file.read(1))


def reading(paths: Iterable[Path]) -> dict[str, Deed]:
    """Deeds that open each of the paths."""
    return {f"open {path}": functools.partial(open_any, path) for path in paths}


def writing(outside: Path) -> dict[str, Deed]:
    """Deeds that change a folder which is not the worker's scratch, where `there` is a file."""
    there, fresh = outside / "there", outside / "fresh"
    return {
        "create a file": lambda: fresh.write_text("x"),
        "append to a file": lambda: there.open("a").close(),
        "truncate a file": lambda: os.truncate(there, 0),
        "remove a file": there.unlink,
        "rename a file": lambda: there.rename(fresh),
        "make a folder": fresh.mkdir,
    }


def files(inside: Path) -> dict[str, Deed]:
    """Deeds that are refused even in the worker's own scratch, where `own` is a file."""
    own = inside / "own"
    return {
        "make a symbolic link": lambda: (inside / "link").symlink_to("/etc"),
        "make a hard link": lambda: (inside / "hard").hardlink_to(own),
        "make a FIFO": lambda: os.mkfifo(inside / "fifo"),
        "change a mode": lambda: own.chmod(0o777),
        "change an owner": lambda: os.chown(own, os.getuid(), os.getgid()),
        "change a time": lambda: os.utime(own),
        "set an attribute": lambda: os.setxattr(own, "user.x", b"x"),
    }


NETWORK: dict[str, Deed] = {
    "a TCP socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close(),
    "a UDP socket": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close(),
    "a UNIX socket": lambda: socket.socket(socket.AF_UNIX).close(),
    "a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    "a pair of sockets": lambda: len(socket.socketpair()),
    "connect": raw("connect", -1, 0, 0),
    "bind": raw("bind", -1, 0, 0),
    "sendto": raw("sendto", -1, 0, 0, 0, 0, 0),
    "sendmsg": raw("sendmsg", -1, 0, 0),
    "io_uring_setup": raw("io_uring_setup", 0, 0),
}


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _fork_by(name: str, flags: int) -> Deed:
    """A process made by a raw call: the new one ends at once, without a word."""

    def fork() -> None:
        pid = raw_number(number(name), flags, 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)

    return fork


PROCESSES: dict[str, Deed] = {
    "fork": _fork,
    "clone": _fork_by("clone", signal.SIGCHLD),
    "clone with a new namespace": raw("clone", 0x0001_0000 | 0x2000_0000, 0, 0, 0, 0),
    "clone3": raw("clone3", 0, 0),
    "execve": raw("execve", 0, 0, 0),
    "execveat": raw("execveat", -1, 0, 0, 0, 0),
    "a program": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
    "posix_spawn": lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0),
    "setsid": raw("setsid"),
    "setpgid": raw("setpgid", 0, 0),
}

SIGNALS: dict[str, Deed] = {
    "kill the parent": lambda: os.kill(os.getppid(), 0),
    "kill everybody": raw("kill", -1, 0),
    "tkill": lambda: raw("tkill", os.getppid(), 0)(),
    "tgkill": lambda: raw("tgkill", os.getppid(), os.getppid(), 0)(),
    "rt_sigqueueinfo": raw("rt_sigqueueinfo", 1, 0, 0),
    "rt_tgsigqueueinfo": raw("rt_tgsigqueueinfo", 1, 1, 0, 0),
    "pidfd_open": raw("pidfd_open", 1, 0),
    "pidfd_send_signal": raw("pidfd_send_signal", -1, 0, 0, 0),
}

TRACING: dict[str, Deed] = {
    "ptrace": raw("ptrace", 2, 1, 0, 0),  # to read a word of a process that isn't traced
    "process_vm_readv": raw("process_vm_readv", 1, 0, 0, 0, 0, 0),
    "process_vm_writev": raw("process_vm_writev", 1, 0, 0, 0, 0, 0),
    "process_madvise": raw("process_madvise", -1, 0, 0, 0, 0),
    "pidfd_getfd": raw("pidfd_getfd", -1, 0, 0),
    "kcmp": lambda: raw("kcmp", os.getpid(), os.getpid(), 0, 0, 0)(),
}

KERNEL: dict[str, Deed] = {
    name: raw(name, *arguments)
    for name, arguments in {
        "perf_event_open": (0, 0, -1, -1, 0),
        "bpf": (0, 0, 0),
        "userfaultfd": (0,),
        "keyctl": (0, 0, 0, 0, 0),
        "add_key": (0, 0, 0, 0, 0),
        "mount": (0, 0, 0, 0, 0),
        "umount2": (0, 0),
        "pivot_root": (0, 0),
        "chroot": (0,),
        "unshare": (0x2000_0000,),
        "setns": (-1, 0),
        "open_by_handle_at": (-1, 0, 0),
        "name_to_handle_at": (-1, 0, 0, 0, 0),
        "inotify_init1": (-1,),
        "fanotify_init": (0, 0),
        "io_setup": (0, 0),
        "personality": (0xFFFF_FFFF,),
        "mknodat": (-1, 0, 0, 0),
        "kexec_load": (-1, 0, 0, 0),
        "init_module": (0, 0, 0),
        "setuid": (os.getuid(),),
    }.items()
}
KERNEL["type into a terminal"] = raw("ioctl", 0, 0x5412, 0)
KERNEL["paste into a console"] = raw("ioctl", 0, 0x541C, 0)


LIMITS: dict[str, Deed] = {
    "setrlimit": raw("setrlimit", resource.RLIMIT_NOFILE, 1),
    "prlimit": raw("prlimit64", 0, resource.RLIMIT_NOFILE, 1, 0),
    "another process": lambda: raw("prlimit64", os.getppid(), resource.RLIMIT_NOFILE, 0, 0)(),
    "nice": lambda: os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0)),
    "sched_setaffinity": lambda: os.sched_setaffinity(0, os.sched_getaffinity(0)),
    "sched_setscheduler": lambda: os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0)),
    "ioprio_set": raw("ioprio_set", 1, 0, 0),
}

LOCK: dict[str, Deed] = {
    "outlive the parent": raw("prctl", 1, 0, 0, 0, 0),
    "dumpable": raw("prctl", 4, 1, 0, 0, 0),
    "dumpable, with a bit the kernel ignores": raw("prctl", 4 | 1 << 32, 1, 0, 0, 0),
    "a filter by prctl": raw("prctl", 22, 2, 0, 0, 0),
    "a filter by seccomp": raw("seccomp", 1, 0, 0),
    "a second Landlock": raw("landlock_create_ruleset", 0, 0, 1),
    "capset": raw("capset", 0, 0),
}


MEMORY: dict[str, Deed] = {
    "memfd_create": lambda: os.close(os.memfd_create("x")),
    "memfd_secret": raw("memfd_secret", -1),
    "shared pages": lambda: mmap.mmap(-1, 4096).close(),
    "pages that grow down": raw("mmap", 0, 4096, 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x100, -1, 0),
    "shmget": raw("shmget", 0, 0, 0),
    "mq_open": raw("mq_open", 0, 0, 0, 0),
    "mlock": raw("mlock", 0, 0),
}

# x32 calls are marked by bit 30; getpid in that table
FOREIGN_NUMBER = 0x4000_0000 + 39
