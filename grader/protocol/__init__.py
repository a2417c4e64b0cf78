"""Messages between the trusted side and a worker: plain values and tensors in, bytes and shared memory between.

A value is packed into a *node* (scalars stay; containers, tensors and references become tagged lists) and a list of
tensors beside it. A `Message` holds nodes; a `Wire` moves messages over a socket, small tensors inline and large ones
through an `Arena` of shared memory. Nothing is ever unpickled, and whatever arrives is checked before it is used.

A request carries a number that nobody can foresee, and its reply (or a callback on the way) must repeat it: code that
finds the channel in its own process can answer the call being made, which is its own anyhow, but no other.
"""

from grader.protocol.memory import keep_freed_memory, put_code_down
from grader.protocol.messages import Error, Message
from grader.protocol.values import Branch, Node, Odd, Reference, odd_kind, pack, unpack
from grader.protocol.wire import Arena, Wire

__all__ = [
    "Arena",
    "Branch",
    "Error",
    "Message",
    "Node",
    "Odd",
    "Reference",
    "Wire",
    "keep_freed_memory",
    "odd_kind",
    "pack",
    "put_code_down",
    "unpack",
]
