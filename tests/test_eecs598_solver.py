"""Tests of the solver: its schedule, its histories, what it prints, what it leaves in the model."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from eecs598 import Solver


class Linear:
    """A softmax classifier without a bias: the least model that a solver can train."""

    def __init__(self, features: int = 4, classes: int = 3) -> None:
        self.params = {"W": torch.zeros(features, classes)}
        self.batches: list[int] = []

    def loss(self, X: Tensor, y: Tensor | None = None) -> Any:
        w = self.params["W"].requires_grad_()
        scores = X @ w
        if y is None:
            return scores.detach()
        self.batches.append(len(X))
        loss = F.cross_entropy(scores, y)
        (gradient,) = torch.autograd.grad(loss, w)
        self.params["W"] = w.detach()
        return loss.detach(), {"W": gradient}


def separable(n_train: int = 40, n_val: int = 20) -> dict[str, Tensor]:
    """Points of three classes, each with a large feature of its own."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n_train + n_val) % 3
    x = 0.1 * torch.randn(len(y), 4, generator=generator) + 3 * F.one_hot(y, 4)
    return {"X_train": x[:n_train], "y_train": y[:n_train], "X_val": x[n_train:], "y_val": y[n_train:]}


def solver(model: Linear | None = None, **settings: Any) -> Solver:
    defaults: dict[str, Any] = {"batch_size": 10, "num_epochs": 3, "verbose": False}
    return Solver(model or Linear(), separable(), **{**defaults, **settings})


