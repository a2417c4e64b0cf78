"""What processes cost: CPU seconds by the kernel's clocks, memory by its own account."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Memory", "cpu_with_children_s", "family", "held", "memory", "own_cpu_s"]

KIB_PER_MIB = 1024


@dataclass(frozen=True)
class Memory:
    """What is resident, in MiB: all of it, with shared pages divided among their users, and the private ones alone."""

    rss_mib: float = 0
    pss_mib: float = 0
    uss_mib: float = 0


def own_cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended and were waited for."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def cpu_with_children_s(pid: int) -> float:
    """CPU seconds of another process by its clock, and of its children that have ended, these to 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime((~pid << 3) | 2) + children


def memory(pid: int) -> Memory:
    """What a process holds, by `smaps_rollup`."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    rows = {line.split(":")[0]: int(line.split()[1]) / KIB_PER_MIB for line in lines}
    return Memory(rows["Rss"], rows["Pss"], rows["Private_Clean"] + rows["Private_Dirty"])


def family(pid: int, generations: int | None = None) -> list[int]:
    """The processes that descend from this one, by all generations or so many."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found, youngest = [], [pid]
    while youngest and generations != 0:
        youngest = [child for parent in youngest for child in children.get(parent, [])]
        found += youngest
        generations = None if generations is None else generations - 1
    return found


def held(pids: Iterable[int]) -> Memory:
    """What those of the processes hold together that have not ended."""
    total = Memory()
    for pid in pids:
        with contextlib.suppress(OSError, KeyError):  # it is ending
            one = memory(pid)
            total = Memory(total.rss_mib + one.rss_mib, total.pss_mib + one.pss_mib, total.uss_mib + one.uss_mib)
    return total
