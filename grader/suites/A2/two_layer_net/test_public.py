"""What a student runs at home on two_layer_net: laws, torch's own operators and small tables, no reference."""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grader import checks

NAMES = ("W1", "b1", "W2", "b2")
# A gradient that is summed up in a float32 tensor is off by 1e-7.
near = functools.partial(checks.close, rtol=1e-5, atol=1e-6)


def net(draw: Any, D: int, H: int, C: int) -> dict[str, Tensor]:
    """Parameters far from the tiny ones a net starts with, so that nothing hides: biases too, and one dead unit."""
    params = {"W1": draw.normal(D, H, std=0.5), "b1": draw.normal(H, std=0.5)}
    params |= {"W2": draw.normal(H, C, std=0.5), "b2": draw.normal(C, std=0.5)}
    params["b1"][0] = -100.0  # whatever the input, unit 0 gives 0
    return params


def forward(params: dict[str, Tensor], X: Tensor) -> tuple[Tensor, Tensor]:
    hidden = torch.relu(X @ params["W1"] + params["b1"])
    return hidden @ params["W2"] + params["b2"], hidden


def cross_entropy(params: dict[str, Tensor], X: Tensor, y: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean cross-entropy by torch's own function, and its gradients by autograd; no penalty in either."""
    leaves = {name: params[name].clone().requires_grad_() for name in NAMES}
    loss = torch.nn.functional.cross_entropy(forward(leaves, X)[0], y)
    return loss.detach(), dict(zip(NAMES, torch.autograd.grad(loss, [leaves[name] for name in NAMES]), strict=True))


def penalty(params: dict[str, Tensor]) -> Tensor:
    return params["W1"].square().sum() + params["W2"].square().sum()


def with_scores(rows: list[list[float]]) -> tuple[dict[str, Tensor], Tensor]:
    """A net and inputs that give these scores: inputs and first layer are identities, the second layer holds them."""
    scores, eye = torch.tensor(rows).double(), torch.eye(len(rows)).double()
    return {"W1": eye, "b1": 0 * eye[0], "W2": scores, "b2": 0 * scores[0]}, eye


def gradients(value: Any) -> dict[str, Any]:
    """The dictionary of gradients in what nn_forward_backward gave."""
    _, grads = checks.unpack(value, "loss", "grads")
    missing = [name for name in NAMES if not isinstance(grads, dict) or name not in grads]
    checks.true(not missing, f"grads lacks {', '.join(missing)}", "grads is a dictionary with W1, b1, W2 and b2")
    return dict(grads)


def positive_loss(value: Any) -> float:
    """The loss in what nn_forward_backward gave."""
    loss = checks.as_float(checks.unpack(value, "loss", "grads")[0], what="loss")
    checks.true(loss > 0, "the loss is not above 0, as every cross-entropy is", "−log of a probability, averaged")
    return loss


def advice(value: Any, expected: Tensor) -> str:
    """Whether a wrong gradient belongs to a right loss: which of the two to mend first."""
    loss = torch.as_tensor(value[0] if isinstance(value[0], float | Tensor) else float("nan"))
    if loss.numel() == 1 and abs(float(loss) - float(expected)) <= 1e-8 * (1 + abs(float(expected))):
        return "the loss itself is right: the slip is in the backward pass, follow it from the scores down"
    return "the loss is wrong too: mend it first, then derive the gradient from it again"


def check_layer(student: Any, draw: Any, W: str, b: str) -> None:
    """The gradients of one layer's weights and biases are those that autograd finds."""
    params, X, y = net(draw, 5, 6, 4), draw.normal(7, 5), draw.integers(0, 4, 7)
    value = student.nn_forward_backward(params, X, y, reg=0.3)
    grads, (loss, slopes) = gradients(value), cross_entropy(params, X, y)
    hint, term = advice(value, loss + 0.3 * penalty(params)), 2 * 0.3 * params[W]
    checks.two_terms(grads[W], slopes[W], term, rtol=1e-5, atol=1e-6, what=f"gradient of {W}", hint=hint)
    near(grads[b], slopes[b], what=f"gradient of {b} (not penalised, summed over N)", hint=hint)


def some_entries(value: Any, shape: tuple[int, ...], what: str) -> None:
    """A finite tensor of this shape in which something stands."""
    checks.shape(value, shape, what=what)
    checks.finite(value, what=what)
    checks.true(bool(torch.as_tensor(value).any()), f"{what} is 0 everywhere", "is it computed at all?")


class TestNnForwardPass:
    """Scores of the two-layer net, and what its hidden units give."""

    def test_a_net_small_enough_to_work_out_by_hand(self, student: Any) -> None:
        params = {"W1": torch.tensor([[1.0, -1.0, 2.0], [0.0, 1.0, -1.0]]), "b1": torch.tensor([0.5, 0.0, -3.0])}
        params |= {"W2": torch.tensor([[1.0, -2.0], [3.0, 1.0], [5.0, 7.0]]), "b2": torch.tensor([-10.0, 0.25])}
        params, X = {name: value.double() for name, value in params.items()}, torch.tensor([[1.0, 3.0], [4.0, 1.0]])
        scores, hidden = checks.unpack(student.nn_forward_pass(params, X.double()), "scores", "hidden")
        hint = "hidden = max(0, X W1 + b1); then scores = hidden W2 + b2, with no ReLU on top"
        checks.close(hidden, torch.tensor([[1.5, 2.0, 0.0], [4.5, 0.0, 4.0]]), rtol=1e-6, what="hidden", hint=hint)
        checks.close(scores, torch.tensor([[-2.5, -0.75], [14.5, 19.25]]), rtol=1e-6, what="scores", hint=hint)

    def test_hidden_units_are_cut_off_below_zero(self, student: Any, draw: Any) -> None:
        params, X = net(draw, 5, 6, 4), draw.normal(7, 5)
        _, hidden = checks.unpack(student.nn_forward_pass(params, X), "scores", "hidden")
        hint = "the ReLU keeps what is above 0, makes the rest 0"
        checks.close(hidden, forward(params, X)[1], what="hidden", hint=hint)

    def test_scores_may_be_negative(self, student: Any, draw: Any) -> None:
        params, X = net(draw, 5, 6, 4), draw.normal(7, 5)
        scores, _ = checks.unpack(student.nn_forward_pass(params, X), "scores", "hidden")
        hint = "no ReLU on the scores; b2 is added to every row"
        checks.close(scores, forward(params, X)[0], what="scores", hint=hint)

    def test_scores_come_first_and_hidden_second(self, student: Any, draw: Any) -> None:
        value = student.nn_forward_pass(net(draw, 4, 6, 3), draw.normal(8, 4))
        scores, hidden = checks.unpack(value, "scores", "hidden")
        some_entries(scores, (8, 3), "scores")
        some_entries(hidden, (8, 6), "hidden")

    def test_one_input_and_one_hidden_unit_are_enough(self, student: Any, draw: Any) -> None:
        params = net(draw, 3, 2, 2)
        params = {"W1": params["W1"][:, 1:], "b1": params["b1"][1:], "W2": params["W2"][1:], "b2": params["b2"]}
        X = draw.normal(1, 3)
        results = checks.unpack(student.nn_forward_pass(params, X), "scores", "hidden")
        for got, expected, what in zip(results, forward(params, X), ("scores", "hidden"), strict=True):
            checks.close(got, expected, what=what, hint="keep both dimensions, also where N or H is 1")

    def test_parameters_and_inputs_stay_as_they_are(self, student: Any, draw: Any) -> None:
        _, hidden = checks.unpack(student.nn_forward_pass(net(draw, 5, 6, 4), draw.normal(7, 5)), "scores", "hidden")
        some_entries(hidden, (7, 6), "hidden")
        checks.unchanged(student)

    def test_the_relu_is_your_own(self, student: Any, draw: Any, source: Any) -> None:
        scores, _ = checks.unpack(student.nn_forward_pass(net(draw, 5, 6, 4), draw.normal(7, 5)), "scores", "hidden")
        some_entries(scores, (7, 4), "scores")
        hint = "write max(0, x) out of elementary tensor operations"
        source.no_calls("nn_forward_pass", names={"relu", "relu_"}, modules={"torch.nn"}, hint=hint)


class TestNnForwardBackward:
    """Softmax loss of the two-layer net, and the gradient of each of its parameters."""

    def test_the_loss_is_the_mean_cross_entropy_and_the_penalty(self, student: Any, draw: Any) -> None:
        params, X, y = net(draw, 5, 6, 4), draw.normal(7, 5), draw.integers(0, 4, 7)
        loss, _ = checks.unpack(student.nn_forward_backward(params, X, y, reg=0.3), "loss", "grads")
        expected = cross_entropy(params, X, y)[0] + 0.3 * penalty(params)
        hint = "−log of the right class's probability, averaged over the batch, plus reg · (ΣW1² + ΣW2²)"
        checks.close(loss, expected, what="loss", hint=hint)

    def test_the_penalty_grows_the_loss_by_the_squares_of_both_weights(self, student: Any, draw: Any) -> None:
        params, X, y = net(draw, 5, 6, 4), draw.normal(7, 5), draw.integers(0, 4, 7)
        with_it, _ = checks.unpack(student.nn_forward_backward(params, X, y, reg=2.0), "loss", "grads")
        without, _ = checks.unpack(student.nn_forward_backward(params, X, y, reg=0.0), "loss", "grads")
        growth = checks.as_float(with_it, what="loss") - checks.as_float(without, what="loss")
        hint = "reg · (ΣW1² + ΣW2²): no ½, no biases, not divided by N"
        checks.close(growth, 2 * penalty(params), what="growth of the loss from reg = 0 to reg = 2", hint=hint)

    def test_a_batch_given_twice_over_has_the_same_loss(self, student: Any, draw: Any) -> None:
        params, X, y = net(draw, 5, 6, 4), draw.normal(7, 5), draw.integers(0, 4, 7)
        once = positive_loss(student.nn_forward_backward(params, X, y, reg=0.1))
        twice = positive_loss(student.nn_forward_backward(params, X.repeat(2, 1), y.repeat(2), reg=0.1))
        checks.close(twice, once, what="loss of a doubled batch", hint="average over the batch, don't sum")

    def test_without_labels_the_scores_come_back_alone(self, student: Any, draw: Any) -> None:
        params, X = net(draw, 5, 6, 4), draw.normal(7, 5)
        scores = student.nn_forward_backward(params, X)
        checks.close(scores, forward(params, X)[0], what="scores without y", hint="return what nn_forward_pass gave")
        positive_loss(student.nn_forward_backward(params, X, draw.integers(0, 4, 7)))

    def test_gradients_of_the_second_layer(self, student: Any, draw: Any) -> None:
        check_layer(student, draw, "W2", "b2")

    def test_gradients_of_the_first_layer(self, student: Any, draw: Any) -> None:
        check_layer(student, draw, "W1", "b1")

    def test_nothing_flows_back_through_a_dead_unit(self, student: Any, draw: Any) -> None:
        params, X, y = net(draw, 5, 6, 4), draw.normal(7, 5), draw.integers(0, 4, 7)
        grads = gradients(student.nn_forward_backward(params, X, y))
        checks.shape(grads["W1"], (5, 6), what="gradient of W1")
        hint = "where the ReLU gave 0 its gradient is 0: mask what comes down by hidden > 0"
        near(grads["W1"][:, 0], torch.zeros(5), what="gradient of W1, column of a dead unit", hint=hint)
        alive = cross_entropy(params, X, y)[1]["W1"][:, 1:]
        near(grads["W1"][:, 1:], alive, what="gradient of W1, columns of live units", hint=hint)

    def test_the_gradients_are_the_slopes_of_your_own_loss(self, student: Any, draw: Any) -> None:
        params, X, y = net(draw, 3, 4, 3), draw.normal(4, 3), draw.integers(0, 3, 4)
        grads = gradients(student.nn_forward_backward(params, X, y, reg=0.2))
        some_entries(grads["W1"], (3, 4), "gradient of W1")
        for name in NAMES:

            def loss_at(changed: Tensor, name: str = name) -> Any:
                value = student.nn_forward_backward(params | {name: changed}, X, y, reg=0.2)
                return checks.unpack(value, "loss", "grads")[0]

            checks.directional(loss_at, params[name], grads[name], draw, n=2, rtol=1e-5, what=f"gradient of {name}")

    def test_scores_of_a_thousand_are_survived(self, student: Any) -> None:
        rows = [[1000.0, 990.0, -1000.0], [-1000.0, -1000.0, -990.0], [0.0, 5.0, -5.0]]
        (params, X), y = with_scores(rows), torch.tensor([1, 2, 0])
        value = student.nn_forward_backward(params, X, y)
        loss, grads = checks.unpack(value, "loss", "grads")[0], gradients(value)
        expected, slopes = cross_entropy(params, X, y)
        hint = "exp overflows, or gives 0, for such scores: subtract each row's own maximum before it"
        checks.close(loss, expected, rtol=1e-8, what="loss at scores of ±1000", hint=hint)
        near(grads["W2"], slopes["W2"], what="gradient of W2 at scores of ±1000", hint=hint)

    def test_a_right_class_a_thousand_below_the_best_is_survived(self, student: Any) -> None:
        (params, X), y = with_scores([[1000.0, 0.0], [3.0, 1.0]]), torch.tensor([1, 0])
        loss, _ = checks.unpack(student.nn_forward_backward(params, X, y), "loss", "grads")
        hint = "its probability is 0 in floating point, so log of it is lost: use log p = s − log Σ exp(s)"
        checks.close(loss, cross_entropy(params, X, y)[0], rtol=1e-8, what="loss", hint=hint)

    def test_parameters_and_inputs_stay_as_they_are(self, student: Any, draw: Any) -> None:
        params, X, y = net(draw, 5, 6, 4), draw.normal(7, 5), draw.integers(0, 4, 7)
        grads = gradients(student.nn_forward_backward(params, X, y, reg=0.3))
        checks.unchanged(student)
        for name in NAMES:
            some_entries(grads[name], tuple(params[name].shape), f"gradient of {name}")


def case(draw: Any) -> tuple[dict[str, Tensor], Callable[..., Any]]:
    """Parameters, and a made-up loss function whose gradient depends on them alone: so every step is known."""
    params = net(draw, 3, 4, 2)
    offsets = {name: draw.normal(*value.shape) for name, value in params.items()}

    def loss_func(params: dict[str, Tensor], X: Tensor, y: Tensor | None = None, reg: float = 0.0) -> Any:
        checks.true(y is not None and len(y) == len(X), "the loss function is called without the labels of the batch")
        checks.true(reg == 0.25, f"the loss function is called with reg = {reg}, where nn_train was given 0.25")
        grads = {name: 0.5 * params[name] + offset for name, offset in offsets.items()}
        return sum((value.square().sum() for value in params.values()), torch.zeros(())), grads

    return params, loss_func


def says_zero(params: dict[str, Tensor], loss_func: Any, X: Tensor) -> Tensor:
    """A made-up prediction function for nn_train."""
    return torch.zeros(len(X), dtype=torch.int64)


def toy_set(draw: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """20 items to train with, 4 for validation, 3 of which have the label 0."""
    return draw.normal(20, 3), draw.integers(0, 2, 20), draw.normal(4, 3), torch.tensor([0, 0, 1, 0])


def trained(student: Any) -> dict[str, Tensor]:
    """The dictionary of parameters as the last call of nn_train left it."""
    params: dict[str, Tensor] = student.last.after[0]
    lost = [name for name in NAMES if name not in params]
    checks.true(not lost, f"params has lost {', '.join(lost)}", "put each new value back under its own name")
    return params


def histories(stats: Any) -> tuple[list[float], list[float], list[float]]:
    """The three histories that nn_train gave."""
    keys = ("loss_history", "train_acc_history", "val_acc_history")
    lost = [key for key in keys if not isinstance(stats, dict) or key not in stats]
    checks.true(not lost, f"the result lacks {', '.join(lost)}", "return the dictionary of the three histories")
    losses, train, val = (checks.as_floats(stats[key], what=key) for key in keys)
    return losses, train, val


def descended(params: dict[str, Tensor], loss_func: Any, rates: list[float]) -> list[dict[str, Tensor]]:
    """Parameters before each step and after the last, each step with its own learning rate."""
    path = [params]
    for rate in rates:
        grads = loss_func(path[-1], torch.zeros(1, 3), y=torch.zeros(1), reg=0.25)[1]
        path.append({name: value - rate * grads[name] for name, value in path[-1].items()})
    return path


def check_steps(student: Any, draw: Any, rates: list[float], names: tuple[str, ...], hint: str) -> None:
    """Steps from the rate 0.1, halved once an epoch, lead these parameters to where they must lead."""
    (params, loss_func), steps = case(draw), len(rates)
    student.nn_train(params, loss_func, says_zero, *toy_set(draw), 0.1, 0.5, 0.25, num_iters=steps, batch_size=5)
    after, expected = trained(student), descended(params, loss_func, rates)[-1]
    for name in names:
        checks.close(after[name], expected[name], what=f"{name} after {steps} steps", hint=hint)


class TestNnTrain:
    """Stochastic gradient descent on the parameters of the net."""

    def test_one_step_moves_the_weights_against_their_gradients(self, student: Any, draw: Any) -> None:
        hint = "params[name] − learning_rate · grads[name], put back into the dictionary that was given"
        check_steps(student, draw, [0.1], ("W1", "W2"), hint)

    def test_biases_move_as_well_as_weights(self, student: Any, draw: Any) -> None:
        check_steps(student, draw, [0.1], ("b1", "b2"), "biases have gradients too: update them")

    def test_the_learning_rate_decays_after_the_first_step_of_each_epoch(self, student: Any, draw: Any) -> None:
        rates = [0.1] + 4 * [0.05] + 4 * [0.025] + [0.0125]  # 20 items in batches of 5: four steps an epoch
        hint = "use learning_rate as it stands in that iteration: it decays once an epoch, every 4 steps here"
        check_steps(student, draw, rates, NAMES, hint)

    def test_the_histories_tell_every_step_and_every_epoch(self, student: Any, draw: Any) -> None:
        (params, loss_func), items = case(draw), toy_set(draw)
        stats = student.nn_train(params, loss_func, says_zero, *items, 0.1, 1.0, 0.25, num_iters=10, batch_size=5)
        losses, train, val = histories(stats)
        path = descended(params, loss_func, 10 * [0.1])
        expected = [loss_func(one, torch.zeros(1), y=torch.zeros(1), reg=0.25)[0] for one in path[:10]]
        hint = "one loss a step, each taken before its step from the parameters as they are by then"
        checks.close(torch.tensor(losses).double(), torch.stack(expected), rtol=1e-6, what="loss_history", hint=hint)
        hint = "one accuracy in each epoch that is begun: 3 of them in 10 steps of 4 an epoch"
        checks.close(torch.tensor(val), torch.full((3,), 0.75), what="val_acc_history", hint=hint)
        checks.shape(torch.tensor(train), (3,), what="train_acc_history", hint=hint)

    def test_a_net_learns_to_tell_two_clouds_apart(self, student: Any, draw: Any) -> None:
        params, y = net(draw, 2, 5, 2), torch.arange(40) % 2
        X = 0.3 * draw.normal(40, 2) + torch.where(y == 1, 1.0, -1.0)[:, None]

        def loss_func(params: dict[str, Tensor], X: Tensor, y: Tensor, reg: float = 0.0) -> Any:
            return cross_entropy(params, X, y)

        def pred_func(params: dict[str, Tensor], loss_func: Any, X: Tensor) -> Tensor:
            return forward(params, X)[0].argmax(dim=1)

        student.nn_train(params, loss_func, pred_func, X, y, X, y, 0.5, 1.0, 0.0, num_iters=60, batch_size=10)
        final = cross_entropy(trained(student), X, y)[0]
        text = f"the loss after 60 steps is {float(final):.2f}, not below 0.1"
        checks.true(float(final) < 0.1, text, "step downhill")


def check_labels(student: Any, params: dict[str, Tensor], X: Tensor, expected: Tensor, hint: str) -> None:
    """nn_predict gives these labels."""
    labels = checks.as_labels(student.nn_predict(params, student.nn_forward_backward, X), len(X), what="labels")
    checks.same(labels, expected, what="labels", hint=hint)


class TestNnPredict:
    """The label with the highest score, for each input."""

    def test_the_class_with_the_highest_score_wins(self, student: Any, draw: Any) -> None:
        params, X = net(draw, 5, 6, 4), draw.normal(9, 5)
        hint = "the place of the largest of each row's scores, scores being loss_func(params, X) without labels"
        check_labels(student, params, X, forward(params, X)[0].argmax(dim=1), hint)

    def test_only_negative_scores_have_a_highest_too(self, student: Any, draw: Any) -> None:
        params, X = net(draw, 5, 6, 4), 4 * draw.normal(9, 5)
        params["b2"] -= 50
        hint = "−1 is higher than −2: compare the scores themselves, not their size"
        check_labels(student, params, X, forward(params, X)[0].argmax(dim=1), hint)

    def test_the_hidden_units_have_their_relu_here_too(self, student: Any) -> None:
        params = {"W1": torch.tensor([[1.0, -1.0]]), "b1": torch.zeros(2), "b2": torch.tensor([0.0, 0.5])}
        params["W2"] = torch.tensor([[1.0, 0.0], [1.0, 0.0]])  # with the ReLU score 0 is |x|, without it 0
        params, X = {name: value.double() for name, value in params.items()}, torch.tensor([[-3.0], [0.1], [2.0]])
        check_labels(student, params, X.double(), torch.tensor([0, 1, 0]), "predict from the scores used in training")

    def test_one_input_gets_one_label(self, student: Any, draw: Any) -> None:
        params, X = net(draw, 5, 6, 4), draw.normal(1, 5)
        params["b2"][2] = 100.0
        check_labels(student, params, X, torch.tensor([2]), "the result has shape (N,), also where N is 1")


def search_params(student: Any) -> tuple[list[float], ...]:
    """The four lists of nn_get_search_params as floats."""
    names = ("learning_rates", "hidden_sizes", "regularization_strengths", "learning_rate_decays")
    lists = checks.unpack(student.nn_get_search_params(), *names)
    return tuple(checks.as_floats(values, what=name) for name, values in zip(names, lists, strict=True))


class TestNnGetSearchParams:
    """Values of the four hyper-parameters that are worth a try."""

    def test_there_are_few_enough_combinations_to_try_them_all(self, student: Any) -> None:
        count = len(list(itertools.product(*search_params(student))))
        checks.true(0 < count <= 324, f"there are {count} combinations to train", "1 to 255: shorten the lists")

    def test_the_values_can_be_what_their_place_says(self, student: Any) -> None:
        rates, sizes, strengths, decays = search_params(student)
        checks.true(bool(sizes and strengths and decays), "a list is empty", "give two values or more of each")
        checks.true(len(rates) > 0 and all(rate > 0 for rate in rates), "learning rates (1st) must be above 0")
        whole = all(size >= 1 and size == int(size) for size in sizes)
        checks.true(whole, "hidden sizes (2nd) must be whole numbers from 1 on", "keep the order of the four lists")
        checks.true(all(one >= 0 for one in strengths), "regularization strengths (3rd) must not be negative")
        checks.true(all(0 < one <= 1 for one in decays), "decays (4th) must be above 0 and at most 1", "0.95, say")


# A class to put in the place of TwoLayerNet: nothing is trained, `answer` says what training would have given. An input
# is a row with a single 1, whose place says which item it is; so parameters that predict given labels are easily made.
FAKE = """
def probe(module, answer):
    class TwoLayerNet:
        def __init__(self, input_size, hidden_size, output_size, dtype=torch.float32, device="cuda", std=1e-4):
            self.hidden_size, self.setting, self.trainings = float(hidden_size), [], 0
            self.params = {"W1": torch.zeros(3072, 10), "b1": torch.zeros(10)}
            self.params |= {"W2": torch.eye(10), "b2": torch.zeros(10)}
            nets.append(self)

        def train(self, X, y, X_val, y_val, learning_rate=1e-3, learning_rate_decay=0.95, reg=5e-6, *others, **named):
            before, self.setting = self.setting, [float(learning_rate), self.hidden_size, float(reg)]
            self.setting.append(float(learning_rate_decay))
            self.trainings += before not in ([], self.setting)  # to train the best one on is no mistake
            stats, labels = answer(self.setting, self.trainings, X.argmax(dim=1).tolist())
            self.params["W1"] = torch.zeros(3072, 10)
            self.params["W1"][torch.arange(len(labels)), torch.tensor(labels)] = 1.0
            return stats

        def loss(self, X, y=None, reg=0.0):
            return module.nn_forward_backward(self.params, X, y, reg)

        def predict(self, X):
            return self.params["W1"][X.argmax(dim=1)].argmax(dim=1)

        save = load = lambda self, path: None

    def nn_train(params, loss_func, pred_func, *data, **how):
        return next(net for net in nets if net.params is params).train(*data, **how)

    nets, module.nn_train = [], nn_train
    return TwoLayerNet
"""
GRID = ([0.1, 0.2, 0.4], [16, 32], [1e-3, 1e-2], [0.9])
SETTINGS = [tuple(map(float, one)) for one in itertools.product(*GRID)]


class Trial:
    """One run of the student's find_best_net on nets that only pretend, and what they saw of it."""

    def __init__(self, student: Any, draw: Any, val: list[int], train: list[int]) -> None:
        """Let setting i end with val[i] of 40 validation items right, and train[i] of 40 training items."""
        self.val = dict(zip(SETTINGS, val, strict=True))
        self.train = dict(zip(SETTINGS, train, strict=True))
        self.y = draw.integers(0, 10, 80)  # items 0 to 39 are for training, 40 to 79 for validation
        self.seen: list[tuple[tuple[float, ...], int, int]] = []  # setting, trainings before, highest item
        student.replace("TwoLayerNet", student.probe(FAKE, self.answer))
        found = student.find_best_net(self.data(), lambda: GRID)
        self.net, self.stats, self.accuracy = checks.unpack(found, "best_net", "best_stat", "best_val_acc")
        checks.true(self.seen, "no net was trained", "make a TwoLayerNet and call its train for each setting")

    def data(self) -> dict[str, Tensor]:
        X = torch.eye(80, 3072)
        return {"X_train": X[:40], "y_train": self.y[:40], "X_val": X[40:], "y_val": self.y[40:]}

    def history(self, setting: tuple[float, ...]) -> list[float]:
        """Validation accuracies on the way, two epochs: who ends high has started low."""
        final = self.val.get(setting, 12) / 40
        return [0.44 - 0.5 * final, final]

    def answer(self, setting: list[float], trainings: int, items: list[int]) -> Any:
        """Histories and predicted labels of a net after training."""
        key = tuple(setting)
        self.seen.append((key, trainings, max(items)))
        train, val = self.train.get(key, 4), self.val.get(key, 12)
        right = [item < train or 40 <= item < 40 + val for item in range(80)]
        labels = [int(y) if good else (int(y) + 1) % 10 for y, good in zip(self.y, right, strict=True)]
        stats = {"loss_history": [2.3, val / 40], "train_acc_history": [0.1, train / 40]}
        return stats | {"val_acc_history": self.history(key)}, labels

    def check_choice(self, hint: str) -> None:
        """The net returned is the one with the best validation accuracy."""
        setting = getattr(self.net, "setting", None)
        checks.true(setting is not None, "best_net is no TwoLayerNet", "return the net itself, not its parameters")
        best = max(self.val, key=lambda one: self.val[one])
        chosen = tuple(checks.as_floats(setting, what="settings of best_net"))
        checks.true(chosen == best, "best_net is not the net with the best validation accuracy", hint)


PEAK = [12, 16, 20, 13, 21, 23, 22, 18, 17, 19, 15, 14]  # right answers of the settings: the sixth is the best


class TestFindBestNet:
    """Search over a grid of settings for the net that does best on the validation set."""

    def test_every_combination_is_tried_and_no_other(self, student: Any, draw: Any) -> None:
        seen = {setting for setting, _, _ in Trial(student, draw, PEAK, PEAK).seen}
        missed, strange = len(set(SETTINGS) - seen), len(seen - set(SETTINGS))
        hint = "walk all combinations of what get_param_set_fn() gives: lr, hidden size, reg, decay, in this order"
        checks.true(not missed, f"{missed} of the 12 settings were never tried", hint)
        hint = "the settings come from the argument get_param_set_fn; pass lr, decay and reg to train each by its name"
        checks.true(not strange, f"{strange} nets were trained with settings that are not in the lists", hint)

    def test_the_best_net_is_kept_not_the_last_one(self, student: Any, draw: Any) -> None:
        hint = "remember the net, its histories and its accuracy where the accuracy beats the best so far"
        Trial(student, draw, PEAK, PEAK).check_choice(hint)

    def test_validation_accuracy_decides_not_training_accuracy(self, student: Any, draw: Any) -> None:
        hint = "judge each net after its training, by its accuracy on X_val and y_val"
        Trial(student, draw, PEAK, list(range(23, 11, -1))).check_choice(hint)

    def test_each_setting_gets_a_new_net(self, student: Any, draw: Any) -> None:
        trial = Trial(student, draw, PEAK, PEAK)
        hint = "make a new TwoLayerNet inside the loop: a net that was trained before starts with a lead"
        again = any(trainings for _, trainings, _ in trial.seen)
        checks.true(not again, "a net that was already trained is trained on with other settings", hint)

    def test_nets_learn_from_the_training_set_alone(self, student: Any, draw: Any) -> None:
        trial = Trial(student, draw, PEAK, PEAK)
        strays = any(item >= 40 for _, _, item in trial.seen)
        checks.true(not strays, "a net is trained on validation items", "train on X_train and y_train, judge on X_val")

    def test_the_accuracy_returned_is_that_of_the_best_net(self, student: Any, draw: Any) -> None:
        trial = Trial(student, draw, PEAK, PEAK)
        got, history = checks.as_fraction(trial.accuracy, what="best_val_acc"), trial.history(SETTINGS[5])
        right = min(abs(got - history[-1]), abs(got - sum(history) / len(history))) < 1e-4
        checks.true(right, "best_val_acc is not the best net's validation accuracy", "keep it together with the net")

    def test_the_histories_returned_are_those_of_the_best_net(self, student: Any, draw: Any) -> None:
        trial = Trial(student, draw, PEAK, PEAK)
        right = histories(trial.stats)[2] == trial.history(SETTINGS[5])
        checks.true(right, "best_stat is not what train() of the best net gave", "keep it together with the net")
