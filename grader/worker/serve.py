"""Answers calls into one hand-in's module: the untrusted end of the protocol, the same in a worker and in process."""

from __future__ import annotations

import inspect
import random
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TextIO

import numpy as np
import torch
from torch import Tensor

from grader.protocol import Message, Reference, pack, unpack
from grader.worker.load import Handin, Unloadable
from grader.worker.words import describe

__all__ = ["Parcel", "Server"]

Parcel = tuple[Message, list[Tensor]]
OUTPUT_KEPT = 4096


@dataclass
class Server:
    """One hand-in's modules, its objects known by number, and the tapes of calls that may be differentiated.

    `ask` sends a callback to the trusted side and gives its answer. `aliases` maps a function's name to the names
    that other terms of the course give it.
    """

    handin: Handin
    ask: Callable[[Message, list[Tensor]], Parcel]
    aliases: Mapping[str, Collection[str]] = field(default_factory=dict)
    module: ModuleType | None = None
    _objects: dict[int, Any] = field(default_factory=dict)
    _numbers: dict[int, int] = field(default_factory=dict)
    _tapes: dict[int, tuple[list[Tensor], list[Tensor]]] = field(default_factory=dict)
    _tape_count: int = 0
    _object_count: int = 0

    def handle(self, message: Message, tensors: list[Tensor]) -> Parcel:
        """The reply to one request; an exception of the student's code is a reply too."""
        if message.forget:
            self._tapes, self._objects, self._numbers = {}, {}, {}
            self._tape_count = self._object_count = 0
        for number in message.drop_tapes:
            self._tapes.pop(number, None)
        if message.rng >= 0:
            _seed(message.rng)
        start = time.process_time()
        operation = getattr(self, f"_op_{message.op}", None)
        try:
            with _keeping_output() as output:
                reply, results = operation(message, tensors) if operation else (Message("unknown"), [])
        except Unloadable as fault:
            reply, results = Message("unloadable", text=str(fault)), []
        except BaseException as fault:  # whatever a student's code raises is data here
            reply, results = Message("error", error=describe(fault, self.handin.files())), []
        reply.text = reply.text or output.text()
        reply.cpu_s = time.process_time() - start
        return reply, results

    # -- operations ---------------------------------------------------------------------------------------------------

    def _op_load(self, message: Message, tensors: list[Tensor]) -> Parcel:
        self.module = self.handin.module(message.text)
        for name, others in self.aliases.items():
            found = next((other for other in others if hasattr(self.module, other)), None)
            if found and not hasattr(self.module, name):
                setattr(self.module, name, getattr(self.module, found))
        notes = [f"{note.file}, line {note.line}: {note.type}: {note.message}" for note in self.handin.notes]
        names = [name for name in vars(self.module) if not name.startswith("__")]
        return self._value([names, notes, torch.backends.cpu.get_cpu_capability()])

    def _op_call(self, message: Message, tensors: list[Tensor]) -> Parcel:
        leaves = _copies(tensors, message.grad)
        # the student's code gets a clone of each leaf, so that it may work in place
        inputs = [leaf.clone() if leaf.requires_grad else leaf for leaf in leaves]
        function = self._target(message.target)
        args = list(unpack(message.args, inputs, self._restore))
        kwargs = unpack(message.kwargs, inputs, self._restore)
        value = function(*args, **kwargs)
        reply, results = self._value(value, [leaves[i] for i in message.grad])
        self._report_changes(reply, results, message, tensors, args, kwargs, function)
        reply.shares = _shared(value, args, kwargs)
        return reply, results

    def _op_get(self, message: Message, tensors: list[Tensor]) -> Parcel:
        return self._value(getattr(self._target(message.target), message.text))

    def _op_set(self, message: Message, tensors: list[Tensor]) -> Parcel:
        value = unpack(message.value, _copies(tensors), self._restore)
        owner = self.module if message.target is None else self._target(message.target)
        setattr(owner, message.text, value)
        return self._value(None)

    def _op_stand_in(self, message: Message, tensors: list[Tensor]) -> Parcel:
        owner = self.module if not message.target else self.handin.module_or_blank(str(message.target))
        setattr(owner, message.text, unpack(message.value, tensors, self._restore))
        return self._value(None)

    def _op_keep(self, message: Message, tensors: list[Tensor]) -> Parcel:
        return Message("value", value=self._refer(unpack(message.value, _copies(tensors), self._restore))), []

    def _op_probe(self, message: Message, tensors: list[Tensor]) -> Parcel:
        scope: dict[str, Any] = {"torch": torch}
        exec(compile(message.text, "<probe>", "exec", dont_inherit=True), scope)
        args = unpack(message.args, _copies(tensors), self._restore)
        kwargs = unpack(message.kwargs, tensors, self._restore)
        return self._value(scope["probe"](self.module, *args, **kwargs))

    def _op_vjp(self, message: Message, tensors: list[Tensor]) -> Parcel:
        inputs, outputs = self._tapes[message.tape]
        given = unpack(message.args, _copies(tensors))
        pairs = [(output, grad) for output, grad in zip(outputs, given, strict=True) if grad is not None]
        grads = torch.autograd.grad(
            [output for output, _ in pairs], inputs, [grad for _, grad in pairs], retain_graph=True, allow_unused=True
        )
        return self._value(list(grads))

    # -- values and references ----------------------------------------------------------------------------------------

    def _value(self, value: object, inputs: list[Tensor] | None = None) -> Parcel:
        results: list[Tensor] = []
        attached: list[Tensor] = []
        reply = Message("value", value=pack(_noting(value, attached), results, self._refer))
        if inputs:
            flat = [one for one in attached if _crosses(one)]
            reply.grad = [i for i, one in enumerate(flat) if one.requires_grad]
            self._tape_count += 1
            reply.tape = self._tape_count
            self._tapes[reply.tape] = (inputs, [flat[i] for i in reply.grad])
        return reply, results

    def _target(self, node: Any) -> Any:
        kind, key, *path = node
        found = self._restore(Reference(kind, key))
        for name in path:
            found = getattr(found, name)
        return found

    def _restore(self, reference: Reference) -> Any:
        if reference.kind == "h":
            return self._objects[int(reference.key)]
        if reference.kind == "f":
            return getattr(self.module, str(reference.key))
        return self._callback(int(reference.key))

    def _refer(self, value: object) -> list[Any]:
        if isinstance(value, _Callback):
            return ["c", value.number, "callback"]
        number = self._numbers.get(id(value))
        if number is None:
            self._object_count += 1
            number = self._object_count
            self._objects[number] = value  # also keeps it alive, so that its id stays its own
            self._numbers[id(value)] = number
        return ["h", number, type(value).__name__[:80]]

    def _callback(self, number: int) -> _Callback:
        def call(*args: Any, **kwargs: Any) -> Any:
            sent: list[Tensor] = []
            message = Message("callback", target=number)
            message.args, message.kwargs = pack(args, sent, self._refer), pack(kwargs, sent, self._refer)
            answer, received = self.ask(message, sent)
            if answer.error is not None:
                raise _raised(answer.error.type)(answer.error.message)
            return unpack(answer.value, _copies(received), self._restore)

        return _Callback(number, call)

    def _report_changes(
        self,
        reply: Message,
        results: list[Tensor],
        message: Message,
        originals: list[Tensor],
        args: list[Any],
        kwargs: dict[str, Any],
        function: Any,
    ) -> None:
        names = _parameter_names(function)
        before = [*enumerate(message.args[1:]), *zip(message.kwargs[1::2], message.kwargs[2::2], strict=True)]
        now = _by_key(args, kwargs)
        contents = []
        for key, node in before:
            if not _unchanged(node, originals, now[key], self._refer):
                name = names[key] if isinstance(key, int) and key < len(names) else key
                reply.changed.append(name)
                contents.append(["t", key, pack(now[key], results, self._refer)])
        reply.after = ["t", *contents]


