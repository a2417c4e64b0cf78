"""Other right ways to write the parts of two_layer_net, as hand-ins do: each must keep full marks."""

from tests.variations import Variation


def only(function: str, name: str, source: str) -> Variation:
    """A variation of one function."""
    return Variation(name, {function: source})


FORWARD_PASS = [
    only(
        "nn_forward_pass",
        "ReLU as a product with a mask",
        """
def nn_forward_pass(params, X):
    h = X.mm(params["W1"]) + params["b1"]
    h = h * (h > 0)
    scores = h.mm(params["W2"]) + params["b2"]
    return scores, h
""",
    ),
    only(
        "nn_forward_pass",
        "ReLU by assignment where negative",
        """
def nn_forward_pass(params, X):
    W1, b1 = params['W1'], params['b1']
    W2, b2 = params['W2'], params['b2']
    hidden = torch.matmul(X, W1) + b1.view(1, -1)
    hidden[hidden < 0] = 0
    scores = torch.matmul(hidden, W2) + b2.view(1, -1)
    return scores, hidden
""",
    ),
    only(
        "nn_forward_pass",
        "ReLU as the maximum with a zero of another dtype",
        """
def nn_forward_pass(params, X):
    hidden = torch.maximum(torch.tensor(0), X @ params['W1'] + params['b1'])
    return hidden @ params['W2'] + params['b2'], hidden
""",
    ),
    only(
        "nn_forward_pass",
        "ReLU as the maximum with a tensor of zeros",
        """
def nn_forward_pass(params, X):
    layer = X.mm(params['W1']) + params['b1']
    hidden = torch.max(torch.zeros_like(layer), layer)
    scores = torch.addmm(params['b2'], hidden, params['W2'])
    return scores, hidden
""",
    ),
    only(
        "nn_forward_pass",
        "ReLU by torch.where, results as a list",
        """
def nn_forward_pass(params, X):
    layer = (params['W1'].T @ X.T).T + params['b1']
    hidden = torch.where(layer > 0, layer, torch.zeros((), dtype=layer.dtype))
    scores = (params['W2'].T @ hidden.T).T + params['b2']
    return [scores, hidden]
""",
    ),
    Variation(
        "everything in float64 whatever comes in",
        {
            "nn_forward_pass": """
def nn_forward_pass(params, X):
    W1, b1, W2, b2 = (params[k].double() for k in ('W1', 'b1', 'W2', 'b2'))
    hidden = (X.to(torch.float64) @ W1 + b1).clip(min=0)
    return hidden @ W2 + b2, hidden
""",
            "nn_forward_backward": """
def nn_forward_backward(params, X, y=None, reg=0.0):
    params, X = {k: v.double() for k, v in params.items()}, X.double()
    scores, hidden = nn_forward_pass(params, X)
    if y is None:
        return scores
    N, C = scores.shape
    logp = scores - scores.logsumexp(dim=1, keepdim=True)
    loss = -logp[torch.arange(N), y].sum() / N + reg * ((params['W1'] ** 2).sum() + (params['W2'] ** 2).sum())
    d = (logp.exp() - torch.nn.functional.one_hot(y, C)) / N
    dh = (d @ params['W2'].t()) * (hidden > 0).to(torch.float64)
    grads = {'W1': X.t() @ dh, 'b1': dh.sum(0), 'W2': hidden.t() @ d, 'b2': d.sum(0)}
    for k in ['W1', 'W2']:
        grads[k] = grads[k] + 2 * reg * params[k]
    return loss, grads
""",
        },
    ),
]

