"""Runs a function on many items, each in a forked child of this process, a few at a time."""

from __future__ import annotations

import os
import resource
import selectors
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from grader.worker.process import die_with

__all__ = ["map_forked"]

Item = TypeVar("Item")


def map_forked(
    function: Callable[[Item], bytes], items: Iterable[Item], *, jobs: int, cpu_s: int
) -> Iterator[tuple[Item, bytes | None]]:
    """(item, what `function` gave) as the children end; None where a child was stopped or died.

    A child that raises shows its traceback on standard error and gives None. One process does nothing else meanwhile,
    so that what it has imported and collected is shared by all children.
    """
    waiting = iter(items)
    selector = selectors.DefaultSelector()
    running = 0
    while True:
        while running < jobs and (item := next(waiting, None)) is not None:
            reader, pid = _fork(function, item, cpu_s)
            selector.register(reader, selectors.EVENT_READ, (item, pid, bytearray()))
            running += 1
        if not running:
            return
        for key, _ in selector.select():
            item, pid, data = key.data
            chunk = os.read(key.fd, 1 << 16)
            data += chunk
            if not chunk:
                selector.unregister(key.fd)
                os.close(key.fd)
                _, status = os.waitpid(pid, 0)
                running -= 1
                yield item, bytes(data) if status == 0 else None


def _fork(function: Callable[[Item], bytes], item: Item, cpu_s: int) -> tuple[int, int]:
    reader, writer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        os.close(writer)
        return reader, pid
    status = 1
    try:
        die_with(parent)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        with os.fdopen(writer, "wb") as file:
            file.write(function(item))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)
