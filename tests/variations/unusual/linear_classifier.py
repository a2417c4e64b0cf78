"""Unusual but right ways of writing the linear classifiers: each keeps full marks."""

from tests.variations import Variation


def _way(name: str, *texts: str, slow: bool = False) -> Variation:
    """A variation out of the full texts of the functions that it replaces."""
    return Variation(name, {text.removeprefix("def ").partition("(")[0]: text for text in texts}, slow)


SVM = [
    _way(
        "svm naive: one number after the other, .item() everywhere",
        """\
def svm_loss_naive(W, X, y, reg):
    N, D, C = X.shape[0], X.shape[1], W.shape[1]
    dW = torch.zeros_like(W)
    loss = 0.0
    for i in range(N):
        scores = [sum(X[i, d].item() * W[d, c].item() for d in range(D)) for c in range(C)]
        for c in range(C):
            margin = scores[c] - scores[y[i].item()] + 1
            if c != y[i].item() and margin > 0:
                loss += margin
                for d in range(D):
                    dW[d, c] += X[i, d].item()
                    dW[d, y[i]] -= X[i, d].item()
    loss = torch.tensor(loss / N, dtype=W.dtype)
    for d in range(D):
        for c in range(C):
            loss += reg * W[d, c] ** 2
            dW[d, c] = dW[d, c] / N + 2 * reg * W[d, c]
    return loss, dW
""",
    ),
    _way(
        "svm naive: summed up in a tensor of torch's default dtype",
        """\
def svm_loss_naive(W, X, y, reg):
    dW = torch.zeros(W.shape)
    loss = 0.0
    for i in range(X.shape[0]):
        scores = X[i] @ W
        for j in range(W.shape[1]):
            margin = scores[j] - scores[y[i]] + 1
            if j != y[i] and margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    dW /= X.shape[0]
    dW += 2 * reg * W
    return loss / X.shape[0] + reg * torch.sum(W * W), dW
""",
    ),
    _way(
        "svm naive: the inner loop as a mask",
        """\
def svm_loss_naive(W, X, y, reg):
    loss, dW = 0.0, torch.zeros_like(W)
    for x, label in zip(X, y):
        scores = W.T @ x
        margins = scores - scores[label] + 1
        margins[label] = 0
        active = (margins > 0).type_as(W)
        active[label] = -active.sum()
        loss = loss + margins[margins > 0].sum()
        dW += x[:, None] * active[None, :]
    return loss / len(X) + reg * (W ** 2).sum(), dW / len(X) + (reg + reg) * W
""",
    ),
    _way(
        "svm: index_put, where and einsum",
        """\
def svm_loss_vectorized(W, X, y, reg):
    N = torch.tensor(X.shape[0], dtype=W.dtype)
    scores = torch.einsum('nd,dc->nc', X, W)
    margins = scores.sub(scores[torch.arange(len(y)), y].reshape(-1, 1)).add(1)
    margins = torch.where(margins > 0, margins, torch.zeros(1, dtype=W.dtype))
    margins.index_put_((torch.arange(len(y)), y), torch.tensor(0.0, dtype=W.dtype))
    weights = margins.sign()
    weights[torch.arange(len(y)), y] -= weights.sum(dim=1)
    dW = torch.einsum('nd,nc->dc', X, weights).div_(N).add_(W, alpha=2 * reg)
    return margins.sum().div(N).add(reg * torch.linalg.norm(W) ** 2), dW
""",
    ),
    _way(
        "svm: nonzero places and index_add, helpers of its own",
        """\
def svm_loss_vectorized(W, X, y, reg):
    def penalty(weights):
        return torch.sum(weights.flatten().dot(weights.flatten()))

    N, C = X.shape[0], W.shape[1]
    scores = X.matmul(W)
    margins = scores - torch.take_along_dim(scores, y[:, None], dim=1) + 1
    margins = margins.scatter(1, y[:, None], float('-inf'))
    rows, columns = torch.nonzero(margins > 0, as_tuple=True)
    loss = margins[rows, columns].sum() / N + reg * penalty(W)
    grad = torch.zeros(C, X.shape[1], dtype=X.dtype, device=X.device)
    grad.index_add_(0, columns, X[rows])
    grad.index_add_(0, y[rows], -X[rows])
    dW = grad.t() / N
    return loss, dW + 2 * reg * W
""",
        slow=True,
    ),
    _way(
        "svm: the constant 1 left out at the right class by a boolean mask, results through numpy",
        """\
def svm_loss_vectorized(W, X, y, reg):
    import numpy as np
    N, C = X.shape[0], W.shape[1]
    wrong = torch.ones(N, C, dtype=torch.bool)
    wrong[np.arange(N), y.numpy()] = False
    scores = X @ W
    margins = (scores - scores[~wrong].view(N, 1) + 1) * wrong
    margins[margins < 0] = 0
    loss = margins.sum() / N + reg * torch.tensor(np.sum(W.detach().numpy() ** 2))
    active = (margins > 0) * 1.0
    active = active.to(X)
    active[~wrong] = -active.sum(1)
    return loss, X.t().contiguous().mm(active) / N + reg * W * 2
""",
    ),
]

