"""What the trusted side asks of the warm parent, and how it travels: one datagram with five descriptors."""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Sequence

import msgspec

from grader.errors import ProtocolError

__all__ = ["ARENA_BYTES", "OUTPUT_BYTES", "Ended", "Spawn", "Started", "receive", "send"]

ARENA_BYTES = 256 << 20  # shared memory each way; pages count only when touched
OUTPUT_BYTES = 16 << 20  # what a worker may print

# the descriptors of a `Spawn`, in this order
FDS = ("channel", "incoming", "outgoing", "output", "status")


class Spawn(msgspec.Struct, tag=True):
    """Fork a worker: what it may read and write beside the base paths, its memory, and how it is confined."""

    read: list[str]
    scratch: str
    memory_mib: int
    mode: str


class Started(msgspec.Struct, tag=True):
    """A worker runs; its pidfd comes with this message."""

    pid: int


class Ended(msgspec.Struct, tag=True):
    """A worker is gone: its exit status, or minus the signal that ended it, and the CPU seconds it has used."""

    status: int
    cpu_s: float


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Spawn | Started | Ended)


def send(sock: socket.socket, message: Spawn | Started | Ended, fds: Sequence[int] = ()) -> None:
    """Send one datagram with its descriptors."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([_encoder.encode(message)], rights)


def receive(sock: socket.socket) -> tuple[Spawn | Started | Ended, list[int]]:
    """The next datagram and its descriptors.

    Raises:
        EOFError: the other side is gone.
    """
    data, rights, _, _ = sock.recvmsg(1 << 16, socket.CMSG_SPACE(16 * array.array("i").itemsize))
    fds = array.array("i")
    for level, kind, content in rights:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    if not data:
        for fd in fds:
            os.close(fd)
        raise EOFError("the other side is gone")
    try:
        return _decoder.decode(data), list(fds)
    except msgspec.DecodeError as fault:
        raise ProtocolError("a datagram that asks for nothing known") from fault
