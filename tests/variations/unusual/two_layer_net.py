"""Unusual but right ways of writing the two-layer net: each keeps full marks."""

from tests.variations import Variation
from tests.variations.two_layer_net import only, training

FORWARD = [
    only(
        "nn_forward_pass",
        "ReLU as half of the sum with the absolute value, one unit after the other",
        """
def nn_forward_pass(params, X):
    columns = []
    for h in range(params['W1'].shape[1]):
        z = X.matmul(params['W1'][:, h]) + params['b1'][h]
        columns.append((z + z.abs()) / 2)
    hidden = torch.stack(columns, dim=1)
    scores = torch.stack([hidden.matmul(params['W2'][:, c]) + params['b2'][c]
                          for c in range(params['W2'].shape[1])], dim=1)
    return scores, hidden
""",
    ),
    only(
        "nn_forward_pass",
        "a nested function that is called relu",
        """
def nn_forward_pass(params, X):
    def relu(x):
        return torch.max(x, torch.tensor([0.0], dtype=x.dtype))

    ReLU = lambda x: relu(x)
    h1 = ReLU(torch.add(torch.mm(X, params['W1']), params['b1']))
    scores = torch.add(torch.mm(h1, params['W2']), params['b2'])
    return (scores, h1)
""",
    ),
    only(
        "nn_forward_pass",
        "numbers one by one, in place",
        """
def nn_forward_pass(params, X):
    hidden = X @ params['W1']
    hidden += params['b1']
    for i in range(hidden.shape[0]):
        for j in range(hidden.shape[1]):
            if hidden[i, j] < 0:
                hidden[i, j] = 0
    scores = torch.zeros(X.shape[0], params['b2'].shape[0], dtype=X.dtype)
    for i in range(X.shape[0]):
        scores[i] = hidden[i] @ params['W2'] + params['b2']
    return scores, hidden
""",
    ),
    only(
        "nn_forward_pass",
        "bias by a column of ones, einsum",
        """
def nn_forward_pass(params, X):
    ones = torch.ones(X.shape[0], 1, dtype=X.dtype, device=X.device)
    W1 = torch.cat([params['W1'], params['b1'].unsqueeze(0)])
    hidden = torch.clamp(torch.cat([X, ones], dim=1) @ W1, 0, float('inf'))
    return torch.einsum('nh,hc->nc', hidden, params['W2']) + params['b2'].expand(X.shape[0], -1), hidden
""",
    ),
]

BACKWARD = [
    only(
        "nn_forward_backward",
        "the log of the probability, shifted; the mask from the layer's own input",
        """
def nn_forward_backward(params, X, y=None, reg=0.0):
    W1, b1 = params['W1'], params['b1']
    W2, b2 = params['W2'], params['b2']
    N, D = X.shape
    scores, h1 = nn_forward_pass(params, X)
    if y is None:
        return scores
    scores_exp = torch.exp(scores - torch.max(scores, dim=1)[0].view(-1, 1))
    probs = scores_exp / torch.sum(scores_exp, dim=1).view(-1, 1)
    loss = -torch.sum(torch.log(probs[range(N), y])) / N
    loss += reg * torch.sum(W1 * W1) + reg * torch.sum(W2 * W2)
    grads = {}
    probs[range(N), y] -= 1
    probs /= N
    grads['b2'] = torch.sum(probs, dim=0)
    grads['W2'] = torch.mm(h1.t(), probs) + 2 * reg * W2
    dz = torch.mm(probs, W2.t()) * (X.mm(W1) + b1 > 0)
    grads['b1'] = torch.sum(dz, dim=0)
    grads['W1'] = torch.mm(X.t(), dz) + 2 * reg * W1
    return loss, grads
""",
    ),
    only(
        "nn_forward_backward",
        "gradients in tensors of torch's default dtype, the loss as a Python number",
        """
def nn_forward_backward(params, X, y=None, reg=0.0):
    scores, hidden = nn_forward_pass(params, X)
    if y is None:
        return scores
    N, C = scores.shape
    grads = {key: torch.zeros(value.shape) for key, value in params.items()}
    loss = 0.0
    for i in range(N):
        s = scores[i] - scores[i].max()
        loss += float(s.exp().sum().log() - s[y[i]])
        d = s.softmax(0)
        d[y[i]] -= 1
        grads['W2'] += torch.outer(hidden[i], d)
        grads['b2'] += d
        dh = (params['W2'] @ d) * hidden[i].sign()
        grads['W1'] += torch.outer(X[i], dh)
        grads['b1'] += dh
    for key in grads:
        grads[key] /= N
    for key in ('W1', 'W2'):
        loss += N * reg * float((params[key] ** 2).sum())
        grads[key] += 2 * reg * params[key]
    return torch.tensor(loss / N), grads
""".replace("return torch.tensor(loss / N)", "return torch.tensor(loss / N, dtype=torch.float64)"),
    ),
    only(
        "nn_forward_backward",
        "a class for each layer",
        """
def nn_forward_backward(params, X, y=None, reg=0.0):
    class Layer:
        def __init__(self, name):
            self.W, self.name = params['W' + name], name

        def backward(self, upstream, x):
            grads['W' + self.name] = x.t() @ upstream + 2 * reg * self.W
            grads['b' + self.name] = upstream.sum(dim=0)
            return upstream @ self.W.t()

    scores, hidden = nn_forward_pass(params, X)
    if y is None:
        return scores
    grads = {}
    log_p = torch.nn.LogSoftmax(dim=1)(scores)
    loss = torch.nn.NLLLoss()(log_p, y) + reg * sum(params[k].square().sum() for k in ('W1', 'W2'))
    back = (log_p.exp() - torch.nn.functional.one_hot(y, scores.shape[1])) / len(y)
    back = Layer('2').backward(back, hidden)
    Layer('1').backward(back.masked_fill_(hidden == 0, 0), X)
    return loss, grads
""",
    ),
]

