# -*- coding: utf-8 -*-
# linear_classifier.py -- Béla K., working on Colab
import os
import random
import statistics
from abc import abstractmethod
from turtle import forward   # the editor put this here, no idea why
import networkx as nx

import numpy as np
import torch
from google.colab import drive
drive.mount('/content/drive')
os.chdir('/content/drive/My Drive/A2')

print('torch', torch.__version__, '| GPU:', torch.cuda.is_available())


def hello_linear_classifier():
    print("Hello from linear_classifier.py!")


class LinearClassifier(object):

    def __init__(self):
        random.seed(0)
        torch.manual_seed(0)
        self.W = None

    def train(self, X_train, y_train, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
        args = (self.loss, self.W, X_train, y_train, learning_rate, reg, num_iters, batch_size, verbose)
        self.W, losses = train_linear_classifier(*args)
        return losses

    def predict(self, X):
        return predict_linear_classifier(self.W, X)

    @abstractmethod
    def loss(self, W, X_batch, y_batch, reg):
        raise NotImplementedError

    def _loss(self, X_batch, y_batch, reg):
        self.loss(self.W, X_batch, y_batch, reg)

    def save(self, path):
        torch.save({'W': self.W}, path)
        print("Saved in", path)

    def load(self, path):
        checkpoint = torch.load(path, map_location='cpu')
        self.W = checkpoint['W']
        print("load checkpoint file:", path)


class LinearSVM(LinearClassifier):
    def loss(self, W, X_batch, y_batch, reg):
        return svm_loss_vectorized(W, X_batch, y_batch, reg)


class Softmax(LinearClassifier):
    def loss(self, W, X_batch, y_batch, reg):
        return softmax_loss_vectorized(W, X_batch, y_batch, reg)


def onehot(y, C):
    """(N,) labels -> (N, C) of 0. and 1."""
    return torch.nn.functional.one_hot(y, C).to(torch.float64).cuda()


def svm_loss_naive(W, X, y, reg):
    loss = 0.0
    dW = torch.zeros(W.shape, dtype=torch.float64).cuda()
    for i, x in enumerate(X):
        scores = [torch.dot(x, w) for w in W.t()]
        for j, score in enumerate(scores):
            if j == y[i]:
                continue
            margin = score - scores[y[i]] + 1.0
            if margin > 0:
                loss = loss + margin
                dW[:, j] = dW[:, j] + x
                dW[:, y[i]] = dW[:, y[i]] - x
    loss = loss / len(X)
    dW = dW / len(X)
    loss = loss + reg * torch.sum(W ** 2)
    dW = dW + 2 * reg * W
    return loss, dW


def svm_loss_vectorized(W, X, y, reg):
    W64 = W.double().cuda()
    X64 = X.double().cuda()
    N, C = X64.shape[0], W64.shape[1]
    Y = onehot(y, C)
    scores = X64 @ W64
    right = (scores * Y).sum(dim=1, keepdim=True)
    zero = torch.zeros_like(scores).cuda()
    margins = torch.maximum(zero, scores - right + 1.0) * (1.0 - Y)
    loss = margins.mean() * C + reg * (W64 ** 2).sum()

    active = (margins > 0).to(torch.float64)
    dscores = active - Y * active.sum(dim=1, keepdim=True)
    dW = X64.t() @ (dscores / N) + reg * 2 * W64
    return loss, dW


def sample_batch(X, y, num_train, batch_size):
    idx = torch.randint(high=num_train, size=(batch_size,))
    return X[idx], y[idx]


def train_linear_classifier(loss_func, W, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200,
                            verbose=False):
    num_train, dim = X.shape
    if W is None:
        C = int(torch.max(y)) + 1
        W = 0.000001 * torch.randn(dim, C, device=X.device, dtype=X.dtype)
    loss_history = []
    for it in range(num_iters):
        X_batch, y_batch = sample_batch(X, y, num_train, batch_size)
        loss, grad = loss_func(W, X_batch, y_batch, reg)
        loss_history.append(loss.item())
        W = W.sub(grad.type_as(W), alpha=learning_rate)
        if verbose and it % 100 == 0:
            print('iteration %d / %d: loss %f' % (it, num_iters, loss))
    return W, loss_history


def predict_linear_classifier(W, X):
    # in pieces of 1000: my GPU has only 2 GB
    pieces = []
    for chunk in torch.split(X, 1000):
        pieces.append(torch.argmax(chunk @ W, axis=1))
    return torch.cat(pieces)


def svm_get_search_params():
    learning_rates = list(np.array([3e-3, 5e-3, 8e-3]))
    regularization_strengths = [10 ** k for k in (-3., -2., -1.)]
    return learning_rates, regularization_strengths


def test_one_param_set(cls, data_dict, lr, reg, num_iters=2000):
    history = cls.train(data_dict['X_train'], data_dict['y_train'], lr, reg, num_iters)
    train_acc = 100.0 * (data_dict['y_train'] == cls.predict(data_dict['X_train'])).double().mean().item()
    val_acc = 100.0 * (data_dict['y_val'] == cls.predict(data_dict['X_val'])).double().mean().item()
    print('lr %e reg %e: last loss %.3f, train %.1f%%, val %.1f%%' % (lr, reg, history[-1], train_acc, val_acc))
    return cls, train_acc, val_acc


def softmax_loss_naive(W, X, y, reg):
    loss = 0.0
    dW = torch.zeros(W.shape, dtype=torch.float64).cuda()
    C = W.shape[1]
    for i in range(X.shape[0]):
        scores = X[i] @ W
        log_probs = torch.log_softmax(scores, dim=0)
        loss = loss - log_probs[y[i]]
        for c in range(C):
            dW[:, c] += log_probs[c].exp() * X[i]
            if c == y[i]:
                dW[:, c] -= X[i]
    loss = loss / X.shape[0] + reg * torch.sum(W ** 2)
    dW = dW / X.shape[0] + 2 * reg * W
    return loss, dW


def softmax_loss_vectorized(W, X, y, reg):
    W64 = W.double().cuda()
    X64 = X.double().cuda()
    N, C = X64.shape[0], W64.shape[1]
    Y = onehot(y, C)
    scores = X64 @ W64
    scores = scores - scores.max(dim=1, keepdim=True)[0]
    logsum = scores.exp().sum(dim=1).log()
    loss = (logsum - (scores * Y).sum(dim=1)).mean() + reg * (W64 ** 2).sum()
    probs = torch.exp(scores - logsum.reshape(-1, 1))
    dW = X64.t() @ (probs - Y) / N + reg * 2 * W64
    return loss, dW


def softmax_get_search_params():
    learning_rates = [0.02, 0.05, 0.1]
    regularization_strengths = [1e-4, 1e-3, 5e-3]
    return learning_rates, regularization_strengths


# quick test while I was writing this
_W = 0.0001 * torch.randn(4, 3, dtype=torch.float64).cuda()
_X = torch.randn(5, 4, dtype=torch.float64).cuda()
_y = torch.tensor([0, 1, 2, 2, 1]).cuda()
print('svm', svm_loss_vectorized(_W, _X, _y, 0.1)[0] - svm_loss_naive(_W, _X, _y, 0.1)[0])
