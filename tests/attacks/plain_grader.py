"""A grader as most are: hand-ins run in its own process, beside the reference and its own settings.

Attacks that can't be let loose on a confined run, or whose control needs no machine, must succeed against it. Used as
a script with the folders of hand-ins: each is graded by pytest in a forked process, and the last line printed is
JSON, `{name: {"passes": ..., "output": ...}}`. A hand-in passes when one of three usual ways of comparing lets it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from torch import Tensor

INPUTS_SEED = 0


def reference(W: Tensor, X: Tensor, y: Tensor, reg: float) -> Tensor:
    """Gradient of the SVM loss."""
    scores = X @ W
    margins = (scores - scores.gather(1, y[:, None]) + 1).scatter(1, y[:, None], 0.0)
    slopes = (margins > 0).to(W.dtype)
    slopes.scatter_(1, y[:, None], -slopes.sum(1, keepdim=True))
    return X.T @ slopes / len(X) + 2 * reg * W


def answer(module: Path, expected_first: bool) -> tuple[Tensor, Tensor]:
    """The gradient expected and the one that the hand-in's file gives."""
    spec = importlib.util.spec_from_file_location("linear_classifier", module)
    assert spec is not None
    assert spec.loader is not None
    handin = sys.modules["linear_classifier"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(handin)
    torch.manual_seed(INPUTS_SEED)
    W, X, y = torch.randn(4, 3), torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    expected = reference(W, X, y, 0.0) if expected_first else torch.empty(0)
    got = pickle.loads(pickle.dumps(handin.svm_loss_naive(W, X, y, 0.0)[1]))  # as pools of processes do
    return got, expected if expected_first else reference(W, X, y, 0.0)


class TestSvmLossNaive:
    @pytest.mark.skipif("HANDIN" not in os.environ, reason="run by the script below")
    @pytest.mark.parametrize("way", ["allclose", "no greater error", "reference afterwards"])
    def test_gradient(self, way: str) -> None:
        with open(Path(os.environ["HANDIN"]).with_suffix(".log"), "a"):  # a descriptor that hand-ins find open
            got, expected = answer(Path(os.environ["HANDIN"]), way != "reference afterwards")
        if way == "no greater error":
            assert not ((got - expected).abs() > 1e-6).any()
        else:
            assert torch.allclose(got, expected)


class Tally:
    """Whether any test did not fail."""

    passes = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Look at the call, or at what came in its place."""
        if report.when == "call":
            self.passes |= not report.failed


def grade(folder: Path) -> dict[str, object]:
    """Grade one hand-in in a forked process, its files beside the test's as in most repositories."""
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryFile() as output:
        shutil.copytree(folder, place, dirs_exist_ok=True)
        test = str(shutil.copy(__file__, Path(place, "test_hidden.py")))
        pid = os.fork()
        if pid == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            os.environ["HANDIN"] = os.path.join(place, "linear_classifier.py")
            tally = Tally()
            pytest.main(["-q", "-s", "-p", "no:cacheprovider", "-o", "addopts=", test], plugins=[tally])
            sys.stdout.flush()  # os._exit drops what is still in the buffer
            os._exit(0 if tally.passes else 1)
        passes = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        output.seek(0)
        return {"passes": passes, "output": output.read().decode(errors="replace")}


if __name__ == "__main__":
    pytest.main(["-q", "--collect-only", "-p", "no:cacheprovider", "-o", "addopts=", __file__])
    print(json.dumps({Path(folder).name: grade(Path(folder)) for folder in sys.argv[1:]}))