TRAINING = [
    only(
        "nn_train",
        "in place on what items() gives",
        training("""
        for key, value in params.items():
            value -= learning_rate * grads[key]
"""),
    ),
    only(
        "nn_train",
        "names written out, in a loop over lists",
        training("""
        for layer in (1, 2):
            for kind in ['W', 'b']:
                name = f'{kind}{layer}'
                params[name] = torch.add(params[name], grads[name], alpha=-learning_rate)
"""),
    ),
    only(
        "nn_train",
        "popped and put back, in another order",
        training("""
        for name in sorted(grads):
            old = params.pop(name)
            params[name] = old.clone().sub_(grads[name] * learning_rate)
        assert len(params) == 4
"""),
    ),
]

PREDICTION = [
    only(
        "nn_predict",
        "the loss function's arguments by name, numpy's argmax",
        """
def nn_predict(params, loss_func, X):
    import numpy as np
    scores = loss_func(params=params, X=X)
    return torch.as_tensor(np.argmax(scores.detach().numpy(), axis=1))
""",
    ),
    only(
        "nn_predict",
        "one input after the other",
        """
def nn_predict(params, loss_func, X):
    y_pred = torch.zeros(X.shape[0], dtype=torch.long)
    for i, x in enumerate(X):
        y_pred[i] = loss_func(params, x.view(1, -1)).max(1)[1]
    return y_pred
""",
    ),
    only(
        "nn_predict",
        "sorted, the last column",
        """
def nn_predict(params, loss_func, X):
    return loss_func(params, X, None, 0.0).sort(dim=1)[1][:, -1]
""",
    ),
]

SEARCH = [
    only(
        "nn_get_search_params",
        "hidden sizes as floats, single values as lists",
        """
def nn_get_search_params():
    return [1.0, 0.8], [1e2, 128.0, 256], [0, 1e-5], [1]
""",
    ),
    only(
        "nn_get_search_params",
        "drawn at random",
        """
def nn_get_search_params():
    learning_rates = [10 ** random.uniform(-0.3, 0.1) for _ in range(3)]
    hidden_sizes = [random.randint(100, 300) for _ in range(2)]
    return learning_rates, hidden_sizes, [10 ** random.uniform(-6, -4)], [random.uniform(0.9, 1.0)]
""",
    ),
]

