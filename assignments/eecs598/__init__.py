"""The course library that every assignment may use: data, gradients, pictures, training, hand-in zips."""

from __future__ import annotations

from eecs598 import a2_helpers, data, grad, solver, standin, submit, utils, vis
from eecs598.solver import Solver
from eecs598.utils import reset_seed
from eecs598.vis import tensor_to_image, visualize_dataset

__all__ = [
    "Solver",
    "a2_helpers",
    "data",
    "grad",
    "reset_seed",
    "solver",
    "standin",
    "submit",
    "tensor_to_image",
    "utils",
    "vis",
    "visualize_dataset",
]
