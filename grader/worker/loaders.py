"""Lets code that asks for loader processes run where no process can be made: a DataLoader loads in its own."""

from __future__ import annotations

import functools
from typing import Any

from torch.utils.data import DataLoader

__all__ = ["load_in_process"]

ONLY_WITH_PROCESSES = ("multiprocessing_context", "persistent_workers", "pin_memory", "prefetch_factor", "timeout")


def load_in_process() -> None:
    """Wrap `DataLoader` in this process, so that `num_workers` is 0; done twice, it does nothing."""
    given = DataLoader.__init__
    if hasattr(given, "__wrapped__"):
        return

    @functools.wraps(given)
    def alone(self: Any, *args: Any, **kwargs: Any) -> None:
        kwargs = {name: value for name, value in kwargs.items() if name not in ONLY_WITH_PROCESSES}
        args = args[:5]  # dataset, batch_size, shuffle, sampler, batch_sampler; then num_workers
        if "num_workers" in kwargs:
            kwargs["num_workers"] = 0
        given(self, *args, **kwargs)

    DataLoader.__init__ = alone  # type: ignore[method-assign]
