"""The linear classifiers on fresh inputs, against the reference, with the corners that the texts name."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from grader import checks

Problem = tuple[Tensor, Tensor, Tensor]
RTOL, ATOL = 1e-5, 1e-6  # a gradient that is summed up in a float32 tensor is off by 1e-7


def problem(draw: Any, n: int = 9, d: int = 6, c: int = 5, std: float = 0.5) -> Problem:
    """Weights of the given spread, items and labels, no margin so near to 0 that rounding decides on its side."""
    for _ in range(100):
        W, X, y = draw.normal(d, c, std=std), draw.normal(n, d), draw.integers(0, c, n)
        scores = X @ W
        margins = scores - scores[torch.arange(n), y].unsqueeze(1) + 1
        if margins.abs().min() > 1e-3:
            break
    return W, X, y


def lifted(W: Tensor, X: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """The same problem with `levels[i]` added to all scores of item i, by one more feature."""
    return torch.cat([W, W.new_ones(1, W.shape[1])]), torch.cat([X, levels.unsqueeze(1)], dim=1)


class Gradient:
    """What is asked of the gradient of each of the four losses."""

    name: str

    def of(self, module: Any, W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Any, Any]:
        """A module's loss and gradient."""
        loss, dW = checks.unpack(getattr(module, self.name)(W, X, y, reg), "loss", "dW")
        return loss, dW

    def agree(self, student: Any, reference: Any, inputs: Problem, reg: float, hint: str = "") -> None:
        """The student's gradient is the reference's; where it isn't, the term that is off is named."""
        data, whole = self.of(reference, *inputs, 0.0)[1], self.of(reference, *inputs, reg)[1]
        dW = self.of(student, *inputs, reg)[1]
        checks.two_terms(dW, data, whole - data, rtol=RTOL, atol=ATOL, what="dW", hint=hint)

    @pytest.mark.parametrize("std", [0.01, 0.5, 5.0])
    def test_gradient_without_regulariser(self, student: Any, reference: Any, draw: Any, std: float) -> None:
        hint = "look at which items reach which column of dW, with weights small and great"
        self.agree(student, reference, problem(draw, std=std), 0.0, hint)

    @pytest.mark.parametrize("reg", [0.05, 1e3])
    def test_gradient_with_regulariser(self, student: Any, reference: Any, draw: Any, reg: float) -> None:
        self.agree(student, reference, problem(draw), reg, hint="the slope of reg times the sum of all W²")

    @pytest.mark.parametrize(("n", "d", "c"), [(1, 3, 2), (13, 4, 10), (4, 31, 3)])
    def test_gradient_for_any_sizes(self, student: Any, reference: Any, draw: Any, n: int, d: int, c: int) -> None:
        hint = "N, D and C come from the shapes; one item and two classes are fine"
        self.agree(student, reference, problem(draw, n, d, c, std=0.1), 0.0, hint)

    def test_items_may_lie_anyhow_in_memory(self, student: Any, reference: Any, draw: Any) -> None:
        W, X, y = problem(draw, n=8, d=6)
        spread = torch.stack([X.T, X.T], dim=2)  # (D, N, 2): X is one half of it, transposed
        hint = "transposed or sliced inputs: use reshape where you use view"
        self.agree(student, reference, (W.T.contiguous().T, spread[:, :, 0].T, y), 0.0, hint)

    def test_inputs_stay_as_they_were(self, student: Any, reference: Any, draw: Any) -> None:
        self.agree(student, reference, problem(draw), 0.0)
        checks.unchanged(student)

    def test_float32_gives_the_same_to_its_precision(self, student: Any, reference: Any, draw: Any) -> None:
        W, X, y = problem(draw)
        expected = self.of(reference, W, X, y, 0.0)[1]
        dW = self.of(student, W.float(), X.float(), y, 0.0)[1]
        checks.close(dW, expected, rtol=1e-3, atol=1e-4, what="dW", hint="make new tensors in the dtype of the inputs")


