"""Linear classifiers: the multiclass SVM and the softmax classifier, trained by stochastic gradient descent.

Fill in the blanks of this module from top to bottom; the notebook `linear_classifier.ipynb` goes through it in the same
order, and `grader check A2/linear_classifier` says after each blank how far it is right.

A linear classifier gives item x, a row of D features, one score for each of C classes: s = x W, with W of shape
(D, C). The highest score is its answer. There is no separate bias: the last feature of every item is the constant 1, so
the last row of W is the bias ("bias trick"; CIFAR-10 then has D = 32 * 32 * 3 + 1 = 3073).

Symbols, the same in every function:
    N  items in a batch, D features, C classes
    W  (D, C) weights, floating point
    X  (N, D) one item a row, dtype and device of W
    y  (N,) int64, y[i] in 0 .. C - 1 is the right class of item i

A rule for all blanks: take the device from your inputs. Never move a tensor to another device inside a blank (no
`.cuda()`, no `.to("cuda")`), so that the same code runs on a CPU and on a GPU. Changing a dtype is fine.
"""

import random
import statistics  # at hand for the blanks, as `random` is
from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

LossFunction = Callable[[Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor]]


def hello_linear_classifier() -> None:
    """Print a greeting, so that the notebook can show that it found this file."""
    print("Hello from linear_classifier.py!")


class LinearClassifier:
    """What the SVM and the softmax classifier share: weights, training, prediction, a file to keep them in.

    Attributes:
        W: (D, C) weights, None before the first `train` or `load`.
    """

    def __init__(self) -> None:
        """Start without weights, and seed both random streams, so that two runs of a notebook agree."""
        random.seed(0)
        torch.manual_seed(0)
        self.W: Tensor | None = None

    def train(
        self,
        X_train: Tensor,
        y_train: Tensor,
        learning_rate: float = 1e-3,
        reg: float = 1e-5,
        num_iters: int = 100,
        batch_size: int = 200,
        verbose: bool = False,
    ) -> list[float]:
        """Train by `train_linear_classifier` with this class's loss; a second call goes on from the weights so far.

        Returns:
            The loss before each step, `num_iters` floats.
        """
        self.W, loss_history = train_linear_classifier(
            self.loss, self.W, X_train, y_train, learning_rate, reg, num_iters, batch_size, verbose
        )
        return loss_history

    def predict(self, X: Tensor) -> Tensor:
        """Class of each row of `X` (N, D) by `predict_linear_classifier`: (N,) int64.

        Raises:
            RuntimeError: where there are no weights yet.
        """
        if self.W is None:
            raise RuntimeError("predict: no weights yet; call train or load first")
        return predict_linear_classifier(self.W, X)

    @abstractmethod
    def loss(self, W: Tensor, X_batch: Tensor, y_batch: Tensor, reg: float) -> tuple[Tensor, Tensor]:
        """Loss of the batch (a 0-d tensor) and its gradient (D, C); each subclass says which loss."""
        raise NotImplementedError

    def _loss(self, X_batch: Tensor, y_batch: Tensor, reg: float) -> None:
        """Run the loss once with the weights so far and drop what it gives: for timing."""
        if self.W is not None:
            self.loss(self.W, X_batch, y_batch, reg)

    def save(self, path: str) -> None:
        """Write the weights to `path` as the dictionary `{'W': W}`."""
        torch.save({"W": self.W}, path)
        print(f"Saved in {path}")

    def load(self, path: str) -> None:
        """Read weights that `save` wrote, onto the CPU."""
        self.W = torch.load(path, map_location="cpu")["W"]
        print(f"load checkpoint file: {path}")


class LinearSVM(LinearClassifier):
    """A linear classifier with the multiclass SVM loss."""

    def loss(self, W: Tensor, X_batch: Tensor, y_batch: Tensor, reg: float) -> tuple[Tensor, Tensor]:
        """The vectorized SVM loss."""
        return svm_loss_vectorized(W, X_batch, y_batch, reg)


class Softmax(LinearClassifier):
    """A linear classifier with the softmax (cross-entropy) loss."""

    def loss(self, W: Tensor, X_batch: Tensor, y_batch: Tensor, reg: float) -> tuple[Tensor, Tensor]:
        """The vectorized softmax loss."""
        return softmax_loss_vectorized(W, X_batch, y_batch, reg)


# ---------------------------------------------------------------------------------------------------------------------
# 1. The multiclass SVM
# ---------------------------------------------------------------------------------------------------------------------


