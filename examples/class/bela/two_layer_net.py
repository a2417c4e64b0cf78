# -*- coding: utf-8 -*-
# two_layer_net.py -- Béla K., working on Colab
import random
import statistics
import torch
from torchsummary import summary
from linear_classifier import sample_batch
from google.colab import files
import matplotlib.pyplot as plt


def hello_two_layer_net():
    print("Hello from two_layer_net.py!")


class TwoLayerNet(object):

    def __init__(self, input_size, hidden_size, output_size, dtype=torch.float32, device='cuda', std=1e-4):
        random.seed(0)
        torch.manual_seed(0)
        self.params = {
            'W1': std * torch.randn(input_size, hidden_size, dtype=dtype, device=device),
            'b1': torch.zeros(hidden_size, dtype=dtype, device=device),
            'W2': std * torch.randn(hidden_size, output_size, dtype=dtype, device=device),
            'b2': torch.zeros(output_size, dtype=dtype, device=device),
        }

    def loss(self, X, y=None, reg=0.0):
        return nn_forward_backward(self.params, X, y, reg)

    def train(self, X, y, X_val, y_val, learning_rate=1e-3, learning_rate_decay=0.95, reg=5e-6, num_iters=100,
              batch_size=200, verbose=False):
        return nn_train(self.params, nn_forward_backward, nn_predict, X, y, X_val, y_val, learning_rate,
                        learning_rate_decay, reg, num_iters, batch_size, verbose)

    def predict(self, X):
        return nn_predict(self.params, nn_forward_backward, X)

    def save(self, path):
        torch.save(self.params, path)
        print("Saved in", path)

    def load(self, path):
        self.params = torch.load(path, map_location='cpu')
        print("load checkpoint file:", path)


def affine(x, w, b):
    return torch.addmm(b, x, w)


def nn_forward_pass(params, X):
    W1, b1, W2, b2 = (params[k] for k in ('W1', 'b1', 'W2', 'b2'))
    hidden = affine(X, W1, b1)
    hidden[hidden < 0] = 0
    scores = affine(hidden, W2, b2)
    return scores, hidden


def nn_forward_backward(params, X, y=None, reg=0.0):
    W1, b1, W2, b2 = (params[k] for k in ('W1', 'b1', 'W2', 'b2'))
    N, D = X.shape

    scores, h1 = nn_forward_pass(params, X)
    if y is None:
        return scores

    shifted = scores - scores.max(dim=1)[0].view(N, 1)
    sums = torch.exp(shifted).sum(dim=1).view(N, 1)
    loss = (torch.log(sums).squeeze(1) - shifted[range(N), y]).mean()
    loss += reg * torch.sum(W1 * W1) + reg * torch.sum(W2 * W2)

    grads = {}
    delta = torch.exp(shifted) / sums
    delta[range(N), y] -= 1.0
    delta /= N
    grads['b2'] = torch.sum(delta, dim=0)
    grads['W2'] = torch.mm(h1.T, delta) + 2 * reg * W2
    delta = torch.mm(delta, W2.T) * (h1 > 0).to(W2.dtype).cuda()
    grads['b1'] = torch.sum(delta, dim=0)
    grads['W1'] = torch.mm(X.T, delta) + 2 * reg * W1
    return loss, grads


def nn_train(params, loss_func, pred_func, X, y, X_val, y_val, learning_rate=1e-3, learning_rate_decay=0.95, reg=5e-6,
             num_iters=100, batch_size=200, verbose=False):
    num_train = X.shape[0]
    iterations_per_epoch = max(num_train // batch_size, 1)
    loss_history = []
    train_acc_history = []
    val_acc_history = []

    for it in range(num_iters):
        X_batch, y_batch = sample_batch(X, y, num_train, batch_size)
        loss, grads = loss_func(params, X_batch, y=y_batch, reg=reg)
        loss_history.append(loss.item())
        params['W1'] -= learning_rate * grads['W1']
        params['b1'] -= learning_rate * grads['b1']
        params['W2'] -= learning_rate * grads['W2']
        params['b2'] -= learning_rate * grads['b2']
        if verbose and it % 100 == 0:
            print('iteration %d / %d: loss %f' % (it, num_iters, loss.item()))
        if it % iterations_per_epoch == 0:
            train_acc_history.append((pred_func(params, loss_func, X_batch) == y_batch).float().mean().item())
            val_acc_history.append((pred_func(params, loss_func, X_val) == y_val).float().mean().item())
            learning_rate *= learning_rate_decay
    return {'loss_history': loss_history, 'train_acc_history': train_acc_history, 'val_acc_history': val_acc_history}


def nn_predict(params, loss_func, X):
    best = []
    for chunk in X.split(2000):
        scores, _ = nn_forward_pass(params, chunk)
        best.append(scores.max(dim=1).indices)
    return torch.cat(best, dim=0)


def nn_get_search_params():
    learning_rates = [0.7, 1.0]
    hidden_sizes = [100, 200, 300]
    regularization_strengths = [1e-5, 1e-4]
    learning_rate_decays = [0.95, 0.97]
    return learning_rates, hidden_sizes, regularization_strengths, learning_rate_decays


def find_best_net(data_dict, get_param_set_fn):
    best_net = None
    best_stat = None
    best_val_acc = 0.0
    lrs, hss, regs, decays = get_param_set_fn()
    for hs in hss:
        for lr in lrs:
            for reg in regs:
                for decay in decays:
                    net = TwoLayerNet(3 * 32 * 32, hs, 10, dtype=data_dict['X_train'].dtype)
                    stats = net.train(data_dict['X_train'], data_dict['y_train'], data_dict['X_val'], data_dict['y_val'],
                                      lr, decay, reg, 1500, 1000, False)
                    val_acc = (net.predict(data_dict['X_val']) == data_dict['y_val']).float().mean().item()
                    print(hs, lr, reg, decay, '->', val_acc)
                    if val_acc > best_val_acc:
                        best_val_acc = val_acc
                        best_net = net
                        best_stat = stats
    return best_net, best_stat, best_val_acc