BATCHES = [
    _way(
        "sample_batch: numpy's choice",
        """\
def sample_batch(X, y, num_train, batch_size):
    import numpy as np
    indices = np.random.choice(num_train, batch_size)
    return X[indices], y[indices]
""",
    ),
    _way(
        "sample_batch: numpy's randint by way of a tensor",
        """\
def sample_batch(X, y, num_train, batch_size):
    import numpy as np
    mask = torch.from_numpy(np.random.randint(0, num_train, size=batch_size)).to(X.device)
    return X[mask], y[mask]
""",
    ),
    _way(
        "sample_batch: a list of Python's draws, rows stacked",
        """\
def sample_batch(X, y, num_train, batch_size):
    picks = [random.randint(0, num_train - 1) for _ in range(batch_size)]
    return torch.stack([X[k] for k in picks]), torch.stack([y[k] for k in picks])
""",
    ),
    _way(
        "sample_batch: a generator that is seeded from the global stream, gather",
        """\
def sample_batch(X, y, num_train, batch_size):
    generator = torch.Generator()
    generator.manual_seed(int(torch.randint(1 << 30, (1,))))
    index = torch.randint(low=0, high=num_train, size=(batch_size,), generator=generator, dtype=torch.long)
    X_batch = torch.gather(X, 0, index[:, None].expand(-1, X.shape[1]))
    return X_batch, torch.take(y, index)
""",
    ),
    _way(
        "sample_batch: filled row by row",
        """\
def sample_batch(X, y, num_train, batch_size):
    X_batch = torch.zeros(batch_size, X.shape[1], dtype=X.dtype, device=X.device)
    y_batch = torch.zeros(batch_size, dtype=y.dtype, device=y.device)
    for k in range(batch_size):
        chosen = torch.randint(num_train, (1,)).item()
        X_batch[k], y_batch[k] = X[chosen], y[chosen]
    return X_batch, y_batch
""",
    ),
]

TRAINING = [
    _way(
        "train: a copy of W, no_grad, history as tensors, the batch asked for by name",
        """\
def train_linear_classifier(loss_func, W, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100,
                            batch_size=200, verbose=False):
    num_train, dim = X.shape
    W = W.clone() if W is not None else torch.zeros(dim, y.max() + 1, dtype=X.dtype, device=X.device)
    loss_history = torch.zeros(num_iters, dtype=X.dtype)
    it = 0
    while it < num_iters:
        X_batch, y_batch = sample_batch(X=X, y=y, num_train=num_train, batch_size=batch_size)
        with torch.no_grad():
            loss, grad = loss_func(W, X_batch, y_batch, reg)
            loss_history[it] = loss
            W = torch.sub(W, grad, alpha=learning_rate)
        it += 1
    return W, loss_history.tolist()
""",
    ),
    _way(
        "train: history of 0-d tensors, the step by addcmul",
        """\
def train_linear_classifier(loss_func, W, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200,
                            verbose=False):
    num_train = len(X)
    if W is None:
        W = 0.00001 * torch.randn(X.size(1), int(torch.max(y).item() + 1), dtype=X.dtype, device=X.device)
    loss_history = []
    for it in range(num_iters):
        X_batch, y_batch = sample_batch(X, y, num_train, batch_size)
        loss, grad = loss_func(W, X_batch, y_batch, reg)
        loss_history.append(loss.detach().clone())
        W.addcmul_(grad, torch.full_like(W, learning_rate), value=-1)
    return W, loss_history
""",
    ),
]