class _Callback:
    """A function of the trusted side, as the student's code sees it."""

    def __init__(self, number: int, call: Callable[..., Any]) -> None:
        self.number = number
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)


def _raised(name: str) -> type[Exception]:
    known = {kind.__name__: kind for kind in (TypeError, ValueError, NotImplementedError, IndexError, KeyError)}
    return known.get(name, RuntimeError)


def _seed(number: int) -> None:
    random.seed(number)
    np.random.seed(number & 0xFFFFFFFF)
    # not torch.manual_seed: where CUDA waits to be used it puts the whole stack into words, at every call
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(number)


def _copies(tensors: list[Tensor], grad: Collection[int] = ()) -> list[Tensor]:
    return [one.clone().requires_grad_(i in grad) if i in grad else one.clone() for i, one in enumerate(tensors)]


def _noting(value: object, tensors: list[Tensor]) -> object:
    """`value` itself; the tensors in it are collected in the order in which `pack` meets them."""
    if isinstance(value, Tensor):
        tensors.append(value)
    elif isinstance(value, list | tuple):
        for item in value:
            _noting(item, tensors)
    elif isinstance(value, dict):
        for item in value.values():
            _noting(item, tensors)
    elif isinstance(value, np.ndarray):
        tensors.append(torch.empty(0))  # takes a place in pack's list, never a gradient
    return value


