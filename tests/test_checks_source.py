"""Rules on source text: what they rule out is found under other names too, and nothing else is."""

from __future__ import annotations

import pytest

from grader.checks import Failure, Source

LOOPS = [
    "for i in range(3): pass",
    "while x: x -= 1",
    "if x:\n        for i in x: pass",
    "y = [f(row) for row in x]",
    "y = sum(row * 2 for row in x)",
    "y = {i: x[i] for i in range(3)}",
    "y = helper(x)",
    "def inner():\n        for i in x: pass",
]
NO_LOOPS = ["return x @ x", "n, d = [size for size in shape]", "return other(x)", "return x.sum(dim=0)"]
REST = """
def helper(x):
    for row in x: pass
def deeper(x): return helper(x)
def other(x): return deeper(x)
"""
CLASS = """
class C:
    def f(self, x): return self.g(x)
    @staticmethod
    def g(x):
        for i in x: pass
"""


class TestNoLoops:
    @pytest.mark.parametrize("body", LOOPS)
    def test_finds_loops_in_the_function_and_what_it_calls(self, body: str) -> None:
        with pytest.raises(Failure, match=r"f (has a loop|loops) in line \d+, which this part rules out"):
            Source(f"def f(x):\n    {body}\n{REST}").no_loops("f")

    @pytest.mark.parametrize("body", NO_LOOPS)
    def test_finds_none_where_there_is_none(self, body: str) -> None:
        Source(f"def f(x):\n    {body}\n{REST}").no_loops("f")

    def test_a_loop_elsewhere_is_no_matter(self) -> None:
        Source(f"def f(x): return x\n{REST}").no_loops("f")

    def test_methods_and_what_they_call_on_themselves_are_found(self) -> None:
        with pytest.raises(Failure, match=r"C\.f has a loop in line 6"):
            Source(CLASS).no_loops("C.f")
        with pytest.raises(Failure, match="h has a loop in line 6"):
            Source(CLASS + "def h(x): return C.g(x)\n").no_loops("h")
        Source(CLASS).no_loops("C.missing")

    def test_a_missing_function_breaks_no_rule(self) -> None:
        Source("").no_loops("f")


class TestNoCalls:
    NAMES, MODULES = {"relu", "cdist"}, {"torch.nn"}

    def check(self, text: str) -> None:
        Source(text).no_calls("f", names=self.NAMES, modules=self.MODULES, hint="write it yourself")

    @pytest.mark.parametrize(
        "text",
        [
            "import torch\ndef f(x): return torch.relu(x)\n",
            "import torch\ndef f(x): return x.relu()\n",
            "import torch\ndef f(x): return torch.cdist(x, x)\n",
            "import torch\ndef f(x): return torch.nn.functional.softmax(x)\n",
            "import torch\ndef f(x): return torch.nn.Linear(2, 2)(x)\n",
            "import torch as t\ndef f(x): return t.nn.functional.softmax(x)\n",
            "from torch import nn\ndef f(x): return nn.functional.softmax(x)\n",
            "import torch.nn.functional as F\ndef f(x): return F.softmax(x)\n",
            "from torch.nn import functional as F\ndef f(x): return F.softmax(x)\n",
            "from torch.nn.functional import softmax as mine\ndef f(x): return mine(x)\n",
            "from torch import relu\ndef f(x): return relu(x)\n",
            "from torch import relu as mine\ndef f(x): return mine(x)\n",
            "def f(x):\n    from torch.nn.functional import softmax\n    return softmax(x)\n",
            "import torch\nF = torch.nn.functional\ndef f(x): return F.softmax(x)\n",
            "import torch\nmine = torch.relu\ndef f(x): return mine(x)\n",
            "import torch\ndef f(x):\n    g = torch.relu\n    return g(x)\n",
            "import torch\ndef f(x): return getattr(torch, 'relu')(x)\n",
            "import torch\ndef f(x): return getattr(torch.nn, 'functional').softmax(x)\n",
            "import torch\ndef g(x): return torch.relu(x)\ndef f(x): return g(x)\n",
            "import torch\ndef f(x): return list(map(torch.relu, x))\n",
        ],
    )
    def test_finds_them_under_any_name(self, text: str) -> None:
        with pytest.raises(Failure, match=r"f uses .* in line \d+, which this part rules out") as caught:
            self.check(text)
        assert caught.value.details == [("look at", "write it yourself")]

    @pytest.mark.parametrize(
        "text",
        [
            "import torch\ndef f(x): return x.clamp(min=0)\n",
            "import torch\ndef f(x): return torch.nnn.softmax(x)\n",
            "def relu(x): return x.clamp(min=0)\ndef f(x): return relu(x)\n",
            "import torch\ndef f(x): return x * (x > 0)\ndef g(x): return torch.relu(x)\n",
            "import torch\ndef f(x): return 'torch.relu'  # torch.relu(x)\n",
            "from torch import nn\ndef f(x): return x\n",
            "import torch\ndef f(x): return getattr(torch, 'exp')(x)\n",
        ],
    )
    def test_finds_nothing_else(self, text: str) -> None:
        self.check(text)

    def test_says_which_name_in_which_line(self) -> None:
        with pytest.raises(Failure, match=r"f uses torch\.nn\.functional\.softmax in line 3"):
            self.check("import torch.nn.functional as F\ndef f(x):\n    return F.softmax(x)\n")
