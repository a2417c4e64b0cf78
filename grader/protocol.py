"""Messages between the trusted side and a worker: plain values and tensors in, bytes and shared memory between.

A value is packed into a *node* (scalars stay; containers, tensors and references become tagged lists) and a list of
tensors beside it. A `Message` holds nodes; a `Wire` moves messages over a socket, small tensors inline and large ones
through an `Arena` of shared memory. Nothing is ever unpickled, and whatever arrives is checked before it is used.
"""

from __future__ import annotations

import mmap
import os
import select
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from torch import Tensor

from grader.errors import ProtocolError

__all__ = ["Arena", "Error", "Message", "Odd", "Reference", "Wire", "pack", "unpack"]

CONTROL_LIMIT = 8 << 20  # bytes of one message without its tensors
BLOB_LIMIT = 1 << 30  # bytes of tensors sent inline
DEPTH_LIMIT = 64
INLINE_BYTES = 16 << 10  # tensors up to this size travel inside the socket's stream
ALIGNMENT = 64

DTYPES: dict[str, torch.dtype] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
        torch.int8, torch.uint8, torch.bool, torch.complex64, torch.complex128,
    )
}  # fmt: skip
_DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}

Node = Any


@dataclass(frozen=True)
class Reference:
    """Something that stays on its side: a handle ("h"), a callback ("c") or a name of the module ("f")."""

    kind: Literal["h", "c", "f"]
    key: int | str
    type_name: str = ""


@dataclass(frozen=True)
class Odd:
    """A value of a kind that does not cross, known by its name alone: "sparse tensor", "meta tensor"."""

    kind: str


class Error(msgspec.Struct, omit_defaults=True):
    """An exception of the student's code, in words; `file` is relative to the hand-in."""

    type: str
    message: str
    category: str = ""
    file: str = ""
    line: int = 0
    code: str = ""
    trace: list[str] = []


class Message(msgspec.Struct, omit_defaults=True):
    """One request, reply, callback or answer; which fields count depends on `op`."""

    op: str
    target: Node = None
    args: Node = None
    kwargs: Node = None
    value: Node = None
    grad: list[int] = []  # tensors (by index) that are inputs, or outputs, of a gradient
    tape: int = 0
    rng: int = -1
    drop_tapes: list[int] = []
    forget: bool = False  # a new test: objects of the one before are gone, and numbers begin again
    after: Node = None  # arguments' contents after the call, where they changed
    changed: list[str | int] = []
    shares: list[str | int] = []
    cpu_s: float = 0.0
    error: Error | None = None
    text: str = ""


# ---------------------------------------------------------------------------------------------------------------------
# Values to nodes and back


def pack(value: object, tensors: list[Tensor], refer: Callable[[object], Node] | None = None) -> Node:
    """The node of `value`; its tensors are appended to `tensors`, and what is not plain is given to `refer`.

    Raises:
        ProtocolError: for a value nested deeper than `DEPTH_LIMIT`, or one that is not plain where `refer` is None.
    """
    return _pack(value, tensors, refer, 0)


def _pack(value: object, tensors: list[Tensor], refer: Callable[[object], Node] | None, depth: int) -> Node:
    if depth > DEPTH_LIMIT:
        raise ProtocolError(f"a value is nested deeper than {DEPTH_LIMIT} levels")
    scalar = _pack_scalar(value)
    if scalar is not None or value is None:
        return scalar
    if isinstance(value, Tensor):
        return _pack_tensor(value, tensors)
    if isinstance(value, np.ndarray):
        return _pack_array(value, tensors)
    if isinstance(value, list | tuple):
        tag = "l" if isinstance(value, list) else "t"
        return [tag, *(_pack(item, tensors, refer, depth + 1) for item in value)]
    if type(value) is dict or (isinstance(value, dict) and all(type(key) is str for key in value)):
        rows = [_pack(part, tensors, refer, depth + 1) for row in value.items() for part in row]
        return ["d", *rows]
    return _pack_other(value, refer)


def _pack_scalar(value: object) -> Node:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        number = int(value)
        return number if -(1 << 63) <= number < 1 << 63 else ["i", str(number)[:400]]
    if isinstance(value, float | np.floating):
        return float(value)
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode()
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, complex):
        return ["z", value.real, value.imag]
    if isinstance(value, torch.dtype):
        return ["y", str(value).removeprefix("torch.")]
    if isinstance(value, torch.device):
        return ["v", str(value)]
    return None


def _pack_other(value: object, refer: Callable[[object], Node] | None) -> Node:
    if isinstance(value, Reference):
        return [value.kind, value.key, value.type_name]
    if isinstance(value, Odd):
        return ["o", value.kind]
    if refer is None:
        raise ProtocolError(
            f"a value of type {type(value).__name__} can't cross to a hand-in",
            expected="numbers, text, lists, tuples, dictionaries, tensors, dtypes, devices, handles, callables",
        )
    return refer(value)


