"""Removes a worker's scratch folder, whatever a hand-in has left there."""

from __future__ import annotations

import contextlib
import os
import stat

__all__ = ["remove_tree"]

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def remove_tree(folder: str) -> None:
    """Remove a folder that nobody uses any more; what can't be removed is left.

    It walks with one descriptor, down by name and up by "..": neither the length of a path nor the depth of calls nor
    the number of descriptors grows with the depth of the folders. No link is followed.
    """
    try:
        here = os.open(folder, FOLDER)
    except OSError:
        return
    above: list[tuple[str, list[str]]] = []  # of each folder on the way: its name, and what is still to do beside it
    todo = _emptied(here)
    while todo or above:
        if todo:
            name = todo.pop()
            with contextlib.suppress(OSError):
                here = _moved(here, name)
                above.append((name, todo))
                todo = _emptied(here)
        else:
            name, todo = above.pop()
            here = _moved(here, "..")
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=here)
    os.close(here)
    with contextlib.suppress(OSError):
        os.rmdir(folder)


def _moved(here: int, name: str) -> int:
    there = os.open(name, FOLDER, dir_fd=here)
    os.close(here)
    return there


def _emptied(here: int) -> list[str]:
    """Unlink the files of a folder, and make its folders ones that can be entered; their names."""
    folders = []
    with contextlib.suppress(OSError):
        os.fchmod(here, 0o700)
        for name in os.listdir(here):
            with contextlib.suppress(OSError):
                if stat.S_ISDIR(os.lstat(name, dir_fd=here).st_mode):
                    os.chmod(name, 0o700, dir_fd=here)
                    folders.append(name)
                else:
                    os.unlink(name, dir_fd=here)
    return folders
