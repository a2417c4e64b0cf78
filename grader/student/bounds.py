"""What a hand-in may cost this side: bounds on functions of ours that it calls with arguments of its own."""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Allowance"]

MEMORY_MIB = 2048


class Allowance:
    """CPU seconds, over all calls, and memory, for each one, that a hand-in's calls may take of this process."""

    def __init__(self, cpu_s: float, memory_mib: int = MEMORY_MIB) -> None:
        self.left_s = cpu_s
        self._memory = memory_mib << 20

    @contextmanager
    def spend(self) -> Iterator[None]:
        """Within it, more memory raises MemoryError or torch's own error, and more CPU time raises TimeoutError.

        For the main thread of a process that uses neither SIGPROF nor a limit on its data: an examiner.
        """
        from grader.confine.locking import data_bytes  # where it is used: at home nothing stands in, and none is needed

        if self.left_s <= 0:
            raise TimeoutError("the functions lent to this part have used up their CPU time")
        start = time.process_time()
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        handler = signal.signal(signal.SIGPROF, _late)
        signal.setitimer(signal.ITIMER_PROF, self.left_s)
        try:
            most = data_bytes() + self._memory
            resource.setrlimit(
                resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
            )
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, handler)
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
            self.left_s -= time.process_time() - start


def _late(number: int, frame: FrameType | None) -> None:
    raise TimeoutError("the functions lent to this part have used up their CPU time")
