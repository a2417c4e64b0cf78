"""What a test sees of a hand-in: functions to call and objects to ask, as if the module had been imported."""

from __future__ import annotations

import functools
import hashlib
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grader.errors import GraderError, ProtocolError
from grader.protocol import Branch, Error, Message, Node, Odd, Reference, pack, unpack
from grader.student.bounds import Allowance
from grader.student.calls import Call, Exchange, kept, snapshot
from grader.student.faults import (
    StudentCrash,
    StudentFault,
    StudentTimeout,
    StudentUnloadable,
    from_error,
    too_much_output,
)
from grader.student.remote import Tape, connect
from grader.student.transport import Transport
from grader.worker.spawn import OUTPUT_BYTES

__all__ = ["Function", "Handle", "Student"]

LOG_BYTES = 64 << 20  # of tensors in one test; more would be trained on, and can't be replayed in seconds
DEPTH_LIMIT = 4  # calls within callbacks within calls
PAGE = 4096
LENT_S = 60.0
PARAMETERS = "def probe(module, net):\n    return dict(net.named_parameters())"


class Student:
    """A hand-in's module: `student.svm_loss_naive(W, X, y, reg)` calls it where it runs.

    Underscored attributes and the names `last`, `keep`, `probe`, `replace`, `has` are this object's own; any other
    name is a function of the module.
    """

    def __init__(self, connect: Callable[[float], Transport], module: str, *, seed: str = "0") -> None:
        self._connect = connect
        self._module = module
        self._seed = seed
        self._limit = 0.0
        self._printed = 0
        self._text = ""
        self._calls = 0
        self._transport: Transport | None = None
        self._callbacks: dict[int, Callable[..., Any]] = {}
        self._kept: dict[int, Tensor] = {}
        self._stand_ins: dict[tuple[str, str], Callable[..., Any]] = {}
        self._dropped: list[int] = []
        self._fault: BaseException | None = None
        self._asked: list[tuple[Any, Any]] = []
        self._log: list[Exchange] = []
        self._logged = 0
        self._depth = 0
        self._last: Call | None = None
        self._names: frozenset[str] = frozenset()
        self._notes: list[str] = []
        self._load_fault: StudentFault | None = None
        self._spent = 0.0

    # -- what tests use -----------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Function:
        if name.startswith("__"):
            raise AttributeError(name)
        return Function(self, ["f", name], name)

    @property
    def last(self) -> Call:
        """The record of the last call."""
        if self._last is None:
            raise GraderError("student.last was read before any call", way_out="call a function of the student first")
        return self._last

    def has(self, name: str) -> bool:
        """Whether the module has this name."""
        self._load()
        return name in self._names

    def keep(self, value: object) -> Handle:
        """Send a large value once; the handle can be given as an argument as often as needed."""
        tensors: list[Tensor] = []
        reply, results = self._request(Message("keep", value=self._pack(value, tensors)), tensors)
        handle = self._value(reply, results)
        assert isinstance(handle, Handle)
        if isinstance(value, Tensor):
            self._kept[handle._number] = value
        return handle

    def replace(self, name: str, value: object) -> None:
        """Bind a name in the student's module to a handle, a callable or a plain value."""
        self._set(None, name, value)

    def probe(self, source: str, *args: object, **kwargs: object) -> Any:
        """Run a function's source, `def probe(module, …)`, beside the module; its plain values or handles come back."""
        tensors: list[Tensor] = []
        message = Message("probe", text=textwrap.dedent(source))
        message.args, message.kwargs = self._pack(list(args), tensors), self._pack(kwargs, tensors)
        return self._value(*self._request(message, tensors))

    # -- calls --------------------------------------------------------------------------------------------------------

    def _call(self, target: list[str | int], name: str, args: tuple[object, ...], kwargs: dict[str, object]) -> Any:
        tensors: list[Tensor] = []
        originals: list[Tensor] = []
        message = Message("call", target=target)
        message.args = pack(list(args), tensors, self._refer, originals)
        message.kwargs = pack(kwargs, tensors, self._refer, originals)
        if torch.is_grad_enabled():
            message.grad = [i for i, one in enumerate(originals) if one.requires_grad]
        call = self._last = Call(name, args, kwargs)
        reply, results = self._request(message, tensors)
        attached = self._attach(reply, results, [originals[i] for i in message.grad]) if message.grad else results
        call.value = self._value(reply, attached)
        self._note(call, reply, results)
        return call.value

    def _attach(self, reply: Message, results: list[Tensor], inputs: list[Tensor]) -> list[Tensor]:
        """The results, those with a gradient connected with the inputs."""
        if not all(0 <= i < len(results) and results[i].is_floating_point() for i in reply.grad):
            raise ProtocolError("a reply has gradients for results that it doesn't send")
        tape = Tape(self, reply.tape)
        attached = list(results)
        if reply.grad:
            connected = connect(tape, [results[i] for i in reply.grad], inputs)
            for index, one in zip(reply.grad, connected, strict=True):
                attached[index] = one
        return attached

    def _vjp(self, tape: int, grads: list[Tensor | None]) -> list[Tensor | None]:
        tensors: list[Tensor] = []
        message = Message("vjp", tape=tape, args=pack(grads, tensors))
        found = self._value(*self._request(message, tensors))
        if not isinstance(found, list) or not all(one is None or isinstance(one, Tensor) for one in found):
            raise ProtocolError("a backward pass gave something that is no list of tensors")
        return found

    def _drop_tape(self, number: int) -> None:
        self._dropped.append(number)

    def _set(self, target: list[str | int] | None, name: str, value: object) -> None:
        tensors: list[Tensor] = []
        message = Message("set", target=target, text=name, value=self._pack(value, tensors))
        self._request(message, tensors)

    def _get(self, target: list[str | int], name: str) -> Any:
        return self._value(*self._request(Message("get", target=target, text=name), []))

    def _note(self, call: Call, reply: Message, results: list[Tensor]) -> None:
        self._last = call  # a callback on the way may have made calls of its own
        call.shares, call.worker_cpu_s, call.output = tuple(reply.shares), reply.cpu_s, reply.text
        call.after, call.after_keywords = list(call.args), dict(call.kwargs)
        if not reply.changed:
            return
        rows = unpack(reply.after, results, self._restore)
        if not _are_pairs(rows) or len(rows) != len(reply.changed):
            raise ProtocolError("a reply names other changed arguments than it sends")
        for name, (key, contents) in zip(reply.changed, rows, strict=True):
            call.changed[name] = contents
            if isinstance(key, int) and 0 <= key < len(call.after):
                call.after[key] = contents
            else:
                call.after_keywords[str(key)] = contents

    # -- the channel --------------------------------------------------------------------------------------------------

    def _load(self) -> Transport:
        if self._load_fault is not None:
            raise self._load_fault
        if self._transport is None:
            self._transport = self._connect(self._spent)
            self._stand_in([where for where in self._stand_ins if where[0]])
            try:
                reply, results = self._exchange(Message("load", text=self._module), [])
            except (StudentCrash, StudentTimeout) as fault:
                self._load_fault = StudentUnloadable(f"{fault.message} while its module is loaded")
                raise self._load_fault from None
            if reply.error is not None:
                raise from_error(reply.error)
            if reply.op != "value":
                self._drop_transport()
                self._load_fault = StudentUnloadable(reply.text[:400] or "the module can't be loaded")
                raise self._load_fault
            loaded = unpack(reply.value, results)
            if not (isinstance(loaded, list) and len(loaded) == 2 and all(isinstance(one, list) for one in loaded)):
                raise ProtocolError("a worker doesn't say what it has loaded")
            self._names = frozenset(map(str, loaded[0])).union(name for module, name in self._stand_ins if not module)
            self._notes = [str(note) for note in loaded[1]]
            self._stand_in([where for where in self._stand_ins if not where[0]])
        return self._transport

    def _stand_in(self, places: list[tuple[str, str]]) -> None:
        for module, name in places:
            value = self._pack(self._stand_ins[module, name], [])
            self._exchange(Message("stand_in", text=name, target=[module] if module else None, value=value), [])

    @functools.cached_property
    def _lent(self) -> Allowance:
        """What functions that stand in may cost, called as the hand-in likes: as much time as the part itself."""
        return Allowance(self._limit or LENT_S)

    def _begin(self, seed: str) -> None:
        """A new test: its own stream of random numbers, an empty log."""
        self._seed, self._calls, self._log, self._logged, self._last = seed, 0, [], 0, None
        self._kept = {}

    def _close(self) -> None:
        """End the worker."""
        self._drop_transport()

    def _timed(self, name: str, args: tuple[Any, ...]) -> tuple[float, Any]:
        """Seconds and value of one call, its inputs in place before the clock starts; not logged."""
        transport = self._load()
        tensors: list[Tensor] = []
        message = Message("call", target=["f", name], args=self._pack(list(args), tensors), kwargs=self._pack({}, []))
        self._last = Call(name, args)
        try:
            seconds, reply, results = transport.timed(message, tensors)
        except (StudentFault, ProtocolError):
            self._drop_transport()
            raise
        return seconds, self._value(self._valued(message, reply), results)

    def _request(self, message: Message, tensors: list[Tensor]) -> tuple[Message, list[Tensor]]:
        self._load()
        self._calls += 1
        digest = hashlib.sha256(f"{self._seed}/worker/{self._calls}".encode()).digest()
        message.rng = int.from_bytes(digest[:4], "little")
        message.forget = self._calls == 1
        message.drop_tapes, self._dropped = ([] if message.forget else self._dropped), []
        outer, self._asked = self._asked, []
        self._depth += 1
        try:
            reply, results = self._exchange(message, tensors)
            self._put_down(message, tensors, reply, results)
        finally:
            self._depth -= 1
            self._asked = outer
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        return self._valued(message, reply), results

    def _valued(self, message: Message, reply: Message) -> Message:
        """The reply, where it has a value."""
        if reply.op == "error" and reply.error is not None:
            assert self._transport is not None
            if reply.error.type == "PermissionError" and self._transport.printed() > OUTPUT_BYTES - PAGE:
                raise too_much_output()
            raise from_error(reply.error)
        if reply.op != "value":
            raise ProtocolError(f"a worker answered a {message.op} with {reply.op!r:.40}")
        return reply

    def _put_down(self, message: Message, tensors: list[Tensor], reply: Message, results: list[Tensor]) -> None:
        """Keep what was said, so that it can be said again to a known mistake; not where it is large."""
        # a callback that calls back into the hand-in can't be sent again: its answer is bound to this worker
        self._logged += LOG_BYTES if self._depth > 1 else 0
        self._logged += sum(one.nbytes for one in tensors) + sum(one.nbytes for one in results)
        if self._logged > LOG_BYTES:
            self._log.clear()
            return
        said = (kept(tensors), self._callbacks, self._asked, reply, kept(results))
        self._log.append(Exchange(message, *said, self._run_callback))

    def _exchange(self, message: Message, tensors: list[Tensor]) -> tuple[Message, list[Tensor]]:
        assert self._transport is not None
        try:
            return self._transport.request(message, tensors, self._answer)
        except (StudentFault, ProtocolError):
            self._drop_transport()
            raise

    def _answer(self, question: Message, tensors: list[Tensor]) -> tuple[Message, list[Tensor]]:
        """Run a callback for the worker; what goes wrong in it, other than how it was called, is a fault of ours."""
        if self._depth > DEPTH_LIMIT:
            return _refusal(RuntimeError(f"calls and callbacks are nested more than {DEPTH_LIMIT} deep")), []
        try:
            return self._run_callback(self._callbacks, question, tensors, self._asked)
        except Exception as fault:
            self._fault = fault
            return _refusal(fault), []

    def _run_callback(
        self,
        callbacks: dict[int, Callable[..., Any]],
        question: Message,
        tensors: list[Tensor],
        asked: list[tuple[Any, Any]],
    ) -> tuple[Message, list[Tensor]]:
        sent: list[Tensor] = []
        try:
            function = callbacks[int((question.target or [0])[-1])]
            args = unpack(question.args, tensors, self._restore)
            kwargs = unpack(question.kwargs, tensors, self._restore)
            inspect.signature(function).bind(*args, **kwargs)
        except (TypeError, KeyError, ValueError) as fault:
            return _refusal(fault), []
        seen = snapshot((args, kwargs))  # a callback may work in place
        if getattr(function, "stands_in", False):
            try:
                with self._lent.spend():
                    value = function(*args, **kwargs)
            except Exception as fault:
                return _refusal(fault), []
        else:
            value = function(*args, **kwargs)
        asked.append((seen, value))
        return Message("answer", value=self._pack(value, sent)), sent

    def _drop_transport(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._spent += self._transport.cpu_s()
            self._printed += self._transport.printed()
            self._text = (self._text + self._transport.text())[:4096]
            self._transport = None

    def _cpu_s(self) -> float:
        return self._spent + (self._transport.cpu_s() if self._transport is not None else 0.0)

    # -- values -------------------------------------------------------------------------------------------------------

    def _pack(self, value: object, tensors: list[Tensor]) -> Node:
        return pack(value, tensors, self._refer)

    def _refer(self, value: object) -> Node:
        if isinstance(value, Handle):
            return Branch("h", [value._number, ""])
        if isinstance(value, Function) and value._target[0] == "f" and len(value._target) == 2:
            if not self.has(str(value._target[1])):
                raise _missing(value._name)
            return Branch("f", [value._target[1], ""])
        if callable(value):
            number = len(self._callbacks) + 1
            self._callbacks[number] = value
            return Branch("c", [number, str(getattr(value, "__name__", ""))])
        raise GraderError(f"a suite sends a {type(value).__name__}, which can't cross to a hand-in")

    def _restore(self, reference: Reference) -> object:
        if reference.kind == "h" and reference.key in self._kept:
            return self._kept[int(reference.key)]
        if reference.kind == "h":
            return Handle(self, int(reference.key), reference.type_name)
        if reference.kind == "c":
            return self._callbacks.get(int(reference.key), Odd("function"))
        return Odd("function")

    def _value(self, reply: Message, results: list[Tensor]) -> Any:
        return unpack(reply.value, results, self._restore)


class Function:
    """A function of the student's module, or a method of one of its objects."""

    def __init__(self, student: Student, target: list[str | int], name: str) -> None:
        self._student = student
        self._target = target
        self._name = name

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Call it; raises a `StudentFault` where the student's code fails."""
        if self._target[0] == "f" and not self._student.has(str(self._target[1])):
            raise _missing(self._name)
        return self._student._call(self._target, self._name, args, kwargs)


class Handle:
    """An object that lives beside the student's code."""

    def __init__(self, student: Student, number: int, type_name: str) -> None:
        self._student = student
        self._number = number
        self._type_name = type_name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and other._student is self._student and other._number == self._number

    def __hash__(self) -> int:
        return hash(self._number)

    def __repr__(self) -> str:
        return f"<a {self._type_name} of the hand-in>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = self._student._get(["h", self._number], name)
        if isinstance(value, Handle) and value._type_name in ("method", "builtin_function_or_method", "function"):
            return Function(self._student, ["h", self._number, name], f"{self._type_name}.{name}")
        return value

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Call the object itself."""
        return self._student._call(["h", self._number], self._type_name, args, kwargs)

    def set(self, name: str, value: object) -> None:
        """Set one of its attributes."""
        self._student._set(["h", self._number], name, value)

    def parameters(self) -> dict[str, Tensor]:
        """Copies of a module's parameters, by name, in order."""
        found: dict[str, Tensor] = self._student.probe(PARAMETERS, self)
        return found

    def functional(self, parameters: dict[str, Tensor], *args: object, **kwargs: object) -> Any:
        """Call a module with these parameters in place of its own: so gradients reach them."""
        return self._student._call(["m", self._number], self._type_name, (parameters, *args), kwargs)


def _are_pairs(rows: object) -> bool:
    return isinstance(rows, tuple) and all(isinstance(row, tuple) and len(row) == 2 for row in rows)


def _missing(name: str) -> StudentFault:
    fault = StudentFault(f"the module has no function {name}")
    fault.status = "not_implemented"
    return fault


def _refusal(fault: BaseException) -> Message:
    return Message("answer", error=Error(type=type(fault).__name__, message=str(fault)[:500]))
