"""Legitimate other ways of writing the linear classifiers: each keeps full marks."""

from tests.variations import Variation, way

TRAIN = """\
def train_linear_classifier(
    loss_func, W, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False
):
    num_train, dim = X.shape
    if W is None:
        num_classes = torch.max(y) + 1
        W = 0.000001 * torch.randn(dim, num_classes, device=X.device, dtype=X.dtype)
    loss_history = []
    for it in range(num_iters):
        X_batch, y_batch = sample_batch(X, y, num_train, batch_size)
        loss, grad = loss_func(W, X_batch, y_batch, reg)
        loss_history.append(loss.item())
        {update}
        if verbose and it % 100 == 0:
            print("iteration %d / %d: loss %f" % (it, num_iters, loss))
    return W, loss_history
"""
UPDATES = (
    "W -= learning_rate * grad",
    "W.data -= learning_rate * grad.data",
    "W += -learning_rate * grad",
    "W.sub_(grad, alpha=learning_rate)",
    "W = torch.add(W, grad, alpha=-learning_rate)",
    "W[:] = W - grad * learning_rate",
)

PREDICT = """\
def predict_linear_classifier(W, X):
    scores = X.mm(W)
    return {answer}
"""
ANSWERS = (
    "torch.max(scores, dim=1)[1]",
    "scores.max(1).indices",
    "torch.argmax(scores, axis=1)",
    "scores.t().argmax(dim=0)",
    "torch.softmax(scores, dim=1).argmax(dim=1)",
    "scores.topk(1, dim=1).indices[:, 0]",
    "torch.argmax(scores, dim=1).int()",
    "scores.argsort(dim=1, descending=True)[:, 0]",
)

SEARCH = "def {of}_get_search_params():\n    import numpy as np\n    return {lists}\n"
GRIDS = (  # for the SVM, for the softmax classifier
    (
        "[1e-3, 3e-3, 5e-3, 8e-3, 1e-2], [1e-3, 1e-2, 3e-2, 5e-2, 1e-1]",
        "[7e-3, 2e-2, 5e-2, 1e-1, 2e-1], [0, 1e-5, 1e-4, 1e-3, 1e-2]",
    ),
    ("(2e-3, 4e-3, 8e-3), (5e-2, 1e-2, 5e-3, 1e-3)", "[[1e-2, 5e-2, 1e-1], [1e-4, 5e-4, 1e-3, 5e-3]]"),
    ("[k * 1e-3 for k in (3, 5, 7)], [10.0**-k for k in range(1, 4)]", "[0.1, 0.05, 0.01], [float('1e-3'), 1e-4]"),
    ("torch.linspace(3e-3, 9e-3, 4), torch.logspace(-3, -1, 3)", "torch.tensor([2e-2, 5e-2, 0.1]), [1e-3, 1e-4]"),
    (
        "np.linspace(3e-3, 9e-3, 4), np.logspace(-3, -1, 3)",
        "list(np.linspace(2e-2, 1e-1, 4)), list(np.logspace(-5, -2, 4))",
    ),
)

