"""Fresh inputs for one test: what is drawn depends on the run's seed and the test's name, on nothing else."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

__all__ = ["Draw"]


class Draw:
    """Random tensors on the CPU from a generator of its own; the global generators are left alone."""

    def __init__(self, name: str) -> None:
        digest = hashlib.sha256(name.encode()).digest()
        self._generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)

    def normal(self, *shape: int, std: float = 1.0, dtype: torch.dtype = torch.float64) -> Tensor:
        """Normal numbers of mean 0."""
        return (torch.randn(shape, dtype=torch.float64, generator=self._generator) * std).to(dtype)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0, dtype: torch.dtype = torch.float64) -> Tensor:
        """Uniform numbers from `low` to `high`."""
        return (low + (high - low) * torch.rand(shape, dtype=torch.float64, generator=self._generator)).to(dtype)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """int64, from `low` to `high` − 1."""
        return torch.randint(low, high, shape, generator=self._generator)

    def number(self, low: float, high: float) -> float:
        """One uniform number."""
        return float(self.uniform(1, low=low, high=high))

    def permutation(self, n: int) -> Tensor:
        """(n,) int64: 0 … n − 1 in random order."""
        return torch.randperm(n, generator=self._generator)
