"""What a student runs at home on the linear classifiers: laws, torch's own operators and small tables."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from grader import checks

Twin = Callable[[Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor]]
RTOL, ATOL = 1e-5, 1e-6  # a gradient that is summed up in a float32 tensor is off by 1e-7


def _by_autograd(data_loss: Callable[[Tensor, Tensor], Tensor]) -> Twin:
    """Loss and gradient of a mean over items of torch's `data_loss(scores, y)`, with the regulariser."""

    def twin(W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
        W = W.detach().clone().requires_grad_()
        loss = data_loss(X @ W, y) + reg * (W * W).sum()
        (gradient,) = torch.autograd.grad(loss, W)
        return loss.detach(), gradient

    return twin


@_by_autograd
def svm_twin(scores: Tensor, y: Tensor) -> Tensor:
    """The multiclass SVM loss: torch's divides by the number of classes, the text's does not."""
    return functional.multi_margin_loss(scores, y) * scores.shape[1]


@_by_autograd
def softmax_twin(scores: Tensor, y: Tensor) -> Tensor:
    """The softmax loss by torch."""
    return functional.cross_entropy(scores, y)


def problem(draw: Any, n: int = 7, d: int = 5, c: int = 4, std: float = 0.5) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of the given spread, items and labels."""
    return draw.normal(d, c, std=std), draw.normal(n, d), draw.integers(0, c, n)


def lifted(W: Tensor, X: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """The same problem with `levels[i]` added to all scores of item i, by one more feature."""
    return torch.cat([W, W.new_ones(1, W.shape[1])]), torch.cat([X, levels.unsqueeze(1)], dim=1)


class Gradient:
    """What holds for the gradient of each of the four losses."""

    name: str
    twin: Twin

    def of(self, student: Any, W: Tensor, X: Tensor, y: Tensor, reg: float) -> tuple[Tensor, Tensor]:
        """The student's loss and gradient."""
        loss, dW = checks.unpack(getattr(student, self.name)(W, X, y, reg), "loss", "dW")
        return loss, dW

    def agree(self, student: Any, W: Tensor, X: Tensor, y: Tensor, reg: float, hint: str = "") -> None:
        """The student's gradient is the one that autograd finds."""
        expected = self.twin(W, X, y, reg)[1]
        checks.close(self.of(student, W, X, y, reg)[1], expected, rtol=RTOL, atol=ATOL, what="dW", hint=hint)

    @pytest.mark.parametrize("std", [0.01, 0.5, 5.0])
    def test_gradient_is_the_one_autograd_finds(self, student: Any, draw: Any, std: float) -> None:
        W, X, y = problem(draw, std=std)
        self.agree(student, W, X, y, 0.0, hint="without a regulariser: look at which items reach which column")

    def test_gradient_is_the_slope_of_your_own_loss(self, student: Any, draw: Any) -> None:
        W, X, y = problem(draw)
        _, dW = self.of(student, W, X, y, 0.05)
        checks.shape(dW, W.shape, what="dW")
        checks.true(bool((dW != 0).any()), "dW is zero everywhere", hint="fill in the gradient")
        checks.directional(lambda V: checks.as_float(self.of(student, V, X, y, 0.05)[0]), W, dW, draw, what="dW")

    @pytest.mark.parametrize("reg", [0.05, 1e3])
    def test_gradient_is_data_plus_regulariser(self, student: Any, draw: Any, reg: float) -> None:
        W, X, y = problem(draw)
        _, dW = self.of(student, W, X, y, reg)
        checks.two_terms(dW, self.twin(W, X, y, 0.0)[1], 2 * reg * W, rtol=RTOL, atol=ATOL, what="dW")

    def test_one_item_of_two_classes(self, student: Any, draw: Any) -> None:
        W, X, _ = problem(draw, n=1, d=3, c=2, std=0.1)
        self.agree(student, W, X, torch.tensor([1]), 0.0, hint="a batch of one item and two classes is a batch too")

    def test_items_may_lie_anyhow_in_memory(self, student: Any, draw: Any) -> None:
        W, X, y = draw.normal(4, 5).T, draw.normal(10, 7).T[:, ::2], draw.integers(0, 4, 7)
        self.agree(student, W, X, y, 0.0, hint="transposed or sliced inputs: use reshape where you use view")

    def test_inputs_stay_as_they_were(self, student: Any, draw: Any) -> None:
        W, X, y = problem(draw)
        self.agree(student, W, X, y, 0.0)
        checks.unchanged(student)

    def test_float32_gives_the_same_to_its_precision(self, student: Any, draw: Any) -> None:
        W, X, y = problem(draw)
        _, dW = self.of(student, W.float(), X.float(), y, 0.0)
        expected = self.twin(W, X, y, 0.0)[1]
        checks.close(dW, expected, rtol=1e-3, atol=1e-4, what="dW", hint="make new tensors in the dtype of the inputs")


class Loss(Gradient):
    """What holds for the value of each loss that the student writes."""

    def near(self, student: Any, W: Tensor, X: Tensor, y: Tensor, reg: float, hint: str = "") -> None:
        """The student's loss is torch's."""
        got = checks.as_float(self.of(student, W, X, y, reg)[0], what="loss")
        checks.close(got, self.twin(W, X, y, reg)[0].item(), what="loss", hint=hint)

    @pytest.mark.parametrize("std", [0.01, 0.5, 5.0])
    def test_loss_is_the_one_torch_computes(self, student: Any, draw: Any, std: float) -> None:
        W, X, y = problem(draw, std=std)
        self.near(student, W, X, y, 0.0, hint="without a regulariser: the mean over the items of each item's loss")

    @pytest.mark.parametrize("reg", [0.05, 1e3])
    def test_loss_has_the_whole_regulariser(self, student: Any, draw: Any, reg: float) -> None:
        W, X, y = problem(draw)
        self.near(student, W, X, y, reg, hint="added once, after the mean: reg times the sum of all W², no ½")

    def test_loss_is_a_tensor_with_one_number(self, student: Any, draw: Any) -> None:
        W, X, y = problem(draw)
        loss, _ = self.of(student, W, X, y, 0.05)
        checks.true(isinstance(loss, Tensor), "loss is no tensor", hint="training calls loss.item()")
        self.near(student, W, X, y, 0.05)


class Vectorized(Loss):
    """What holds for the two functions without loops."""

    def test_has_no_loops(self, student: Any, draw: Any, source: Any) -> None:
        W, X, y = problem(draw)
        self.near(student, W, X, y, 0.0)
        dW = self.of(student, W, X, y, 0.0)[1]
        checks.shape(dW, W.shape, what="dW")
        checks.true(bool((dW != 0).any()), "dW is zero everywhere", hint="the gradient is part of the function")
        source.no_loops(self.name)


class Stable(Gradient):
    """What holds for the two softmax losses where scores are far from zero."""

    def hold(self, student: Any, W: Tensor, X: Tensor, y: Tensor, hint: str) -> None:
        """Loss and gradient are finite and right."""
        loss, dW = self.of(student, W, X, y, 0.0)
        expected_loss, expected_dW = self.twin(W, X, y, 0.0)
        checks.finite(loss, what="loss")
        checks.close(checks.as_float(loss, what="loss"), expected_loss.item(), what="loss", hint=hint)
        checks.close(dW, expected_dW, rtol=RTOL, atol=ATOL, what="dW", hint=hint)

    @pytest.mark.parametrize("level", [-2000.0, 2000.0])
    def test_great_scores_stay_finite(self, student: Any, draw: Any, level: float) -> None:
        W, X, y = problem(draw)
        W, X = lifted(W, X, torch.full((7,), level, dtype=torch.float64))
        self.hold(student, W, X, y, hint="subtract each item's highest score before exp")

    def test_each_item_has_its_own_level(self, student: Any, draw: Any) -> None:
        W, X, y = problem(draw)
        W, X = lifted(W, X, torch.tensor([0.0, 900, -900, 2500, -2500, 1, 300], dtype=torch.float64))
        self.hold(student, W, X, y, hint="the maximum is each row's own, not the batch's")

    def test_right_class_may_be_hopelessly_behind(self, student: Any, draw: Any) -> None:
        W = torch.tensor([[3000.0, 0.0, -1000.0]], dtype=torch.float64)
        X, y = torch.tensor([[1.0], [2.0]], dtype=torch.float64), torch.tensor([2, 1])
        self.hold(student, W, X, y, hint="the log of a probability that rounds to 0 is -inf: keep the logarithm")


class TestSvmLossNaive(Gradient):
    """The gradient of the SVM loss, with loops."""

    name, twin = "svm_loss_naive", staticmethod(svm_twin)

    def test_one_item_by_hand(self, student: Any) -> None:
        # scores 3, 2.5, 0: class 1 is inside the margin of class 0, class 2 is not
        W = torch.tensor([[1.0, 0.5, 0.0], [1.0, 1.0, 0.0]], dtype=torch.float64)
        X = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
        _, dW = self.of(student, W, X, torch.tensor([0]), 0.0)
        expected = torch.tensor([[-1.0, 1.0, 0.0], [-2.0, 2.0, 0.0]], dtype=torch.float64)
        hint = "one wrong class inside the margin: +x in its column, -x in the right"
        checks.close(dW, expected, what="dW", hint=hint)

    def test_margin_of_exactly_zero_has_no_slope(self, student: Any) -> None:
        self.agree(student, *ON_THE_MARGIN, 0.0, hint="a margin of exactly 0 adds nothing")

    def test_agrees_with_the_recorded_gradient(self, student: Any, draw: Any, recorded: Any) -> None:
        _, dW = self.of(student, *_recorded_problem(draw, recorded), 0.05)
        recorded.matches("dW", dW, rtol=RTOL, atol=ATOL)


# Scores 2, 1, 5, 0 for the right class 0: class 1 stands exactly on the margin, class 2 inside, class 3 outside.
ON_THE_MARGIN = (
    torch.tensor([[2.0, 1.0, 5.0, 0.0], [0.0, 0.0, 0.0, 0.0]], dtype=torch.float64),
    torch.tensor([[1.0, 3.0]], dtype=torch.float64),
    torch.tensor([0]),
)


def _recorded_problem(draw: Any, recorded: Any) -> tuple[Tensor, Tensor, Tensor]:
    W, X, y = problem(draw, n=6, d=4, c=3, std=1.0)
    return recorded.input("W", lambda: W), recorded.input("X", lambda: X), recorded.input("y", lambda: y)


class TestSvmLossVectorized(Vectorized):
    """The SVM loss and its gradient, without a loop."""

    name, twin = "svm_loss_vectorized", staticmethod(svm_twin)

    def test_loss_of_one_item_by_hand(self, student: Any) -> None:
        # scores 3, 2.5, 0: max(0, 2.5 - 3 + 1) + max(0, 0 - 3 + 1) = 0.5
        W = torch.tensor([[1.0, 0.5, 0.0], [1.0, 1.0, 0.0]], dtype=torch.float64)
        X = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
        loss, _ = self.of(student, W, X, torch.tensor([0]), 0.0)
        checks.close(checks.as_float(loss, what="loss"), 0.5, what="loss", hint="the right class itself does not count")

    def test_margin_of_exactly_zero_has_no_slope(self, student: Any) -> None:
        self.agree(student, *ON_THE_MARGIN, 0.0, hint="a margin of exactly 0 adds nothing")

    def test_agrees_with_the_recorded_answers(self, student: Any, draw: Any, recorded: Any) -> None:
        loss, dW = self.of(student, *_recorded_problem(draw, recorded), 0.05)
        recorded.matches("loss", loss)
        recorded.matches("dW", dW, rtol=RTOL, atol=ATOL)


class TestSoftmaxLossNaive(Loss, Stable):
    """The softmax loss and its gradient, with loops."""

    name, twin = "softmax_loss_naive", staticmethod(softmax_twin)

    def test_equal_scores_make_the_log_of_the_number_of_classes(self, student: Any, draw: Any) -> None:
        _, X, y = problem(draw)
        loss, _ = self.of(student, torch.zeros(5, 4, dtype=torch.float64), X, y, 0.05)
        checks.close(checks.as_float(loss, what="loss"), 1.3862943611198906, what="loss", hint="each class has p = 1/4")

    def test_agrees_with_the_recorded_answers(self, student: Any, draw: Any, recorded: Any) -> None:
        loss, dW = self.of(student, *_recorded_problem(draw, recorded), 0.05)
        recorded.matches("loss", loss)
        recorded.matches("dW", dW, rtol=RTOL, atol=ATOL)


class TestSoftmaxLossVectorized(Vectorized, Stable):
    """The softmax loss and its gradient, without a loop."""

    name, twin = "softmax_loss_vectorized", staticmethod(softmax_twin)

    def test_equal_scores_make_the_log_of_the_number_of_classes(self, student: Any, draw: Any) -> None:
        _, X, y = problem(draw)
        loss, _ = self.of(student, torch.zeros(5, 4, dtype=torch.float64), X, y, 0.05)
        checks.close(checks.as_float(loss, what="loss"), 1.3862943611198906, what="loss", hint="each class has p = 1/4")

    def test_agrees_with_the_recorded_answers(self, student: Any, draw: Any, recorded: Any) -> None:
        loss, dW = self.of(student, *_recorded_problem(draw, recorded), 0.05)
        recorded.matches("loss", loss)
        recorded.matches("dW", dW, rtol=RTOL, atol=ATOL)


class TestSampleBatch:
    """A random batch of items, each with its own label."""

    def draw_batch(self, student: Any, n: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """A batch out of n items; item i is (i, -i) with the label i, from 1 on: zeros are no item."""
        numbers = torch.arange(1, n + 1)
        X = torch.stack([numbers, -numbers], dim=1).double()
        X_batch, y_batch = checks.unpack(student.sample_batch(X, numbers, n, batch_size), "X_batch", "y_batch")
        checks.shape(X_batch, (batch_size, 2), what="X_batch")
        labels = checks.as_labels(y_batch, batch_size, what="y_batch")
        checks.true(bool(((labels >= 1) & (labels <= n)).all()), "a label is none of those given")
        return X_batch, labels

    def test_each_item_keeps_its_label(self, student: Any) -> None:
        X_batch, y_batch = self.draw_batch(student, 50, 20)
        expected = torch.stack([y_batch, -y_batch], dim=1)
        checks.close(X_batch, expected, what="X_batch", hint="draw the places once, and use them for X and for y")

    def test_batch_may_be_greater_than_the_data(self, student: Any) -> None:
        X_batch, y_batch = self.draw_batch(student, 5, 200)
        checks.close(X_batch[:, 0], y_batch, what="the batch's items", hint="draw with replacement")

    def test_every_item_can_be_drawn(self, student: Any) -> None:
        seen = torch.cat([self.draw_batch(student, 5, 4)[1] for _ in range(30)])
        missing = sorted(set(range(1, 6)) - set(seen.tolist()))
        checks.true(not missing, f"in 30 batches of 4 from 5 items, item {missing} never came", hint=INDEX_HINT)

    def test_two_batches_differ(self, student: Any) -> None:
        _, first = self.draw_batch(student, 1000, 20)
        _, second = self.draw_batch(student, 1000, 20)
        checks.true(not torch.equal(first, second), "two batches are equal", hint="draw anew, and don't seed inside")

    def test_batch_is_no_run_of_neighbours(self, student: Any) -> None:
        _, y_batch = self.draw_batch(student, 1000, 20)
        steps = y_batch.diff().abs()
        checks.true(bool((steps > 2).any()), "the batch is a run of neighbours", hint="each place is drawn for itself")

    def test_inputs_stay_as_they_were(self, student: Any) -> None:
        X_batch, y_batch = self.draw_batch(student, 50, 20)
        checks.close(X_batch[:, 0], y_batch, what="the batch's items")
        checks.unchanged(student)


INDEX_HINT = "look at both ends of the range that you draw from"


class TestTrainLinearClassifier:
    """The step of gradient descent."""

    def test_one_step_goes_downhill(self, student: Any, draw: Any) -> None:
        W, X, y = problem(draw)
        slope = draw.normal(5, 4)
        trained, _ = _train(student, _constant(slope), W, X, y, learning_rate=0.1, num_iters=1)
        checks.close(trained, W - 0.1 * slope, what="W", hint="against the gradient, by the learning rate times it")

    def test_every_step_counts(self, student: Any, draw: Any) -> None:
        W, X, y = problem(draw)
        slope = draw.normal(5, 4)
        trained, _ = _train(student, _constant(slope), W, X, y, learning_rate=0.1, num_iters=7)
        checks.close(trained, W - 0.7 * slope, what="W", hint="one step in each iteration, all with the same rate")

    def test_bowl_is_rolled_down(self, student: Any, draw: Any) -> None:
        W, X, y = problem(draw)
        _, history = _train(student, _bowl, W, X, y, learning_rate=0.1, num_iters=5)
        start = 0.5 * (W * W).sum().item()
        expected = [start * 0.81**k for k in range(5)]
        checks.close(torch.tensor(history), torch.tensor(expected), rtol=1e-5, what="the loss before each step")

    def test_regulariser_and_batch_size_reach_the_loss(self, student: Any, draw: Any) -> None:
        W, X, y = problem(draw)

        def loss_func(W: Tensor, X_batch: Tensor, y_batch: Tensor, reg: float) -> tuple[Tensor, Tensor]:
            return torch.tensor(1.0), torch.full_like(W, reg * len(X_batch) + 100 * len(y_batch))

        trained, _ = _train(student, loss_func, W, X, y, learning_rate=1.0, reg=0.5, num_iters=1, batch_size=3)
        checks.close(trained, W - 301.5, what="W", hint="the loss gets W, the batch, its labels and reg")

    def test_without_weights_it_starts_near_zero(self, student: Any, draw: Any) -> None:
        _, X, _ = problem(draw)
        y, slope = torch.tensor([0, 2, 1, 2, 0, 1, 1]), draw.normal(5, 3)
        trained, _ = _train(student, _constant(slope), None, X, y, learning_rate=1.0, num_iters=2)
        checks.close(trained, -2 * slope, atol=1e-4, what="W", hint="W starts near zero, with a column for each class")


def _constant(slope: Tensor) -> Any:
    """A loss with the same gradient everywhere."""

    def loss_func(W: Tensor, X_batch: Tensor, y_batch: Tensor, reg: float) -> tuple[Tensor, Tensor]:
        return torch.tensor(1.0), slope

    return loss_func


def _bowl(W: Tensor, X_batch: Tensor, y_batch: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Half the squared length of W, whose gradient is W."""
    return 0.5 * (W * W).sum(), W


def _train(
    student: Any, loss_func: Any, W: Tensor | None, X: Tensor, y: Tensor, **how: Any
) -> tuple[Tensor, list[float]]:
    """Train, and give the weights and the history as floats."""
    result = student.train_linear_classifier(loss_func, W, X, y, **how)
    trained, history = checks.unpack(result, "W", "loss_history")
    return trained, checks.as_floats(history, what="loss_history")


class TestPredictLinearClassifier:
    """The class with the highest score."""

    def test_three_items_by_hand(self, student: Any) -> None:
        X = torch.tensor([[0.0, 9.0, 1.0], [-4.0, -3.0, -1.0], [-5.0, 2.0, 1.0]], dtype=torch.float64)
        labels = checks.as_labels(
            student.predict_linear_classifier(torch.eye(3, dtype=torch.float64), X), 3, what="y_pred"
        )
        checks.same(
            labels, torch.tensor([1, 2, 1]), what="y_pred", hint="the place of the highest score, not its value"
        )

    def test_no_other_class_scores_higher(self, student: Any, draw: Any) -> None:
        W, X, _ = problem(draw, n=40)
        labels = checks.as_labels(student.predict_linear_classifier(W, X), 40, what="y_pred")
        best = (X @ W).max(dim=1).values
        checks.true(bool(((labels >= 0) & (labels < 4)).all()), "a label is no class", hint="0 to C - 1")
        checks.close((X @ W)[torch.arange(40), labels], best, what="the scores of the classes you chose")

    def test_all_scores_may_be_negative(self, student: Any, draw: Any) -> None:
        X = -draw.uniform(20, 4, low=1.0, high=9.0)
        labels = checks.as_labels(
            student.predict_linear_classifier(torch.eye(4, dtype=torch.float64), X), 20, what="y_pred"
        )
        checks.same(labels, X.argmax(dim=1), what="y_pred", hint="-1 is higher than -9")

    def test_one_item_gives_one_label(self, student: Any) -> None:
        W, X = torch.eye(3, dtype=torch.float64), torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
        labels = checks.as_labels(student.predict_linear_classifier(W, X), 1, what="y_pred")
        checks.same(labels, torch.tensor([2]), what="y_pred")


class SearchParams:
    """What holds for the settings of both searches."""

    name: str

    def lists(self, student: Any) -> tuple[list[float], list[float]]:
        """The student's learning rates and strengths as floats."""
        rates, strengths = checks.unpack(getattr(student, self.name)(), "learning_rates", "strengths")
        return checks.as_floats(rates, what="learning_rates"), checks.as_floats(strengths, what="strengths")

    def test_both_lists_hold_two_values_or_more(self, student: Any) -> None:
        rates, strengths = self.lists(student)
        checks.true(len(set(rates)) >= 2, f"learning_rates has {len(set(rates))} values", hint="2 or more, all unlike")
        checks.true(
            len(set(strengths)) >= 2, f"there are {len(set(strengths))} strengths", hint="2 or more, all unlike"
        )

    def test_there_are_five_to_twenty_five_pairs(self, student: Any) -> None:
        rates, strengths = self.lists(student)
        pairs = len(rates) * len(strengths)
        checks.true(5 <= pairs <= 25, f"{len(rates)} × {len(strengths)} = {pairs} pairs", hint="5 to 25 pairs in all")

    def test_values_make_sense(self, student: Any) -> None:
        rates, strengths = self.lists(student)
        checks.true(
            bool(rates) and min(rates) > 0, "a learning rate is missing or not above 0", hint="not its logarithm"
        )
        checks.true(
            bool(strengths) and min(strengths) >= 0, "a strength is missing or below 0", hint="not its logarithm"
        )


class TestSvmGetSearchParams(SearchParams):
    """Settings to try for the SVM."""

    name = "svm_get_search_params"


class TestSoftmaxGetSearchParams(SearchParams):
    """Settings to try for the softmax classifier."""

    name = "softmax_get_search_params"


class TestTestOneParamSet:
    """One classifier trained with one setting, and its two accuracies."""

    def test_svm_takes_the_steps_you_were_given(self, student: Any) -> None:
        _walk_is_right(student, student.LinearSVM(), svm_twin)

    def test_softmax_takes_the_steps_you_were_given(self, student: Any) -> None:
        _walk_is_right(student, student.Softmax(), softmax_twin)

    def test_accuracies_are_those_of_the_trained_classifier(self, student: Any, draw: Any) -> None:
        X, X_val, true_W = draw.normal(60, 5), draw.normal(40, 5), draw.normal(5, 3)
        y, y_val = (X @ true_W).argmax(dim=1), (X_val @ true_W).argmax(dim=1)
        y_val[::3] = (y_val[::3] + 1) % 3  # a third of the validation labels is wrong, so the two accuracies differ
        svm = student.LinearSVM()
        data = {"X_train": X, "y_train": y, "X_val": X_val, "y_val": y_val}
        result = student.test_one_param_set(svm, data, 0.05, 1e-3, num_iters=60)
        returned, train_acc, val_acc = checks.unpack(result, "cls", "train_acc", "val_acc")
        checks.true(returned == svm, "another object came back than the one to train", hint="train cls, and return it")
        W = svm.W
        checks.shape(W, (5, 3), what="cls.W", hint="train cls itself")
        for what, acc, items, labels in (("train_acc", train_acc, X, y), ("val_acc", val_acc, X_val, y_val)):
            expected = ((items @ W).argmax(dim=1) == labels).double().mean().item()
            checks.close(checks.as_fraction(acc, what=what), expected, atol=1e-5, what=what)


def _walk_is_right(student: Any, classifier: Any, twin: Twin) -> None:
    """Items that are all alike make every batch alike: so the weights after n steps are known."""
    item, label, steps = torch.tensor([0.5, -1.0, 1.5, 1.0], dtype=torch.float64), 2, 30
    data = {
        "X_train": item.repeat(6, 1),
        "y_train": torch.full((6,), label),
        "X_val": -item.repeat(3, 1),
        "y_val": torch.tensor([0, 1, 0]),
    }
    result = student.test_one_param_set(classifier, data, 2e-3, 8.0, num_iters=steps)
    returned, _, _ = checks.unpack(result, "cls", "train_acc", "val_acc")
    checks.true(returned == classifier, "another object came back than the one to train", hint="train cls, return it")
    trained = classifier.W
    checks.true(isinstance(trained, Tensor), "cls has no weights afterwards", hint="train cls itself")
    W = torch.zeros(4, 3, dtype=torch.float64)
    walk = []
    for taken in range(1, 121):
        W = W - 2e-3 * twin(W, item.unsqueeze(0), torch.tensor([label]), 8.0)[1]
        walk.append(W)
        if taken == steps and trained.shape == W.shape and torch.allclose(trained.double(), W, rtol=1e-4, atol=LEFT):
            return
    _no_other_number_of_steps(trained, walk, steps)
    checks.close(trained, walk[steps - 1], rtol=1e-4, atol=LEFT, what="cls.W", hint="hand lr, reg, num_iters on")


# A step in 30 moves some weight by 7e-4; of weights of 1e-4, should training start there, 4e-5 are left by then.
LEFT = 2e-4


def _no_other_number_of_steps(W: Tensor, walk: list[Tensor], steps: int) -> None:
    """Say so where the weights are right, but for another number of steps."""
    for taken, there in enumerate(walk, start=1):
        if taken != steps and W.shape == there.shape and torch.allclose(W.double(), there, rtol=1e-4, atol=1e-5):
            checks.fail(f"{taken} steps were taken where {steps} were asked for", hint="hand num_iters on, for any cls")