BEST_NET = [
    only(
        "find_best_net",
        "results in a dictionary by setting, the best chosen at the end and trained on",
        """
def find_best_net(data_dict, get_param_set_fn):
    results, nets = {}, {}
    X, y, X_val, y_val = (data_dict[k] for k in ('X_train', 'y_train', 'X_val', 'y_val'))
    lrs, sizes, regs, decays = get_param_set_fn()
    for setting in [(a, b, c, d) for a in lrs for b in sizes for c in regs for d in decays]:
        lr, size, reg, decay = setting
        nets[setting] = TwoLayerNet(X.shape[1], size, 10, X.dtype, X.device)
        stat = nets[setting].train(X, y, X_val, y_val, lr, decay, reg, num_iters=200)
        results[setting] = stat, (y_val == nets[setting].predict(X_val)).double().mean().item()
    best = max(results, key=lambda setting: results[setting][1])
    lr, _, reg, decay = best
    stat = nets[best].train(X, y, X_val, y_val, lr, decay, reg, num_iters=5000, batch_size=1000)
    return nets[best], stat, results[best][1]
""",
    ),
    only(
        "find_best_net",
        "trained by nn_train on the net's parameters, saved where it runs",
        """
def find_best_net(data_dict, get_param_set_fn):
    best_net, best_stat, best_val_acc = None, None, 0.0
    X_val, y_val = data_dict['X_val'], data_dict['y_val']
    for lr, hs, reg, lrd in itertools.product(*get_param_set_fn()):
        print(f'lr {lr} hs {hs} reg {reg} decay {lrd}')
        net = TwoLayerNet(input_size=3072, hidden_size=int(hs), output_size=10, dtype=X_val.dtype, device='cuda')
        stat = nn_train(net.params, nn_forward_backward, nn_predict, data_dict['X_train'], data_dict['y_train'],
                        X_val, y_val, learning_rate=lr, learning_rate_decay=lrd, reg=reg, num_iters=1000,
                        batch_size=200, verbose=False)
        val_acc = stat['val_acc_history'][-1]
        if best_net is None or val_acc > best_val_acc:
            best_net, best_stat, best_val_acc = net, stat, val_acc
            best_net.save('nn_best_model.pt')
    return best_net, best_stat, best_val_acc
""",
    ),
    only(
        "find_best_net",
        "a part of the training set, mixed; judged batch by batch",
        """
def find_best_net(data_dict, get_param_set_fn):
    torch.manual_seed(0)
    learning_rates, hidden_sizes, regularization_strengths, learning_rate_decays = get_param_set_fn()
    X_val, y_val = data_dict['X_val'], data_dict['y_val']
    best_net = best_stat = None
    best_val_acc = -1
    count = 0
    for hs in hidden_sizes:
        for lrd in learning_rate_decays:
            for lr in learning_rates:
                for reg in regularization_strengths:
                    count += 1
                    few = torch.randperm(len(data_dict['X_train']))[:20]
                    net = TwoLayerNet(3 * 32 * 32, hs, len(torch.unique(data_dict['y_train'])))
                    stat = net.train(data_dict['X_train'][few], data_dict['y_train'][few], X_val, y_val,
                                     learning_rate=lr, learning_rate_decay=lrd, reg=reg)
                    right = sum(int((net.predict(X_val[i:i + 8]) == y_val[i:i + 8]).sum())
                                for i in range(0, len(X_val), 8))
                    if right / len(X_val) > best_val_acc:
                        best_val_acc = right / len(X_val)
                        best_net, best_stat = net, stat
    return best_net, best_stat, best_val_acc
""",
    ),
    only(
        "find_best_net",
        "the settings numbered, an accuracy of one element in percent",
        """
def find_best_net(data_dict, get_param_set_fn):
    grid = get_param_set_fn()
    sizes = [len(values) for values in grid]
    total = sizes[0] * sizes[1] * sizes[2] * sizes[3]
    best = {'acc': torch.zeros(1), 'net': None, 'stat': None}
    for number in range(total):
        rest, chosen = number, []
        for values in grid:
            rest, place = divmod(rest, len(values))
            chosen.append(values[place])
        net = TwoLayerNet(3072, chosen[1], 10, device=data_dict['X_train'].device)
        stat = net.train(*[data_dict[k] for k in ('X_train', 'y_train', 'X_val', 'y_val')], chosen[0], chosen[3],
                         chosen[2], num_iters=500)
        hits = torch.eq(net.predict(data_dict['X_val']), data_dict['y_val'])
        acc = 100 * hits.sum(dim=0, keepdim=True) / hits.numel()
        if acc.item() > best['acc'].item():
            best.update(acc=acc, net=net, stat=stat)
    return best['net'], best['stat'], best['acc']
""",
    ),
]

VARIATIONS: list[Variation] = [*FORWARD, *BACKWARD, *TRAINING, *PREDICTION, *SEARCH, *BEST_NET]