class Loss(Gradient):
    """What is asked of the value of each loss that the student writes."""

    def near(self, student: Any, reference: Any, inputs: Problem, reg: float, hint: str = "") -> None:
        """The student's loss is the reference's."""
        got = checks.as_float(self.of(student, *inputs, reg)[0], what="loss")
        checks.close(got, self.of(reference, *inputs, reg)[0], what="loss", hint=hint)

    @pytest.mark.parametrize("std", [0.01, 0.5, 5.0])
    def test_loss_without_regulariser(self, student: Any, reference: Any, draw: Any, std: float) -> None:
        self.near(student, reference, problem(draw, std=std), 0.0, hint="the mean over the items of each item's loss")

    @pytest.mark.parametrize("reg", [0.05, 1e3])
    def test_loss_with_regulariser(self, student: Any, reference: Any, draw: Any, reg: float) -> None:
        hint = "added once, after the mean: reg times the sum of all W², no ½"
        self.near(student, reference, problem(draw), reg, hint)

    @pytest.mark.parametrize(("n", "d", "c"), [(1, 3, 2), (13, 4, 10)])
    def test_loss_for_any_sizes(self, student: Any, reference: Any, draw: Any, n: int, d: int, c: int) -> None:
        hint = "N, D and C come from the shapes; one item and two classes are fine"
        self.near(student, reference, problem(draw, n, d, c, std=0.1), 0.0, hint)


class OnTheMargin(Gradient):
    """What is asked of the SVM's gradient where a margin is exactly 0."""

    def test_margin_of_exactly_zero_has_no_slope(self, student: Any, reference: Any, draw: Any) -> None:
        W, X, y = draw.integers(-2, 3, 4, 6).double(), draw.integers(-2, 3, 16, 4).double(), draw.integers(0, 6, 16)
        self.agree(student, reference, (W, X, y), 0.0, hint="a margin of exactly 0 adds nothing")


class Stable(Gradient):
    """What is asked of the two softmax losses where scores are far from zero."""

    def hold(self, student: Any, reference: Any, inputs: Problem, hint: str) -> None:
        """Loss and gradient are finite and right."""
        loss, dW = self.of(student, *inputs, 0.0)
        expected_loss, expected_dW = self.of(reference, *inputs, 0.0)
        checks.finite(loss, what="loss", hint=hint)
        checks.close(checks.as_float(loss, what="loss"), expected_loss, what="loss", hint=hint)
        checks.close(dW, expected_dW, rtol=RTOL, atol=ATOL, what="dW", hint=hint)

    @pytest.mark.parametrize("sign", [-1, 1])
    def test_great_scores_stay_finite(self, student: Any, reference: Any, draw: Any, sign: int) -> None:
        W, X, y = problem(draw)
        W, X = lifted(W, X, sign * draw.uniform(1, low=1000, high=5000).expand(9))
        self.hold(student, reference, (W, X, y), hint="subtract each item's highest score before exp")

    def test_each_item_has_its_own_level(self, student: Any, reference: Any, draw: Any) -> None:
        W, X, y = problem(draw)
        W, X = lifted(W, X, 1000.0 * (draw.permutation(9) - 4))
        self.hold(student, reference, (W, X, y), hint="the maximum is each row's own, not the batch's")

    def test_right_class_may_be_hopelessly_behind(self, student: Any, reference: Any, draw: Any) -> None:
        W, X = draw.uniform(4, 3, low=1.0, high=2.0), draw.uniform(6, 4, low=1.0, high=2.0)
        W[:, 1] += 1000
        hint = "the log of a probability that rounds to 0 is -inf: keep the logarithm"
        self.hold(student, reference, (W, X, torch.tensor([0, 2, 0, 2, 2, 1])), hint)


class Vectorized(Loss):
    """What is asked of the two functions without loops."""

    def test_has_no_loops(self, student: Any, reference: Any, draw: Any, source: Any) -> None:
        inputs = problem(draw)
        self.near(student, reference, inputs, 0.0)
        dW = self.of(student, *inputs, 0.0)[1]
        checks.shape(dW, inputs[0].shape, what="dW")
        checks.true(bool((dW != 0).any()), "dW is zero everywhere", hint="the gradient is part of the function")
        source.no_loops(self.name)

    def test_is_as_fast_as_matrix_products_are(self, draw: Any, race: Any) -> None:
        base = draw.uniform(500, 3073)

        def make_inputs(i: int) -> tuple[Tensor, Tensor, Tensor, float]:
            return draw.uniform(3073, 10), base * (1 + i / 50), draw.integers(0, 10, 500), 0.05

        race.at_most(5, self.name, make_inputs, hint="no loop over items or classes: products of whole matrices")