class TestConstruction:
    def test_defaults_are_those_of_the_course(self) -> None:
        made = Solver(Linear(), separable())
        assert made.update_rule is Solver.sgd
        assert (made.lr_decay, made.batch_size, made.num_epochs, made.num_train_samples) == (1.0, 100, 10, 1000)
        assert (made.num_val_samples, made.device, made.checkpoint_name) == (None, "cpu", None)
        assert (made.print_every, made.print_acc_every, made.verbose, made.optim_config) == (10, 1, True, {})
        assert (made.epoch, made.best_val_acc, made.best_params) == (0, 0, {})
        assert (made.loss_history, made.train_acc_history, made.val_acc_history) == ([], [], [])
        assert made.X_train.shape == (40, 4)

    def test_an_unknown_keyword_is_refused_by_name(self) -> None:
        with pytest.raises(ValueError, match='Unrecognized arguments "learning_rate"'):
            Solver(Linear(), separable(), learning_rate=1e-2)

    def test_each_parameter_has_its_own_settings(self) -> None:
        model = Linear()
        model.params["b"] = torch.zeros(3)
        settings = {"learning_rate": 0.5}
        made = Solver(model, separable(), optim_config=settings)
        made.optim_configs["W"]["learning_rate"] = 0.1
        assert made.optim_configs["b"] == settings == {"learning_rate": 0.5}

    def test_cuda_falls_back_to_the_cpu(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert Solver(Linear(), separable(), device="cuda").device == "cpu"
        assert "becomes cpu" in capsys.readouterr().out


class TestTrain:
    def test_it_learns(self) -> None:
        made = solver(optim_config={"learning_rate": 0.5})
        made.train()
        assert made.loss_history[-1] < 0.5 * made.loss_history[0]
        assert made.check_accuracy(made.X_val, made.y_val) == 1.0

    def test_iterations_checks_and_epochs_are_counted(self) -> None:
        model = Linear()
        made = solver(model)
        made.train()
        assert model.batches == [10] * 12  # 3 epochs of 40 // 10
        assert len(made.loss_history) == 12
        assert len(made.train_acc_history) == len(made.val_acc_history) == 1 + 3
        assert made.epoch == 3

    def test_a_batch_larger_than_the_data_is_all_of_it_once_an_epoch(self) -> None:
        model = Linear()
        solver(model, batch_size=100).train()
        assert model.batches == [40] * 3

    def test_an_update_rule_is_given_its_own_settings_and_its_result_is_kept(self) -> None:
        def rule(w: Tensor, dw: Tensor, config: dict[str, Any]) -> tuple[Tensor, dict[str, Any]]:
            return torch.full_like(w, config["t"]), {**config, "t": config["t"] + 1}

        model = Linear()
        made = solver(model, update_rule=rule, optim_config={"learning_rate": 0, "t": 0}, num_epochs=1)
        made.train(return_best_params=False)
        assert model.params["W"].tolist() == [[3.0] * 3] * 4
        assert made.optim_configs["W"]["t"] == 4

    def test_the_learning_rate_decays_once_an_epoch(self) -> None:
        made = solver(optim_config={"learning_rate": 1.0}, lr_decay=0.5)
        made.train()
        assert made.optim_configs["W"]["learning_rate"] == 0.125

    def test_decay_without_a_learning_rate_is_a_key_error(self) -> None:
        with pytest.raises(KeyError, match="learning_rate"):
            solver(update_rule=lambda w, dw, config: (w, config)).train()

    def test_the_best_parameters_are_returned_unless_told_otherwise(self) -> None:
        def spoil(w: Tensor, dw: Tensor, config: dict[str, Any]) -> tuple[Tensor, dict[str, Any]]:
            config["t"] = config.get("t", 0) + 1
            return w.copy_(torch.eye(4, 3) if config["t"] == 1 else -torch.eye(4, 3)), config

        for wanted, corner in ((True, 1.0), (False, -1.0)):
            made = solver(update_rule=spoil, optim_config={"learning_rate": 0})
            made.train(return_best_params=wanted)
            assert made.model.params["W"][0, 0].item() == corner
            assert made.best_val_acc == 1.0
            assert made.best_params["W"][0, 0].item() == 1.0

    def test_a_model_that_was_never_right_keeps_its_parameters(self) -> None:
        made = solver(num_epochs=1)
        made.y_val = torch.full((20,), 7)
        made.train()
        assert set(made.model.params) == {"W"}

    def test_a_time_limit_stops_after_the_first_iteration(self, capsys: pytest.CaptureFixture[str]) -> None:
        made = solver()
        made.train(time_limit=-1.0)
        assert len(made.loss_history) == 1
        assert len(made.val_acc_history) == 1
        printed = capsys.readouterr().out.splitlines()
        assert re.fullmatch(r"\(Time \d+\.\d\d sec; Iteration 1 / 12\) loss: 1\.098612", printed[0])
        assert printed[1] == "End of training; next iteration will exceed the time limit."

    def test_a_generous_time_limit_changes_nothing(self) -> None:
        made = solver()
        made.train(time_limit=600)
        assert len(made.loss_history) == 12


class TestPrints:
    def test_losses_and_accuracies_are_printed_in_the_usual_form(self, capsys: pytest.CaptureFixture[str]) -> None:
        solver(verbose=True, print_every=5, num_epochs=2).train()
        lines = capsys.readouterr().out.splitlines()
        losses = [line for line in lines if line.startswith("(Time")]
        assert [re.sub(r"\d+\.\d\d sec|loss: \d\.\d{6}", "_", line) for line in losses] == [
            "(Time _; Iteration 1 / 8) _",
            "(Time _; Iteration 6 / 8) _",
        ]
        checks = [line for line in lines if line.startswith("(Epoch")]
        assert [line.split(")")[0] for line in checks] == ["(Epoch 0 / 2", "(Epoch 1 / 2", "(Epoch 2 / 2"]
        assert re.fullmatch(r"\(Epoch 2 / 2\) train acc: \d\.\d{6}; val_acc: \d\.\d{6}", checks[-1])

    def test_accuracies_can_be_printed_less_often(self, capsys: pytest.CaptureFixture[str]) -> None:
        made = solver(verbose=True, print_acc_every=2, num_epochs=4)
        made.train()
        assert [line[7] for line in capsys.readouterr().out.splitlines() if line.startswith("(Epoch")] == list("024")
        assert len(made.val_acc_history) == 5

    def test_nothing_is_printed_when_told_to_be_quiet(self, capsys: pytest.CaptureFixture[str]) -> None:
        solver().train()
        assert capsys.readouterr().out == ""


class TestCheckAccuracy:
    def test_it_is_the_share_of_right_answers(self) -> None:
        made = solver()
        made.model.params["W"] = torch.eye(4, 3)
        wrong = made.y_train.clone()
        wrong[:10] = (wrong[:10] + 1) % 3
        accuracy = made.check_accuracy(made.X_train, wrong, batch_size=7)
        assert accuracy == 0.75
        assert isinstance(accuracy, float)

    def test_a_random_subset_is_taken_where_asked(self) -> None:
        seen: list[int] = []

        class Counting(Linear):
            def loss(self, X: Tensor, y: Tensor | None = None) -> Any:
                seen.append(len(X))
                return super().loss(X, y)

        made = solver(Counting())
        made.check_accuracy(made.X_train, made.y_train, num_samples=15, batch_size=10)
        made.check_accuracy(made.X_train, made.y_train, num_samples=400, batch_size=100)
        assert seen == [10, 5, 40]


class TestSgd:
    def test_it_steps_in_place_with_a_default_rate(self) -> None:
        w = torch.ones(2)
        result, config = Solver.sgd(w, torch.ones(2))
        assert result is w
        assert torch.allclose(w, torch.full((2,), 0.99))
        assert config == {"learning_rate": 1e-2}


class TestCheckpoints:
    def test_each_check_writes_its_epoch(self, tmp_path: Path) -> None:
        made = solver(checkpoint_name=str(tmp_path / "run"), num_epochs=1)
        made.train()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["run_epoch_0.pkl", "run_epoch_1.pkl"]
        checkpoint = pickle.loads((tmp_path / "run_epoch_1.pkl").read_bytes())
        assert checkpoint["epoch"] == 1
        assert checkpoint["loss_history"] == made.loss_history