PREDICTIONS = [
    _way(
        "predict: one item after the other",
        """\
def predict_linear_classifier(W, X):
    y_pred = torch.zeros(X.shape[0], dtype=torch.int64)
    for i in range(X.shape[0]):
        scores = W.t().mv(X[i])
        best = 0
        for c in range(1, scores.shape[0]):
            if scores[c] > scores[best]:
                best = c
        y_pred[i] = best
    return y_pred
""",
    ),
    _way(
        "predict: numpy's argmax, a stack of 0-d tensors",
        """\
def predict_linear_classifier(W, X):
    import numpy as np
    places = np.argmax((X @ W).detach().cpu().numpy(), axis=-1)
    return torch.stack([torch.tensor(int(place)) for place in places])
""",
    ),
    _way(
        "predict: sorted, the last column",
        """\
def predict_linear_classifier(W, X):
    _, order = torch.sort(X.mm(W), dim=1)
    return order[:, -1].contiguous().view(-1)
""",
    ),
]

SEARCHES = [
    _way(
        "search: numbers drawn at random on a logarithmic scale",
        "def svm_get_search_params():\n"
        "    rates = [10 ** random.uniform(-2.6, -2.1) for _ in range(4)]\n"
        "    return rates, [10 ** random.uniform(-3, -1) for _ in range(4)]\n",
        "def softmax_get_search_params():\n"
        "    return (10 ** (torch.rand(3) - 2)).tolist(), torch.logspace(-5, -2, steps=4).numpy()\n",
    ),
    _way(
        "search: two by three, whole numbers among them",
        "def svm_get_search_params():\n    return (0.005, 0.01), (0, 0.01, 0.1)\n",
        "def softmax_get_search_params():\n    return [0.05, 0.1, 0.05], [0, 1e-3]\n",
    ),
]

ONE_SET = [
    _way(
        "one set: arguments in a dictionary, percent as tensors of one element",
        """\
def test_one_param_set(cls, data_dict, lr, reg, num_iters=2000):
    settings = dict(learning_rate=lr, reg=reg, num_iters=num_iters, batch_size=100, verbose=True)
    losses = cls.train(data_dict['X_train'], data_dict['y_train'], **settings)
    right = lambda split: torch.eq(cls.predict(data_dict['X_' + split]), data_dict['y_' + split])
    train_acc = (right('train').sum(dim=0, keepdim=True) * 100.0) / len(data_dict['y_train'])
    val_acc = (right('val').sum(dim=0, keepdim=True) * 100.0) / len(data_dict['y_val'])
    return [cls, train_acc, val_acc]
""",
    ),
    _way(
        "one set: counted item by item, a copy of the data",
        """\
def test_one_param_set(cls, data_dict, lr, reg, num_iters=2000):
    data = {key: value.clone() for key, value in data_dict.items()}
    _ = cls.train(data['X_train'], data['y_train'], lr, reg, num_iters=num_iters)
    accs = {}
    for split in ['train', 'val']:
        right = 0
        for mine, theirs in zip(cls.predict(data['X_' + split]), data['y_' + split]):
            if mine == theirs:
                right += 1
        accs[split] = right / data['X_' + split].shape[0]
    print(lr, reg, accs)
    return cls, accs['train'], accs['val']
""",
    ),
    _way(
        "one set: trained in two halves, accuracy by numpy",
        """\
def test_one_param_set(cls, data_dict, lr, reg, num_iters=2000):
    import numpy as np
    first = num_iters // 2
    for steps in (first, num_iters - first):
        cls.train(data_dict['X_train'], data_dict['y_train'], lr, reg, steps)
    train_acc = np.mean((cls.predict(data_dict['X_train']) == data_dict['y_train']).numpy())
    val_acc = np.mean((cls.predict(data_dict['X_val']) == data_dict['y_val']).cpu().numpy().astype(np.float32))
    return cls, train_acc, val_acc
""",
    ),
]