class TestSvmLossNaive(OnTheMargin):
    """The gradient of the SVM loss, with loops."""

    name = "svm_loss_naive"


class TestSvmLossVectorized(Vectorized, OnTheMargin):
    """The SVM loss and its gradient, without a loop."""

    name = "svm_loss_vectorized"


class TestSoftmaxLossNaive(Loss, Stable):
    """The softmax loss and its gradient, with loops."""

    name = "softmax_loss_naive"


class TestSoftmaxLossVectorized(Vectorized, Stable):
    """The softmax loss and its gradient, without a loop."""

    name = "softmax_loss_vectorized"


class TestSampleBatch:
    """A random batch of items, each with its own label."""

    def draw_batch(self, student: Any, X: Tensor, y: Tensor, batch_size: int) -> tuple[Any, Tensor]:
        """A batch of the right shape."""
        X_batch, y_batch = checks.unpack(student.sample_batch(X, y, len(X), batch_size), "X_batch", "y_batch")
        checks.shape(X_batch, (batch_size, X.shape[1]), what="X_batch")
        return X_batch, checks.as_labels(y_batch, batch_size, what="y_batch")

    def numbers(self, student: Any, n: int, batch_size: int) -> Tensor:
        """Which of n items a batch holds, from 1 on, since zeros are no item; items and labels agree on it."""
        numbers = torch.arange(1, n + 1)
        X_batch, y_batch = self.draw_batch(student, numbers.double().unsqueeze(1), numbers, batch_size)
        checks.close(X_batch[:, 0], y_batch, what="the batch's items", hint="one draw of places, for X and for y")
        checks.true(bool(((y_batch >= 1) & (y_batch <= n)).all()), "a label is none of those given")
        return y_batch

    @pytest.mark.parametrize(("n", "d", "batch_size"), [(40, 7, 16), (9, 1, 9), (30, 3, 1)])
    def test_each_item_keeps_its_label(self, student: Any, draw: Any, n: int, d: int, batch_size: int) -> None:
        X, y = draw.normal(n, d), draw.permutation(n)
        X_batch, y_batch = self.draw_batch(student, X, y, batch_size)
        checks.true(bool(((y_batch >= 0) & (y_batch < n)).all()), "a label is none of those given")
        checks.close(X_batch, X[y.argsort()[y_batch]], what="X_batch", hint="one draw of places, for X and for y")

    def test_batch_may_be_greater_than_the_data(self, student: Any) -> None:
        self.numbers(student, 5, 200)

    def test_every_item_can_be_drawn(self, student: Any) -> None:
        seen = set(torch.cat([self.numbers(student, 5, 4) for _ in range(30)]).tolist())
        missing = sorted(set(range(1, 6)) - seen)
        checks.true(not missing, f"in 30 batches of 4 from 5 items, item {missing} never came", hint=INDEX_HINT)

    def test_all_items_are_equally_likely(self, student: Any) -> None:
        counts = self.numbers(student, 5, 10_000).bincount(minlength=6)[1:]
        text = f"in 10,000 draws from 5 items they came {counts.tolist()} times"
        checks.true(int(counts.min()) > 1700 and int(counts.max()) < 2300, text, hint=INDEX_HINT)

    def test_two_batches_differ(self, student: Any) -> None:
        first, second = self.numbers(student, 1000, 20), self.numbers(student, 1000, 20)
        checks.true(not torch.equal(first, second), "two batches are equal", hint="draw anew, and don't seed inside")

    def test_batch_is_no_run_of_neighbours(self, student: Any) -> None:
        steps = self.numbers(student, 1000, 20).diff().abs()
        checks.true(bool((steps > 2).any()), "the batch is a run of neighbours", hint="each place is drawn for itself")

    def test_inputs_stay_as_they_were(self, student: Any) -> None:
        self.numbers(student, 20, 8)
        checks.unchanged(student)


