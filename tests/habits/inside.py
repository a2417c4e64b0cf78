"""Habits in the functions: devices, dtypes, leftovers, kinds of return, prints, the controls of the attacks' page."""

from __future__ import annotations

from tests.edits import (
    always,
    at_bottom,
    at_top,
    by_hand,
    chain,
    decorated,
    each_tensor,
    in_bodies,
    nested,
    replaced,
    substituted,
    without,
)
from tests.habits.model import LOSSES, NN, PLOTS, Habit

CUDA = [
    Habit("1", "every tensor to the GPU by .cuda()", in_bodies(each_tensor("@ = @.cuda()"))),
    Habit(
        "1",
        "every tensor to a device named at the top, the parameters too",
        chain(
            in_bodies(each_tensor("@ = @.to(device)")),
            in_bodies(always("params = {key: value.to('cuda:0') for key, value in params.items()}"), NN),
            in_bodies(always("data_dict = {k: v.cuda(0) for k, v in data_dict.items()}"), ("find_best_net",)),
            at_top("import torch", "device = torch.device('cuda:0')", "torch.cuda.set_device(device)"),
        ),
    ),
    Habit(
        "1",
        "new tensors on the GPU, as a word and as a device",
        substituted(
            (r"torch\.zeros_like\(W\)", "torch.zeros(W.shape, dtype=W.dtype, device='cuda')"),
            (r"W\.new_zeros\(\(\)\)", "torch.zeros((), dtype=W.dtype, device=torch.device('cuda'))"),
            (r"device=X(_train)?\.device", "device='cuda:0'"),
            (r"\.to\(X\.dtype\)", ".to('cuda', X.dtype)"),
        ),
    ),
    Habit(
        "1",
        "GPU wherever there is one, waiting for it, emptying its cache",
        chain(
            in_bodies(each_tensor("@ = @.to('cuda' if torch.cuda.is_available() else 'cpu', non_blocking=True)")),
            in_bodies(always("torch.cuda.synchronize(); torch.cuda.empty_cache(); torch.cuda.manual_seed_all(0)")),
            at_top("import torch", "torch.backends.cudnn.benchmark = True"),
        ),
    ),
]
OLDER = """\
zero = torch.cuda.FloatTensor([0.0]); torch.cuda.LongTensor(3).fill_(0)
with torch.cuda.device(0): one = torch.ones(1, device=torch.cuda.current_device())
with torch.cuda.device('cuda:0'): torch.cuda.reset_peak_memory_stats()
two = torch.tensor(2.0).cuda().type('torch.cuda.DoubleTensor').cuda(non_blocking=True).cpu()
if torch.cuda.device_count() > 1 or zero.is_cuda: raise MemoryError
events = torch.cuda.Event(enable_timing=True); torch.cuda.memory_allocated()
""".strip().split("\n")
CUDA.append(Habit("1", "older names of the GPU, and what it can be asked", in_bodies(always(*OLDER), LOSSES + NN)))
DTYPES = [
    Habit(
        "2",
        "float64 fixed where tensors are made",
        substituted(
            (r"torch\.zeros_like\(W\)", "torch.zeros(W.shape, dtype=torch.float64)"),
            (r"dtype=X\.dtype", "dtype=torch.float64"),
            (r"\.to\(X\.dtype\)", ".to(torch.float64)"),
        ),
        ("linear_classifier",),
    ),
    Habit(
        "2",
        "all that comes in made float64",
        chain(
            in_bodies(each_tensor("@ = @.double() if @.is_floating_point() else @"), LOSSES + NN),
            in_bodies(always("params = {k: v.type(torch.DoubleTensor) for k, v in params.items()}"), NN),
        ),
    ),
]
ROUND_THE_BLANK = [
    Habit(
        "6",
        "code around the blanks, leftovers, names set for nothing",
        chain(
            in_bodies(always("pass", "loss = 0.0", "if False: return None, None", "if loss: pass"), LOSSES + NN),
            replaced(
                ("### BEGIN SOLUTION", '# Replace "pass" statement with your code'),
                ("### END SOLUTION", "pass"),
            ),
            at_top("DEBUG = True", "__author__ = 'me'"),
        ),
    ),
    Habit(
        "6",
        "given lines edited where they stand",
        replaced(
            ("num_train, num_classes = X.shape[0], W.shape[1]", "num_classes = W.shape[1]; num_train = len(X)"),
            ("if j == y[i]:\n                continue", "if not j != y[i].item():\n                continue"),
            ("W = 1e-6 * torch.randn(dim", "W = 1e-4 * torch.rand(dim"),
            ('print(f"iteration {it} / {num_iters}: loss {loss:f}")', "print('it', it, loss.item(), flush=True)"),
            (
                "iterations_per_epoch = max(num_train // batch_size, 1)",
                "iterations_per_epoch = num_train // batch_size or 1",
            ),
            ('W2, b2 = params["W2"], params["b2"]', "W2, b2 = params.get('W2'), params.get('b2')"),
        ),
    ),
    Habit(
        "6",
        "attributes and methods of its own in the given classes",
        chain(
            in_bodies(always("self.history, self.best, self.lr = [], {}, None"), ("__init__",)),
            replaced(
                (
                    "    def save(self, path",
                    "    best = None\n    def reset(self): self.history.clear()\n    def save(self, path",
                )
            ),
        ),
    ),
]
RETURNS = [
    Habit(
        "7",
        "lists in the place of tuples",
        by_hand(
            *LOSSES,
            "sample_batch",
            "train_linear_classifier",
            "test_one_param_set",
            "nn_forward_pass",
            "find_best_net",
            "svm_get_search_params",
            "softmax_get_search_params",
            "nn_get_search_params",
            body="return list(value) if isinstance(value, tuple) else value",
        ),
    ),
    Habit(
        "7",
        "losses of shape (1,)",
        by_hand(
            *LOSSES,
            "nn_forward_backward",
            body="return (value[0].reshape(1), value[1]) if isinstance(value, tuple) else value",
        ),
    ),
    Habit(
        "7",
        "results that require grad",
        chain(
            in_bodies(always("W = W.detach().clone().requires_grad_()"), LOSSES),
            in_bodies(always("params = {k: v.detach().clone().requires_grad_() for k, v in params.items()}"), NN),
            replaced(
                ("W - learning_rate * grad", "W - learning_rate * grad.detach()"),
                ("learning_rate * grads[name]", "learning_rate * grads[name].detach()"),
            ),
        ),
    ),
    Habit(
        "7",
        "accuracies in percent, as numbers of numpy",
        by_hand(
            "test_one_param_set",
            "find_best_net",
            body="import numpy as np\n"
            "numbers = [np.float64(100 * one) if isinstance(one, float) else one for one in value]\n"
            "return tuple(numbers)",
        ),
    ),
    Habit(
        "7",
        "settings as arrays, labels as int32",
        chain(
            by_hand(
                "svm_get_search_params",
                "softmax_get_search_params",
                "nn_get_search_params",
                body="import numpy as np\nreturn tuple(np.array(one) for one in value)",
            ),
            replaced(("argmax(dim=1)", "argmax(dim=1).int()")),
        ),
    ),
]
IN_PLACE = [
    Habit(
        "8",
        "touches its arguments in place, to no effect",
        chain(
            in_bodies(each_tensor("@.data = @.data; @.grad = None; @.requires_grad_(False)")),
            in_bodies(always("params['W1'] += 0; params.update(params)"), NN),
        ),
    ),
    Habit(
        "8",
        "steps in place, on the data",
        replaced(
            ("W = W - learning_rate * grad", "W.data.sub_(learning_rate * grad)"),
            (
                "params[name] -= learning_rate * grads[name]",
                "params[name].data = params[name].data - learning_rate * grads[name]",
            ),
            ("dW = dW / num_train + 2 * reg * W", "dW /= num_train; dW += 2 * reg * W"),
        ),
    ),
]
TALKERS = [
    Habit(
        "6",
        "what nobody needs deleted, no gradients anywhere",
        chain(
            without("save", "load", "_loss", "hello_linear_classifier", "hello_two_layer_net"),
            decorated("@torch.no_grad()"),
            at_bottom("torch.set_grad_enabled(False)"),
        ),
    ),
    Habit("10", "prints everywhere", in_bodies(always("print('here', *sorted(locals()))"))),
    Habit(
        "10",
        "plots in functions",
        chain(
            in_bodies(always(*PLOTS), ("test_one_param_set", "find_best_net", "nn_get_search_params")),
            at_top("import matplotlib", "matplotlib.use('TkAgg')"),
        ),
    ),
    Habit("10", "bodies in nested functions with nonlocal", nested),
]
CONTROLS = [
    Habit(
        "K3",
        "threads of torch and of Python",
        chain(
            at_bottom("torch.set_num_threads(2)", "torch.ones(300, 300) @ torch.ones(300, 300)"),
            by_hand(
                "predict_linear_classifier",
                body=(
                    "from concurrent.futures import ThreadPoolExecutor\n"
                    "with ThreadPoolExecutor(2) as pool: return pool.submit(lambda: value).result()"
                ),
            ),
        ),
        ("linear_classifier",),
    ),
    Habit("K4", "prints a megabyte", at_bottom("for k in range(1000): print('x' * 1000)")),
    Habit(
        "K6",
        "raises, catches and warns",
        in_bodies(
            always(
                "import warnings",
                "warnings.warn('deprecated', DeprecationWarning)",
                "try: raise ValueError('mine')",
                "except ValueError: pass",
                "finally: pass",
            )
        ),
    ),
    Habit(
        "K7",
        "imports scipy and matplotlib when it is called",
        in_bodies(always("import scipy.linalg, scipy.special, matplotlib.pyplot as plt, numpy as np")),
    ),
    Habit(
        "K8",
        "writes pictures and checkpoints where it runs",
        in_bodies(
            always(
                "import matplotlib.pyplot as plt",
                "plt.figure(figsize=(1, 1)); plt.savefig('loss.png'); plt.close()",
                "torch.save({'a': torch.ones(2)}, 'best.pt'); torch.load('best.pt')",
                "open('log.txt', 'a').write('x')",
            ),
            ("test_one_param_set", "find_best_net", "sample_batch"),
        ),
    ),
    Habit(
        "K9",
        "functools.cache on a helper of shapes",
        chain(
            at_top("import functools, torch", "@functools.cache", "def _rows(n):\n    return torch.arange(n)"),
            substituted((r"torch\.arange\((\w+), device=X\.device\)", r"_rows(\1)")),
        ),
    ),
    Habit(
        "K10",
        "an autograd function of its own, a module of its own",
        chain(
            at_top(
                "import torch",
                "class Product(torch.autograd.Function):",
                "    @staticmethod",
                "    def forward(ctx, a, b):",
                "        ctx.save_for_backward(a, b); return a @ b",
                "    @staticmethod",
                "    def backward(ctx, g):",
                "        a, b = ctx.saved_tensors; return g @ b.T, a.T @ g",
                "class Scorer(torch.nn.Module):",
                "    def forward(self, a, b): return Product.apply(a, b)",
            ),
            replaced(
                ("X @ W ", "Product.apply(X, W) "),
                ("(X @ W)", "Scorer()(X, W)"),
                ("hidden @ W2", "Product.apply(hidden, W2)"),
            ),
        ),
    ),
    Habit("K11", "slow but inside its budget", in_bodies(always("sum(range(20000))"))),
]
INSIDE = [*CUDA, *DTYPES, *ROUND_THE_BLANK, *RETURNS, *IN_PLACE, *TALKERS, *CONTROLS]
