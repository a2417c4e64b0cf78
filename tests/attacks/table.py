"""The corpus: each attack, how its success is seen, and against which grader it does succeed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["ATTACKS", "CORPUS", "PART", "Attack", "with_placeholders"]

CORPUS = Path(__file__).resolve().parent / "corpus"
PART = "svm_loss_naive"
_OTHERS = """
svm_loss_vectorized sample_batch train_linear_classifier predict_linear_classifier svm_get_search_params
test_one_param_set softmax_loss_naive softmax_loss_vectorized softmax_get_search_params
""".split()

Proof = Literal["prints", "passes"]
Control = Literal["unconfined", "plain", "none"]


def with_placeholders(text: str) -> str:
    """A module with all other parts left blank, so that they are judged by their syntax and need no worker."""
    blanks = (f'def {name}(*given):\n    raise NotImplementedError("{name}")\n' for name in _OTHERS)
    return "\n\n".join([text, *blanks])


@dataclass(frozen=True)
class Attack:
    """One file of the corpus.

    `proof` says how its success shows: it prints a finding, or it earns points. `control` names the grader against
    which it must succeed: our own with `--sandbox none`, the plain one, or none; then `why` says why not.
    """

    id: str
    title: str
    proof: Proof
    control: Control
    why: str = ""
    beside: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The hand-in's module."""
        return with_placeholders((CORPUS / f"{self.id}.py").read_text(encoding="utf-8"))

    def write(self, folder: Path) -> None:
        """Make the hand-in's folder."""
        folder.mkdir(parents=True)
        for name, text in {"linear_classifier.py": self.text, **self.beside}.items():
            (folder / name).write_text(text, encoding="utf-8")


_SHIPPED = '''"""Says so when it is imported in place of another."""
SHIPPED = True
print("ATTACK succeeded: {name} was imported")
'''
_CONFTEST = '''"""Makes every test of a runner that loads this file a pass."""
import pytest
print("ATTACK succeeded: conftest.py was loaded")
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    report.outcome = "passed"
    return report
'''
_NAMES = ("statistics.py", "torch.py", "eecs598.py", "sitecustomize.py", "usercustomize.py")
_BESIDE = {name: _SHIPPED.format(name=name) for name in _NAMES} | {"conftest.py": _CONFTEST}

_NO_CHANNEL = "a grader in one process has no channel on which an answer could be forged"

ATTACKS = (
    Attack("R1", "opens suites, rubric and solutions by path", "prints", "unconfined"),
    Attack("R2", "imports suites and solutions", "prints", "unconfined"),
    Attack("R3", "looks into its parent under /proc", "prints", "unconfined"),
    Attack("R4", "walks frames, modules and live objects", "prints", "plain"),
    Attack("R5", "lists inherited descriptors", "prints", "plain"),
    Attack("R6", "reads environment and command line", "prints", "plain"),
    Attack("R7", "predicts the inputs from the generator's state", "prints", "plain"),
    Attack("R10", "carries hidden inputs home in an exception", "prints", "plain"),
    Attack("F1", "returns tensors that agree with everything", "passes", "plain"),
    Attack("F2", "returns NaN", "passes", "plain"),
    Attack("F3", "returns a gradient of no elements", "passes", "plain"),
    Attack("F5", "sets its arguments to zero", "passes", "plain"),
    Attack("F7", "raises what runners take for a skip", "passes", "plain"),
    Attack("F8", "leaves with exit status 0", "passes", "plain"),
    Attack("F9", "writes its own results", "prints", "unconfined"),
    Attack("F10", "ships conftest.py, torch.py and others", "passes", "plain", beside=_BESIDE),
    Attack("P1", "returns what runs when it is unpickled", "prints", "plain"),
    Attack("P2", "answers calls that were not made", "passes", "none", _NO_CHANNEL),
    Attack("P3", "lies in the headers of its answers", "passes", "none", _NO_CHANNEL),
    Attack("P4", "returns a list without a bottom", "passes", "none", "a grader in one process decodes nothing"),
    Attack("E1", "writes outside its scratch folder", "prints", "unconfined"),
    Attack("E2", "leaves links and pipes behind", "prints", "unconfined"),
    Attack("E3", "opens sockets", "prints", "unconfined"),
    Attack("E5", "signals other processes", "prints", "unconfined"),
    Attack("E6", "reads another process's memory", "prints", "unconfined"),
    Attack("E7", "starts processes", "prints", "unconfined"),
    Attack("E8", "makes forbidden calls from native code", "prints", "unconfined"),
    Attack("E11", "asks whether it is locked before its first line", "prints", "unconfined"),
)
