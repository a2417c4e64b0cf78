"""Habits round the functions: what is imported, what is done at import, how the file is written."""

from __future__ import annotations

from tests.edits import (
    always,
    at_bottom,
    at_top,
    bare,
    chain,
    in_bodies,
    indented,
    notebook,
    replaced,
)
from tests.habits.model import PLOTS, Habit

GONE = """\
import turtle
from turtle import forward
from platform import dist
import cgi, audioop, imp
import cv2
import networkx as nx
from sympy import *
from torch._C import dtype
from tkinter.tix import Tree
from sklearn.externals import joblib
from scipy.misc import imread
""".split("\n")
MISSING = """\
from torchsummary import summary
import pudb
import my_debugger
from helper import *
from A2.a2_helpers import *
from eecs598.a2_helpers import *
from a2_helpers import *
from A3.a3_helper import hello_helper as nothing
import eecs598
from eecs598 import reset_seed
from tqdm import tqdm, trange
from google.colab import files
""".split("\n")
DRIVE = """\
from google.colab import drive
drive.mount('/content/drive')
import sys, os
sys.path.append('/content/drive/My Drive/A2')
os.chdir('/content/drive/My Drive/A2')
X_cifar = torch.load('/content/drive/My Drive/A2/data.pt')
get_ipython().run_line_magic('load_ext', 'autoreload')
torch.cuda.get_device_name(0)
assert torch.cuda.is_available(), 'please use a GPU'
raise KeyError('left over')
""".split("\n")
TRIALS = {
    "linear_classifier": """\
import linear_classifier as itself
from linear_classifier import *
W_try, X_try, y_try = torch.randn(4, 3), torch.randn(5, 4), torch.tensor([0, 1, 2, 1, 0])
print(svm_loss_naive(W_try, X_try, y_try, 0.1))
print(test_one_param_set(LinearSVM(), {}, 1.0, 1.0))
svm_loss_vectorized(W_try.cuda(), X_try.cuda(), y_try.cuda())
""",
    "two_layer_net": """\
import two_layer_net
from two_layer_net import *
import linear_classifier as lc
from linear_classifier import *
from .linear_classifier import sample_batch
from A2.linear_classifier import sample_batch
net_try = TwoLayerNet(4, 3, 2, device='cpu')
print(net_try.loss(torch.randn(5, 4)))
find_best_net({}, nn_get_search_params)
""",
}


def trials(text: str) -> str:
    """Calls of the module's own functions below them, some of which raise."""
    module = "linear_classifier" if "def svm_loss_naive" in text else "two_layer_net"
    return at_bottom(*TRIALS[module].split("\n"), *PLOTS)(text)


IMPORTS = [
    Habit("3", "imports that nobody uses, some gone from Python", at_top(*GONE)),
    Habit("5", "packages that nobody has, the helper under many names", at_top(*MISSING)),
    Habit(
        "5",
        "progress bars in the loops",
        chain(
            at_top("from tqdm import tqdm, trange", "from tqdm.notebook import tqdm as bar"),
            replaced(
                ("for it in range(num_iters):", "for it in trange(num_iters):"),
                ("for i in range(num_train):", "for i in tqdm(range(num_train), desc='items'):"),
                ("in itertools.product(*get_param_set_fn()):", "in bar(list(itertools.product(*get_param_set_fn()))):"),
            ),
        ),
    ),
]
AT_IMPORT = [
    Habit("4", "a drive to mount, data that isn't there, a statement that raises", at_top("import torch", *DRIVE)),
    Habit("4", "the module imports itself, calls its functions and plots", trials),
    Habit("4", "leaves by sys.exit", at_bottom("import sys", "print('done')", "sys.exit(0)", "exit()", "quit()")),
    Habit(
        "4",
        "another dtype and the GPU as torch's defaults",
        at_top(
            "import torch",
            "torch.set_default_tensor_type('torch.cuda.FloatTensor')",
            "torch.set_default_device('cuda')",
            "torch.set_printoptions(precision=8)",
            "torch.autograd.set_detect_anomaly(True)",
            "torch.random.manual_seed(598)",
        ),
    ),
]
HELPERS = [
    Habit(
        "14",
        "the given helper under another name, asked for with a further keyword",
        chain(
            at_top("import tools", "from tools import get_toy_data", "import a2_helpers as tools"),
            at_bottom("from a2_helpers import get_toy_data", "toy = get_toy_data(device='cpu', verbose=True)"),
        ),
    ),
]
TEXTS = [
    Habit("W22", "type hints and docstrings stripped, rewritten by a formatter", bare),
    Habit(
        "W22",
        "classes of the older form, hints by typing",
        chain(
            replaced(
                ("class LinearClassifier:", "class LinearClassifier(object):"),
                ("class TwoLayerNet:", "class TwoLayerNet(object):"),
                ("-> tuple[Tensor, Tensor]:", "-> Tuple[torch.Tensor, torch.Tensor]:"),
                ("Tensor | None", "Optional[Tensor]"),
            ),
            at_top("from typing import Callable, Dict, List, Optional, Tuple"),
        ),
    ),
    Habit(
        "K12",
        "CRLF, a byte order mark, comments in Greek",
        lambda text: (
            b"\xef\xbb\xbf" + in_bodies(always("# βαθμίδα: ∂L/∂W — 損失"))(text).replace("\n", "\r\n").encode()
        ),
    ),
    Habit("K12", "tabs", indented("\t")),
    Habit("W22", "two blanks for each level, as the course has it", indented("  ")),
    Habit(
        "K12",
        "latin-1 by its coding line, a form feed, no newline at the end",
        lambda text: ("# -*- coding: latin-1 -*-\n" + bare(text).rstrip("\n") + "\n\f\nNAME = 'Zoë'").encode(
            "latin-1", "replace"
        ),
    ),
    Habit("4", "a notebook in place of the module", notebook, suffix=".ipynb"),
]
OUTSIDE = [*IMPORTS, *AT_IMPORT, *HELPERS, *TEXTS]
