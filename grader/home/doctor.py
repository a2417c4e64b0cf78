"""What this machine can enforce and what it has: sandbox, GPU, data, versions."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from eecs598 import data
from grader import confine
from grader import course as courses
from grader.errors import UsageError

__all__ = ["facts_of"]

PACKAGES = ("torch", "torchvision", "numpy", "pytest", "msgspec", "pydantic", "sandlock", "pyseccomp")


def facts_of(course: Path | None = None) -> dict[str, Any]:
    """`{"sandbox": {promise: held}, "gpu": …, "data": {name: place}, "versions": {…}}`; the promises are tried now."""
    return {
        "sandbox": confine.doctor_facts(_rubrics(course)),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "data": {name: _place(name) for name in data.DATASETS},
        "versions": {"python": platform.python_version(), "kernel": platform.release(), **_versions()},
    }


def _rubrics(course: Path | None) -> list[Path]:
    try:
        return list(courses.find(course).rubrics())
    except UsageError:
        return []  # outside a course there is no rubric that a worker might open


def _place(name: str) -> str:
    found = data.locate(name)
    return str(found.path) if found.kind == "real" else "stand-in"


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
