"""Training a model that keeps its parameters in a dictionary: minibatches, an update rule, accuracies, a time limit."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from eecs598.utils import available_device

__all__ = ["Model", "Solver"]

Config = dict[str, Any]
UpdateRule = Callable[[Tensor, Tensor, Config], tuple[Tensor, Config]]


class Model(Protocol):
    """What a solver trains."""

    params: dict[str, Tensor]

    def loss(self, X: Tensor, y: Tensor | None = None) -> Any:
        """Without y: scores (N, C). With y (N,): the loss, 0-d, and a gradient for each of `params` by its name."""


class Solver:
    """Trains a model by minibatches, and keeps what is needed to plot how that went.

    `loss_history` has the loss of every iteration; `train_acc_history` and `val_acc_history` have accuracies from the
    first iteration, from the end of each epoch, and from the last iteration. `best_params` are those of the check with
    the best accuracy on the validation part, `best_val_acc`.
    """

    def __init__(
        self,
        model: Model,
        data: Mapping[str, Tensor],
        *,
        update_rule: UpdateRule | None = None,
        optim_config: Config | None = None,
        lr_decay: float = 1.0,
        batch_size: int = 100,
        num_epochs: int = 10,
        num_train_samples: int | None = 1000,
        num_val_samples: int | None = None,
        device: str | torch.device = "cpu",
        checkpoint_name: str | None = None,
        print_every: int = 10,
        print_acc_every: int = 1,
        verbose: bool = True,
        **unrecognized: Any,
    ) -> None:
        """Get ready to train `model` on `data`; `train` begins.

        Args:
            model: see `Model`. Its `params` are changed.
            data: X_train (N, …), y_train (N,), X_val, y_val.
            update_rule: (w, dw, config) to (next w, config); None is `Solver.sgd`.
            optim_config: settings of the rule, such as {"learning_rate": 1e-2}; each parameter gets its own copy.
            lr_decay: factor on every `learning_rate` at the end of each epoch.
            batch_size: pictures drawn in each iteration.
            num_epochs: how often the training part is gone through, by its size.
            num_train_samples: training pictures drawn for its accuracy; None takes all.
            num_val_samples: the same for the validation part.
            device: where batches are moved; without CUDA "cuda" becomes "cpu", and one line says so.
            checkpoint_name: with a name, each check writes "{name}_epoch_{n}.pkl".
            print_every: iterations between two lines with the loss.
            print_acc_every: epochs between two lines with accuracies.
            verbose: print those lines.
        Raises:
            ValueError: for a keyword that is none of these.
        """
        if unrecognized:
            names = ", ".join(f'"{name}"' for name in unrecognized)
            raise ValueError(
                f"Unrecognized arguments {names}\n  expected  the keywords that help(Solver.__init__) lists"
            )
        self.model = model
        self.X_train, self.y_train = data["X_train"], data["y_train"]
        self.X_val, self.y_val = data["X_val"], data["y_val"]
        self.update_rule: UpdateRule = update_rule or self.sgd
        self.optim_config = optim_config or {}
        self.lr_decay = lr_decay
        self.batch_size = batch_size
        self.num_epochs = num_epochs
        self.num_train_samples = num_train_samples
        self.num_val_samples = num_val_samples
        self.device = available_device(device)
        self.checkpoint_name = checkpoint_name
        self.print_every = print_every
        self.print_acc_every = print_acc_every
        self.verbose = verbose
        self._reset()

    def _reset(self) -> None:
        self.epoch = 0
        self.best_val_acc = 0.0
        self.best_params: dict[str, Tensor] = {}
        self.loss_history: list[float] = []
        self.train_acc_history: list[float] = []
        self.val_acc_history: list[float] = []
        self.optim_configs = {name: dict(self.optim_config) for name in self.model.params}

    @staticmethod
    def sgd(w: Tensor, dw: Tensor, config: Config | None = None) -> tuple[Tensor, Config]:
        """Stochastic gradient descent, in place: w less learning_rate (1e-2 where not given) times dw."""
        config = {} if config is None else config
        w -= config.setdefault("learning_rate", 1e-2) * dw
        return w, config

    def _step(self) -> None:
        """One iteration: a random minibatch, its loss, an update of each parameter."""
        batch = torch.randperm(len(self.X_train))[: self.batch_size]
        x = self.X_train[batch.to(self.X_train.device)].to(self.device)
        y = self.y_train[batch.to(self.y_train.device)].to(self.device)
        loss, grads = self.model.loss(x, y)
        self.loss_history.append(loss.item())
        with torch.no_grad():
            for name, w in self.model.params.items():
                self.model.params[name], self.optim_configs[name] = self.update_rule(
                    w, grads[name], self.optim_configs[name]
                )

    def check_accuracy(self, X: Tensor, y: Tensor, num_samples: int | None = None, batch_size: int = 100) -> float:
        """Share of pictures that the model puts into their class.

        Args:
            X: (N, …). y: (N,).
            num_samples: take so many of them at random; None takes all.
            batch_size: pictures scored at once.
        Returns:
            A float in [0, 1].
        """
        if num_samples is not None and num_samples < len(X):
            chosen = torch.randperm(len(X), device=self.device)[:num_samples]
            X, y = X[chosen.to(X.device)], y[chosen.to(y.device)]
        X, y = X.to(self.device), y.to(self.device)
        starts = range(0, len(X), batch_size)
        predicted = [self.model.loss(X[start : start + batch_size]).argmax(dim=1) for start in starts]
        return (torch.cat(predicted) == y).double().mean().item()

    def train(self, time_limit: float | None = None, return_best_params: bool = True) -> None:
        """Train for `num_epochs` epochs.

        Args:
            time_limit: seconds. Training ends before an iteration that would exceed them if it took as long as the one
                before; the first is always run.
            return_best_params: put `best_params` into the model at the end, unless every accuracy was 0.
        """
        per_epoch = max(len(self.X_train) // self.batch_size, 1)
        total = self.num_epochs * per_epoch
        start = previous = time.time()
        for t in range(total):
            now = time.time()
            if time_limit is not None and t > 0 and (now - start) + (now - previous) > time_limit:
                self._print_loss(now - start, t, total)
                print("End of training; next iteration will exceed the time limit.")
                break
            previous = now
            self._step()
            if self.verbose and t % self.print_every == 0:
                self._print_loss(time.time() - start, t + 1, total)
            if epoch_ends := (t + 1) % per_epoch == 0:
                self._end_epoch()
            if t == 0 or epoch_ends or t == total - 1:
                self._check()
        if return_best_params and self.best_params:
            self.model.params = self.best_params

    def _print_loss(self, seconds: float, iteration: int, total: int) -> None:
        print(f"(Time {seconds:.2f} sec; Iteration {iteration} / {total}) loss: {self.loss_history[-1]:f}")

    def _end_epoch(self) -> None:
        self.epoch += 1
        for config in self.optim_configs.values():
            config["learning_rate"] *= self.lr_decay

    def _check(self) -> None:
        """Accuracies on both parts, a checkpoint where one is asked for, and the best parameters so far."""
        train_acc = self.check_accuracy(self.X_train, self.y_train, num_samples=self.num_train_samples)
        val_acc = self.check_accuracy(self.X_val, self.y_val, num_samples=self.num_val_samples)
        self.train_acc_history.append(train_acc)
        self.val_acc_history.append(val_acc)
        self._save_checkpoint()
        if self.verbose and self.epoch % self.print_acc_every == 0:
            print(f"(Epoch {self.epoch} / {self.num_epochs}) train acc: {train_acc:f}; val_acc: {val_acc:f}")
        if val_acc > self.best_val_acc:
            self.best_val_acc = val_acc
            self.best_params = {name: w.clone() for name, w in self.model.params.items()}

    def _save_checkpoint(self) -> None:
        if self.checkpoint_name is None:
            return
        names = ("model", "lr_decay", "optim_config", "batch_size", "num_train_samples", "num_val_samples", "epoch")
        histories = ("loss_history", "train_acc_history", "val_acc_history")
        checkpoint = {name: getattr(self, name) for name in (*names, *histories)}
        filename = f"{self.checkpoint_name}_epoch_{self.epoch}.pkl"
        if self.verbose:
            print(f'Saving checkpoint to "{filename}"')
        with open(filename, "wb") as file:
            pickle.dump(checkpoint, file)
