"""For authors: `pytest grader/suites/A2/linear_classifier` runs a suite on its solution, with no worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.release.author import AuthorPlugin


def pytest_configure(config: pytest.Config) -> None:
    """Give the suites their fixtures."""
    config.pluginmanager.register(AuthorPlugin(Course(Path(__file__).resolve().parents[2])))
