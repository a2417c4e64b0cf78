"""Values to nodes and back: plain values and tensors cross, all else is a reference or is known by its kind alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from torch import Tensor

from grader.errors import ProtocolError

__all__ = ["DTYPES", "DTYPE_NAMES", "Branch", "Node", "Odd", "Reference", "odd_kind", "pack", "unpack"]

DEPTH_LIMIT = 64
RANGE_LIMIT = 1 << 16
INTEGER_BITS = 1024
ODD_KEYS_LIMIT = 1000  # keys of one dictionary that are neither text nor small integers: their hashes can be made alike

DTYPES: dict[str, torch.dtype] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
        torch.int8, torch.uint8, torch.bool, torch.complex64, torch.complex128,
    )
}  # fmt: skip
DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


class Branch(msgspec.Struct, array_like=True, gc=False):
    """A node that is no plain value: its tag says what its parts are.

    "l", "t": items of a list or tuple; "d": keys and values of a dictionary, in turn; "T", "N": the place of a tensor
    (or array) in the message's list; "h", "c", "f": a reference's key and type name; "i": a long integer; "b": bytes;
    "z": a complex number; "y": a dtype; "v": a device; "o": the kind of a value that does not cross.
    """

    tag: str
    parts: list[Branch | bool | int | float | str | None]


# The decoder knows this type, so that maps, extensions and times in a reply are refused before they are made.
Node = Branch | bool | int | float | str | None


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


Refer = Callable[[object], Node]
Restore = Callable[[Reference], object]

_AS_THEY_ARE = frozenset({type(None), bool, float})


def pack(
    value: object,
    tensors: list[Tensor],
    refer: Refer | None = None,
    originals: list[Tensor] | None = None,
    named: Callable[[Tensor], Node] | None = None,
) -> Node:
    """The node of `value`; its tensors are appended to `tensors`, and what is not plain is given to `refer`.

    Args:
        value: numbers, text, bytes, None, dtypes, devices, tensors, arrays, and lists, tuples and dictionaries of them.
        tensors: gets each tensor detached, dense, on the CPU; storage is shared with the tensor given where possible.
        refer: gives the node of anything else.
        originals: gets each tensor as it was given, in the order of `tensors`.
        named: gives the node of a tensor that the other side has already; None for all others.
    Raises:
        ProtocolError: for a value nested deeper than `DEPTH_LIMIT`, or one that is not plain where `refer` is None.
    """
    return _Packer(tensors, refer, originals, named).node(value, 0)


class _Packer:
    __slots__ = ("named", "originals", "refer", "tensors")

    def __init__(
        self,
        tensors: list[Tensor],
        refer: Refer | None,
        originals: list[Tensor] | None,
        named: Callable[[Tensor], Node] | None,
    ) -> None:
        self.tensors = tensors
        self.refer = refer
        self.originals = originals
        self.named = named

    def node(self, value: Any, depth: int) -> Node:
        if depth > DEPTH_LIMIT:
            raise ProtocolError(f"a value is nested deeper than {DEPTH_LIMIT} levels")
        kind = type(value)  # the plain kinds first, by their exact type: nearly all values are of these
        if kind in _AS_THEY_ARE:
            return value  # type: ignore[no-any-return]  # its type has just been looked at
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, list | tuple):
            return Branch("l" if isinstance(value, list) else "t", [self.node(item, depth + 1) for item in value])
        if kind is dict or (isinstance(value, dict) and all(type(key) is str for key in value)):
            return Branch("d", [self.node(part, depth + 1) for row in value.items() for part in row])
        if isinstance(value, np.ndarray):
            return self._array(value)
        if kind is range and len(value) <= RANGE_LIMIT:
            return Branch("l", list(value))
        scalar = _pack_scalar(value)
        return self._other(value) if scalar is None else scalar

    def _tensor(self, value: Tensor) -> Node:
        if self.named is not None and (node := self.named(value)) is not None:
            return node
        original = value
        if type(value) is not Tensor:  # a subclass may answer for itself: it is asked nothing
            with torch._C.DisableTorchFunctionSubclass():
                value = value.as_subclass(Tensor)
        kind = odd_kind(value)
        if kind:
            return Branch("o", [kind])
        plain = value.detach().resolve_conj().resolve_neg()
        return self._keep("T", (plain if plain.device.type == "cpu" else plain.cpu()).contiguous(), original)

    def _array(self, value: np.ndarray[Any, Any]) -> Node:
        try:
            tensor = torch.from_numpy(np.ascontiguousarray(value).copy()).reshape(value.shape)
        except (TypeError, ValueError):
            return Branch("o", [f"array of {value.dtype}"])
        return self._keep("N", tensor, tensor)

    def _keep(self, tag: str, tensor: Tensor, original: Tensor) -> Node:
        self.tensors.append(tensor)
        if self.originals is not None:
            self.originals.append(original)
        return Branch(tag, [len(self.tensors) - 1])

    def _other(self, value: object) -> Node:
        if isinstance(value, Reference):
            return Branch(value.kind, [value.key, value.type_name])
        if isinstance(value, Odd):
            return Branch("o", [value.kind])
        if self.refer is None:
            raise ProtocolError(
                f"a value of type {type(value).__name__} can't cross to a hand-in",
                expected="numbers, text, lists, tuples, dictionaries, tensors, dtypes, devices, handles, callables",
            )
        return self.refer(value)


def _pack_scalar(value: object) -> Node:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return _pack_integer(int(value))
    if isinstance(value, float | np.floating):
        return float(value)
    if isinstance(value, str):
        return value if type(value) is str and value.isascii() else str(value).encode("utf-8", "replace").decode()
    if isinstance(value, bytes):
        return Branch("b", [bytes(value).decode("latin-1")])  # each byte as the letter of its number
    if isinstance(value, complex):
        return Branch("z", [value.real, value.imag])
    if isinstance(value, torch.dtype):
        return Branch("y", [str(value).removeprefix("torch.")])
    if isinstance(value, torch.device):
        return Branch("v", [str(value)])
    return None


def _pack_integer(number: int) -> Node:
    if -(1 << 63) <= number < 1 << 63:
        return number
    if number.bit_length() > INTEGER_BITS:
        return Branch("o", [f"integer of {number.bit_length()} bits"])
    return Branch("i", [str(number)])


def odd_kind(value: Tensor) -> str:
    """Why a tensor does not cross: "sparse tensor", "meta tensor"; nothing where it does."""
    if value.layout is not torch.strided:
        return "sparse tensor"
    if value.is_nested:
        return "nested tensor"
    if value.is_quantized:
        return "quantized tensor"
    if value.is_meta:
        return "meta tensor"
    return "" if value.dtype in DTYPE_NAMES else f"tensor of {value.dtype}"


def unpack(node: Node, tensors: Sequence[Tensor], restore: Restore | None = None) -> Any:
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


def _unpack(node: Node, tensors: Sequence[Tensor], restore: Restore | None, depth: int) -> Any:
    if not isinstance(node, Branch):
        return node
    if depth > DEPTH_LIMIT:
        raise ProtocolError(f"a message is nested deeper than {DEPTH_LIMIT} levels")
    tag = node.tag
    if tag == "T":
        return _tensor_at(node.parts, tensors)
    if tag not in ("l", "t", "d"):
        return _unpack_leaf(tag, node.parts, tensors, restore)
    items = [_unpack(part, tensors, restore, depth + 1) for part in node.parts]
    if tag == "d":
        keys = items[::2]
        if sum(not _is_common_key(key) for key in keys) > ODD_KEYS_LIMIT:
            raise ProtocolError(f"a dictionary has more than {ODD_KEYS_LIMIT} keys that are neither text nor indices")
        return dict(zip(keys, items[1::2], strict=True))
    return items if tag == "l" else tuple(items)


def _is_common_key(key: object) -> bool:
    return type(key) is str or (type(key) is int and abs(key) <= 1 << 60)


def _tensor_at(parts: list[Any], tensors: Sequence[Tensor]) -> Tensor:
    index = parts[0]
    if type(index) is not int or not 0 <= index < len(tensors):
        raise ProtocolError("a message names a tensor that it doesn't carry")
    return tensors[index]


def _unpack_leaf(tag: str, parts: list[Any], tensors: Sequence[Tensor], restore: Restore | None) -> Any:
    if tag == "N":
        return _tensor_at(parts, tensors).numpy()
    if tag in ("h", "c", "f"):
        reference = Reference(tag, parts[0], str(parts[1]))  # type: ignore[arg-type]  # tag is one of the three
        return restore(reference) if restore else reference
    if tag == "i":
        return int(parts[0][:INTEGER_BITS])
    if tag == "b":
        return parts[0].encode("latin-1")
    if tag == "z":
        return complex(parts[0], parts[1])
    if tag == "y":
        return DTYPES[parts[0]] if parts[0] in DTYPES else Odd(f"dtype {parts[0]}"[:80])
    if tag == "v":
        return torch.device(parts[0])
    if tag == "o":
        return Odd(str(parts[0])[:80])
    raise ProtocolError(f"a message holds a value with the unknown tag {tag!r:.20}")