FORWARD_BACKWARD = [
    only(
        "nn_forward_backward",
        "first layer first, forward pass computed again, log-sum-exp",
        """
def nn_forward_backward(params, X, y=None, reg=0.0):
    scores, h1 = nn_forward_pass(params, X)
    if y is None:
        return scores
    N = X.shape[0]
    scores, h1 = nn_forward_pass(params, X)
    loss = (torch.logsumexp(scores, dim=1) - scores[range(N), y]).sum() / N
    loss += reg * (torch.sum(params['W1'] ** 2) + torch.sum(params['W2'] ** 2))
    p = torch.softmax(scores, 1)
    p[range(N), y] -= 1
    p /= N
    dh = p.mm(params['W2'].t())
    dh[h1 <= 0] = 0
    grads = {}
    grads['W1'] = X.t().mm(dh) + 2 * reg * params['W1']
    grads['b1'] = dh.sum(0)
    grads['W2'] = h1.t().mm(p) + 2 * reg * params['W2']
    grads['b2'] = p.sum(0)
    return loss, grads
""",
    ),
    only(
        "nn_forward_backward",
        "scores shifted in place, one-hot labels",
        """
def nn_forward_backward(params, X, y=None, reg=0.0):
    W1, b1 = params['W1'], params['b1']
    W2, b2 = params['W2'], params['b2']
    N, D = X.shape
    scores, h1 = nn_forward_pass(params, X)
    if y is None:
        return scores
    scores -= torch.max(scores, dim=1, keepdim=True)[0]
    total = torch.exp(scores).sum(dim=1)
    right = scores.gather(1, y.unsqueeze(1)).squeeze(1)
    loss = torch.sum(torch.log(total) - right) / N + reg * (W1.pow(2).sum() + W2.pow(2).sum())
    onehot = torch.zeros_like(scores).scatter_(1, y.view(-1, 1), 1.0)
    dscores = (torch.exp(scores) / total.view(-1, 1) - onehot) / N
    dh1 = dscores.mm(W2.t()) * (h1 > 0).type_as(h1)
    grads = {
        'b2': torch.sum(dscores, dim=0), 'W2': torch.mm(h1.t(), dscores).add(2 * reg * W2),
        'b1': torch.sum(dh1, dim=0), 'W1': torch.mm(X.t(), dh1).add(2 * reg * W1),
    }
    return loss, grads
""",
    ),
    only(
        "nn_forward_backward",
        "a loop over the inputs, a loss summed up as a Python number",
        """
def nn_forward_backward(params, X, y=None, reg=0.0):
    scores, hidden = nn_forward_pass(params, X)
    if y is None:
        return scores
    N = X.shape[0]
    grads = {k: torch.zeros_like(v) for k, v in params.items()}
    loss = 0.0
    for i in range(N):
        s = scores[i] - max(scores[i])
        e = torch.exp(s)
        loss += (torch.log(e.sum()) - s[y[i]]).item() / N
        d = e / e.sum()
        d[y[i]] -= 1
        grads['W2'] += torch.ger(hidden[i], d) / N
        grads['b2'] += d / N
        dh = torch.mv(params['W2'], d)
        dh[hidden[i] == 0] = 0
        grads['W1'] += torch.outer(X[i], dh) / N
        grads['b1'] += dh / N
    for k in ('W1', 'W2'):
        loss += reg * (params[k] ** 2).sum().item()
        grads[k] += 2 * reg * params[k]
    return torch.tensor(loss, dtype=X.dtype), grads
""",
    ),
    only(
        "nn_forward_backward",
        "log_softmax of torch, a loss with one element",
        """
def nn_forward_backward(params, X, y=None, reg=0.):
    scores, hidden = nn_forward_pass(params, X)
    if y is None: return scores
    n = len(y)
    logp = torch.log_softmax(scores, dim=1)
    loss = -logp.gather(1, y[:, None]).mean().reshape(1)
    loss = loss + reg * (params['W1'].norm() ** 2 + params['W2'].norm() ** 2)
    d = torch.exp(logp) - torch.eye(scores.shape[1], dtype=scores.dtype)[y]
    dh = (d / n) @ params['W2'].T
    dh = torch.where(hidden > 0, dh, torch.zeros_like(dh))
    ones = torch.ones(n, dtype=X.dtype)
    grads = dict(W1=X.T @ dh + 2 * reg * params['W1'], b1=ones @ dh)
    grads['W2'] = hidden.T @ d / n + 2 * reg * params['W2']
    grads['b2'] = ones @ d / n
    grads['hidden'] = dh
    return loss, grads
""",
    ),
    Variation(
        "its own forward pass, which takes a further keyword",
        {
            "nn_forward_pass": """
def nn_forward_pass(params, X, keep=True):
    hidden = (X @ params['W1'] + params['b1']).clamp(0)
    return hidden @ params['W2'] + params['b2'], hidden
""",
            "nn_forward_backward": """
def nn_forward_backward(params, X, y=None, reg=0.0):
    scores, hidden = nn_forward_pass(params, X, keep=True)
    if y is None:
        return scores
    shifted = scores - scores.amax(1, True)
    lse = shifted.exp().sum(1).log()
    loss = (lse - shifted[torch.arange(X.size(0)), y]).mean()
    loss = loss + reg * sum((params[k] * params[k]).sum() for k in ('W1', 'W2'))
    back = (shifted - lse[:, None]).exp()
    back[torch.arange(X.size(0)), y] -= 1
    back = back.div(X.size(0))
    grads = {'W2': hidden.T @ back, 'b2': back.sum(axis=0)}
    back = (back @ params['W2'].T).masked_fill(hidden <= 0, 0)
    grads.update(W1=X.T @ back, b1=back.sum(axis=0))
    for k in ('W1', 'W2'):
        grads[k] += 2 * reg * params[k]
    return loss, grads
""",
        },
    ),
]


