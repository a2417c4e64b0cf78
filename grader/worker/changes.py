"""What a call did to its arguments: which were changed, and which share their storage with a result."""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from grader.protocol import Branch, Node, odd_kind, pack
from grader.protocol.values import Refer

__all__ = ["changed", "shared"]

REFERENCES = ("c", "f", "h")
_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]


def changed(node: Node, before: Sequence[Tensor], value: object, refer: Refer) -> bool:
    """Whether an argument that was sent as `node`, with the tensors `before`, is now something else."""
    if not isinstance(node, Branch):
        return False  # a plain value can't be changed where it is
    if node.tag == "T":
        return not (isinstance(value, Tensor) and _same_bytes(before[_place(node)], value))
    if node.tag not in ("N", "l", "t", "d"):
        return False
    after: list[Tensor] = []
    again = pack(value, after, refer)
    return not _same(node, before, again, after)


def _same(one: Node, before: Sequence[Tensor], other: Node, after: Sequence[Tensor]) -> bool:
    if not isinstance(one, Branch) or not isinstance(other, Branch):
        return one == other or (one != one and other != other)
    if one.tag in REFERENCES:
        return other.tag in REFERENCES  # whatever it is called on the way back
    if one.tag in ("T", "N"):
        return one.tag == other.tag and _same_bytes(before[_place(one)], after[_place(other)])
    return (
        one.tag == other.tag
        and len(one.parts) == len(other.parts)
        and all(_same(a, before, b, after) for a, b in zip(one.parts, other.parts, strict=True))
    )


def _place(node: Branch) -> int:
    (place,) = node.parts
    assert isinstance(place, int)
    return place


def _same_bytes(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype or odd_kind(other):
        return False
    other = other.detach().contiguous()
    # the bytes first: four times as fast, and NaN is like NaN; then the values, since -0 is like 0
    if _memcmp(one.data_ptr(), other.data_ptr(), one.nbytes) == 0:
        return True
    return torch.equal(one, other)


def shared(
    results: Sequence[Tensor], nodes: Sequence[tuple[str | int, Node]], given: Sequence[Tensor]
) -> list[str | int]:
    """Those arguments, as (key, node) with the tensors `given`, that a result shares its storage with."""
    storages = {_storage(one) for one in results} - {0}
    return [key for key, node in nodes if any(_storage(given[place]) in storages for place in _places(node))]


def _places(node: Node) -> Collection[int]:
    if not isinstance(node, Branch) or node.tag in REFERENCES:
        return ()
    if node.tag in ("T", "N"):
        return (_place(node),)
    return [place for part in node.parts for place in _places(part)]


def _storage(tensor: Tensor) -> int:
    """Where its storage begins; 0 where it has none."""
    with torch._C.DisableTorchFunctionSubclass():
        return 0 if odd_kind(tensor) or not tensor.numel() else tensor.untyped_storage().data_ptr()


def by_key(args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str | int, Any]:
    """Positional arguments by their place, keywords by their name."""
    found: dict[str | int, Any] = dict(enumerate(args))
    found.update(kwargs)
    return found
