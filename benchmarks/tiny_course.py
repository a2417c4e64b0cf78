"""A course of one assignment, one module and one part, whose ten tests each run forward, backward and gradcheck."""

from __future__ import annotations

from pathlib import Path

from grader.course import Course

__all__ = ["ASSIGNMENT", "HAND_IN", "PART", "tiny_course"]

ASSIGNMENT, MODULE, PART = "A9", "layers", "layer"
SOLUTION = '''"""One layer."""

import torch
from torch import Tensor


def layer(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """tanh of a linear map: x (N, D), w (D, M), b (M,) give (N, M)."""
    return torch.tanh(x @ w + b)
'''
HAND_IN = {MODULE: (f"{MODULE}.py", SOLUTION)}

RUBRIC = f"""id = "{ASSIGNMENT}"
title = "One layer"
[modules.{MODULE}]
title = "A layer"
[modules.{MODULE}.parts.{PART}]
title = "Forward and backward"
points = 10
"""

SUITE = '''"""What grades the layer: {count} sizes."""

import pytest
import torch

from grader import checks


class TestLayer:
    """Forward and backward of a layer."""

    @pytest.mark.parametrize("n", range(1, {count} + 1))
    def test_values_and_gradients(self, student, draw, n):
        x, w, b = draw.normal(n, 4), draw.normal(4, 3), draw.normal(3)
        checks.close(student.layer(x, w, b), torch.tanh(x @ w + b), what="y")
        checks.gradcheck(student.layer, (x, w, b))
'''
TESTS = {"public": 4, "hidden": 6}


def tiny_course(root: Path) -> Course:
    """Write it into the folder `root`."""
    suites = root / "grader" / "suites" / ASSIGNMENT
    files = {suites / "rubric.toml": RUBRIC, root / "solutions" / ASSIGNMENT / f"{MODULE}.py": SOLUTION}
    for visibility, count in TESTS.items():
        files[suites / MODULE / f"test_{visibility}.py"] = SUITE.format(count=count)
    files[suites / MODULE / "mistakes.py"] = '"""No known mistakes."""\n\nMISTAKES: list[object] = []\n'
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return Course(root)
