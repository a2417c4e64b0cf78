"""A two-layer network trained by stochastic gradient descent, written with tensors and without autograd.

The network maps a batch of N vectors of D numbers to scores for C classes, through H hidden units:

    X (N, D)  ->  X W1 + b1  ->  ReLU  ->  hidden (N, H)  ->  hidden W2 + b2  ->  scores (N, C)

Its parameters are a plain dictionary, so that every function below sees the whole state:

    'W1' (D, H), 'b1' (H,), 'W2' (H, C), 'b2' (C,)

One rule for everything that you fill in: no call of `.to()` and none of `.cuda()` to move data between devices. Code
that makes its new tensors on the device of its inputs (`device=X.device`) runs on a laptop and on a GPU unchanged.
"""

import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from linear_classifier import sample_batch

Params = dict[str, Tensor]
Stats = dict[str, list[float]]
SearchSpace = tuple[Sequence[float], Sequence[int], Sequence[float], Sequence[float]]


def hello_two_layer_net() -> None:
    """Print a greeting, by which a notebook sees that it has imported this file."""
    print("Hello from two_layer_net.py!")


class TwoLayerNet:
    """The functions of this file round one dictionary of parameters. Given: there is nothing to fill in here."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cuda",
        std: float = 1e-4,
    ) -> None:
        """Draw small weights and set the biases to zero.

        The global random generators are seeded here, so two nets of the same sizes start out equal.

        Args:
            input_size: D, numbers in an input.
            hidden_size: H, hidden units.
            output_size: C, classes.
            dtype: of all four parameters.
            device: of all four parameters.
            std: standard deviation of the weights.
        """
        random.seed(0)
        torch.manual_seed(0)
        self.params: Params = {
            "W1": std * torch.randn(input_size, hidden_size, dtype=dtype, device=device),
            "b1": torch.zeros(hidden_size, dtype=dtype, device=device),
            "W2": std * torch.randn(hidden_size, output_size, dtype=dtype, device=device),
            "b2": torch.zeros(output_size, dtype=dtype, device=device),
        }

    def loss(self, X: Tensor, y: Tensor | None = None, reg: float = 0.0) -> Any:
        """Scores of X, or with labels y the loss and its gradients: see `nn_forward_backward`."""
        return nn_forward_backward(self.params, X, y, reg)

    def train(
        self,
        X: Tensor,
        y: Tensor,
        X_val: Tensor,
        y_val: Tensor,
        learning_rate: float = 1e-3,
        learning_rate_decay: float = 0.95,
        reg: float = 5e-6,
        num_iters: int = 100,
        batch_size: int = 200,
        verbose: bool = False,
    ) -> Stats:
        """Train this net's own parameters and return the three histories: see `nn_train`."""
        return nn_train(
            self.params,
            nn_forward_backward,
            nn_predict,
            X,
            y,
            X_val,
            y_val,
            learning_rate,
            learning_rate_decay,
            reg,
            num_iters,
            batch_size,
            verbose,
        )

    def predict(self, X: Tensor) -> Tensor:
        """One label per row of X: see `nn_predict`."""
        return nn_predict(self.params, nn_forward_backward, X)

    def save(self, path: str) -> None:
        """Write the parameters to a file."""
        torch.save(self.params, path)
        print(f"Saved in {path}")

    def load(self, path: str) -> None:
        """Read parameters that `save` wrote, onto the CPU.

        Raises:
            ValueError: where the file does not hold the four parameters.
        """
        params = torch.load(path, map_location="cpu")
        if not isinstance(params, dict) or not {"W1", "b1", "W2", "b2"} <= params.keys():
            raise ValueError(f"{path} does not hold the parameters W1, b1, W2 and b2")
        self.params = params
        print(f"load checkpoint file: {path}")


def nn_forward_pass(params: Params, X: Tensor) -> tuple[Tensor, Tensor]:
    """First half of the network's work: from inputs to scores.

        hidden = max(0, X W1 + b1)        elementwise: the ReLU
        scores = hidden W2 + b2           no ReLU here: a score may be negative

    Write the ReLU yourself out of elementary tensor operations: `torch.relu` and everything in `torch.nn` are not
    allowed in this function. Any N, D, H and C must work, N = 1 and H = 1 too; `params` and `X` stay as they are.

    Args:
        params: 'W1' (D, H), 'b1' (H,), 'W2' (H, C), 'b2' (C,).
        X: (N, D), dtype of the parameters.
    Returns:
        scores: (N, C), one row of class scores per input. The scores come first.
        hidden: (N, H), what the hidden units give after the ReLU; the backward pass will need it.
    Source: Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML 2010.
    """
    W1, b1 = params["W1"], params["b1"]
    W2, b2 = params["W2"], params["b2"]

    # Compute `hidden` and `scores` as in the two formulas above. A product of matrices does all N inputs at once, and
    # a bias of shape (H,) added to (N, H) is added to every row by broadcasting: no loop is needed.
    # Your code goes here.
    raise NotImplementedError("nn_forward_pass")
    return scores, hidden


