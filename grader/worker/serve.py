"""Answers calls into one hand-in's module: the untrusted end of the protocol, the same in a worker and in process."""

from __future__ import annotations

import inspect
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.errors import ProtocolError
from grader.protocol import Branch, Error, Message, Node, Reference, pack, unpack
from grader.worker.changes import by_key, changed, shared
from grader.worker.load import Handin, Unloadable
from grader.worker.output import keeping_output
from grader.worker.words import describe

__all__ = ["Parcel", "Server"]

Parcel = tuple[Message, list[Tensor]]


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
    _request: int = 0
    _objects: dict[int, Any] = field(default_factory=dict)
    _kept: dict[int, tuple[int, int]] = field(default_factory=dict)  # id of a kept tensor: number, version
    _numbers: dict[int, int] = field(default_factory=dict)
    _tapes: dict[int, tuple[list[Tensor], list[Tensor]]] = field(default_factory=dict)
    _tape_count: int = 0
    _object_count: int = 0

    def __post_init__(self) -> None:
        # Python's and numpy's generators cost more than a small call: they are set anew where a text names any
        self._draws = any("random" in text for _, text in self.handin.sources.values())

    def handle(self, message: Message, tensors: list[Tensor]) -> Parcel:
        """The reply to one request; an exception of the student's code is a reply too."""
        if message.forget:
            self._tapes, self._objects, self._numbers, self._kept = {}, {}, {}, {}
            self._tape_count = self._object_count = 0
        for number in message.drop_tapes:
            self._tapes.pop(number, None)
        if message.rng >= 0:
            _seed(message.rng, all_of_them=self._draws or message.forget)
        start = time.process_time()
        outer, self._request = self._request, message.number  # a callback of one request may make another
        reply, results = self._reply(message, tensors)
        self._request = outer
        reply.number = message.number
        reply.cpu_s = time.process_time() - start
        return reply, results

    def _reply(self, message: Message, tensors: list[Tensor]) -> Parcel:
        operation = getattr(self, f"_op_{message.op}", None)
        try:
            with keeping_output() as output:
                reply, results = operation(message, tensors) if operation else (Message("unknown"), [])
            reply.text = reply.text or output.text()
        except ProtocolError as fault:
            error = Error(type="ValueError", message=f"gives a value that can't be sent: {fault.message}")
            reply, results = Message("error", error=error, text=output.text()), []
        except BaseException as fault:  # whatever a student's code raises is data here
            reply, results = Message("error", error=describe(fault, self.handin.texts()), text=output.text()), []
        return reply, results

    # -- operations ---------------------------------------------------------------------------------------------------

    def _op_load(self, message: Message, tensors: list[Tensor]) -> Parcel:
        try:
            self.module = self.handin.module(message.text)
        except Unloadable as fault:
            return Message("unloadable", text=str(fault)), []
        for name, others in self.aliases.items():
            found = next((other for other in others if hasattr(self.module, other)), None)
            if found and not hasattr(self.module, name):
                setattr(self.module, name, getattr(self.module, found))
        notes = [f"{note.file}, line {note.line}: {note.type}: {note.message}" for note in self.handin.notes]
        names = [name for name in vars(self.module) if isinstance(name, str) and not name.startswith("__")]
        return self._value([names, notes])

    def _op_call(self, message: Message, tensors: list[Tensor]) -> Parcel:
        leaves = _copies(tensors, message.grad)
        # the student's code gets a clone of each leaf, so that it may work in place
        inputs = [leaf.clone() if leaf.requires_grad else leaf for leaf in leaves]
        function = self._target(message.target)
        args = list(unpack(message.args, inputs, self._restore))
        kwargs = unpack(message.kwargs, inputs, self._restore)
        results: list[Tensor] = []
        originals: list[Tensor] = []
        reply = Message("value", value=pack(function(*args, **kwargs), results, self._refer, originals))
        if message.grad:
            self._keep_tape(reply, [leaves[i] for i in message.grad], originals)
        nodes = _nodes(message)
        self._report_changes(reply, results, nodes, tensors, by_key(args, kwargs), function)
        reply.shares = _by_name(shared(originals, nodes, inputs), function)
        return reply, results

    def _op_get(self, message: Message, tensors: list[Tensor]) -> Parcel:
        return self._value(getattr(self._target(message.target), message.text))

    def _op_set(self, message: Message, tensors: list[Tensor]) -> Parcel:
        value = unpack(message.value, _copies(tensors), self._restore)
        owner = self.module if message.target is None else self._target(message.target)
        setattr(owner, message.text, value)
        return self._value(None)

    def _op_stand_in(self, message: Message, tensors: list[Tensor]) -> Parcel:
        owner = self.handin.module_or_blank(str(message.target[0])) if message.target else self.module
        value = unpack(message.value, tensors, self._restore)
        setattr(owner, message.text, value)
        for name in self.aliases.get(message.text, ()):  # the name by which the hand-in's own functions call it
            if hasattr(owner, name):
                setattr(owner, name, value)
        return self._value(None)

    def _op_keep(self, message: Message, tensors: list[Tensor]) -> Parcel:
        value = unpack(message.value, _copies(tensors), self._restore)
        node = self._refer(value)
        if isinstance(value, Tensor):
            self._kept[id(value)] = (int(self._numbers[id(value)]), value._version)
        return Message("value", value=node), []

    def _op_probe(self, message: Message, tensors: list[Tensor]) -> Parcel:
        scope: dict[str, Any] = {"torch": torch}
        exec(compile(message.text, "<probe>", "exec", dont_inherit=True), scope)
        inputs = _copies(tensors)
        args, kwargs = unpack(message.args, inputs, self._restore), unpack(message.kwargs, inputs, self._restore)
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

    def _value(self, value: object) -> Parcel:
        results: list[Tensor] = []
        return Message("value", value=pack(value, results, self._refer)), results

    def _keep_tape(self, reply: Message, inputs: list[Tensor], outputs: list[Tensor]) -> None:
        reply.grad = [i for i, one in enumerate(outputs) if one.requires_grad and one.is_floating_point()]
        self._tape_count += 1
        reply.tape = self._tape_count
        self._tapes[reply.tape] = (inputs, [outputs[i] for i in reply.grad])

    def _target(self, target: list[str | int] | None) -> Any:
        kind, key, *path = target or ["", ""]
        if kind == "m":  # a module whose parameters are given with the call
            net = self._objects[int(key)]
            return lambda parameters, *args, **kwargs: torch.func.functional_call(net, parameters, args, kwargs)
        found = self._restore(Reference(kind, key))  # type: ignore[arg-type]  # "h" or "f", else there is no such object
        for name in path:
            found = getattr(found, str(name))
        return found

    def _restore(self, reference: Reference) -> Any:
        if reference.kind == "h":
            return self._objects[int(reference.key)]
        if reference.kind == "f":
            return getattr(self.module, str(reference.key))
        return self._callback(int(reference.key), reference.type_name or "callback")

    def _refer(self, value: object) -> Node:
        if isinstance(value, _Callback):
            return Branch("c", [value.number, "callback"])
        number = self._numbers.get(id(value))
        if number is None:
            self._object_count += 1
            number = self._object_count
            self._objects[number] = value  # also keeps it alive, so that its id stays its own
            self._numbers[id(value)] = number
        return Branch("h", [number, type(value).__name__[:80]])

    def _callback(self, number: int, name: str) -> _Callback:
        def call(*args: Any, **kwargs: Any) -> Any:
            sent: list[Tensor] = []
            message = Message("callback", number=self._request, target=["c", number])
            message.args = pack(args, sent, self._refer, named=self._named)
            message.kwargs = pack(kwargs, sent, self._refer, named=self._named)
            answer, received = self.ask(message, sent)
            if answer.error is not None:
                raise _raised(answer.error.type)(answer.error.message)
            return unpack(answer.value, _copies(received), self._restore)

        return _Callback(number, name, call)

    def _named(self, value: Tensor) -> Node:
        """A tensor that came by `keep` and was left alone goes back by its number: it is large."""
        number, version = self._kept.get(id(value), (0, -1))
        return Branch("h", [number, "Tensor"]) if number and value._version == version else None

    def _report_changes(
        self,
        reply: Message,
        results: list[Tensor],
        nodes: list[tuple[str | int, Node]],
        before: list[Tensor],
        now: dict[str | int, Any],
        function: Any,
    ) -> None:
        found = [key for key, node in nodes if changed(node, before, now[key], self._refer)]
        reply.changed = _by_name(found, function)
        reply.after = pack(tuple((key, now[key]) for key in found), results, self._refer)


