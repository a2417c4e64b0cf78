"""
A2 part 2, a two-layer net. Ada L.

X (N, D) -> W1, b1 -> ReLU -> W2, b2 -> scores (N, C)
"""
import itertools
import random
import statistics

import torch
from linear_classifier import sample_batch


def hello_two_layer_net():
  """ Says hello, so the notebook knows that the file was found """
  print('Hello from two_layer_net.py!')


class TwoLayerNet(object):
  """ Keeps the parameters and calls the functions below. """

  def __init__(self, input_size, hidden_size, output_size,
               dtype=torch.float32, device='cuda', std=1e-4):
    random.seed(0)
    torch.manual_seed(0)
    p = {}
    p['W1'] = std * torch.randn(input_size, hidden_size, dtype=dtype, device=device)
    p['b1'] = torch.zeros(hidden_size, dtype=dtype, device=device)
    p['W2'] = std * torch.randn(hidden_size, output_size, dtype=dtype, device=device)
    p['b2'] = torch.zeros(output_size, dtype=dtype, device=device)
    self.params = p

  def loss(self, X, y=None, reg=0.0):
    return nn_forward_backward(self.params, X, y, reg)

  def train(self, X, y, X_val, y_val, learning_rate=1e-3,
            learning_rate_decay=0.95, reg=5e-6, num_iters=100,
            batch_size=200, verbose=False):
    return nn_train(self.params, nn_forward_backward, nn_predict, X, y,
                    X_val, y_val, learning_rate, learning_rate_decay, reg,
                    num_iters, batch_size, verbose)

  def predict(self, X):
    return nn_predict(self.params, nn_forward_backward, X)

  def save(self, path):
    torch.save(self.params, path)
    print('Saved in {}'.format(path))

  def load(self, path):
    self.params = torch.load(path, map_location='cpu')
    print('load checkpoint file: {}'.format(path))


def nn_forward_pass(params, X):
  """ -> scores (N, C), hidden (N, H) """
  H = torch.einsum('nd,dh->nh', X, params['W1']) + params['b1']
  hidden = H * (H > 0)
  scores = torch.einsum('nh,hc->nc', hidden, params['W2']) + params['b2']
  return scores, hidden


def nn_forward_backward(params, X, y=None, reg=0.0):
  """ -> scores, or with labels (loss, gradients) """
  W1, W2 = params['W1'], params['W2']
  scores, hidden = nn_forward_pass(params, X)
  if y is None:
    return scores

  N = X.shape[0]
  onehot = torch.zeros_like(scores)
  onehot.scatter_(1, y.view(-1, 1), 1.)
  log_p = scores - torch.logsumexp(scores, dim=1, keepdim=True)
  loss = -torch.sum(onehot * log_p) / N
  loss = loss + reg * (W1.norm() ** 2 + W2.norm() ** 2)

  d_scores = (log_p.exp() - onehot) / N
  d_hidden = d_scores.mm(W2.t())
  d_hidden[hidden == 0] = 0.     # the ReLU was shut there
  grads = {
      'W2': hidden.t().mm(d_scores) + 2 * reg * W2,
      'b2': d_scores.sum(0),
      'W1': X.t().mm(d_hidden) + 2 * reg * W1,
      'b1': d_hidden.sum(0),
  }
  return loss, grads


def nn_train(params, loss_func, pred_func, X, y, X_val, y_val,
             learning_rate=1e-3, learning_rate_decay=0.95, reg=5e-6,
             num_iters=100, batch_size=200, verbose=False):
  """ SGD; params are changed in place """
  num_train = X.shape[0]
  iterations_per_epoch = max(num_train // batch_size, 1)
  loss_history, train_acc_history, val_acc_history = [], [], []

  for it in range(num_iters):
    X_batch, y_batch = sample_batch(X, y, num_train, batch_size)
    loss, grads = loss_func(params, X_batch, y=y_batch, reg=reg)
    loss_history.append(loss.item())

    for key, grad in grads.items():
      params[key] = params[key] - learning_rate * grad

    if verbose and it % 100 == 0:
      print('iteration %d / %d: loss %f' % (it, num_iters, loss.item()))

    if it % iterations_per_epoch == 0:
      hits = pred_func(params, loss_func, X_batch) == y_batch
      train_acc_history.append(hits.float().mean().item())
      hits = pred_func(params, loss_func, X_val) == y_val
      val_acc_history.append(hits.float().mean().item())
      learning_rate *= learning_rate_decay

  return {
      'loss_history': loss_history,
      'train_acc_history': train_acc_history,
      'val_acc_history': val_acc_history,
  }


def nn_predict(params, loss_func, X):
  """ best class of each row """
  return torch.argmax(loss_func(params, X), dim=1)


def nn_get_search_params():
  """ what to try """
  learning_rates = [0.5, 0.8, 1.0]
  hidden_sizes = [128, 256]
  regularization_strengths = [1e-5, 1e-4]
  learning_rate_decays = [0.95, 0.98]
  return learning_rates, hidden_sizes, regularization_strengths, learning_rate_decays


def find_best_net(data_dict, get_param_set_fn):
  """ tries them all -> (best net, its statistics, its validation accuracy) """
  best_net, best_stat, best_val_acc = None, None, 0.0
  X, y = data_dict['X_train'], data_dict['y_train']
  X_val, y_val = data_dict['X_val'], data_dict['y_val']
  for lr, hs, reg, decay in itertools.product(*get_param_set_fn()):
    net = TwoLayerNet(X.shape[1], hs, 10, dtype=X.dtype, device=X.device)
    stat = net.train(X, y, X_val, y_val, learning_rate=lr,
                     learning_rate_decay=decay, reg=reg, num_iters=2000,
                     batch_size=500)
    acc = (net.predict(X_val) == y_val).double().mean().item()
    if best_net is None or acc > best_val_acc:
      best_net, best_stat, best_val_acc = net, stat, acc
  return best_net, best_stat, best_val_acc