def nn_forward_backward(params: Params, X: Tensor, y: Tensor | None = None, reg: float = 0.0) -> Any:
    """Scores of the network or, where labels are given, its loss and the gradient of each parameter.

    The loss is the softmax cross-entropy, averaged over the batch, and an L2 penalty on the two weight matrices:

        loss = 1/N Σ_n [ log Σ_c exp(s_nc) − s_n,y(n) ]  +  reg · (Σ W1² + Σ W2²)

    The penalty has no ½ and leaves the biases out.

    Args:
        params: 'W1' (D, H), 'b1' (H,), 'W2' (H, C), 'b2' (C,). Not changed.
        X: (N, D), dtype of the parameters. Not changed.
        y: (N,), int64, 0 <= y[n] < C; or None.
        reg: strength of the penalty.
    Returns:
        Where y is None: scores (N, C), exactly as `nn_forward_pass` gives them.
        Else: (loss, grads). loss: 0-d tensor. grads: by the keys 'W1', 'b1', 'W2', 'b2' the derivative of the loss by
        each parameter, in the parameter's shape.
    Source: Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, §6.2.2.3 (softmax) and §6.5 (backward).
    """
    W1, W2 = params["W1"], params["W2"]
    scores, hidden = nn_forward_pass(params, X)
    if y is None:
        return scores
    num_inputs = X.shape[0]

    # The loss. Scores may be as large as 1000, and exp(1000) overflows: use that the softmax does not change when the
    # same number is subtracted from all scores of a row, and subtract each row's own maximum first. Stay with the
    # logarithm of the probability as long as you can; log(exp(x)) of a very negative x is lost.
    # Your code goes here.
    raise NotImplementedError("nn_forward_backward")

    # The backward pass: the chain rule from the loss back to each parameter, layer by layer. For one input with
    # probabilities p the derivative of its cross-entropy by its scores is p − onehot(y). From there, with (·) the
    # derivative of the loss by what stands inside, in matrix form for the whole batch:
    #
    #     (scores) = (p − onehot(y)) / N            (N, C)
    #     (W2) = hiddenᵀ (scores) + 2 reg W2        (b2) = Σ_n (scores)_n
    #     (hidden) = (scores) W2ᵀ, and 0 wherever the ReLU had cut off
    #     (W1) = Xᵀ (hidden) + 2 reg W1             (b1) = Σ_n (hidden)_n
    # Put these four into `grads`.
    grads: Params = {}
    # Your code goes here.
    raise NotImplementedError("nn_forward_backward")
    return loss, grads