class _Callback:
    """A function of the trusted side, as the student's code sees it."""

    def __init__(self, number: int, name: str, call: Callable[..., Any]) -> None:
        self.number = number
        self.__name__ = name
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)


def _nodes(message: Message) -> list[tuple[str | int, Node]]:
    """The arguments of a call as they were sent, by place or name."""
    assert isinstance(message.args, Branch)
    assert isinstance(message.kwargs, Branch)
    keys, values = message.kwargs.parts[::2], message.kwargs.parts[1::2]
    return [*enumerate(message.args.parts), *zip(map(str, keys), values, strict=True)]


def _raised(name: str) -> type[Exception]:
    known = {kind.__name__: kind for kind in (TypeError, ValueError, NotImplementedError, IndexError, KeyError)}
    return known.get(name, RuntimeError)


def _seed(number: int, *, all_of_them: bool) -> None:
    torch.default_generator.manual_seed(number)
    if all_of_them:
        random.seed(number)
        np.random.seed(number & 0xFFFFFFFF)


def _copies(tensors: list[Tensor], grad: Collection[int] = ()) -> list[Tensor]:
    return [one.clone().requires_grad_() if i in grad else one.clone() for i, one in enumerate(tensors)]


def _by_name(keys: list[str | int], function: Any) -> list[str | int]:
    """Places of arguments as the names of the parameters that they belong to, where there are such."""
    if not keys:
        return keys
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return keys
    names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return [names[key] if isinstance(key, int) and key < len(names) else key for key in keys]