VARIATIONS: list[Variation] = [
    *(
        way(
            f"search: {svm}",
            SEARCH.replace("{of}", "svm").replace("{lists}", svm),
            SEARCH.replace("{of}", "softmax").replace("{lists}", softmax),
        )
        for svm, softmax in GRIDS
    ),
    *(way(f"train: {update}", TRAIN.replace("{update}", update)) for update in UPDATES),
    *(way(f"predict: {answer}", PREDICT.replace("{answer}", answer)) for answer in ANSWERS),
    way(
        "svm naive: divided and regularised inside the loop",
        """\
def svm_loss_naive(W, X, y, reg):
    dW = torch.zeros_like(W)
    N, C = X.shape[0], W.shape[1]
    loss = 0.0
    for i in range(N):
        scores = W.t().mv(X[i])
        for j in range(C):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i] / N
                dW[:, y[i]] += -X[i] / N
    loss /= N
    loss += reg * torch.sum(W * W)
    dW += reg * 2 * W
    return loss, dW
""",
    ),
    way(
        "svm naive: margins counted, the right column filled after the inner loop",
        """\
def svm_loss_naive(W, X, y, reg):
    dW = torch.zeros(W.shape, dtype=W.dtype, device=W.device)
    loss = 0.0
    for i in range(X.shape[0]):
        scores = torch.matmul(X[i], W)
        count = 0
        for j in range(W.shape[1]):
            margin = scores[j] - scores[y[i].item()] + 1
            if j != y[i] and margin > 0:
                count += 1
                loss = loss + margin
                dW[:, j] = dW[:, j] + X[i].t()
        dW[:, y[i]] -= count * X[i]
    dW = dW / X.shape[0]
    dW = dW + 2.0 * reg * W
    return loss / X.shape[0] + reg * (W ** 2).sum(), dW
""",
    ),
    way(
        "svm naive: rows of the transposed gradient",
        """\
def svm_loss_naive(W, X, y, reg):
    dW = torch.zeros_like(W)
    loss = 0.0
    for i in range(X.shape[0]):
        scores = W.t().mv(X[i])
        grad = dW.t()
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
                grad[j] += X[i]
                grad[y[i]] -= X[i]
    loss /= X.shape[0]
    loss += reg * torch.sum(W * W)
    dW /= X.shape[0]
    dW += 2 * reg * W
    return loss, dW
""",
    ),
    way(
        "svm: torch.max with zeros, range as rows",
        """\
def svm_loss_vectorized(W, X, y, reg):
    N = X.shape[0]
    scores = X.mm(W)
    right = scores[range(N), y].view(-1, 1)
    margins = torch.max(torch.zeros_like(scores), scores - right + 1)
    margins[range(N), y] = 0
    loss = torch.sum(margins) / N + reg * torch.sum(W * W)
    margins[margins > 0] = 1
    margins[range(N), y] = -torch.sum(margins, dim=1)
    dW = X.t().mm(margins) / N + 2 * reg * W
    return loss, dW
""",
    ),
    way(
        "svm: torch.maximum with a 0-d tensor, a list of rows",
        """\
def svm_loss_vectorized(W, X, y, reg):
    N = len(X)
    rows = list(range(N))
    scores = torch.matmul(X, W)
    margins = torch.maximum(torch.tensor(0), scores - scores[rows, y].reshape(N, 1) + 1)
    margins[rows, y] = 0
    loss = margins.sum()
    loss /= N
    loss += reg * (W ** 2).sum()
    mask = torch.zeros(margins.shape, dtype=X.dtype, device=X.device)
    mask[margins > 0] = 1
    mask[torch.arange(N), y] = -(mask.sum(1))
    return loss, torch.mm(X.T, mask) / N + reg * 2 * W
""",
    ),
    way(
        "svm: clip, gather and scatter",
        """\
def svm_loss_vectorized(W, X, y, reg):
    scores = X @ W
    right = scores.gather(1, y.unsqueeze(1))
    margins = torch.clip(scores - right + 1, min=0).scatter(1, y.unsqueeze(1), 0)
    loss = margins.sum(dim=1).mean() + reg * W.pow(2).sum()
    inside = (margins > 0).type_as(X)
    inside = inside.scatter(1, y.unsqueeze(1), -inside.sum(dim=1, keepdim=True))
    return loss, X.transpose(0, 1).matmul(inside) / X.size(0) + 2 * reg * W
""",
    ),
    way(
        "svm: a boolean mask, the ones of the right class taken off the sum",
        """\
def svm_loss_vectorized(W, X, y, reg):
    N = X.shape[0]
    scores = X @ W
    margins = scores - scores[torch.arange(N), y][:, None] + 1
    mask = margins > 0
    loss = (margins[mask].sum() - N) / N + reg * torch.norm(W) ** 2
    counts = mask.to(W.dtype)
    counts[torch.arange(N), y] -= mask.sum(dim=1)
    return loss, (X.T @ counts) / N + 2 * reg * W
""",
    ),
    way(
        "svm: transposed scores",
        """\
def svm_loss_vectorized(W, X, y, reg):
    N = X.shape[0]
    scores = W.t() @ X.t()
    margins = (scores - scores[y, torch.arange(N)] + 1).clamp(min=0)
    margins[y, torch.arange(N)] = 0
    loss = margins.sum() / N + reg * torch.sum(W * W)
    counts = torch.where(margins > 0, torch.ones_like(margins), torch.zeros_like(margins))
    counts[y, torch.arange(N)] = -counts.sum(dim=0)
    dW = (counts @ X).t() / N
    dW += 2 * reg * W
    return loss, dW
""",
    ),
    way(
        "svm: one-hot labels",
        """\
def svm_loss_vectorized(W, X, y, reg):
    N, C = X.shape[0], W.shape[1]
    one_hot = torch.nn.functional.one_hot(y, C).to(X)
    scores = X @ W
    margins = torch.relu(scores - (scores * one_hot).sum(dim=1, keepdim=True) + 1) * (1 - one_hot)
    active = (margins > 0) * 1.0
    dscores = (active.to(X) - one_hot * active.to(X).sum(dim=1, keepdim=True)) / N
    return margins.sum() / N + reg * (W * W).sum(), X.T @ dscores + 2 * reg * W
""",
    ),
    way(
        "svm: in float64 whatever comes in",
        """\
def svm_loss_vectorized(W, X, y, reg):
    W, X = W.double(), X.to(torch.float64)
    N = X.shape[0]
    scores = X.mm(W)
    margins = (scores - scores[torch.arange(N), y].unsqueeze(1) + 1.0).clamp(min=0.0)
    margins[torch.arange(N), y] = 0.0
    loss = margins.sum() / N + reg * (W * W).sum()
    counts = (margins > 0).double()
    counts[torch.arange(N), y] -= counts.sum(dim=1)
    return loss, X.t().mm(counts) / N + 2 * reg * W
""",
    ),
    way(
        "svm: a list, its loss of shape (1,)",
        """\
def svm_loss_vectorized(W, X, y, reg):
    N = X.shape[0]
    scores = X @ W
    margins = (scores - scores.gather(1, y.view(-1, 1)) + 1).clamp(min=0)
    margins[torch.arange(N), y] = 0
    counts = (margins > 0).to(X.dtype)
    counts[torch.arange(N), y] = -counts.sum(1)
    loss = margins.sum().reshape(1) / N + reg * (W * W).sum()
    return [loss, X.T @ counts / N + 2 * reg * W]
""",
    ),
    way(
        "sample_batch: size by name, then take by index",
        """\
def sample_batch(X, y, num_train, batch_size):
    idx = torch.randint(0, num_train, size=(batch_size,))
    return X[idx, :], y[idx]
""",
    ),
    way(
        "sample_batch: on the device of X, index_select",
        """\
def sample_batch(X, y, num_train, batch_size):
    idx = torch.randint(num_train, (batch_size,), device=X.device)
    return torch.index_select(X, 0, idx), torch.index_select(y, 0, idx)
""",
    ),
    way(
        "sample_batch: from all of X, num_train unused",
        """\
def sample_batch(X, y, num_train, batch_size):
    X_batch = None
    y_batch = None
    mask = torch.randint(low=0, high=len(X), size=[batch_size])
    X_batch = X[mask]
    y_batch = y[mask]
    return X_batch, y_batch
""",
    ),
    way(
        "sample_batch: Python's own random stream",
        """\
def sample_batch(X, y, num_train, batch_size):
    places = random.choices(range(num_train), k=batch_size)
    return X[places], y[places]
""",
    ),
    way(
        "sample_batch: weights of ones by multinomial",
        """\
def sample_batch(X, y, num_train, batch_size):
    i = torch.multinomial(torch.ones(num_train), batch_size, replacement=True)
    return X[i], y[i]
""",
    ),
    way(
        "sample_batch: uniform numbers rounded down",
        """\
def sample_batch(X, y, num_train, batch_size):
    i = (torch.rand(batch_size, device=X.device) * num_train).long()
    return X[i], y[i]
""",
    ),
    way(
        "predict: into the given zeros",
        """\
def predict_linear_classifier(W, X):
    y_pred = torch.zeros(X.shape[0], dtype=torch.int64)
    _, y_pred[:] = (W.t() @ X.t()).max(dim=0)
    return y_pred
""",
    ),
    way(
        "one set: percent, arguments by position, prints",
        """\
def test_one_param_set(cls, data_dict, lr, reg, num_iters=2000):
    cls.train(data_dict['X_train'], data_dict['y_train'], lr, reg, num_iters, 200, False)
    y_train_pred = cls.predict(data_dict['X_train'])
    train_acc = 100.0 * (data_dict['y_train'] == y_train_pred).double().mean().item()
    y_val_pred = cls.predict(data_dict['X_val'])
    val_acc = 100.0 * (data_dict['y_val'] == y_val_pred).double().mean().item()
    print('lr %e reg %e train accuracy: %f val accuracy: %f' % (lr, reg, train_acc, val_acc))
    return cls, train_acc, val_acc
""",
    ),
    way(
        "one set: 0-d tensors in float32, the module's predict",
        """\
def test_one_param_set(cls, data_dict, lr, reg, num_iters=2000):
    cls.train(data_dict['X_train'], data_dict['y_train'], learning_rate=lr, reg=reg, num_iters=num_iters,
              batch_size=200, verbose=False)
    train_acc = torch.mean((predict_linear_classifier(cls.W, data_dict['X_train']) == data_dict['y_train']).float())
    val_acc = (predict_linear_classifier(cls.W, data_dict['X_val']) == data_dict['y_val']).float().mean()
    return cls, train_acc, val_acc
""",
    ),
    way(
        "one set: a loop over the two splits, counts",
        """\
def test_one_param_set(cls, data_dict, lr, reg, num_iters=2000):
    loss_hist = cls.train(data_dict['X_train'], data_dict['y_train'], learning_rate=lr, reg=reg, num_iters=num_iters)
    accs = []
    for split in ('train', 'val'):
        hits = torch.sum(cls.predict(data_dict['X_' + split]) == data_dict['y_' + split]).item()
        accs.append(hits / len(data_dict['y_' + split]))
    return cls, accs[0], accs[1]
""",
    ),
    way(
        "one set: statistics' mean, a batch of 64",
        """\
def test_one_param_set(cls, data_dict, lr, reg, num_iters=2000):
    cls.train(data_dict['X_train'], data_dict['y_train'], lr, reg, num_iters, batch_size=64)
    accs = [statistics.mean((cls.predict(data_dict['X_' + s]) == data_dict['y_' + s]).double().tolist())
            for s in ('train', 'val')]
    return (cls, *accs)
""",
    ),
    way(
        "one set: trained by the module's function, W set by hand",
        """\
def test_one_param_set(cls, data_dict, lr, reg, num_iters=2000):
    X, y = data_dict['X_train'], data_dict['y_train']
    cls.W, _ = train_linear_classifier(cls.loss, cls.W, X, y, lr, reg, num_iters)
    train_acc = (cls.predict(X) == y).sum() / y.shape[0]
    val_acc = (cls.predict(data_dict['X_val']) == data_dict['y_val']).sum() / data_dict['y_val'].shape[0]
    return cls, train_acc.item(), val_acc.item()
""",
    ),
    way(
        "softmax naive: vectors inside, a loop over the items alone",
        """\
def softmax_loss_naive(W, X, y, reg):
    loss = 0.0
    dW = torch.zeros_like(W)
    N = X.shape[0]
    for i in range(N):
        scores = W.t().mv(X[i])
        scores = scores - torch.max(scores)
        log_sum = torch.log(torch.sum(torch.exp(scores)))
        loss += log_sum - scores[y[i]]
        p = torch.exp(scores - log_sum)
        p[y[i]] -= 1
        dW += torch.ger(X[i], p)
    loss = loss / N + reg * torch.sum(W * W)
    dW = dW / N + 2 * reg * W
    return loss, dW
""",
    ),
    way(
        "softmax naive: Python's max of a tensor",
        """\
def softmax_loss_naive(W, X, y, reg):
    loss, dW = 0.0, torch.zeros_like(W)
    for i in range(X.shape[0]):
        scores = X[i] @ W
        scores = scores - max(scores)
        total = 0.0
        for j in range(W.shape[1]):
            total += torch.exp(scores[j])
        loss += torch.log(total) - scores[y[i]]
        for j in range(W.shape[1]):
            p = torch.exp(scores[j]) / total
            dW[:, j] += (p - (j == y[i]).to(p)) * X[i]
    loss /= X.shape[0]
    dW /= X.shape[0]
    loss += reg * torch.sum(W * W)
    dW += 2 * reg * W
    return loss, dW
""",
    ),
    way(
        "softmax naive: torch's logsumexp and softmax for each item",
        """\
def softmax_loss_naive(W, X, y, reg):
    N, C = X.shape[0], W.shape[1]
    loss, dW = W.new_zeros(()), torch.zeros_like(W)
    for n in range(N):
        s = X[n].matmul(W)
        loss = loss + (torch.logsumexp(s, dim=0) - s[y[n]]) / N
        prob = torch.softmax(s, dim=0)
        for c in range(C):
            if c == y[n].item():
                dW[:, c] += X[n] * (prob[c] - 1) / N
            else:
                dW[:, c] += X[n] * prob[c] / N
    return loss + reg * W.square().sum(), dW + 2 * reg * W
""",
    ),
    way(
        "softmax: torch.logsumexp and torch.softmax",
        """\
def softmax_loss_vectorized(W, X, y, reg):
    N = X.shape[0]
    scores = X.mm(W)
    loss = (torch.logsumexp(scores, dim=1) - scores[range(N), y]).mean() + reg * torch.sum(W * W)
    p = torch.softmax(scores, dim=1)
    p[range(N), y] -= 1
    return loss, X.t().mm(p) / N + 2 * reg * W
""",
    ),
    way(
        "softmax: log_softmax and one-hot labels",
        """\
def softmax_loss_vectorized(W, X, y, reg):
    log_p = torch.log_softmax(torch.matmul(X, W), dim=1)
    loss = -log_p.gather(1, y.unsqueeze(1)).mean() + reg * torch.sum(W ** 2)
    target = torch.zeros_like(log_p).scatter_(1, y.view(-1, 1), 1.0)
    return loss, X.t() @ ((log_p.exp() - target) / X.shape[0]) + 2 * reg * W
""",
    ),
    way(
        "softmax: sums of exponentials, transposed scores",
        """\
def softmax_loss_vectorized(W, X, y, reg):
    N = X.shape[0]
    scores = W.t() @ X.t()
    scores -= scores.max(dim=0)[0]
    e = torch.exp(scores)
    total = e.sum(dim=0)
    loss = torch.sum(torch.log(total) - scores[y, torch.arange(N)]) / N
    loss += reg * torch.sum(W * W)
    e /= total
    e[y, torch.arange(N)] -= 1
    dW = (e @ X).t() / N
    dW += 2 * reg * W
    return loss, dW
""",
    ),
    way(
        "softmax: in float64 whatever comes in",
        """\
def softmax_loss_vectorized(W, X, y, reg):
    W, X = W.double(), X.double()
    N = len(y)
    scores = X.mm(W)
    scores = scores - scores.amax(1, keepdim=True)
    log_total = torch.log(torch.exp(scores).sum(1))
    loss = (log_total - scores[torch.arange(N), y]).sum() / N + reg * torch.norm(W) ** 2
    p = torch.exp(scores - log_total.unsqueeze(1))
    p[torch.arange(N), y] -= 1
    return loss, torch.einsum('nd,nc->dc', X, p) / N + 2 * reg * W
""",
    ),
]