def _pack_tensor(value: Tensor, tensors: list[Tensor]) -> Node:
    kind = _odd_kind(value)
    if kind:
        return ["o", kind]
    plain = value.as_subclass(Tensor).detach()
    plain = plain.resolve_conj().resolve_neg().cpu().contiguous()
    tensors.append(plain)
    return ["T", len(tensors) - 1]


def _odd_kind(value: Tensor) -> str:
    if value.layout is not torch.strided:
        return "sparse tensor"
    if value.is_nested:
        return "nested tensor"
    if value.is_quantized:
        return "quantized tensor"
    if value.is_meta:
        return "meta tensor"
    return "" if value.dtype in _DTYPE_NAMES else f"tensor of {value.dtype}"


def _pack_array(value: np.ndarray[Any, Any], tensors: list[Tensor]) -> Node:
    try:
        tensor = torch.from_numpy(np.ascontiguousarray(value).copy()).reshape(value.shape)
    except (TypeError, ValueError):
        return ["o", f"array of {value.dtype}"]
    tensors.append(tensor)
    return ["N", len(tensors) - 1]


def unpack(node: Node, tensors: Sequence[Tensor], restore: Callable[[Reference], object] | None = None) -> Any:
    """The value of a node; references are given to `restore`, or stay `Reference`s.

    Raises:
        ProtocolError: for a node of no known form.
    """
    try:
        return _unpack(node, tensors, restore, 0)
    except ProtocolError:
        raise
    except Exception as fault:
        raise ProtocolError(f"a message holds a value of no known form ({type(fault).__name__})") from fault


def _unpack(node: Node, tensors: Sequence[Tensor], restore: Callable[[Reference], object] | None, depth: int) -> Any:
    if depth > DEPTH_LIMIT:
        raise ProtocolError(f"a message is nested deeper than {DEPTH_LIMIT} levels")
    if not isinstance(node, list):
        return node
    tag, *rest = node
    if tag in ("l", "t"):
        items = [_unpack(item, tensors, restore, depth + 1) for item in rest]
        return items if tag == "l" else tuple(items)
    if tag == "d":
        parts = [_unpack(item, tensors, restore, depth + 1) for item in rest]
        return dict(zip(parts[::2], parts[1::2], strict=True))
    return _unpack_leaf(tag, rest, tensors, restore)


def _unpack_leaf(
    tag: str, rest: list[Any], tensors: Sequence[Tensor], restore: Callable[[Reference], object] | None
) -> Any:
    if tag in ("T", "N"):
        index = int(rest[0])
        if not 0 <= index < len(tensors):
            raise ProtocolError("a message names a tensor that it doesn't carry")
        return tensors[index] if tag == "T" else tensors[index].numpy()
    if tag in ("h", "c", "f"):
        reference = Reference(tag, rest[0], str(rest[1]))  # type: ignore[arg-type]  # tag is one of the three
        return restore(reference) if restore else reference
    if tag == "i":
        return int(rest[0])
    if tag == "z":
        return complex(rest[0], rest[1])
    if tag == "y":
        return DTYPES[rest[0]] if rest[0] in DTYPES else Odd(f"dtype {rest[0]}"[:80])
    if tag == "v":
        return torch.device(rest[0])
    if tag == "o":
        return Odd(str(rest[0])[:80])
    raise ProtocolError(f"a message holds a value with the unknown tag {tag!r:.20}")


# ---------------------------------------------------------------------------------------------------------------------
# Messages over a socket and shared memory


class Arena:
    """A sealed block of shared memory that one side writes and the other reads, from its start in each message."""

    def __init__(self, fd: int, size: int) -> None:
        self.size = size
        self.used = 0
        self._memory = mmap.mmap(fd, size)
        self._bytes = torch.frombuffer(self._memory, dtype=torch.uint8)

    def put(self, data: Tensor) -> int | None:
        """Copy the bytes of a contiguous tensor in; the offset, or None where there is no room left."""
        raw = data.reshape(-1).view(torch.uint8)
        start = -(-self.used // ALIGNMENT) * ALIGNMENT
        if start + raw.numel() > self.size:
            return None
        self._bytes[start : start + raw.numel()] = raw
        self.used = start + raw.numel()
        return start

    def view(self, start: int, length: int) -> Tensor:
        """The bytes that the other side wrote, in place."""
        if not (start >= 0 and length > 0 and start + length <= self.size and start % ALIGNMENT == 0):
            raise ProtocolError("a message points outside the shared memory")
        return self._bytes[start : start + length]


class _Described(msgspec.Struct, array_like=True):
    dtype: str
    shape: list[int]
    offset: int  # in the arena; -1 where the bytes follow inline


class _Frame(msgspec.Struct, array_like=True):
    message: Message
    tensors: list[_Described]


_HEADER = struct.Struct("<IQ")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Frame)