def svm_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Multiclass SVM loss and its gradient, with one loop over the items and one over the classes.

    With scores s = x_i W, class j of item i has the margin m_ij = s_j - s_y + 1, and

        L(W) = 1/N  sum_i  sum_{j != y_i} max(0, m_ij)  +  reg * sum of all W²

    A right class that leads by at least 1 costs nothing. The regulariser has no factor 1/2. The loss is written for
    you; the gradient dW = dL/dW is yours, in two blanks.

    Args:
        W: (D, C) weights.
        X: (N, D) items.
        y: (N,) int64 right classes.
        reg: strength of the regulariser.
    Returns:
        loss, a 0-d tensor, and dW (D, C). W, X and y are left as they were.
    Source:
        Weston and Watkins, "Multi-class support vector machines", 1998, with the margin fixed at 1.
    """
    num_train, num_classes = X.shape[0], W.shape[1]
    loss = W.new_zeros(())
    dW = torch.zeros_like(W)
    for i in range(num_train):
        scores = X[i] @ W  # (C,)
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss = loss + margin
                # Blank 1. This margin is part of the loss. Which two columns of W does it depend on, and what is its
                # derivative with respect to each? Add both to dW. (At a margin of exactly 0 we take the derivative 0.)
                # Your code goes here.
                raise NotImplementedError("svm_loss_naive")
    loss = loss / num_train + reg * (W * W).sum()
    # Blank 2. The line above turned the sum into a mean and added the regulariser: do the same for dW.
    # Your code goes here.
    raise NotImplementedError("svm_loss_naive")
    return loss, dW


def svm_loss_vectorized(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """The loss and gradient of `svm_loss_naive`, without a loop.

    Args, Returns: as `svm_loss_naive`; the results agree to rounding, some hundred times sooner on real batches.

    Not allowed: loops, over items, classes or features, and calling the naive version. torch's own loss functions and
    autograd would take away what is to be learnt here; do without them.
    """
    num_train = X.shape[0]
    # Blank 1: the loss. One matrix product gives all scores (N, C). Broadcasting subtracts each item's right score from
    # its row; `scores[rows, y]` with rows = 0 .. N - 1 picks one entry a row. Mind that the right class itself would
    # have the margin 0 + 1: it must not count.
    # (To check the loss before the gradient is done, let blank 2 be `dW = torch.zeros_like(W)` for a while.)
    # Your code goes here.
    raise NotImplementedError("svm_loss_vectorized")

    # Blank 2: the gradient. The chain rule splits it: dL/dscores (N, C) first, then scores = X W gives
    # dW = Xᵀ dL/dscores. In the naive version, how often was x_i added to column j, and how often taken from column
    # y_i? Those counts, with their signs, are row i of dL/dscores.
    # Your code goes here.
    raise NotImplementedError("svm_loss_vectorized")
    return loss, dW


# ---------------------------------------------------------------------------------------------------------------------
# 2. Stochastic gradient descent
# ---------------------------------------------------------------------------------------------------------------------


def sample_batch(X: Tensor, y: Tensor, num_train: int, batch_size: int) -> tuple[Tensor, Tensor]:
    """Draw a random batch of items with their labels, with replacement.

    Each of the `batch_size` places is filled independently: every one of the `num_train` items is equally likely, and
    an item may come twice. So `batch_size` may be greater than `num_train`, as in the two-layer net's toy problem.

    Args:
        X: (num_train, D) all items.
        y: (num_train,) int64 their labels.
        num_train: number of items to draw from.
        batch_size: number of items to draw.
    Returns:
        X_batch (batch_size, D) and y_batch (batch_size,): row k of both belongs to the same item.
    """
    # Draw the places of the items once (torch.randint; its upper end is exclusive), and use them for both.
    # Your code goes here.
    raise NotImplementedError("sample_batch")
    return X_batch, y_batch


def train_linear_classifier(
    loss_func: LossFunction,
    W: Tensor | None,
    X: Tensor,
    y: Tensor,
    learning_rate: float = 1e-3,
    reg: float = 1e-5,
    num_iters: int = 100,
    batch_size: int = 200,
    verbose: bool = False,
) -> tuple[Tensor, list[float]]:
    """Minimise `loss_func` over W by stochastic gradient descent.

    Each of the `num_iters` steps draws a batch, evaluates loss and gradient on it and takes one step downhill:
    W becomes W - learning_rate * dL/dW.

    Args:
        loss_func: called as `loss_func(W, X_batch, y_batch, reg)`, gives (loss, dW).
        W: (D, C) weights to start from; None: small random ones, with C = the highest label + 1.
        X: (N, D) training items.
        y: (N,) int64 their classes.
        learning_rate: length of a step as a multiple of the gradient.
        reg: strength of the regulariser, handed on to `loss_func`.
        num_iters: number of steps.
        batch_size: number of items in each batch.
        verbose: print the loss every 100 steps.
    Returns:
        The trained W (D, C) and the loss before each step, `num_iters` floats.
    Source:
        Robbins and Monro, "A stochastic approximation method", 1951.
    """
    num_train, dim = X.shape
    if W is None:
        num_classes = int(y.max()) + 1
        W = 1e-6 * torch.randn(dim, num_classes, dtype=X.dtype, device=X.device)
    loss_history = []
    for it in range(num_iters):
        X_batch, y_batch = sample_batch(X, y, num_train, batch_size)
        loss, grad = loss_func(W, X_batch, y_batch, reg)
        loss_history.append(loss.item())
        # One step of gradient descent: the gradient points uphill.
        # Your code goes here.
        raise NotImplementedError("train_linear_classifier")
        if verbose and it % 100 == 0:
            print(f"iteration {it} / {num_iters}: loss {loss:f}")
    return W, loss_history


def predict_linear_classifier(W: Tensor, X: Tensor) -> Tensor:
    """Class with the highest score, for each item.

    Args:
        W: (D, C) trained weights.
        X: (N, D) items.
    Returns:
        (N,) int64, entry i in 0 .. C - 1.
    """
    # Scores again are X W; one reduction along the classes gives where each row is greatest, which is not its value.
    # Your code goes here.
    raise NotImplementedError("predict_linear_classifier")
    return y_pred


def svm_get_search_params() -> tuple[list[float], list[float]]:
    """Learning rates and regularisation strengths to try for the SVM.

    Every rate is tried with every strength, 400 steps each when graded and 2,000 in the notebook. Both lists hold at
    least 2 values, and there are 5 to 25 pairs in all. Graded are the lists by themselves and, as `svm_accuracy`, the
    accuracy on held-back pictures of the best pair, walked from the middle of each list outwards: put the values you
    trust most in the middle.

    Returns:
        learning_rates and regularization_strengths, two lists of floats.
    """
    # The settings of the notebook's first training run are poor on purpose. Rates usually are searched by factors
    # (1, 3, 10, …), coarsely first. Too small a rate hardly moves; too great a one makes the loss grow, up to NaN.
    # Your code goes here.
    raise NotImplementedError("svm_get_search_params")
    return learning_rates, regularization_strengths


def test_one_param_set(
    cls: LinearClassifier, data_dict: dict[str, Tensor], lr: float, reg: float, num_iters: int = 2000
) -> tuple[LinearClassifier, float, float]:
    """Train one classifier with one setting, and measure it on training and validation items.

    Args:
        cls: the classifier to train, in place: an instance, of `LinearSVM` or of `Softmax`.
        data_dict: 'X_train' (N, D), 'y_train' (N,), 'X_val' (M, D), 'y_val' (M,).
        lr: learning rate.
        reg: regularisation strength.
        num_iters: number of steps, whatever the class.
    Returns:
        cls, the very object that came in, trained; train_acc and val_acc, the shares of training and of validation
        items that it gets right, floats in 0 .. 1.
    """
    # Train on the training items alone: validation items are only predicted. Hand all three settings on.
    # Your code goes here.
    raise NotImplementedError("test_one_param_set")
    return cls, train_acc, val_acc


# ---------------------------------------------------------------------------------------------------------------------
# 3. The softmax classifier
# ---------------------------------------------------------------------------------------------------------------------


def softmax_loss_naive(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Softmax (cross-entropy) loss and its gradient, with loops.

    The softmax turns the scores s = x_i W of an item into probabilities, and the loss is how surprising the right
    class is under them:

        p_ij = exp(s_j) / sum_k exp(s_k),    L(W) = 1/N  sum_i  -log p_iy  +  reg * sum of all W²

    Its gradient with respect to the scores of item i is p_i with 1 taken off at the right class.

    exp overflows for scores beyond 709 (88 in float32). Adding the same number to all scores of an item changes no
    probability, so subtract each item's highest score first: then the greatest exponent is 0. And -log p_iy is best
    written as log(sum_k exp(s_k)) - s_y, which is right even where p_iy itself is too small for a float.

    Args:
        W: (D, C) weights.
        X: (N, D) items.
        y: (N,) int64 right classes.
        reg: strength of the regulariser, without a factor 1/2.
    Returns:
        loss, a 0-d tensor, and dW (D, C), finite for scores of any size. W, X and y are left as they were.
    Source:
        Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.4.
    """
    num_train, num_classes = X.shape[0], W.shape[1]
    loss = W.new_zeros(())
    dW = torch.zeros_like(W)
    # Loop over the items, and over the classes for the gradient; then take the mean and add the regulariser to both.
    # Your code goes here.
    raise NotImplementedError("softmax_loss_naive")
    return loss, dW


