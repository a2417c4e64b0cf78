"""Messages over a socket, large tensors through sealed shared memory; what arrives is checked before it is used."""

from __future__ import annotations

import os
import select
import struct
from collections.abc import Callable, Sequence

import msgspec
import torch
from torch import Tensor

from grader.errors import ProtocolError
from grader.protocol.messages import Message
from grader.protocol.values import DTYPE_NAMES, DTYPES

__all__ = ["Arena", "Wire"]

CONTROL_LIMIT = 64 << 20  # bytes of one message without its tensors: a request holds texts of up to 20 MiB a file
BLOB_LIMIT = 1 << 30  # bytes of tensors sent inline, beside those in shared memory
REPLY_CONTROL_LIMIT = 4 << 20  # the same for what a worker sends: small, since a list takes 50 times its bytes
REPLY_BLOB_LIMIT = 64 << 20
TENSOR_LIMIT = 1 << 16  # tensors of one message
INLINE_BYTES = 16 << 10  # tensors up to this size travel inside the socket's stream
ALIGNMENT = 64
INLINE_ALIGNMENT = 16


class Arena:
    """A sealed block of shared memory that one side writes and the other reads, from its start in each message."""

    def __init__(self, fd: int, size: int) -> None:
        self.size = size
        self.used = 0
        # not the module mmap, which keeps a descriptor of its own; the memory goes with the last tensor that is in it
        self._bytes = torch.from_file(f"/proc/self/fd/{fd}", shared=True, size=size, dtype=torch.uint8)

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


_HEADER = struct.Struct("<QQ")
_PADDING = bytes(INLINE_ALIGNMENT)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Frame)