class Wire:
    """Sends and receives messages; `wait(event)` is called before each read and write, and may raise to give up."""

    def __init__(
        self, fd: int, outgoing: Arena | None, incoming: Arena | None, wait: Callable[[int], None] | None = None
    ) -> None:
        self.fd = fd
        self._outgoing = outgoing
        self._incoming = incoming
        self._wait = wait

    def send(self, message: Message, tensors: Sequence[Tensor], *, keep: int = 0) -> None:
        """Send a message; the first `keep` bytes of the outgoing shared memory are still in use and left alone."""
        if self._outgoing is not None:
            self._outgoing.used = keep
        described, inline = self._place(tensors)
        control = _encoder.encode(_Frame(message, described))
        if len(control) > CONTROL_LIMIT:
            raise ProtocolError(f"a value has more than {CONTROL_LIMIT >> 20} MiB beside its tensors")
        blobs = [bytes(blob.reshape(-1).view(torch.uint8).numpy()) for blob in inline]
        self._write([_HEADER.pack(len(control), sum(map(len, blobs))), control, *blobs])

    def used(self) -> int:
        """Bytes of the outgoing shared memory that the last message took."""
        return self._outgoing.used if self._outgoing is not None else 0

    def _place(self, tensors: Sequence[Tensor]) -> tuple[list[_Described], list[Tensor]]:
        described, inline = [], []
        for tensor in tensors:
            offset = None
            if tensor.numel() * tensor.element_size() > INLINE_BYTES and self._outgoing is not None:
                offset = self._outgoing.put(tensor)
            if offset is None and tensor.numel():
                inline.append(tensor)
            place = -1 if offset is None else offset
            described.append(_Described(_DTYPE_NAMES[tensor.dtype], list(tensor.shape), place))
        return described, inline

    def _write(self, pieces: list[bytes]) -> None:
        data = memoryview(b"".join(pieces))
        while data:
            if self._wait:
                self._wait(select.POLLOUT)
            data = data[os.write(self.fd, data) :]  # os.write: the worker's filter refuses send(2)

    def receive(self) -> tuple[Message, list[Tensor]]:
        """The next message. Large tensors are views of shared memory, good until the other side writes again.

        Raises:
            EOFError: the other side is gone.
            ProtocolError: what came is no message.
        """
        control_size, blob_size = _HEADER.unpack(self._read(_HEADER.size))
        if control_size > CONTROL_LIMIT or blob_size > BLOB_LIMIT:
            raise ProtocolError("a message is larger than the limit")
        control, blob = self._read(control_size), self._read(blob_size)
        try:
            frame = _decoder.decode(control)
        except Exception as fault:  # msgspec: also RecursionError and UnicodeDecodeError
            raise ProtocolError(f"what came is no message ({type(fault).__name__})") from fault
        return frame.message, self._tensors(frame.tensors, blob)

    def _tensors(self, described: list[_Described], blob: bytearray) -> list[Tensor]:
        tensors, start = [], 0
        for one in described:
            dtype, length = _checked(one)
            if length == 0:
                tensors.append(torch.empty(one.shape, dtype=dtype))
                continue
            if one.offset >= 0 and self._incoming is not None:
                raw = self._incoming.view(one.offset, length)
            else:
                if start + length > len(blob):
                    raise ProtocolError("a message has fewer bytes than its tensors need")
                raw = torch.frombuffer(blob, dtype=torch.uint8, count=length, offset=start).clone()
                start += length
            tensors.append(raw.view(dtype).view(one.shape))
        return tensors

    def _read(self, size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            if self._wait:
                self._wait(select.POLLIN)
            chunk = os.read(self.fd, min(size - len(data), 1 << 20))
            if not chunk:
                raise EOFError("the other side is gone")
            data += chunk
        return data


def _checked(one: _Described) -> tuple[torch.dtype, int]:
    dtype = DTYPES.get(one.dtype)
    if dtype is None or len(one.shape) > 25 or any(not 0 <= size < 1 << 40 for size in one.shape):
        raise ProtocolError("a message describes a tensor that can't be")
    count = 1
    for size in one.shape:
        count *= size
    if count * dtype.itemsize > BLOB_LIMIT:
        raise ProtocolError(f"a tensor is larger than {BLOB_LIMIT >> 20} MiB")
    return dtype, count * dtype.itemsize
