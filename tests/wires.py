"""Both ends of a channel between the trusted side and a worker, in one process."""

from __future__ import annotations

import socket
from typing import Any

from torch import Tensor

from grader.protocol import Arena, Message, Wire, pack, unpack
from grader.student.confined import sealed

__all__ = ["SIZE", "Ends"]

SIZE = 1 << 20


class Ends:
    """Both ends of a channel with shared memory of 1 MiB each way."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        fds = sealed("one", SIZE), sealed("other", SIZE)
        self.forth, self.back = Arena(fds[0], SIZE), Arena(fds[1], SIZE)
        self.trusted = Wire(self.near.fileno(), self.forth, self.back)
        self.worker = Wire(self.far.fileno(), Arena(fds[1], SIZE), Arena(fds[0], SIZE), worker=True)

    def across(self, value: object) -> Any:
        """A value, sent as a reply and received."""
        tensors: list[Tensor] = []
        node = pack(value, tensors)
        self.worker.send(Message("value", value=node), tensors)
        message, received = self.trusted.receive()
        return unpack(message.value, received)

    def close(self) -> None:
        self.near.close()
        self.far.close()
