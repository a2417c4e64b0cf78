"""Lets code that names CUDA run on a machine without it: 'cuda' means the CPU wherever a device is named.

One complete hand-in in eight writes `.cuda()` or `device='cuda'` inside its functions. The names that take a device
are wrapped once, in the warm parent, so that a call that names none costs nothing more than one Python frame.
"""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import torch

__all__ = ["map_cuda_to_cpu"]

FACTORIES = (
    "arange as_tensor empty empty_like empty_strided eye full full_like linspace logspace ones ones_like rand "
    "rand_like randint randint_like randn randn_like randperm tensor zeros zeros_like normal tril_indices "
    "triu_indices hann_window"
).split()
CUDA_COMMANDS = "synchronize empty_cache manual_seed manual_seed_all set_device reset_peak_memory_stats init".split()
METHODS = "new_empty new_full new_ones new_tensor new_zeros".split()
TENSOR_TYPES = {"Float": "float32", "Double": "float64", "Half": "float16", "Long": "int64", "Int": "int32",
                "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool"}  # fmt: skip


def map_cuda_to_cpu() -> None:
    """Wrap torch's own functions in this process; done twice, it does nothing."""
    if getattr(torch, "_names_of_cuda_mean_cpu", False):
        return
    torch._names_of_cuda_mean_cpu = True  # type: ignore[attr-defined]
    for name in FACTORIES:
        setattr(torch, name, _with_device(getattr(torch, name)))
    for name in METHODS:
        setattr(torch.Tensor, name, _with_device(getattr(torch.Tensor, name)))
    torch.Tensor.to = _to(torch.Tensor.to)  # type: ignore[method-assign]
    torch.Tensor.type = _type(torch.Tensor.type)  # type: ignore[method-assign]
    torch.Tensor.cuda = lambda self, *_, **__: self  # type: ignore[method-assign]
    torch.Tensor.pin_memory = lambda self, *_, **__: self  # type: ignore[method-assign]
    torch.nn.Module.to = _to(torch.nn.Module.to)  # type: ignore[method-assign]
    torch.nn.Module.cuda = lambda self, *_, **__: self  # type: ignore[method-assign]
    torch.load = _load(torch.load)
    torch.set_default_device = lambda device: None
    for name in CUDA_COMMANDS:
        setattr(torch.cuda, name, lambda *_, **__: None)
    torch.cuda.current_device = lambda: 0
    torch.cuda.get_device_name = lambda *_, **__: "cpu"
    torch.cuda.device = contextlib.nullcontext  # type: ignore[misc,assignment]
    for name, dtype in TENSOR_TYPES.items():
        setattr(torch.cuda, f"{name}Tensor", getattr(torch, f"{name}Tensor"))
        assert hasattr(torch, dtype)
    torch.device = _Device  # type: ignore[misc,assignment]


def _cpu(device: Any) -> Any:
    if isinstance(device, str) and device.startswith("cuda"):
        return "cpu"
    # no tensor lives on a device that is not there, so a bare number can only mean a GPU
    return "cpu" if isinstance(device, int) and not isinstance(device, bool) else device


def _with_device(function: Any) -> Any:
    @functools.wraps(function, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("device") is not None:
            kwargs["device"] = _cpu(kwargs["device"])
        if kwargs.get("pin_memory"):
            kwargs["pin_memory"] = False
        return function(*args, **kwargs)

    return wrapped


def _load(function: Any) -> Any:
    @functools.wraps(function, updated=())
    def wrapped(file: Any, map_location: Any = None, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("weights_only", False)  # as code written for an older torch means it; nothing can get out
        return function(file, "cpu" if map_location is None else _cpu(map_location), *args, **kwargs)

    return wrapped


def _to(function: Any) -> Any:
    @functools.wraps(function, updated=())
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("device") is not None:
            kwargs["device"] = _cpu(kwargs["device"])
        return function(self, *(_cpu(one) for one in args), **kwargs)

    return wrapped


def _type(function: Any) -> Any:
    @functools.wraps(function, updated=())
    def wrapped(self: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(dtype, str):
            dtype = dtype.replace("torch.cuda.", "torch.")
        return function(self, dtype, *args, **kwargs) if dtype is not None else function(self)

    return wrapped


_real_device = torch.device


class _DeviceType(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _real_device)


class _Device(metaclass=_DeviceType):
    """`torch.device`, for which every GPU is the CPU."""

    def __new__(cls, device: Any = "cpu", *args: Any, **kwargs: Any) -> Any:
        named = _cpu(kwargs.pop("type", device))
        return _real_device("cpu") if named == "cpu" else _real_device(named, *args, **kwargs)