def training(update: str) -> str:
    """`nn_train` as the course gives it, with this update in its blank."""
    return f"""
def nn_train(params, loss_func, pred_func, X, y, X_val, y_val, learning_rate=1e-3, learning_rate_decay=0.95,
             reg=5e-6, num_iters=100, batch_size=200, verbose=False):
    num_train = X.shape[0]
    iterations_per_epoch = max(num_train // batch_size, 1)
    loss_history, train_acc_history, val_acc_history = [], [], []
    for it in range(num_iters):
        X_batch, y_batch = sample_batch(X, y, num_train, batch_size)
        loss, grads = loss_func(params, X_batch, y=y_batch, reg=reg)
        loss_history.append(loss.item())
{update}
        if verbose and it % 100 == 0:
            print('iteration %d / %d: loss %f' % (it, num_iters, loss.item()))
        if it % iterations_per_epoch == 0:
            train_acc_history.append((pred_func(params, loss_func, X_batch) == y_batch).float().mean().item())
            val_acc_history.append((pred_func(params, loss_func, X_val) == y_val).float().mean().item())
            learning_rate *= learning_rate_decay
    return {{
        'loss_history': loss_history, 'train_acc_history': train_acc_history, 'val_acc_history': val_acc_history,
    }}
"""


TRAIN = [
    only(
        "nn_train",
        "four lines in place",
        training("""
        params['W1'] -= learning_rate * grads['W1']
        params['W2'] -= learning_rate * grads['W2']
        params['b1'] -= learning_rate * grads['b1']
        params['b2'] -= learning_rate * grads['b2']
"""),
    ),
    only(
        "nn_train",
        "new tensors under the old names",
        training("""
        for key in grads:
            params[key] = params[key] - learning_rate * grads[key]
"""),
    ),
    only(
        "nn_train",
        "update of a dictionary by a comprehension",
        training("""
        params.update({k: v - learning_rate * grads[k] for k, v in params.items()})
"""),
    ),
    only(
        "nn_train",
        "in place on the data, a further print, a leftover pass",
        training("""
        with torch.no_grad():
            for k in list(params.keys()):
                params[k].data.add_(grads[k].data, alpha=-learning_rate)
        if it == 0:
            print('first loss', loss)
        pass
"""),
    ),
]

