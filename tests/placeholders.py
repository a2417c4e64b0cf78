"""Stubs that return something in place of raising, as the course's own do, made by machine from ours."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from tests.edits import Function, functions_of

__all__ = ["NOTHING", "ZEROS", "with_placeholders"]

RAISE = re.compile(r"^( *)raise NotImplementedError\(\"\w+\"\)")

# What each returned name is set to in a blank, where the given lines don't set it: `name`, or `function.name`.
NOTHING = dict.fromkeys("X_batch y_batch y_pred scores hidden best_net best_stat".split(), "None") | {
    "loss": "0.0",
    "dW": "torch.zeros_like(W)",
    "train_acc": "0.0",
    "val_acc": "0.0",
    "best_val_acc": "0.0",
    "predict_linear_classifier.y_pred": "torch.zeros(X.shape[0], dtype=torch.int64)",
    "nn_forward_backward.loss": "None",
    **dict.fromkeys("learning_rates regularization_strengths hidden_sizes learning_rate_decays".split(), "[]"),
}
# Computed, so that no reader of the syntax tree takes them for a blank, and of the right shapes.
ZEROS = NOTHING | {
    "loss": "0 * X.sum()",
    "dW": "0 * W",
    "X_batch": "0 * X[:1].repeat(batch_size, 1)",
    "y_batch": "0 * y[:1].repeat(batch_size)",
    "y_pred": "0 * X[:, 0].long()",
    "scores": "0 * X[:, :1] @ params['W2'][:1]",
    "hidden": "0 * X @ params['W1']",
    "predict_linear_classifier.y_pred": "0 * X[:, 0].long()",
    "nn_forward_backward.loss": "0 * X.sum()",
    "nn_forward_backward.grads": "{name: 0 * value for name, value in params.items()}",
    "train_acc": "float(0 * data_dict['X_train'].sum())",
    "val_acc": "float(0 * data_dict['X_val'].sum())",
    "best_net": "TwoLayerNet(3072, 8, 10, device=data_dict['X_train'].device)",
    "best_stat": "{'loss_history': [0.0], 'train_acc_history': [0.0], 'val_acc_history': [0.0]}",
    **dict.fromkeys("learning_rates regularization_strengths hidden_sizes learning_rate_decays".split(), "[] + []"),
}


def with_placeholders(stub: str, values: Mapping[str, str]) -> str:
    """The stub with each blank filled by placeholders for what its function returns."""
    lines = stub.split("\n")
    for function in functions_of(stub):
        for number in range(function.lineno - 1, function.end_lineno or 0):
            blank = RAISE.match(lines[number])
            if blank:
                lines[number] = blank[1] + ("; ".join(_settings(function, values)) or "pass")
    return "\n".join(lines)


def _settings(function: Function, values: Mapping[str, str]) -> list[str]:
    names = [node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    names += [argument.arg for argument in function.args.args]
    found = []
    for name in dict.fromkeys(_returned(function)):
        special = values.get(f"{function.name}.{name}")
        if special or name not in names:
            found.append(f"{name} = {special or values[name]}")
    return found


def _returned(function: Function) -> list[str]:
    returns = [node for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    last = max(returns, key=lambda node: node.lineno).value if returns else None
    return [node.id for node in ast.walk(last) if isinstance(node, ast.Name)] if last is not None else []
