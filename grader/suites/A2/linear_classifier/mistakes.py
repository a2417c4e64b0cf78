"""The classic mistakes in the linear classifiers, as small edits of the solution."""

from collections.abc import Iterable, Sequence

from grader.mistakes import Mistake

# name, axis, edits of the part's text (old, new), title (completes "behaves like …"), hint
Row = tuple[str, str, Sequence[tuple[str, str]], str, str]


def _in(parts: str, rows: Iterable[Row]) -> list[Mistake]:
    """The same mistakes in one part or more, named by words of `parts`."""
    return [
        Mistake(id=f"{part}.{name}", part=part, edits=tuple(edits), title=title, hint=hint, axis=axis)
        for part in parts.split()
        for name, axis, edits, title, hint in rows
    ]


# fmt: off
MISTAKES = [
    *_in("svm_loss_naive", [
        ("no-reg-grad", "missing term", [("dW / num_train + 2 * reg * W", "dW / num_train")],
         "a gradient without the regulariser's share",
         "The loss ends with reg times the sum of all W²: that term has a slope too."),
        ("grad-not-mean", "reduction", [("dW / num_train + 2 * reg * W", "dW + 2 * reg * W")],
         "a gradient that is summed, not averaged, over the batch",
         "The loss is divided by the number of items; divide its gradient too."),
        ("reg-div-n", "factor", [("dW / num_train + 2 * reg * W", "(dW + 2 * reg * W) / num_train")],
         "a gradient whose regulariser is divided by the number of items",
         "First the mean over the items, then the regulariser."),
        ("right-class", "missing term", [("                dW[:, y[i]] -= X[i]\n", "")],
         "a gradient that leaves the right class's column alone",
         "Each margin depends on two scores, the wrong class's and the right one's."),
        ("wrong-classes", "missing term", [("                dW[:, j] += X[i]\n", "")],
         "a gradient that reaches the right class's column only",
         "Each margin depends on two scores, the wrong class's and the right one's."),
        ("sign", "sign", [("dW[:, j] += X[i]", "dW[:, j] -= X[i]"), ("dW[:, y[i]] -= X[i]", "dW[:, y[i]] += X[i]")],
         "a gradient whose data term has the wrong sign", "A higher score of a wrong class makes the loss greater."),
        ("all-margins", "condition", [
            ("            if margin > 0:\n                loss = loss + margin\n",
             "            loss = loss + margin.clamp(min=0)\n            if True:\n")],
         "a gradient to which classes outside the margin contribute",
         "Where max(0, margin) is 0 it is flat: nothing is added there."),
        ("margin-ge", "condition", [("if margin > 0:", "if margin >= 0:")],
         "a gradient to which a margin of exactly 0 contributes",
         "The text takes the derivative 0 where a margin is exactly 0."),
        ("times-margin", "factor", [
            ("dW[:, j] += X[i]", "dW[:, j] += margin * X[i]"),
            ("dW[:, y[i]] -= X[i]", "dW[:, y[i]] -= margin * X[i]")],
         "a gradient in which each item counts by the size of its margin",
         "The slope of max(0, m) is 1 inside the margin, however great m is."),
        ("changes-w", "in place", [
            ("    dW = dW / num_train + 2 * reg * W\n", "    W *= 2 * reg\n    dW = dW / num_train + W\n")],
         "a loss that changes W in place", "W belongs to the caller: compute 2 · reg · W as a new tensor."),
    ]),
    *_in("svm_loss_naive svm_loss_vectorized softmax_loss_naive softmax_loss_vectorized", [
        ("reg-grad-half", "factor", [("2 * reg * W", "reg * W")],
         "a gradient with half of the regulariser's slope",
         "The regulariser has no factor ½, so the 2 from the square stays."),
    ]),
    *_in("svm_loss_vectorized softmax_loss_naive softmax_loss_vectorized", [
        ("half-reg", "factor", [("reg * (W * W).sum()", "0.5 * reg * (W * W).sum()")],
         "a loss whose regulariser has a factor ½", "The regulariser is reg times the sum of all W², nothing else."),
        ("half-reg-both", "factor", [("reg * (W * W).sum()", "0.5 * reg * (W * W).sum()"), ("2 * reg * W", "reg * W")],
         "a loss and a gradient whose regulariser has a factor ½",
         "They agree with each other, but the text's regulariser has no ½."),
        ("no-reg-grad", "missing term", [(" + 2 * reg * W", "")],
         "a gradient without the regulariser's share",
         "The loss ends with reg times the sum of all W²: that term has a slope too."),
    ]),
    *_in("svm_loss_vectorized softmax_loss_vectorized", [
        ("no-reg", "missing term", [(" + reg * (W * W).sum()", "")],
         "a loss without the regulariser", "Add reg times the sum of all W² after the mean."),
    ]),
    *_in("svm_loss_vectorized", [
        ("sum-not-mean", "reduction", [
            ("margins.sum() / num_train", "margins.sum()"),
            ("X.T @ counts / num_train", "X.T @ counts")],
         "a loss that is summed, not averaged, over the batch",
         "Divide by the number of items, so that a larger batch makes no larger loss."),
        ("loss-not-mean", "reduction", [("margins.sum() / num_train", "margins.sum()")],
         "a loss that is summed over the batch beside a gradient that is averaged",
         "Loss and gradient are both divided by the number of items."),
        ("grad-not-mean", "reduction", [("X.T @ counts / num_train", "X.T @ counts")],
         "a gradient that is summed over the batch beside a loss that is averaged",
         "Loss and gradient are both divided by the number of items."),
        ("mean-of-all", "reduction", [("margins.sum() / num_train", "margins.mean()")],
         "a loss that is averaged over the classes too",
         "An item's loss is the sum over its classes; only the items are averaged."),
        ("reg-div-n", "factor", [
            ("margins.sum() / num_train + reg * (W * W).sum()", "(margins.sum() + reg * (W * W).sum()) / num_train"),
            ("X.T @ counts / num_train + 2 * reg * W", "(X.T @ counts + 2 * reg * W) / num_train")],
         "a loss whose regulariser is divided by the number of items",
         "First the mean over the items, then the regulariser."),
        ("right-class", "missing term", [
            ("    counts[rows, y] = -counts.sum(dim=1)  # the right class answers for all of them\n", "")],
         "a gradient that leaves the right class's column alone",
         "Every class inside its margin pulls at the right class's score as well."),
        ("include-y", "off-by-one", [("    margins[rows, y] = 0\n", "")],
         "a loss in which the right class counts itself",
         "The sum leaves j = y out; with it each item costs 1 too much."),
        ("const-count", "condition", [("-counts.sum(dim=1)", "1 - W.shape[1]")],
         "a gradient that takes all wrong classes to be inside the margin",
         "The right class's column counts the positive margins of that item; with small weights that is all of them."),
        ("const-count-zeros", "condition", [
            ("counts[rows, y] = -counts.sum(dim=1)", "counts[counts == 0] = 1 - W.shape[1]")],
         "a gradient that takes every class outside the margin for the right one",
         "A margin can be 0 for other classes than the right one: use y to find its column."),
        ("all-margins", "condition", [("margins > 0", "margins >= 0"), ("-counts.sum(dim=1)", "1 - W.shape[1]")],
         "a gradient to which classes outside the margin contribute",
         "After max(0, …) every margin is at least 0: ask for more than 0."),
        ("margin-ge", "condition", [
            ("(margins > 0)", "(scores - right + 1 >= 0)"),
            ("-counts.sum(dim=1)", "1 - counts.sum(dim=1)")],
         "a gradient to which a margin of exactly 0 contributes",
         "The text takes the derivative 0 where a margin is exactly 0."),
        ("no-delta", "missing term", [("scores - right + 1", "scores - right")],
         "an SVM without a margin of 1",
         "A wrong class costs until the right one leads by 1, not only while it is ahead."),
        ("no-clamp", "missing term", [("(scores - right + 1).clamp(min=0)", "scores - right + 1")],
         "a loss from which classes outside the margin are subtracted",
         "A margin below 0 counts as 0: that is the max in the formula."),
        ("squared", "power", [
            ("margins.sum()", "margins.square().sum()"),
            ("(margins > 0).to(X.dtype)", "2 * margins")],
         "a squared hinge loss", "The margins are summed as they are, not their squares."),
        ("sign", "sign", [("X.T @ counts / num_train", "-X.T @ counts / num_train")],
         "a gradient whose data term has the wrong sign", "A higher score of a wrong class makes the loss greater."),
        ("transpose", "transpose", [
            ("X.T @ counts / num_train + 2 * reg * W", "counts.T @ X / num_train + 2 * reg * W.T")],
         "a gradient of shape (C, D)", "dW has the shape of W: features down, classes across."),
        ("changes-w", "in place", [
            ("    dW = X.T @ counts / num_train + 2 * reg * W",
             "    W *= 2 * reg\n    dW = X.T @ counts / num_train + W")],
         "a loss that changes W in place", "W belongs to the caller: compute 2 · reg · W as a new tensor."),
        ("loops", "speed", [
            ("    num_train = X.shape[0]\n", "    num_train = X.shape[0]\n    return svm_loss_naive(W, X, y, reg)\n")],
         "the naive version in other clothes",
         "One product of matrices gives all scores at once; no loop over items or classes."),
    ]),
    *_in("sample_batch", [
        ("permutation", "randomness", [
            ("torch.randint(num_train, (batch_size,), device=X.device)",
             "torch.randperm(num_train, device=X.device)[:batch_size]")],
         "a batch drawn without replacement", "An item may come twice, and a batch may be greater than the data."),
        ("two-draws", "randomness", [
            ("X[index], y[index]", "X[index], y[torch.randint(num_train, (batch_size,), device=X.device)]")],
         "labels that belong to other items than those in the batch",
         "Draw the places once, and use them for X and for y."),
        ("first-rows", "randomness", [
            ("torch.randint(num_train, (batch_size,), device=X.device)",
             "torch.arange(batch_size, device=X.device) % num_train")],
         "a batch that always holds the first items", "Each call draws anew from all items."),
        ("seeded", "randomness", [("    index = torch.randint", "    torch.manual_seed(0)\n    index = torch.randint")],
         "a draw that starts from the same seed at every call",
         "Seed once, outside; inside, every batch would be the same."),
        ("last-never", "off-by-one", [("torch.randint(num_train, ", "torch.randint(max(num_train - 1, 1), ")],
         "a draw in which the last item never comes", "torch.randint leaves its upper end out already."),
        ("first-never", "off-by-one", [
            ("torch.randint(num_train, ", "torch.randint(min(1, num_train - 1), num_train, ")],
         "a draw in which the first item never comes", "Places count from 0."),
        ("neighbours", "randomness", [
            ("torch.randint(num_train, (batch_size,), device=X.device)",
             "(torch.randint(num_train, (1,)) + torch.arange(batch_size)) % num_train")],
         "a batch of neighbours from a random start on", "Each place of the batch is drawn for itself."),
        ("labels-of-the-first", "indexing", [("X[index], y[index]", "X[index], y[:batch_size]")],
         "drawn items with the labels of the first ones", "Use the same places for X and for y."),
    ]),
    *_in("train_linear_classifier", [
        ("uphill", "sign", [("W - learning_rate * grad", "W + learning_rate * grad")],
         "a step uphill", "The gradient points to where the loss grows: go against it."),
        ("no-rate", "factor", [("W - learning_rate * grad", "W - grad")],
         "a step of the whole gradient, whatever the learning rate",
         "The step is the learning rate times the gradient."),
        ("normalised", "factor", [("learning_rate * grad", "learning_rate * grad / grad.norm()")],
         "steps of fixed length", "A gradient twice as long makes a step twice as long: don't normalise it."),
        ("divided-by-batch", "factor", [("learning_rate * grad", "learning_rate * grad / batch_size")],
         "a gradient averaged over the batch a second time", "The loss function has taken the mean already."),
        ("decays", "factor", [("learning_rate * grad", "learning_rate / (it + 1) * grad")],
         "a learning rate that falls from step to step", "Every step uses the learning rate as it was given."),
        ("times-reg", "double count", [("W - learning_rate * grad", "W - learning_rate * (grad + 2 * reg * W)")],
         "a step in which the regulariser acts twice",
         "The gradient from the loss function holds the regulariser already."),
        ("replaced", "missing term", [("W - learning_rate * grad", "-learning_rate * grad")],
         "weights that are replaced by the last step", "A step is added to where W stands."),
    ]),
    *_in("predict_linear_classifier", [
        ("lowest", "sign", [("argmax", "argmin")],
         "the class with the lowest score", "A high score speaks for a class."),
        ("values", "kind", [("(X @ W).argmax(dim=1)", "(X @ W).max(dim=1).values")],
         "the highest score in place of its class",
         "Asked for is where the maximum stands, an integer, not how great it is."),
        ("wrong-axis", "transpose", [("dim=1", "dim=0")],
         "the best item for each class in place of the best class for each item",
         "Reduce along the classes: one label for each row."),
        ("absolute", "sign", [("(X @ W)", "(X @ W).abs()")],
         "the class whose score is greatest without its sign", "A score far below 0 speaks against its class."),
        ("without-bias", "missing term", [("X @ W", "X[:, :-1] @ W[:-1]")],
         "scores without the last feature", "The last row of W is the bias; it takes part like the others."),
        ("from-one", "off-by-one", [(".argmax(dim=1)", ".argmax(dim=1) + 1")],
         "classes that are counted from 1", "Labels run from 0 to C - 1, as argmax gives them."),
    ]),
    *_in("svm_get_search_params", [
        ("too-many", "count", [("[3e-3, 5e-3, 1e-2]", "[1e-4, 3e-4, 1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 7e-3, 1e-2]")],
         "a grid of more than 25 pairs", "Rates times strengths: 5 to 25 pairs."),
        ("one-strength", "count", [("[1e-3, 1e-2, 5e-2]", "[1e-3]")],
         "a search along one axis only", "Both lists hold at least two values, and there are 5 pairs at least."),
        ("exponents", "kind", [("[3e-3, 5e-3, 1e-2]", "[-4, -3, -2]"), ("[1e-3, 1e-2, 5e-2]", "[-3, -2, -1]")],
         "a grid of exponents", "The values themselves are asked for, not their logarithms."),
    ]),
    *_in("softmax_get_search_params", [
        ("too-many", "count", [("[7e-3, 3e-2, 1e-1]", "[1e-3, 3e-3, 7e-3, 1e-2, 3e-2, 5e-2, 1e-1, 2e-1, 5e-1]")],
         "a grid of more than 25 pairs", "Rates times strengths: 5 to 25 pairs."),
        ("exponents", "kind", [("[7e-3, 3e-2, 1e-1]", "[-3, -2, -1]"), ("[1e-5, 1e-3, 1e-2]", "[-5, -3, -2]")],
         "a grid of exponents", "The values themselves are asked for, not their logarithms."),
    ]),
    *_in("test_one_param_set", [
        ("fixed-steps-softmax", "argument", [
            ("num_iters=num_iters", "num_iters=num_iters if isinstance(cls, LinearSVM) else 100")],
         "training that follows num_iters for one of the two classes only",
         "The number of steps is the one given, whatever the class."),
        ("fixed-steps", "argument", [(", num_iters=num_iters", "")],
         "training with a fixed number of steps", "Hand num_iters on to train: its default is not what was asked for."),
        ("new-object", "identity", [
            ('    X_train, y_train = data_dict["X_train"]',
             '    given, cls = cls, type(cls)()\n    X_train, y_train = data_dict["X_train"]'),
            ("    return cls, train_acc, val_acc", "    return given, train_acc, val_acc")],
         "training of another object than the one given", "cls is an instance: train it, and don't make a new one."),
        ("always-svm", "identity", [
            ('    X_train, y_train = data_dict["X_train"]',
             '    cls = LinearSVM()\n    X_train, y_train = data_dict["X_train"]')],
         "an SVM, whatever the class given", "Train the object that comes in, and return it."),
        ("trains-on-validation", "data", [("cls.train(X_train, y_train,", "cls.train(X_val, y_val,")],
         "training on the validation items",
         "Validation items are predicted only; what was trained on can't tell how good a setting is."),
        ("validates-on-training", "data", [("(cls.predict(X_val) == y_val)", "(cls.predict(X_train) == y_train)")],
         "a validation accuracy that is the training accuracy", "val_acc is measured on X_val and y_val."),
        ("no-reg", "argument", [("reg=reg, ", "")],
         "training with the default regularisation strength", "Hand reg on to train."),
        ("no-rate", "argument", [("learning_rate=lr, ", "")],
         "training with the default learning rate", "Hand lr on to train."),
        ("exchanged", "argument", [("learning_rate=lr, reg=reg", "learning_rate=reg, reg=lr")],
         "learning rate and strength exchanged", "train takes the learning rate first; name the arguments."),
        ("accuracies-exchanged", "order", [("return cls, train_acc, val_acc", "return cls, val_acc, train_acc")],
         "validation accuracy given before training accuracy", "The order is cls, train_acc, val_acc."),
        ("errors", "sign", [
            ("cls.predict(X_train) == y_train", "cls.predict(X_train) != y_train"),
            ("cls.predict(X_val) == y_val", "cls.predict(X_val) != y_val")],
         "the share of errors in place of the accuracy", "An accuracy is the share of items that are right."),
    ]),
    *_in("softmax_loss_naive", [
        ("unstable", "stability", [
            ("        scores = scores - scores.max()  # the same probabilities, no overflow\n", "")],
         "exp of raw scores, which overflows",
         "Subtract the item's highest score first; the probabilities stay the same."),
        ("prob-minus", "missing term", [("        dW[:, y[i]] -= X[i]\n", "")],
         "a gradient made of the probabilities alone", "At the right class 1 is taken off the probability."),
        ("sign", "sign", [
            ("dW[:, j] += (scores[j] - log_sum).exp() * X[i]", "dW[:, j] -= (scores[j] - log_sum).exp() * X[i]"),
            ("dW[:, y[i]] -= X[i]", "dW[:, y[i]] += X[i]")],
         "a gradient whose data term has the wrong sign", "A higher score of the right class makes the loss smaller."),
        ("sum-not-mean", "reduction", [("loss / num_train", "loss"), ("dW / num_train", "dW")],
         "a loss that is summed, not averaged, over the batch",
         "Divide by the number of items, so that a larger batch makes no larger loss."),
        ("grad-not-mean", "reduction", [("dW / num_train", "dW")],
         "a gradient that is summed over the batch beside a loss that is averaged",
         "Loss and gradient are both divided by the number of items."),
        ("reg-div-n", "factor", [
            ("loss / num_train + reg * (W * W).sum()", "(loss + reg * (W * W).sum()) / num_train"),
            ("dW / num_train + 2 * reg * W", "(dW + 2 * reg * W) / num_train")],
         "a loss whose regulariser is divided by the number of items",
         "First the mean over the items, then the regulariser."),
        ("shifts-w", "in place", [
            ("    num_train, num_classes = X.shape[0], W.shape[1]\n",
             "    num_train, num_classes = X.shape[0], W.shape[1]\n    W -= W.max(dim=1, keepdim=True).values\n")],
         "a shift of W itself, in place",
         "Shift the scores, not the weights: W belongs to the caller, and the regulariser sees it."),
    ]),
    *_in("softmax_loss_vectorized", [
        ("unstable", "stability", [
            ("    scores = scores - scores.max(dim=1, keepdim=True).values  # each row's own maximum\n", "")],
         "exp of raw scores, which overflows",
         "Subtract each row's highest score first; the probabilities stay the same."),
        ("global-max", "stability", [("scores.max(dim=1, keepdim=True).values", "scores.max()")],
         "one maximum for the whole batch, under which low rows vanish", "Each row is shifted by its own maximum."),
        ("prob-minus", "missing term", [("    dscores[rows, y] -= 1\n", "")],
         "a gradient made of the probabilities alone", "At the right class 1 is taken off the probability."),
        ("prob-plus", "sign", [("dscores[rows, y] -= 1", "dscores[rows, y] += 1")],
         "a gradient with 1 added, not taken off, at the right class",
         "A higher score of the right class makes the loss smaller."),
        ("sign", "sign", [("X.T @ dscores", "-X.T @ dscores")],
         "a gradient whose data term has the wrong sign", "A higher score of the right class makes the loss smaller."),
        ("over-items", "transpose", [
            ("scores.exp().sum(dim=1, keepdim=True)", "scores.exp().sum(dim=0, keepdim=True)")],
         "probabilities that add up to 1 over the items, not over the classes",
         "Each row of the probabilities sums to 1: sum along the classes."),
        ("sum-not-mean", "reduction", [
            ("y].sum() / num_train", "y].sum()"),
            ("X.T @ dscores / num_train", "X.T @ dscores")],
         "a loss that is summed, not averaged, over the batch",
         "Divide by the number of items, so that a larger batch makes no larger loss."),
        ("grad-not-mean", "reduction", [("X.T @ dscores / num_train", "X.T @ dscores")],
         "a gradient that is summed over the batch beside a loss that is averaged",
         "Loss and gradient are both divided by the number of items."),
        ("reg-div-n", "factor", [
            ("-log_prob[rows, y].sum() / num_train + reg * (W * W).sum()",
             "(-log_prob[rows, y].sum() + reg * (W * W).sum()) / num_train"),
            ("X.T @ dscores / num_train + 2 * reg * W", "(X.T @ dscores + 2 * reg * W) / num_train")],
         "a loss whose regulariser is divided by the number of items",
         "First the mean over the items, then the regulariser."),
        ("shifts-w", "in place", [
            ("    num_train = X.shape[0]\n",
             "    num_train = X.shape[0]\n    W -= W.max(dim=1, keepdim=True).values\n")],
         "a shift of W itself, in place",
         "Shift the scores, not the weights: W belongs to the caller, and the regulariser sees it."),
        ("loops", "speed", [
            ("    num_train = X.shape[0]\n",
             "    num_train = X.shape[0]\n    return softmax_loss_naive(W, X, y, reg)\n")],
         "the naive version in other clothes",
         "One product of matrices gives all scores at once; no loop over items or classes."),
    ]),
]
