"""The methods of the ladder in plain torch, each a function from pictures and settings to a share of right answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eecs598.data import append_ones, drawn_cifar10, subtract_mean

__all__ = ["Split", "cnn", "drawn", "knn", "knn_by_cross_validation", "softmax", "svm", "two_layer"]

CLASSES = 10
CHOICES_OF_K = (1, 3, 5, 8, 10, 12, 15, 20, 50, 100)  # those of the course's first assignment


class Split(NamedTuple):
    """Pictures (N, 3, 32, 32), less the training part's mean, and labels (N,)."""

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor


def drawn(num_train: int, seed: int, num_test: int = 2000) -> Split:
    """Pictures of the CIFAR-10 stand-in; the methods' own randomness is seeded with them."""
    split = Split(*drawn_cifar10(num_train, num_test, seed))
    subtract_mean(split.x_train, split.x_test)
    torch.manual_seed(seed)
    return split


def _accuracy(scores: Tensor, labels: Tensor) -> float:
    return (scores.argmax(dim=1) == labels).double().mean().item()


def knn(split: Split, k: int) -> float:
    """Majority of the k nearest training pictures, by Euclidean distance; of equal votes the lower label wins."""
    distances = torch.cdist(split.x_test.flatten(1), split.x_train.flatten(1))
    return _accuracy(_votes(distances, split.y_train, k), split.y_test)


def _votes(distances: Tensor, labels: Tensor, k: int) -> Tensor:
    """(M, 10): how many of the k nearest of N belong to each class; distances (M, N)."""
    nearest = labels[distances.topk(k, largest=False).indices]  # (M, k)
    return F.one_hot(nearest, CLASSES).sum(dim=1)


def knn_by_cross_validation(split: Split, choices: Sequence[int] = CHOICES_OF_K, folds: int = 5) -> tuple[float, int]:
    """kNN with the k that is best over the folds of the training part: test accuracy and k."""
    x = split.x_train.flatten(1)
    distances = torch.cdist(x, x)
    parts = torch.arange(len(x)).chunk(folds)

    def mean_accuracy(k: int) -> float:
        total = 0.0
        for number, held_back in enumerate(parts):
            kept = torch.cat(parts[:number] + parts[number + 1 :])
            votes = _votes(distances[held_back][:, kept], split.y_train[kept], k)
            total += _accuracy(votes, split.y_train[held_back])
        return total / folds

    best = max(choices, key=mean_accuracy)
    return knn(split, best), best


def svm(split: Split, lr: float, reg: float, steps: int = 400, batch: int = 200) -> float:
    """A linear model by the multi-class hinge loss, summed over the wrong classes."""
    return _linear(split, lambda s, y: CLASSES * F.multi_margin_loss(s, y), lr, reg, steps, batch)


def softmax(split: Split, lr: float, reg: float, steps: int = 400, batch: int = 200) -> float:
    """A linear model by the cross-entropy loss."""
    return _linear(split, F.cross_entropy, lr, reg, steps, batch)


Loss = Callable[[Tensor, Tensor], Tensor]


def _linear(split: Split, loss: Loss, lr: float, reg: float, steps: int, batch: int) -> float:
    """Plain gradient descent on one matrix, with the bias as its last row, from nearly zero."""
    x, x_test = append_ones(split.x_train.flatten(1)), append_ones(split.x_test.flatten(1))
    w = (1e-6 * torch.randn(x.shape[1], CLASSES)).requires_grad_()
    for _ in range(steps):
        chosen = torch.randint(len(x), (batch,))
        _descend([w], loss(x[chosen] @ w, split.y_train[chosen]) + reg * w.square().sum(), lr)
    return _accuracy(x_test @ w, split.y_test)


def two_layer(
    split: Split, hidden: int, lr: float, reg: float, decay: float = 0.95, steps: int = 400, batch: int = 200
) -> float:
    """Linear, ReLU, linear by cross entropy; the rate decays once an epoch, as in the second assignment."""
    x, x_test = split.x_train.flatten(1), split.x_test.flatten(1)
    w1 = (1e-4 * torch.randn(x.shape[1], hidden)).requires_grad_()
    w2 = (1e-4 * torch.randn(hidden, CLASSES)).requires_grad_()
    b1, b2 = torch.zeros(hidden, requires_grad=True), torch.zeros(CLASSES, requires_grad=True)
    for step in range(steps):
        chosen = torch.randint(len(x), (batch,))
        scores = (x[chosen] @ w1 + b1).relu() @ w2 + b2
        penalty = reg * (w1.square().sum() + w2.square().sum())
        _descend([w1, b1, w2, b2], F.cross_entropy(scores, split.y_train[chosen]) + penalty, lr)
        if step % max(len(x) // batch, 1) == 0:
            lr *= decay
    return _accuracy((x_test @ w1 + b1).relu() @ w2 + b2, split.y_test)


def _descend(parameters: list[Tensor], loss: Tensor, lr: float) -> None:
    gradients = torch.autograd.grad(loss, parameters)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= lr * gradient


def cnn(
    split: Split, widths: Sequence[int] = (16, 32, 64), lr: float = 2e-3, batch: int = 100, epochs: int = 8
) -> float:
    """Three stages of convolution, batch norm, ReLU, pooling, then one linear layer; by Adam at a constant rate."""
    stages = [_stage(i, o) for i, o in zip((3, *widths), widths, strict=False)]
    net = nn.Sequential(*stages, nn.Flatten(), nn.Linear(widths[-1] * 4 * 4, CLASSES))
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    for _ in range(epochs):
        for chosen in _batches(torch.randperm(len(split.x_train)), batch):
            optimizer.zero_grad()
            torch.autograd.backward(F.cross_entropy(net(split.x_train[chosen]), split.y_train[chosen]))
            optimizer.step()
    net.eval()
    with torch.no_grad():
        return _accuracy(torch.cat([net(x) for x in _batches(split.x_test, 500)]), split.y_test)


def _batches(rows: Tensor, size: int) -> Iterator[Tensor]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _stage(channels_in: int, channels_out: int) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU(), nn.MaxPool2d(2))
