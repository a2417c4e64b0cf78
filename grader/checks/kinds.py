"""Which kinds of return are taken for the same answer: percent or fraction, number or 0-d tensor, list or array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.checks.failure import Failure
from grader.protocol import Odd
from grader.student import Handle

__all__ = ["as_float", "as_floats", "as_fraction", "as_labels", "as_tensor", "named", "unpack"]

ODD_KINDS = {"sparse tensor", "nested tensor", "quantized tensor", "meta tensor", "function"}
ODD_FORMS = {"tensor": "a tensor", "array": "an array", "dtype": "a dtype", "integer": "an integer"}
LIST_LIMIT = 100_000
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def named(value: object) -> str:
    """What a value is, in words: "a tensor of shape (3, 4), float64", "None", "a list of 2"."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}, {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}, {value.dtype}"
    if isinstance(value, Odd):
        return _odd(value.kind)
    if isinstance(value, Handle):
        return "an object"  # without its class, whose name may be made of a hidden input
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {len(value)}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _odd(kind: str) -> str:
    """In words of ours alone: what a hand-in calls a kind may be made of a hidden input."""
    if kind in ODD_KINDS:
        return f"a {kind}"
    first = kind.partition(" ")[0]
    return f"{ODD_FORMS[first]} of a kind that can't be compared" if first in ODD_FORMS else "something odd"


def unpack(value: object, *names: str) -> tuple[Any, ...]:
    """The elements of a tuple or list that has one for each of `names`."""
    wanted = f"{len(names)} values ({', '.join(names)})"
    if not isinstance(value, list | tuple):
        raise Failure(f"returns {named(value)} where {wanted} are asked for")
    if len(value) != len(names):
        raise Failure(f"returns {len(value)} values where {wanted} are asked for")
    return tuple(value)


def as_tensor(value: object, what: str = "result") -> Tensor:
    """A strided real tensor, 0-d for a number; arrays count as tensors."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        value = torch.from_numpy(np.ascontiguousarray(value)).reshape(value.shape)
    if isinstance(value, bool) or not isinstance(value, int | float | Tensor):
        raise Failure(f"{what} is {named(value)} where a tensor or a number is asked for")
    tensor = value.detach() if isinstance(value, Tensor) else torch.tensor(_number(value), dtype=torch.float64)
    if tensor.is_complex() or tensor.dtype is torch.bool:
        raise Failure(f"{what} is {named(value)} where real numbers are asked for")
    return tensor


def _number(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond all floats
        return math.inf


def as_float(value: object, what: str = "result") -> float:
    """One finite number: a Python number, or a tensor or array of one element."""
    tensor = as_tensor(value, what)
    if tensor.numel() != 1:
        raise Failure(f"{what} is {named(value)} where one number is asked for")
    number = float(tensor)
    if not math.isfinite(number):
        raise Failure(f"{what} is {number} where a finite number is asked for")
    return number


def as_fraction(value: object, what: str = "accuracy") -> float:
    """A share between 0 and 1, given as a fraction or in percent (above 1)."""
    number = as_float(value, what)
    fraction = number / 100 if number > 1 else number
    if not 0 <= fraction <= 1:
        raise Failure(f"{what} is {number:.4g} where a fraction (or a percentage) is asked for")
    return fraction


def as_floats(value: object, what: str = "result") -> list[float]:
    """Finite numbers in a list, tuple, or 1-d tensor or array."""
    if isinstance(value, Tensor | np.ndarray):
        if math.prod(value.shape) > LIST_LIMIT:
            raise Failure(f"{what} is {named(value)} where a list of numbers is asked for")
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise Failure(f"{what} is {named(value)} where a list of numbers is asked for")
    return [as_float(item, f"an element of {what}") for item in value]


def as_labels(value: object, count: int, what: str = "labels") -> Tensor:
    """(count,) int64: one label an item, of any integer dtype."""
    tensor = as_tensor(value, what)
    if tensor.dtype not in INTEGERS:
        raise Failure(f"{what} is {named(value)} where integer labels are asked for")
    if tuple(tensor.shape) != (count,):
        raise Failure(f"{what} has shape {tuple(tensor.shape)}, expected ({count},)")
    return tensor.to(torch.int64)
