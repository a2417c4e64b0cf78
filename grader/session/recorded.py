"""Answers of the solution on public inputs: written by `grader stubs`, compared with at home and in grading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.checks import close
from grader.errors import CourseError

__all__ = ["Answers", "Recorded", "load", "save"]


class Answers(dict[str, Any]):
    """Answers while they are recorded; inputs that were drawn before are known, so that they stay what they were."""

    def __init__(self, known: dict[str, Any]) -> None:
        super().__init__()
        self.known = known


class Recorded:
    """One test's inputs and answers; with `writing`, what the solution gives is put down instead of compared."""

    def __init__(self, answers: dict[str, Any], prefix: str, *, writing: bool = False) -> None:
        self._answers = answers
        self._prefix = prefix
        self._writing = writing

    def input(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """The recorded input of this name: `make` draws it when it is recorded, never afterwards."""
        key = f"{self._prefix}/{name}"
        if self._writing:
            known = getattr(self._answers, "known", {})
            self._answers[key] = known[key] if key in known else make().numpy()
        return torch.from_numpy(np.array(self._known(key)))

    def matches(self, name: str, value: object, *, rtol: float = 1e-6, atol: float = 1e-8, hint: str = "") -> None:
        """`value` is what the solution gave."""
        key = f"{self._prefix}/{name}"
        if self._writing:
            self._answers[key] = torch.as_tensor(value).detach().numpy()
        close(value, torch.from_numpy(np.array(self._known(key))), rtol=rtol, atol=atol, what=name, hint=hint)

    def _known(self, key: str) -> Any:
        if key not in self._answers:
            raise CourseError(f"no answer is recorded for {key}", way_out="run `grader stubs`")
        return self._answers[key]


def load(path: Path) -> dict[str, Any]:
    """The recorded answers of an assignment; none where the file is not there yet."""
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def save(path: Path, answers: Mapping[str, Any]) -> None:
    """Write the answers of an assignment, in order of their names."""
    np.savez_compressed(path, **{name: answers[name] for name in sorted(answers)})