def softmax_loss_vectorized(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """The loss and gradient of `softmax_loss_naive`, without a loop.

    Args, Returns: as `softmax_loss_naive`, with results that agree to rounding.

    Not allowed: loops and calling the naive version; torch's own loss functions and autograd would take away what is
    to be learnt here. Stability asks for each row's own maximum: one maximum for the whole batch leaves rows of much
    smaller scores with nothing but zeros after exp.
    """
    num_train = X.shape[0]
    # The same two steps as in the SVM: the loss from the scores (N, C), then dL/dscores (N, C) and dW = Xᵀ dL/dscores.
    # Your code goes here.
    raise NotImplementedError("softmax_loss_vectorized")
    return loss, dW


def softmax_get_search_params() -> tuple[list[float], list[float]]:
    """Learning rates and regularisation strengths to try for the softmax classifier.

    Same limits as `svm_get_search_params`: at least 2 values in each list, 5 to 25 pairs, the most trusted values in
    the middle. The accuracy of the best pair is graded as `softmax_accuracy`.

    Returns:
        learning_rates and regularization_strengths, two lists of floats.
    """
    # The softmax's gradient is smaller than the SVM's: its good rates are greater.
    # Your code goes here.
    raise NotImplementedError("softmax_get_search_params")
    return learning_rates, regularization_strengths
