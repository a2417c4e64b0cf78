"""
Assignment 2, a two-layer network: inputs -> W1, b1 -> ReLU -> W2, b2 -> scores.

Rule for the blanks: no .to() and no .cuda(), new tensors go where the inputs are.
"""
import random
import statistics

import torch
from linear_classifier import sample_batch


def hello_two_layer_net():
    print('Hello from two_layer_net.py!')


class TwoLayerNet(object):
    """The parameters of the network in a dictionary, and what can be done with them."""

    def __init__(self, input_size, hidden_size, output_size, dtype=torch.float32,
                 device='cuda', std=1e-4):
        random.seed(0)
        torch.manual_seed(0)
        self.params = {}
        self.params['W1'] = std * torch.randn(input_size, hidden_size, dtype=dtype, device=device)
        self.params['b1'] = torch.zeros(hidden_size, dtype=dtype, device=device)
        self.params['W2'] = std * torch.randn(hidden_size, output_size, dtype=dtype, device=device)
        self.params['b2'] = torch.zeros(output_size, dtype=dtype, device=device)

    def loss(self, X, y=None, reg=0.0):
        return nn_forward_backward(self.params, X, y, reg)

    def train(self, X, y, X_val, y_val, learning_rate=1e-3, learning_rate_decay=0.95,
              reg=5e-6, num_iters=100, batch_size=200, verbose=False):
        return nn_train(self.params, nn_forward_backward, nn_predict, X, y, X_val, y_val,
                        learning_rate, learning_rate_decay, reg, num_iters, batch_size, verbose)

    def predict(self, X):
        return nn_predict(self.params, nn_forward_backward, X)

    def save(self, path):
        torch.save(self.params, path)
        print('Saved in %s' % path)

    def load(self, path):
        self.params = torch.load(path, map_location='cpu')
        print('load checkpoint file: %s' % path)


def nn_forward_pass(params, X):
    """Scores (N, C) and hidden units (N, H). No torch.relu, nothing of torch.nn."""
    scores, hidden = None, None
    W1, b1 = params['W1'], params['b1']
    W2, b2 = params['W2'], params['b2']
    # ---- blank ----
    pass
    return scores, hidden


def nn_forward_backward(params, X, y=None, reg=0.0):
    """Scores; with labels the loss and a dictionary of gradients."""
    W1, b1 = params['W1'], params['b1']
    W2, b2 = params['W2'], params['b2']
    N = X.shape[0]
    scores, hidden = nn_forward_pass(params, X)
    if y is None:
        return scores
    loss = None
    # ---- blank: the loss ----
    pass
    grads = {}
    # ---- blank: the gradients ----
    pass
    return loss, grads


def nn_train(params, loss_func, pred_func, X, y, X_val, y_val, learning_rate=1e-3,
             learning_rate_decay=0.95, reg=5e-6, num_iters=100, batch_size=200, verbose=False):
    """Stochastic gradient descent; the parameters change where they are."""
    num_train = X.shape[0]
    iterations_per_epoch = max(num_train // batch_size, 1)
    loss_history = []
    train_acc_history = []
    val_acc_history = []
    for it in range(num_iters):
        X_batch, y_batch = sample_batch(X, y, num_train, batch_size)
        loss, grads = loss_func(params, X_batch, y=y_batch, reg=reg)
        loss_history.append(loss.item())
        # ---- blank: one step downhill ----
        pass
        if verbose and it % 100 == 0:
            print('iteration %d / %d: loss %f' % (it, num_iters, loss.item()))
        if it % iterations_per_epoch == 0:
            train_hits = pred_func(params, loss_func, X_batch) == y_batch
            val_hits = pred_func(params, loss_func, X_val) == y_val
            train_acc_history.append(train_hits.float().mean().item())
            val_acc_history.append(val_hits.float().mean().item())
            learning_rate *= learning_rate_decay
    return {'loss_history': loss_history, 'train_acc_history': train_acc_history,
            'val_acc_history': val_acc_history}


def nn_predict(params, loss_func, X):
    """The class with the highest score, for each row of X."""
    y_pred = None
    # ---- blank ----
    pass
    return y_pred


def nn_get_search_params():
    """Learning rates, hidden sizes, regularisation strengths and decays to try."""
    learning_rates = []
    hidden_sizes = []
    regularization_strengths = []
    learning_rate_decays = []
    # ---- blank ----
    pass
    return learning_rates, hidden_sizes, regularization_strengths, learning_rate_decays


def find_best_net(data_dict, get_param_set_fn):
    """Try all settings; the best net, its history and its validation accuracy."""
    best_net = None
    best_stat = None
    best_val_acc = 0.0
    # ---- blank ----
    pass
    return best_net, best_stat, best_val_acc