PREDICT = [
    only(
        "nn_predict",
        "argmax by axis",
        """
def nn_predict(params, loss_func, X):
    return torch.argmax(loss_func(params, X), axis=1)
""",
    ),
    only(
        "nn_predict",
        "the indices of max, y given as None",
        """
def nn_predict(params, loss_func, X):
    y_pred = None
    scores = loss_func(params, X, y=None)
    _, y_pred = torch.max(scores, 1)
    return y_pred
""",
    ),
    only(
        "nn_predict",
        "from the forward pass, without the loss function",
        """
def nn_predict(params, loss_func, X):
    scores, _ = nn_forward_pass(params, X)
    return scores.max(dim=1)[1]
""",
    ),
    only(
        "nn_predict",
        "written out once more, by way of a softmax",
        """
def nn_predict(params, loss_func, X):
    h = X.mm(params['W1']) + params['b1']
    h[h < 0] = 0
    scores = h.mm(params['W2']) + params['b2']
    p = torch.exp(scores - scores.max(dim=1, keepdim=True)[0])
    p /= p.sum(dim=1, keepdim=True)
    return p.argmax(1).type(torch.int64)
""",
    ),
]

SEARCH_PARAMS = [
    only(
        "nn_get_search_params",
        "one value in most lists",
        """
def nn_get_search_params():
    learning_rates = [1e0]
    hidden_sizes = [128]
    regularization_strengths = [1e-5, 1e-4]
    learning_rate_decays = [0.95]
    return learning_rates, hidden_sizes, regularization_strengths, learning_rate_decays
""",
    ),
    only(
        "nn_get_search_params",
        "324 combinations",
        """
def nn_get_search_params():
    learning_rates = [0.6, 0.7, 0.8, 0.9, 1.0, 1.1]
    hidden_sizes = [64, 128, 256]
    regularization_strengths = [0, 1e-6, 1e-5, 5e-5, 1e-4, 5e-4]
    learning_rate_decays = [1.0, 0.95, 0.9]
    return learning_rates, hidden_sizes, regularization_strengths, learning_rate_decays
""",
    ),
    only(
        "nn_get_search_params",
        "arrays, ranges and tensors in the place of lists",
        """
def nn_get_search_params():
    import numpy as np
    learning_rates = np.linspace(0.8, 1.2, 3)
    hidden_sizes = range(128, 257, 128)
    regularization_strengths = torch.tensor([1e-5, 1e-4])
    learning_rate_decays = (0.95, 1)
    return [learning_rates, list(hidden_sizes), regularization_strengths, learning_rate_decays]
""",
    ),
]