def nn_train(
    params: Params,
    loss_func: Callable[..., Any],
    pred_func: Callable[..., Tensor],
    X: Tensor,
    y: Tensor,
    X_val: Tensor,
    y_val: Tensor,
    learning_rate: float = 1e-3,
    learning_rate_decay: float = 0.95,
    reg: float = 5e-6,
    num_iters: int = 100,
    batch_size: int = 200,
    verbose: bool = False,
) -> Stats:
    """Train a network by stochastic gradient descent: draw a batch, take one step downhill, again and again.

    An epoch is as many iterations as there are whole batches in the training set (at least one). The first iteration
    of each epoch, after its step, notes the accuracy on its batch and on the validation set, and multiplies the
    learning rate by `learning_rate_decay`.

    Args:
        params: the parameters by name. The caller finds the trained ones in this same dictionary.
        loss_func: called as `loss_func(params, X_batch, y=y_batch, reg=reg)`; gives (loss, grads).
        pred_func: called as `pred_func(params, loss_func, X)`; gives labels (N,).
        X, y, X_val, y_val: inputs (N, D) and labels (N,) to train with, and others to validate with.
        learning_rate, learning_rate_decay, reg: first step size, factor on it once an epoch, strength of the penalty.
        num_iters, batch_size, verbose: steps in all, inputs in each, whether to print the loss every 100 steps.
    Returns:
        A dictionary of lists of floats: 'loss_history' (one entry an iteration), 'train_acc_history' and
        'val_acc_history' (one entry an epoch, between 0 and 1).
    Source: Robbins and Monro, "A stochastic approximation method", Annals of Mathematical Statistics 22, 1951.
    """
    num_train = X.shape[0]
    iterations_per_epoch = max(num_train // batch_size, 1)
    stats: Stats = {"loss_history": [], "train_acc_history": [], "val_acc_history": []}

    for it in range(num_iters):
        X_batch, y_batch = sample_batch(X, y, num_train, batch_size)
        loss, grads = loss_func(params, X_batch, y=y_batch, reg=reg)
        stats["loss_history"].append(loss.item())

        # One step of gradient descent: move every parameter, weights and biases alike, against its gradient by
        # `learning_rate` times that gradient. The result must stand in the dictionary `params` itself.
        # Your code goes here.
        raise NotImplementedError("nn_train")

        if verbose and it % 100 == 0:
            print(f"iteration {it} / {num_iters}: loss {loss.item():f}")
        if it % iterations_per_epoch == 0:
            right_in_batch = pred_func(params, loss_func, X_batch) == y_batch
            right_in_validation = pred_func(params, loss_func, X_val) == y_val
            stats["train_acc_history"].append(right_in_batch.float().mean().item())
            stats["val_acc_history"].append(right_in_validation.float().mean().item())
            learning_rate *= learning_rate_decay

    return stats


def nn_predict(params: Params, loss_func: Callable[..., Any], X: Tensor) -> Tensor:
    """The network's answer: for each input the class with the highest score.

    Args:
        params: the parameters by name. Not changed.
        loss_func: a function like `nn_forward_backward`; without labels, `loss_func(params, X)` gives scores (N, C).
        X: (N, D), one input per row.
    Returns:
        (N,), int64: entry n is the label, from 0 to C − 1, of row n.
    """
    # Ask for the scores, and give the place of the largest in each row (not its value). A softmax is not needed: it
    # would leave the order of the scores as it is.
    # Your code goes here.
    raise NotImplementedError("nn_predict")
    return y_pred


def nn_get_search_params() -> SearchSpace:
    """The values that `find_best_net` shall try; all their combinations will be.

    Train some nets in the notebook first: how many hidden units, what learning rate, how much regularisation and how
    fast a decay does this problem like? Then list the neighbourhood of what worked best.

    Returns:
        learning_rates: numbers above 0.
        hidden_sizes: whole numbers from 1 on.
        regularization_strengths: numbers from 0 on.
        learning_rate_decays: numbers above 0, at most 1.
        In this order, each a list of two or more; fewer than 256 combinations in all, or the search will not end.
    """
    # Choose the four lists.
    # Your code goes here.
    raise NotImplementedError("nn_get_search_params")
    return learning_rates, hidden_sizes, regularization_strengths, learning_rate_decays


def find_best_net(
    data_dict: dict[str, Tensor], get_param_set_fn: Callable[[], SearchSpace]
) -> tuple[TwoLayerNet, Stats, float]:
    """Grid search: train a new net with every combination of settings and keep the best on the validation set.

    Args:
        data_dict: 'X_train' (N, D), 'y_train' (N,), 'X_val' (M, D), 'y_val' (M,), where D = 3072 and the ten classes
            are those of CIFAR-10; it may hold more, which is not used.
        get_param_set_fn: gives the four lists to combine, in the order of `nn_get_search_params`. Whoever calls this
            function chooses it, so ask it and no other.
    Returns:
        best_net: the trained `TwoLayerNet` with the highest validation accuracy.
        best_stat: what its `train` gave.
        best_val_acc: its validation accuracy, between 0 and 1.
    Source: Bergstra and Bengio, "Random search for hyper-parameter optimization", JMLR 13, 2012 (grids, their cost).
    """
    # For each combination: make a new TwoLayerNet (3072 inputs, 10 classes, dtype and device of X_train), train it on
    # the training set, take its accuracy on the validation set, and remember net, histories and accuracy where it
    # beats the best so far. `itertools.product` walks all combinations of several lists. How many iterations a net
    # gets, and of what batch size, is up to you.
    # Your code goes here.
    raise NotImplementedError("find_best_net")
    return best_net, best_stat, best_val_acc
