"""What a worker may read besides its own folders, and what must never lie under that."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from grader.errors import SandboxError

__all__ = ["DEVICES_TO_WRITE", "base_paths", "overlap", "refuse_readable"]

# Folders and files every Linux keeps in the same place. No `/proc`: through it a worker would read its parents. No
# `/usr` whole: `/usr/local` and `/usr/src` are where courses get installed.
_SYSTEM = (
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/usr/share/zoneinfo",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ssl/openssl.cnf",  # the library that `ssl` and `hashlib` load reads it, and gives up where it is shut
    "/dev/urandom",
)

#: Hand-ins mute prints with `open(os.devnull, "w")`; nothing written there goes anywhere.
DEVICES_TO_WRITE = ("/dev/null",)

_PACKAGE_FOLDERS = frozenset({"site-packages", "dist-packages"})


def base_paths() -> tuple[str, ...]:
    """The resolved files and folders every worker may read, none inside another of them.

    They are the standard library and shared libraries of the interpreter (of the base one too, where this is a virtual
    environment), each folder of installed packages on `sys.path`, the system's libraries and fonts, and
    `/dev/urandom`. A path that doesn't exist is left out, since one such path makes Landlock refuse them all.
    """
    found = {Path(path).resolve() for path in (*_interpreter(), *_SYSTEM) if os.path.exists(path)}
    outermost = {path for path in found if not any(parent in found for parent in path.parents)}
    return tuple(sorted(str(path) for path in outermost))


def _interpreter() -> Iterator[str]:
    """Folders of the interpreter and of installed packages, some of which may not exist."""
    for prefix in {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}:
        yield os.path.join(prefix, "lib")
        yield os.path.join(prefix, "lib64")
    yield from (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    yield from (entry for entry in sys.path if Path(entry).name in _PACKAGE_FOLDERS)
    if site.ENABLE_USER_SITE:
        yield site.getusersitepackages()


def overlap(readable: Iterable[str | Path], protected: Iterable[str | Path]) -> tuple[Path, Path] | None:
    """The first protected path that lies in a readable one, as the pair (protected, readable), both resolved.

    Landlock only adds rights: what lies under a readable folder is readable, and nothing can take that back.
    """
    allowed = [Path(path).resolve() for path in readable]
    for path in (Path(path).resolve() for path in protected):
        for folder in allowed:
            if path == folder or folder in path.parents:
                return path, folder
    return None


def refuse_readable(readable: Iterable[str | Path], protected: Iterable[str | Path]) -> None:
    """Make sure that no protected path (course, results, another hand-in) can be read by a worker.

    Raises:
        SandboxError: where one lies in a readable folder, with both paths.
    """
    found = overlap(readable, protected)
    if found:
        raise SandboxError(
            f"{found[0]} could be read by every hand-in",
            place=f"{found[1]}, which a worker must be able to read",
            expected="the course, the results and other hand-ins outside what a worker reads",
            way_out="move it elsewhere (the kernel can open a folder to a worker, but can't close a part of it again)",
        )
