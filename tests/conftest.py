"""What the kit's tests share: proofs by module, and real data that must not be missed where it is promised."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.small_grader import SmallGrader
    from tests.workers import Connect, WarmParent

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--modules", nargs="+", default=["all"], help="prove these modules only, such as A2/linear_classifier"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs real data where there is none; leave out the proofs of modules that nobody asked for."""
    if not os.environ.get("EECS598_REAL_DATA"):
        for item in items:
            if item.get_closest_marker("real_data"):
                item.add_marker(pytest.mark.skip(reason="real data: EECS598_REAL_DATA is not set"))
    unwanted = [item for item in items if not _is_asked_for(item, config.getoption("--modules"))]
    if unwanted:
        config.hook.pytest_deselected(items=unwanted)
        items[:] = [item for item in items if item not in unwanted]


def _is_asked_for(item: pytest.Item, modules: list[str]) -> bool:
    proof = item.get_closest_marker("proofs")
    return proof is None or "all" in modules or not proof.args or proof.args[0] in modules


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test of real data that skips itself although the data was promised has failed."""
    report = yield
    if report.skipped and item.get_closest_marker("real_data") and os.environ.get("EECS598_REAL_DATA"):
        report.outcome = "failed"
        report.longrepr = f"skipped, though EECS598_REAL_DATA names data: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallGrader]:
    """The tiny course, graded by parents that start once."""
    from tests.small_grader import started  # late: most tests need no torch

    with started(tmp_path_factory.mktemp("small")) as grader:
        yield grader


@pytest.fixture(scope="session")
def warm_parent() -> Iterator[WarmParent]:
    """The warm parent of workers, started when the first test asks for a worker."""
    from tests.workers import WarmParent  # with torch: tests that need no worker don't wait for it

    with WarmParent() as parent:
        yield parent


@pytest.fixture
def connect(warm_parent: WarmParent) -> Iterator[Connect]:
    """Connects to fresh confined workers: `connect(texts, memory_mib=…, cpu_s=…)`, `connect.student(texts)`."""
    from tests.workers import Connect

    connect = Connect(warm_parent)
    yield connect
    connect.close()
