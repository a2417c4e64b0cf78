"""What a habit is, and the text that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from grader.submissions import as_text
from grader.submissions.notebook import as_module

__all__ = ["LOSSES", "NN", "PLOTS", "Habit", "handed_in"]

LOSSES = ("svm_loss_naive", "svm_loss_vectorized", "softmax_loss_naive", "softmax_loss_vectorized")
NN = ("nn_forward_pass", "nn_forward_backward", "nn_predict")
PLOTS = """\
import matplotlib.pyplot as plt
plt.rcParams['figure.figsize'] = (2.0, 2.0)
plt.plot([1, 2, 3]); plt.title('losses'); plt.show(); plt.close('all')
""".split("\n")


@dataclass(frozen=True)
class Habit:
    """One habit: `edit` gives the text, or the bytes of the file, that the student would hand in.

    `row` is its number in the list of habits of real hand-ins, or the name of the control of the attacks' page, or the
    term of the course. `suffix` is the file's where it is no `.py`.
    """

    row: str
    name: str
    edit: Callable[[str], str | bytes]
    modules: Collection[str] = ("linear_classifier", "two_layer_net")
    suffix: str = ".py"


def handed_in(habit: Habit, module: str, text: str) -> str:
    """The module's text as it is graded: edited by the habit, decoded as a file of a hand-in is."""
    data = habit.edit(text)
    if habit.suffix == ".ipynb":
        assert isinstance(data, str)
        return as_module(data.encode(), module)[0]
    return as_text(data if isinstance(data, bytes) else data.encode())
