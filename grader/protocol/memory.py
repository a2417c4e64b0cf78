"""What a process tells the C library and the kernel of its memory: keep what is freed, put down what is not used."""

from __future__ import annotations

import ctypes

__all__ = ["keep_freed_memory", "put_code_down"]

MADV_DONTNEED = 4
LARGE = 1 << 20

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # names and numbers of glibc's mallopt


def keep_freed_memory() -> None:
    """Let freed memory stay with this process, to be used again; where the C library can't, nothing happens.

    Fresh pages cost: a copy of 3 MB into memory of a moment ago takes 0.1 ms, into new memory up to twenty times that.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 256 << 20)


def put_code_down() -> None:
    """Let the kernel take back the libraries' code; what is run again comes back from the page cache.

    Loading torch maps its whole text, most of it code for GPUs: 100 to 300 MiB, by how much of the files the page cache
    holds. Executable pages of a file are never written to, so nothing can be lost; a fork does not copy them either.
    """
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        rows = [line.split() for line in maps]
    for row in rows:
        start, _, end = row[0].partition("-")
        size = int(end, 16) - int(start, 16)
        if row[1] == "r-xp" and size >= LARGE and row[-1].startswith("/"):
            madvise(int(start, 16), size, MADV_DONTNEED)