def _crosses(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and not tensor.is_meta and not tensor.is_nested and not tensor.is_quantized


def _unchanged(node: Any, originals: list[Tensor], value: object, refer: Callable[[object], Any]) -> bool:
    found: list[Tensor] = []
    again = pack(value, found, refer)
    return _same_shape(node, again) and all(
        _same_bytes(originals[i], found[j]) for i, j in zip(_indices(node), _indices(again), strict=True)
    )


def _same_shape(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        if one[0] in ("T", "N") or other[0] in ("T", "N"):
            return bool(one[0] == other[0])
        if one[0] in ("c", "f", "h"):
            return True  # a reference can't be changed, whatever it is called on the way back
        return len(one) == len(other) and all(_same_shape(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other) or (one != one and other != other)


def _indices(node: Any) -> list[int]:
    if not isinstance(node, list):
        return []
    if node[0] in ("T", "N"):
        return [node[1]]
    return [] if node[0] in ("c", "f", "h") else [index for part in node[1:] for index in _indices(part)]


def _same_bytes(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if torch.equal(one, other):
        return True
    # NaN differs from itself: compare the bytes before calling it a change
    return torch.equal(one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8))


def _shared(value: object, args: list[Any], kwargs: dict[str, Any]) -> list[str | int]:
    results: list[Tensor] = []
    _noting(value, results)
    places = {_storage(one) for one in results}
    shared: list[str | int] = []
    for key, argument in _by_key(args, kwargs).items():
        given: list[Tensor] = []
        _noting(argument, given)
        if any(_storage(one) in places for one in given):
            shared.append(key)
    return shared


def _by_key(args: list[Any], kwargs: dict[str, Any]) -> dict[str | int, Any]:
    """Positional arguments by their place, keywords by their name."""
    found: dict[str | int, Any] = dict(enumerate(args))
    found.update(kwargs)
    return found


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr() if _crosses(tensor) and tensor.numel() else id(tensor)


def _parameter_names(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


class _Tee:
    """Passes text on and keeps its beginning."""

    def __init__(self, onward: TextIO) -> None:
        self._onward = onward
        self._kept: list[str] = []
        self._size = 0

    def write(self, text: str) -> int:
        if self._size < OUTPUT_KEPT:
            self._kept.append(text[: OUTPUT_KEPT - self._size])
            self._size += len(text)
        return self._onward.write(text)

    def text(self) -> str:
        return "".join(self._kept)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._onward, name)


@contextmanager
def _keeping_output() -> Iterator[_Tee]:
    tee = _Tee(sys.stdout)
    with redirect_stdout(tee):  # a text stream in all that print() asks
        yield tee
        sys.stdout.flush()
