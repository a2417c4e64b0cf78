"""Removes a worker's scratch folder, whatever a hand-in has left there."""

from __future__ import annotations

import contextlib
import os
import stat

__all__ = ["remove_tree"]


def remove_tree(folder: str) -> None:
    """Remove a folder that nobody uses any more; what can't be removed is left.

    Deep folders are lifted to the top as they are met, so that neither the length of a path nor the depth of calls
    grows with them; no link is followed.
    """
    with contextlib.suppress(OSError):
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fchmod(top, 0o700)
            lifted = 0
            while names := os.listdir(top):
                if not sum([_remove(top, name, lifted + i) for i, name in enumerate(names)]):
                    break
                lifted += len(names)
        finally:
            os.close(top)
        os.rmdir(folder)


def _remove(top: int, name: str, number: int) -> bool:
    """Remove a file of `top`, or a folder whose own folders move to `top`; whether that went well."""
    try:
        if not stat.S_ISDIR(os.lstat(name, dir_fd=top).st_mode):
            os.unlink(name, dir_fd=top)
            return True
        os.chmod(name, 0o700, dir_fd=top)
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
        try:
            for i, child in enumerate(os.listdir(inner)):
                if stat.S_ISDIR(os.lstat(child, dir_fd=inner).st_mode):
                    os.chmod(child, 0o700, dir_fd=inner)
                    os.rename(child, f".{number}-{i}", src_dir_fd=inner, dst_dir_fd=top)
                else:
                    os.unlink(child, dir_fd=inner)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=top)
    except OSError:
        return False
    return True
