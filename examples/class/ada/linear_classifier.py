"""
A2 part 1, linear classifiers: multiclass SVM and softmax.
Ada L., own solution. W is (D, C), X is (N, D), y is (N,).

Note to self: nothing in here may move a tensor to another device.
"""
import random
import statistics
from abc import abstractmethod

import torch


def hello_linear_classifier():
  """ Says hello, so the notebook knows that the file was found """
  print('Hello from linear_classifier.py!')


class LinearClassifier(object):
  """ What both classifiers share. The subclasses only say which loss to use. """

  def __init__(self):
    random.seed(0)
    torch.manual_seed(0)
    self.W = None

  def train(self, X_train, y_train, learning_rate=1e-3, reg=1e-5,
            num_iters=100, batch_size=200, verbose=False):
    self.W, history = train_linear_classifier(
        self.loss, self.W, X_train, y_train, learning_rate, reg, num_iters,
        batch_size, verbose)
    return history

  def predict(self, X):
    return predict_linear_classifier(self.W, X)

  @abstractmethod
  def loss(self, W, X_batch, y_batch, reg):
    raise NotImplementedError

  def _loss(self, X_batch, y_batch, reg):
    self.loss(self.W, X_batch, y_batch, reg)

  def save(self, path):
    torch.save({'W': self.W}, path)
    print('Saved in {}'.format(path))

  def load(self, path):
    self.W = torch.load(path, map_location='cpu')['W']
    print('load checkpoint file: {}'.format(path))


class LinearSVM(LinearClassifier):
  """ SVM loss """
  def loss(self, W, X_batch, y_batch, reg):
    return svm_loss_vectorized(W, X_batch, y_batch, reg)


class Softmax(LinearClassifier):
  """ softmax (cross-entropy) loss """
  def loss(self, W, X_batch, y_batch, reg):
    return softmax_loss_vectorized(W, X_batch, y_batch, reg)


# ---------------------------------------------------------------- SVM

def svm_loss_naive(W, X, y, reg):
  """ SVM loss and gradient with two loops -> (loss, dW) """
  N, C = X.shape[0], W.shape[1]
  dW = torch.zeros_like(W)
  loss = 0.0
  for i in range(N):
    s = X[i].matmul(W)
    s_right = s[y[i]]
    for j in range(C):
      if j == y[i]:
        continue
      gap = s[j] - s_right + 1
      if gap > 0:
        loss += gap
        # d gap / d w_j = x_i   and   d gap / d w_y = -x_i
        dW[:, j] += X[i] / N
        dW[:, y[i]] -= X[i] / N

  loss /= N
  loss += reg * torch.sum(W * W)
  dW += reg * 2. * W
  return loss, dW


def svm_loss_vectorized(W, X, y, reg):
  """ the same, no loops """
  N = X.shape[0]
  # I find it easier with the scores lying on their side: one COLUMN per picture
  S = torch.einsum('dc,nd->cn', W, X)
  who = torch.arange(N, device=X.device)
  gaps = torch.clip(S - S[y, who] + 1., min=0.)
  gaps[y, who] = 0.
  loss = gaps.sum() / N + reg * torch.einsum('dc,dc->', W, W)

  # +1 where the gap is open, and the right class pays for all open gaps
  pull = torch.where(gaps > 0, torch.ones_like(gaps), torch.zeros_like(gaps))
  pull[y, who] = -pull.sum(0)
  dW = torch.einsum('nd,cn->dc', X, pull) / N + 2. * reg * W
  return loss, dW


def sample_batch(X, y, num_train, batch_size):
  """ random rows of X with their labels, with replacement """
  pick = torch.randint(0, num_train, size=(batch_size,), device=X.device)
  X_batch = X.index_select(0, pick)
  y_batch = y.index_select(0, pick)
  return X_batch, y_batch


def train_linear_classifier(loss_func, W, X, y, learning_rate=1e-3, reg=1e-5,
                            num_iters=100, batch_size=200, verbose=False):
  """ SGD. loss_func(W, X, y, reg) -> loss, gradient """
  num_train, dim = X.shape
  if W is None:
    # labels start from 0, so there are max + 1 classes
    num_classes = y.max().item() + 1
    W = 1e-6 * torch.randn(dim, num_classes, device=X.device, dtype=X.dtype)

  loss_history = []
  for it in range(num_iters):
    X_batch, y_batch = sample_batch(X, y, num_train, batch_size)
    loss, grad = loss_func(W, X_batch, y_batch, reg)
    loss_history.append(loss.item())
    W -= learning_rate * grad
    if verbose and it % 100 == 0:
      print('iteration %d / %d: loss %f' % (it, num_iters, loss))
  return W, loss_history


def predict_linear_classifier(W, X):
  """ best class of each row -> (N,) int64 """
  S = W.t().mm(X.t())          # (C, N)
  return S.max(0)[1]


def svm_get_search_params():
  """ what to try """
  learning_rates = [1e-3, 3e-3, 1e-2]
  regularization_strengths = [1e-3, 1e-2, 5e-2, 1e-1]
  return learning_rates, regularization_strengths


def test_one_param_set(cls, data_dict, lr, reg, num_iters=2000):
  """ trains cls and scores it -> (cls, train accuracy, validation accuracy) """
  cls.train(data_dict['X_train'], data_dict['y_train'], learning_rate=lr,
            reg=reg, num_iters=num_iters, verbose=False)
  accuracies = []
  for part in ('train', 'val'):
    guess = cls.predict(data_dict['X_' + part])
    hits = guess == data_dict['y_' + part]
    accuracies.append(statistics.mean(map(float, hits.tolist())))
  train_acc, val_acc = accuracies
  return cls, train_acc, val_acc


# ---------------------------------------------------------------- softmax

def softmax_loss_naive(W, X, y, reg):
  """ softmax loss and gradient, one picture at a time """
  N, C = X.shape[0], W.shape[1]
  loss = 0.0
  dW = torch.zeros_like(W)
  for i in range(N):
    s = torch.mv(W.t(), X[i])
    top = max(s)
    total = sum(torch.exp(s[j] - top) for j in range(C))
    loss += torch.log(total) + top - s[y[i]]
    for j in range(C):
      share = torch.exp(s[j] - top) / total
      dW[:, j] += (share - float(j == y[i])) * X[i]
  loss = loss / N + reg * W.pow(2).sum()
  dW = dW / N + 2 * reg * W
  return loss, dW


def softmax_loss_vectorized(W, X, y, reg):
  """ softmax loss and gradient, no loops """
  N = X.shape[0]
  S = torch.einsum('dc,nd->cn', W, X)
  who = torch.arange(N, device=X.device)
  S = S - S.amax(dim=0)
  log_total = torch.logsumexp(S, dim=0)
  loss = (log_total - S[y, who]).sum() / N + reg * torch.einsum('dc,dc->', W, W)

  P = torch.exp(S - log_total)
  P[y, who] -= 1.
  dW = torch.einsum('nd,cn->dc', X, P) / N + 2. * reg * W
  return loss, dW


def softmax_get_search_params():
  """ what to try """
  learning_rates = [1e-2, 3e-2, 1e-1, 2e-1]
  regularization_strengths = [1e-4, 1e-3, 1e-2]
  return learning_rates, regularization_strengths