BEST_NET = [
    only(
        "find_best_net",
        "nested loops, best of the validation history, sizes and batches of its own",
        """
def find_best_net(data_dict, get_param_set_fn):
    best_net = None
    best_stat = None
    best_val_acc = 0.0
    learning_rates, hidden_sizes, regs, decays = get_param_set_fn()
    for lr in learning_rates:
        for hs in hidden_sizes:
            for reg in regs:
                for decay in decays:
                    net = TwoLayerNet(3 * 32 * 32, hs, 10, device=data_dict['X_train'].device,
                                      dtype=data_dict['X_train'].dtype)
                    stats = net.train(data_dict['X_train'], data_dict['y_train'], data_dict['X_val'],
                                      data_dict['y_val'], num_iters=5000, batch_size=1000, learning_rate=lr,
                                      learning_rate_decay=decay, reg=reg, verbose=False)
                    if max(stats['val_acc_history']) > best_val_acc:
                        best_val_acc = max(stats['val_acc_history'])
                        best_net, best_stat = net, stats
    return best_net, best_stat, best_val_acc
""",
    ),
    only(
        "find_best_net",
        "no device, percent, a bound on the number of models, a very wide output layer",
        """
def find_best_net(data_dict, get_param_set_fn):
    import itertools
    grid = list(itertools.product(*get_param_set_fn()))
    if not 5 <= len(grid) <= 25:
        raise ValueError('too many or too few models: %d' % len(grid))
    X, y, X_val, y_val = [data_dict[k] for k in ['X_train', 'y_train', 'X_val', 'y_val']]
    best_net, best_stat, best_val_acc = None, None, 0.0
    for i, (lr, hs, reg, lrd) in enumerate(grid):
        net = TwoLayerNet(X.shape[1], hs, y.shape[0])
        stat = net.train(X, y, X_val, y_val, lr, lrd, reg, 1000, 200)
        acc = 100.0 * torch.mean((net.predict(X_val) == y_val).double())
        print('model', i, 'accuracy', acc)
        if acc > best_val_acc:
            best_val_acc, best_net, best_stat = acc, net, stat
    return best_net, best_stat, best_val_acc
""",
    ),
    only(
        "find_best_net",
        "best by mean of the history, ties to the later, the parameters cast to numbers",
        """
def find_best_net(data_dict, get_param_set_fn):
    import statistics
    rates, sizes, regs, decays = get_param_set_fn()
    results = []
    for decay in reversed(list(decays)):
        for hidden in sizes:
            for reg in regs:
                for lr in rates:
                    model = TwoLayerNet(3072, int(hidden), 10, dtype=torch.float32, device='cuda')
                    stats = model.train(data_dict['X_train'], data_dict['y_train'], data_dict['X_val'],
                                        data_dict['y_val'], learning_rate=float(lr), reg=float(reg),
                                        learning_rate_decay=float(decay), num_iters=2000, batch_size=500)
                    results.append((statistics.mean(stats['val_acc_history']), len(results), model, stats))
    best = max(results)
    return best[2], best[3], best[0]
""",
    ),
    only(
        "find_best_net",
        "judged by nn_predict on a sample of the training set's copy, best kept as a deep copy",
        """
def find_best_net(data_dict, get_param_set_fn):
    import copy
    best_net, best_stat, best_val_acc = None, None, 0.0
    X_train, y_train = data_dict['X_train'].clone(), data_dict['y_train'].clone()
    X_val, y_val = data_dict['X_val'], data_dict['y_val']
    lrs, hss, regs, lrds = get_param_set_fn()
    for hs in hss:
        for lr in lrs:
            for lrd in lrds:
                for reg in regs:
                    net = TwoLayerNet(input_size=3072, hidden_size=hs, output_size=10, device=X_train.device)
                    stat = net.train(X_train[:30], y_train[:30], X_val, y_val, learning_rate=lr,
                                     learning_rate_decay=lrd, reg=reg)
                    y_pred = nn_predict(net.params, nn_forward_backward, X_val)
                    val_acc = (y_pred == y_val).sum().item() / y_val.shape[0]
                    if val_acc >= best_val_acc:
                        best_net, best_stat, best_val_acc = copy.deepcopy(net), copy.deepcopy(stat), val_acc
    return [best_net, best_stat, best_val_acc]
""",
    ),
    only(
        "find_best_net",
        "judged by the scores of net.loss",
        """
def find_best_net(data_dict, get_param_set_fn):
    best = (None, None, 0.0)
    for lr, hs, reg, lrd in itertools.product(*get_param_set_fn()):
        net = TwoLayerNet(3072, hs, 10, torch.float32, data_dict['X_train'].device, 1e-3)
        stat = net.train(data_dict['X_train'], data_dict['y_train'], data_dict['X_val'], data_dict['y_val'],
                         lr, lrd, reg, 3000, 1000, True)
        acc = (net.loss(data_dict['X_val']).argmax(dim=1) == data_dict['y_val']).float().mean()
        if acc > best[2]:
            best = (net, stat, acc)
    return best
""",
    ),
]

VARIATIONS: list[Variation] = [*FORWARD_PASS, *FORWARD_BACKWARD, *TRAIN, *PREDICT, *SEARCH_PARAMS, *BEST_NET]