class Wire:
    """Sends and receives messages, on the side of requests or, with `worker`, on that of replies.

    The trusted side is given tensors of its own, and takes no more than a reply may hold; a worker is given tensors
    that may be views of shared memory, good until the next message. `wait(event)` is called before each read, and
    before a write that would block; it may raise to give up.
    """

    def __init__(
        self,
        fd: int,
        outgoing: Arena | None,
        incoming: Arena | None,
        wait: Callable[[int], None] | None = None,
        *,
        worker: bool = False,
    ) -> None:
        self.fd = fd
        self._outgoing = outgoing
        self._incoming = incoming
        self._wait = wait
        self._views = worker
        requests, replies = (CONTROL_LIMIT, BLOB_LIMIT), (REPLY_CONTROL_LIMIT, REPLY_BLOB_LIMIT)
        self._sends, self._takes = (replies, requests) if worker else (requests, replies)
        self._buffer = bytearray()

    def send(self, message: Message, tensors: Sequence[Tensor], *, keep: int = 0, inline: int = INLINE_BYTES) -> None:
        """Send a message; tensors of more than `inline` bytes go through shared memory.

        The first `keep` bytes of the outgoing shared memory are still in use and left alone.

        Raises:
            ProtocolError: the message is larger than it may be; nothing was sent.
        """
        if self._outgoing is not None:
            self._outgoing.used = keep
        described, along = self._place(tensors, inline)
        control = _encoder.encode(_Frame(message, described))
        blob = sum(map(len, along))
        for size, limit, what in zip((len(control), blob), self._sends, ("beside its tensors", "in it"), strict=True):
            if size > limit:
                raise ProtocolError(f"a message has more than {limit >> 20} MiB {what}")
        self._write(b"".join([_HEADER.pack(len(control), blob), control, _padding(len(control)), *along]))

    def close(self) -> None:
        """Let go of the shared memory and of whoever waits; nothing can be sent or received any more."""
        self._outgoing = self._incoming = self._wait = None

    def used(self) -> int:
        """Bytes of the outgoing shared memory that the last message took."""
        return self._outgoing.used if self._outgoing is not None else 0

    def _place(self, tensors: Sequence[Tensor], inline: int) -> tuple[list[_Described], list[bytes]]:
        if len(tensors) > TENSOR_LIMIT:
            raise ProtocolError(f"a message has more than {TENSOR_LIMIT} tensors")
        described, along = [], []
        for tensor in tensors:
            offset = None
            if tensor.nbytes > inline and self._outgoing is not None:
                offset = self._outgoing.put(tensor)
            if offset is None and tensor.numel():
                data = _bytes_of(tensor)
                along += [data, _padding(len(data))]
            place = -1 if offset is None else offset
            described.append(_Described(DTYPE_NAMES[tensor.dtype], list(tensor.shape), place))
        return described, along

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self.fd, left) :]  # os.write: the worker's filter refuses send(2)
            except BlockingIOError:
                if self._wait is None:
                    raise
                self._wait(select.POLLOUT)

    def receive(self) -> tuple[Message, list[Tensor]]:
        """The next message.

        Raises:
            EOFError: the other side is gone.
            ProtocolError: what came is no message, or larger than it may be.
        """
        control_size, blob_size = _HEADER.unpack_from(self._fill(_HEADER.size))
        if control_size > self._takes[0] or blob_size > self._takes[1]:
            raise ProtocolError("a message is larger than the limit")
        start = _HEADER.size + control_size
        blob_start = start + len(_padding(control_size))
        data = self._fill(blob_start + blob_size)
        # what is left over belongs to the next message; tensors keep `data` itself alive
        self._buffer = data[blob_start + blob_size :]
        try:
            frame = _decoder.decode(memoryview(data)[_HEADER.size : start])
        except Exception as fault:  # msgspec: also RecursionError and UnicodeDecodeError
            raise ProtocolError(f"what came is no message ({type(fault).__name__})") from fault
        return frame.message, self._tensors(frame.tensors, data, blob_start, blob_start + blob_size)

    def _tensors(self, described: list[_Described], data: bytearray, start: int, end: int) -> list[Tensor]:
        if len(described) > TENSOR_LIMIT:
            raise ProtocolError(f"a message has more than {TENSOR_LIMIT} tensors")
        shared = self._incoming.size if self._incoming is not None else 0
        left = shared + end - start  # each byte that came may be part of one tensor, so copies can't outgrow it
        tensors = []
        for one in described:
            dtype, count = _checked(one)
            length = count * dtype.itemsize
            left -= length
            if left < 0:
                raise ProtocolError("a message has fewer bytes than its tensors need")
            if length == 0:
                tensors.append(torch.empty(one.shape, dtype=dtype))
            elif one.offset >= 0 and self._incoming is not None:
                raw = self._incoming.view(one.offset, length).view(dtype)
                tensors.append(_whole(raw if self._views else raw.clone(), one.shape))
            else:
                if start + length > end:
                    raise ProtocolError("a message has fewer bytes than its tensors need")
                raw = torch.frombuffer(data, dtype=dtype, count=count, offset=start)
                tensors.append(_whole(raw, one.shape))
                start += length + len(_padding(length))
        return tensors

    def _fill(self, size: int) -> bytearray:
        """The buffer, once it holds at least `size` bytes."""
        while len(self._buffer) < size:
            if self._wait:
                self._wait(select.POLLIN)
            chunk = os.read(self.fd, max(min(size - len(self._buffer), 1 << 20), 1 << 14))
            if not chunk:
                raise EOFError("the other side is gone")
            self._buffer += chunk
        return self._buffer


def _padding(size: int) -> bytes:
    return _PADDING[: -size % INLINE_ALIGNMENT]


def _bytes_of(tensor: Tensor) -> bytes:
    if tensor.dtype is torch.bfloat16:  # numpy has none
        tensor = tensor.view(torch.int16)
    return tensor.numpy().tobytes()


def _whole(raw: Tensor, shape: list[int]) -> Tensor:
    if raw.dtype is torch.bool:  # any byte but 0 and 1 would be neither true nor false
        raw = raw.view(torch.uint8) != 0
    return raw.view(shape)


def _checked(one: _Described) -> tuple[torch.dtype, int]:
    """The dtype of a tensor that can be, and how many elements it has."""
    dtype = DTYPES.get(one.dtype)
    if dtype is None or len(one.shape) > 25 or any(not 0 <= size < 1 << 40 for size in one.shape):
        raise ProtocolError("a message describes a tensor that can't be")
    count = 1
    for size in one.shape:
        count *= size
    if count == 0 and max(one.shape) > 1 << 31:
        raise ProtocolError("a message describes a tensor that can't be")
    if count * dtype.itemsize > BLOB_LIMIT:
        raise ProtocolError(f"a tensor is larger than {BLOB_LIMIT >> 20} MiB")
    return dtype, count