SOFTMAX = [
    _way(
        "softmax: the log of the probability, shifted",
        """\
def softmax_loss_vectorized(W, X, y, reg):
    N = X.shape[0]
    scores = X @ W
    scores -= torch.max(scores, dim=1, keepdim=True)[0]
    probs = torch.exp(scores) / torch.sum(torch.exp(scores), dim=1, keepdim=True)
    loss = torch.sum(-torch.log(probs[torch.arange(N), y])) / N + reg * torch.sum(W * W)
    dscores = probs.clone()
    dscores[torch.arange(N), y] -= 1
    return loss, torch.matmul(X.t(), dscores) / N + 2 * reg * W
""",
        """\
def softmax_loss_naive(W, X, y, reg):
    loss, dW = 0.0, torch.zeros_like(W)
    for i in range(X.shape[0]):
        scores = X[i].matmul(W)
        exps = torch.exp(scores - scores.max())
        p = exps / exps.sum()
        loss += -torch.log(p[y[i]])
        for j in range(W.shape[1]):
            dW[:, j] += p[j] * X[i] - (X[i] if j == y[i] else 0)
    return loss / X.shape[0] + reg * torch.sum(W * W), dW / X.shape[0] + 2 * reg * W
""",
    ),
    _way(
        "softmax naive: numbers and lists, summed up in a tensor of torch's default dtype",
        """\
def softmax_loss_naive(W, X, y, reg):
    import math
    N, D, C = X.shape[0], X.shape[1], W.shape[1]
    dW = torch.zeros(D, C)
    loss = torch.zeros((), dtype=W.dtype)
    for i in range(N):
        scores = [float(torch.dot(X[i], W[:, c])) for c in range(C)]
        best = max(scores)
        total = sum(math.exp(s - best) for s in scores)
        loss += best + math.log(total) - scores[y[i]]
        for c in range(C):
            dW[:, c] += (math.exp(scores[c] - best) / total - (c == int(y[i]))) * X[i]
    return loss / N + reg * W.norm() ** 2, dW / N + reg * 2 * W
""",
    ),
    _way(
        "softmax naive: a loop that calls the vectorized one on each item",
        """\
def softmax_loss_naive(W, X, y, reg):
    pairs = [softmax_loss_vectorized(W, X[i:i + 1], y[i:i + 1], reg) for i in range(len(X))]
    return sum(p[0] for p in pairs) / len(X), sum(p[1] for p in pairs) / len(X)
""",
    ),
    _way(
        "softmax: its own helper functions, a matrix of indicators",
        """\
def softmax_loss_vectorized(W, X, y, reg):
    def log_softmax(s):
        s = s - s.max(1, keepdim=True).values
        return s - s.exp().sum(1, keepdim=True).log()

    indicator = (y[:, None] == torch.arange(W.shape[1])[None, :]).type(W.dtype)
    log_p = log_softmax(X.mm(W))
    loss = -(indicator * log_p).sum(1).mean(0)
    loss = loss + reg * W.pow(2).sum()
    return loss, -X.T.mm(indicator - torch.exp(log_p)).div(len(y)) + W.mul(2 * reg)
""",
    ),
]

VARIATIONS: list[Variation] = [*SVM, *BATCHES, *TRAINING, *PREDICTIONS, *SEARCHES, *ONE_SET, *SOFTMAX]