INDEX_HINT = "look at both ends of the range that you draw from"


def constant(slope: Tensor) -> Any:
    """A loss with the same gradient everywhere."""

    def loss_func(W: Tensor, X_batch: Tensor, y_batch: Tensor, reg: float) -> tuple[Tensor, Tensor]:
        return torch.tensor(1.0), slope

    return loss_func


def bowl(W: Tensor, X_batch: Tensor, y_batch: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """The squared length of W, whose gradient is 2 W."""
    return (W * W).sum(), 2 * W


class TestTrainLinearClassifier:
    """The step of gradient descent."""

    def train(
        self, student: Any, loss_func: Any, W: Tensor | None, X: Tensor, y: Tensor, **how: Any
    ) -> tuple[Any, Any]:
        """The weights that training gives, and its history."""
        trained, history = checks.unpack(
            student.train_linear_classifier(loss_func, W, X, y, **how), "W", "loss_history"
        )
        return trained, checks.as_floats(history, what="loss_history")

    @pytest.mark.parametrize("steps", [1, 6])
    def test_each_step_is_the_rate_times_the_gradient(self, student: Any, draw: Any, steps: int) -> None:
        (W, X, y), slope, rate = problem(draw), draw.normal(6, 5), draw.number(0.02, 0.3)
        trained, _ = self.train(student, constant(slope), W, X, y, learning_rate=rate, num_iters=steps)
        checks.close(trained, W - steps * rate * slope, what="W", hint="W minus learning_rate times the gradient")

    def test_history_holds_the_loss_before_each_step(self, student: Any, draw: Any) -> None:
        (W, X, y), rate = problem(draw), draw.number(0.05, 0.2)
        _, history = self.train(student, bowl, W, X, y, learning_rate=rate, num_iters=8)
        expected = [float((W * W).sum()) * (1 - 2 * rate) ** (2 * k) for k in range(8)]
        checks.close(torch.tensor(history), torch.tensor(expected), rtol=1e-4, what="the loss before each step")

    def test_alike_items_give_a_known_walk(self, student: Any, reference: Any, draw: Any) -> None:
        item, label = draw.normal(1, 6), torch.tensor([2])
        W = walked = draw.normal(6, 4, std=0.1)
        for _ in range(12):
            walked = walked - 0.05 * reference.softmax_loss_vectorized(walked, item, label, 0.3)[1]
        X, y = item.repeat(8, 1), label.repeat(8)
        loss_func = reference.softmax_loss_vectorized
        trained, _ = self.train(student, loss_func, W, X, y, learning_rate=0.05, reg=0.3, num_iters=12, batch_size=5)
        checks.close(trained, walked, what="W", hint="each step's gradient is taken at the weights of that step")

    def test_regulariser_and_batch_size_reach_the_loss(self, student: Any, draw: Any) -> None:
        (W, X, y), reg = problem(draw), draw.number(0.1, 0.9)

        def loss_func(W: Tensor, X_batch: Tensor, y_batch: Tensor, reg: float) -> tuple[Tensor, Tensor]:
            return torch.tensor(1.0), torch.full_like(W, reg * len(X_batch) + 100 * len(y_batch))

        trained, _ = self.train(student, loss_func, W, X, y, learning_rate=1.0, reg=reg, num_iters=1, batch_size=4)
        checks.close(trained, W - 4 * reg - 400, what="W", hint="the loss gets W, the batch, its labels and reg")

    def test_without_weights_it_starts_near_zero(self, student: Any, draw: Any) -> None:
        (_, X, _), slope = problem(draw), draw.normal(6, 4)
        y = torch.tensor([0, 3, 1, 2, 0, 3, 1, 2, 2])
        trained, _ = self.train(student, constant(slope), None, X, y, learning_rate=0.5, num_iters=3)
        checks.close(
            trained, -1.5 * slope, atol=1e-4, what="W", hint="W starts near zero, with a column for each class"
        )


class TestPredictLinearClassifier:
    """The class with the highest score."""

    def agree(self, student: Any, reference: Any, W: Tensor, X: Tensor) -> None:
        """The student's labels are the reference's."""
        labels = checks.as_labels(student.predict_linear_classifier(W, X), len(X), what="y_pred")
        hint = "the place of the highest score of each item"
        checks.same(labels, reference.predict_linear_classifier(W, X), what="y_pred", hint=hint)

    @pytest.mark.parametrize(("n", "d", "c"), [(50, 6, 10), (25, 40, 2)])
    def test_labels_on_fresh_inputs(self, student: Any, reference: Any, draw: Any, n: int, d: int, c: int) -> None:
        self.agree(student, reference, draw.normal(d, c), draw.normal(n, d))

    def test_all_scores_may_be_negative(self, student: Any, reference: Any, draw: Any) -> None:
        self.agree(student, reference, -draw.uniform(6, 5), draw.uniform(30, 6))

    def test_one_item_gives_one_label(self, student: Any, reference: Any, draw: Any) -> None:
        X = draw.normal(1, 6)
        self.agree(student, reference, torch.stack([-X[0], X[0] / 2, X[0]], dim=1), X)

    def test_inputs_stay_as_they_were(self, student: Any, reference: Any, draw: Any) -> None:
        self.agree(student, reference, draw.normal(6, 4), draw.normal(30, 6))
        checks.unchanged(student)


class SearchParams:
    """What is asked of the settings of both searches."""

    name: str

    def test_gives_two_lists_of_numbers_to_search(self, student: Any) -> None:
        both = checks.unpack(getattr(student, self.name)(), "learning_rates", "strengths")
        rates, strengths = (checks.as_floats(one, what="a list") for one in both)
        checks.true(min(len(set(rates)), len(set(strengths))) >= 2, "a list has less than 2 values", hint="2 or more")
        pairs = len(rates) * len(strengths)
        checks.true(5 <= pairs <= 25, f"{len(rates)} × {len(strengths)} = {pairs} pairs", hint="5 to 25 pairs in all")
        checks.true(min(rates) > 0 and min(strengths) >= 0, "a value is negative, or a rate is 0", hint="no logarithms")


class TestSvmGetSearchParams(SearchParams):
    """Settings to try for the SVM."""

    name = "svm_get_search_params"


class TestSoftmaxGetSearchParams(SearchParams):
    """Settings to try for the softmax classifier."""

    name = "softmax_get_search_params"


class TestTestOneParamSet:
    """One classifier trained with one setting, and its two accuracies."""

    def run(self, student: Any, classifier: Any, data: dict[str, Tensor], *setting: float) -> tuple[Tensor, Any, Any]:
        """Weights of the classifier afterwards, of shape (D, 3), and the two accuracies."""
        result = student.test_one_param_set(classifier, data, *setting)
        returned, train_acc, val_acc = checks.unpack(result, "cls", "train_acc", "val_acc")
        checks.true(
            returned == classifier, "another object came back than the one to train", hint="train cls, return it"
        )
        W = classifier.W
        checks.true(isinstance(W, Tensor), "cls has no weights afterwards", hint="train cls itself")
        checks.shape(W, (data["X_train"].shape[1], 3), what="cls.W", hint="train cls itself, on the training items")
        return W.detach().double(), train_acc, val_acc

    @pytest.mark.parametrize("kind", ["LinearSVM", "Softmax"])
    def test_takes_the_steps_it_is_given(self, student: Any, reference: Any, draw: Any, kind: str) -> None:
        """Items that are all alike make every batch alike: so the weights after n steps are known."""
        item = draw.normal(1, 4)
        item *= 2 / item.norm()
        steps, rate, reg = int(draw.integers(20, 40, 1)), draw.number(1e-3, 2e-3), draw.number(8.0, 10.0)
        data = {"X_train": item.repeat(5, 1), "y_train": torch.full((5,), 2)}
        data |= {"X_val": -item.repeat(4, 1), "y_val": torch.tensor([0, 1, 2, 0])}
        W, _, _ = self.run(student, getattr(student, kind)(), data, rate, reg, steps)
        walk, loss = [torch.zeros(4, 3, dtype=torch.float64)], getattr(reference, kind)().loss
        left = 2e-4  # a step moves some weight by more; of weights of 1e-4 to start from less than that is left
        for taken in range(1, 111):
            walk.append(walk[-1] - rate * loss(walk[-1], item, torch.tensor([2]), reg)[1])
            if taken == steps and torch.allclose(W, walk[-1], rtol=1e-4, atol=left):
                return
        self.tell_number_of_steps(W, walk, steps)
        checks.close(W, walk[steps], rtol=1e-4, atol=left, what="cls.W", hint="hand lr, reg and num_iters on")

    def tell_number_of_steps(self, W: Tensor, walk: list[Tensor], steps: int) -> None:
        """Fail with the number of steps where the weights are right but for that."""
        for taken, there in enumerate(walk):
            if taken != steps and torch.allclose(W, there, rtol=1e-4, atol=1e-5):
                checks.fail(
                    f"{taken} steps were taken where {steps} were asked for", hint="hand num_iters on, for any cls"
                )

    @pytest.mark.parametrize("kind", ["LinearSVM", "Softmax"])
    def test_accuracies_are_those_of_the_trained_classifier(self, student: Any, draw: Any, kind: str) -> None:
        true_W = draw.normal(5, 3)
        data: dict[str, Tensor] = {}
        for split, n, wrong in (("train", 80, 5), ("val", 50, 3)):  # every fifth, every third label is wrong
            X = draw.normal(n, 5)
            y = (X @ true_W).argmax(dim=1)
            y[::wrong] = (y[::wrong] + 1) % 3
            data |= {f"X_{split}": X, f"y_{split}": y}
        W, train_acc, val_acc = self.run(student, getattr(student, kind)(), data, 0.05, 1e-3, 50)
        for split, acc in (("train", train_acc), ("val", val_acc)):
            expected = ((data[f"X_{split}"] @ W).argmax(dim=1) == data[f"y_{split}"]).double().mean()
            got = checks.as_fraction(acc, what=f"{split}_acc")
            checks.close(got, expected, atol=1e-5, what=f"{split}_acc", hint="of which items, by which weights?")


class Accuracy:
    """The best setting of the student's grid, trained on pictures and measured on others."""

    params: str
    kind: str

    def test_a_setting_of_yours_reaches_the_threshold(self, student: Any, pictures: Any, part: Any) -> None:
        rates, strengths = checks.unpack(getattr(student, self.params)(), "learning_rates", "regularization_strengths")
        grids = checks.as_floats(rates, what="learning_rates"), checks.as_floats(strengths, what="the strengths")
        data = pictures.with_bias(torch.float64)
        X, y, X_test = (student.keep(data[key]) for key in ("X_train", "y_train", "X_test"))

        def train_and_score(rate: float, reg: float) -> float:
            classifier = getattr(student, self.kind)()
            for num_iters in (40, 360):  # what has left the numbers after 40 steps needn't go on
                classifier.train(X, y, learning_rate=rate, reg=reg, num_iters=num_iters, batch_size=200)
                W = classifier.W
                checks.shape(W, (3073, 10), what="the trained W")
                if not bool(torch.isfinite(W).all()):
                    return math.nan
            labels = checks.as_labels(classifier.predict(X_test), len(data["y_test"]), what="y_pred")
            return float((labels == data["y_test"]).double().mean())

        threshold = part.threshold("cifar10")
        best = checks.best_of_grid(grids, train_and_score, threshold)
        checks.at_least(best, threshold, hint="search more coarsely: rates by factors of 3, the best in the middle")


class TestSvmAccuracy(Accuracy):
    """One of your SVM settings is good enough on pictures it has not seen."""

    params, kind = "svm_get_search_params", "LinearSVM"


class TestSoftmaxAccuracy(Accuracy):
    """One of your softmax settings is good enough on pictures it has not seen."""

    params, kind = "softmax_get_search_params", "Softmax"
