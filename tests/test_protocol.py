"""Values, messages and the wire: what crosses arrives as it was, and what should never have been sent is refused."""

from __future__ import annotations

import select
import socket
import struct
from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from grader.errors import ProtocolError
from grader.protocol import Arena, Branch, Message, Odd, Reference, Wire, pack, unpack, wire
from grader.protocol.values import DEPTH_LIMIT, DTYPES, ODD_KEYS_LIMIT
from grader.student.confined import sealed

SIZE = 1 << 20
Point = namedtuple("Point", "x y")


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


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.close()


@pytest.fixture(scope="module")
def shared_ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.close()


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 200), 1 << 200)
    | st.floats()
    | st.text(st.characters(codec="utf-8"))
    | st.binary()
    | st.complex_numbers(allow_nan=False)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(st.characters(codec="utf-8")) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


class TestPlainValues:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(value=VALUES)
    def test_they_arrive_as_they_were(self, shared_ends: Ends, value: object) -> None:
        assert repr(shared_ends.across(value)) == repr(value)  # by repr: NaN is like NaN, 1 is not like True

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (Point(1, 2.5), (1, 2.5)),
            (torch.Size([3, 4]), (3, 4)),
            (range(1, 4), [1, 2, 3]),
            (np.float64(0.5), 0.5),
            (np.float32(0.5), 0.5),
            (np.int64(7), 7),
            (np.bool_(True), True),
            (np.str_("name"), "name"),
            ("a lone \ud800 half", "a lone ? half"),
            (1 << 2000, Odd("integer of 2001 bits")),
            (torch.float32, torch.float32),
            (torch.float8_e5m2, Odd("dtype float8_e5m2")),
            (torch.device("cpu"), torch.device("cpu")),
            (np.array([object()]), Odd("array of object")),
            (Odd("meta tensor"), Odd("meta tensor")),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_is_like_a_plain_value_arrives_as_one(self, ends: Ends, value: object, expected: object) -> None:
        arrived = ends.across(value)
        assert arrived == expected
        assert type(arrived) is type(expected)

    def test_a_subclass_of_a_number_is_asked_for_its_number_alone(self, ends: Ends) -> None:
        class AlwaysEqual(float):
            def __eq__(self, other: object) -> bool:
                return True

            __hash__ = float.__hash__

        arrived = ends.across(AlwaysEqual(3.0))
        assert type(arrived) is float
        assert arrived != 4.0

    def test_what_is_not_plain_is_refused_by_name(self) -> None:
        with pytest.raises(ProtocolError, match=r"a value of type object can't cross"):
            pack(object(), [])

    def test_what_is_not_plain_is_given_to_refer_and_restore(self) -> None:
        thing = object()
        node = pack([thing], [], lambda value: Branch("h", [5, type(value).__name__]))
        assert unpack(node, []) == [Reference("h", 5, "object")]
        assert unpack(node, [], lambda reference: (reference.key, thing)) == [(5, thing)]

    def test_a_value_of_the_deepest_depth_allowed_crosses(self, ends: Ends) -> None:
        value: list[Any] = []
        for _ in range(DEPTH_LIMIT):
            value = [value]
        assert ends.across(value) == value

    def test_a_deeper_value_is_refused(self) -> None:
        value: list[Any] = []
        value.append(value)
        with pytest.raises(ProtocolError, match="nested deeper than 64 levels"):
            pack(value, [])


class TestTensors:
    @pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
    @pytest.mark.parametrize("shape", [(), (0, 3), (2, 3), (70, 80)], ids=str)
    def test_every_dtype_and_shape_arrives_as_it_was(
        self, ends: Ends, dtype: torch.dtype, shape: tuple[int, ...]
    ) -> None:
        tensor = (
            (torch.arange(max(1, torch.Size(shape).numel())) % 2).to(dtype)[: torch.Size(shape).numel()].view(shape)
        )
        arrived = ends.across(tensor)
        assert arrived.dtype is dtype
        assert torch.equal(arrived, tensor)
        assert arrived.shape == tensor.shape

    @pytest.mark.parametrize(
        "tensor",
        [
            torch.arange(12.0).view(3, 4).T,
            torch.ones(1).expand(5, 4),
            torch.arange(6.0)[::2],
            torch.tensor([1 + 2j]).conj(),
            torch.tensor([1 + 2j]).conj().imag,
            torch.ones(2, requires_grad=True) * 2,
            torch.nn.Parameter(torch.ones(2)),
        ],
        ids=["transposed", "expanded", "strided", "conjugate", "negative bit", "with a gradient", "parameter"],
    )
    def test_a_view_of_any_kind_arrives_as_a_plain_tensor(self, ends: Ends, tensor: Tensor) -> None:
        arrived = ends.across(tensor)
        assert torch.equal(arrived, tensor.detach().resolve_conj().resolve_neg())
        assert type(arrived) is Tensor
        assert arrived.is_contiguous()
        assert [arrived.requires_grad, arrived.is_conj(), arrived.is_neg()] == [False] * 3

    @pytest.mark.filterwarnings("ignore:.*(prototype|quant|Sparse).*")
    @pytest.mark.parametrize(
        ("make", "kind"),
        [
            (lambda: torch.ones(2, 2).to_sparse(), "sparse tensor"),
            (lambda: torch.ones(2, device="meta"), "meta tensor"),
            (lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "nested tensor"),
            (lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8), "quantized tensor"),
            (lambda: torch.ones(2).to(torch.float8_e5m2), "tensor of torch.float8_e5m2"),
        ],
        ids=["sparse", "meta", "nested", "quantized", "float8"],
    )
    def test_a_tensor_of_an_odd_kind_is_known_by_its_name_alone(
        self, ends: Ends, make: Callable[[], Tensor], kind: str
    ) -> None:
        assert ends.across([make(), torch.ones(1)]) == [Odd(kind), torch.ones(1)]

    def test_an_array_arrives_as_an_array(self, ends: Ends) -> None:
        array = np.linspace(0, 1, 5)[::-1]
        arrived = ends.across(array)
        assert isinstance(arrived, np.ndarray)
        assert np.array_equal(arrived, array)

    def test_a_subclass_that_answers_for_itself_is_asked_nothing(self, ends: Ends) -> None:
        class Liar(Tensor):
            @classmethod
            def __torch_function__(cls, *args: object, **kwargs: object) -> Tensor:
                raise AssertionError("asked")

        honest = torch.full((3,), 7.0)
        liar = honest.as_subclass(Liar)
        with pytest.raises(AssertionError, match="asked"):
            liar + 1  # the control
        arrived = ends.across(liar)
        assert type(arrived) is Tensor
        assert torch.equal(arrived, honest)

    def test_originals_stand_in_the_order_of_the_tensors_sent(self) -> None:
        first, second, array = torch.ones(2, requires_grad=True), torch.zeros(3), np.ones(1)
        tensors: list[Tensor] = []
        originals: list[Tensor] = []
        value = {"a": [first, torch.ones(2, device="meta")], "b": (array, second)}
        node = pack(value, tensors, originals=originals)
        assert [one.shape for one in tensors] == [one.shape for one in originals] == [(2,), (1,), (3,)]
        assert originals[0] is first
        assert originals[2] is second
        assert isinstance(node, Branch)


class TestNodesOfNoKnownForm:
    """What unpack is given may come from code that lies."""

    @pytest.mark.parametrize(
        "node",
        [
            Branch("?", []),
            Branch("T", []),
            Branch("T", [-1]),
            Branch("T", [1]),
            Branch("T", [True]),
            Branch("T", ["0"]),
            Branch("N", [None]),
            Branch("d", ["key"]),
            Branch("d", [Branch("l", []), 1]),
            Branch("h", [1]),
            Branch("i", ["many"]),
            Branch("i", [5]),
            Branch("b", ["€"]),
            Branch("z", ["1", 2.0]),
            Branch("v", ["nowhere"]),
            Branch("y", [Branch("l", [])]),
            Branch("o", []),
        ],
        ids=repr,
    )
    def test_is_refused(self, node: Branch) -> None:
        with pytest.raises(ProtocolError):
            unpack(node, [torch.ones(1)])

    def test_the_right_form_is_taken(self) -> None:
        node = Branch("d", ["key", Branch("T", [0])])
        assert unpack(node, [torch.ones(1)]) == {"key": torch.ones(1)}

    def test_a_node_that_is_too_deep_is_refused(self) -> None:
        node = Branch("l", [])
        for _ in range(DEPTH_LIMIT + 1):
            node = Branch("l", [node])
        with pytest.raises(ProtocolError, match="nested deeper"):
            unpack(node, [])

    def test_so_many_keys_as_could_be_made_to_collide_are_refused(self) -> None:
        keys = [Branch("i", [str(i * ((1 << 61) - 1))]) for i in range(ODD_KEYS_LIMIT + 50)]  # all of hash 0
        with pytest.raises(ProtocolError, match="1000 keys"):
            unpack(Branch("d", [part for key in keys for part in (key, 0)]), [])

    def test_many_keys_of_common_kinds_are_taken(self) -> None:
        parts = [part for key in range(5000) for part in (key, 0)]
        assert (
            len(unpack(Branch("d", [*parts, *(part for key in range(5000) for part in (str(key), 0))]), [])) == 10_000
        )


def frame(control: bytes, blob: bytes = b"", sizes: tuple[int, int] | None = None) -> bytes:
    """The bytes of a message, with a header that may lie."""
    control_size, blob_size = sizes or (len(control), len(blob))
    return struct.pack("<QQ", control_size, blob_size) + control + bytes(-len(control) % 16) + blob


def control_of(*described: object, message: object = None) -> bytes:
    """The control part of a message that describes these tensors."""
    return msgspec.msgpack.encode([message or {"op": "value"}, list(described)])


class TestLiesOnTheWire:
    @pytest.mark.parametrize(
        "data",
        [
            frame(b"", sizes=(1 << 40, 0)),
            frame(b"", sizes=(0, 1 << 40)),
            frame(b"", sizes=((1 << 64) - 1, 0)),
            frame(b""),
            frame(b"\xc1"),
            frame(b"no message at all"),
            frame(control_of()[:-1]),
            frame(control_of() + b"\x00"),
            frame(msgspec.msgpack.encode({"op": "value"})),
            frame(control_of(message={"op": 5})),
            frame(control_of(message={"op": "value", "value": {"a": "map"}})),
            frame(control_of(message={"op": "value", "value": msgspec.msgpack.Ext(5, b"x")})),
            frame(control_of(message={"op": "value", "value": b"bytes"})),
            frame(control_of(message={"op": "value", "value": 1 << 63}) + b"\xff"),
            frame(control_of(message={"op": "value", "value": "AAAA"}).replace(b"AAAA", b"\xff\xfe\xff\xfe")),
            frame(b"\x92\x82\xa2op\xa5value\xa5value" + b"\x92\xa1l\x91" * 100_000 + b"\xc0\x90"),
        ],
        ids=[
            "a control of a tebibyte",
            "tensors of a tebibyte",
            "a negative size",
            "an empty control",
            "a byte that no message has",
            "text",
            "half a message",
            "a message and a byte",
            "a map",
            "an op that is a number",
            "a map as a value",
            "an extension as a value",
            "bytes as a value",
            "a byte too many",
            "no UTF-8",
            "a hundred thousand levels",
        ],
    )
    def test_what_is_no_message_is_refused(self, ends: Ends, data: bytes) -> None:
        ends.trusted._buffer = bytearray(data)  # as if it had been read: the socket holds less than the longest
        ends.far.close()
        with pytest.raises(ProtocolError):
            ends.trusted.receive()

    @pytest.mark.parametrize(
        ("described", "blob"),
        [
            (["float64", [2], -1], b"12345678"),
            (["float64", [1 << 40], -1], b""),
            (["float64", [(1 << 40) - 1] * 25, -1], b""),
            (["float64", [-1], -1], b""),
            (["float64", [1] * 26, -1], b"12345678"),
            (["float64", [0, 1 << 39, 1 << 39], -1], b""),
            (["object", [1], -1], b"12345678"),
            (["float64", [1], SIZE], b""),
            (["float64", [1], 8], b""),
            (["float64", [SIZE], 0], b""),
            (["float64", [1], -2], b""),
        ],
        ids=[
            "fewer bytes than its shape",
            "a tebibyte",
            "a product beyond all numbers",
            "a negative size",
            "26 dimensions",
            "an empty one with strides beyond all numbers",
            "a dtype of objects",
            "an offset behind the shared memory",
            "an offset inside another tensor's place",
            "more than the shared memory",
            "a negative offset",
        ],
    )
    def test_a_tensor_that_can_not_be_is_refused(self, ends: Ends, described: object, blob: bytes) -> None:
        ends.far.sendall(frame(control_of(described), blob))
        with pytest.raises(ProtocolError):
            ends.trusted.receive()

    def test_the_truth_is_taken(self, ends: Ends) -> None:
        ends.far.sendall(frame(control_of(["float64", [1], -1], ["uint8", [4], 0]), struct.pack("<d", 2.5) + bytes(8)))
        _, (inline, shared) = ends.trusted.receive()
        assert inline.tolist() == [2.5]
        assert shared.shape == (4,)

    def test_tensors_that_all_name_the_same_memory_are_refused(self, ends: Ends) -> None:
        one = ["uint8", [SIZE], 0]
        ends.far.sendall(frame(control_of(one)))
        assert len(ends.trusted.receive()[1]) == 1
        ends.far.sendall(frame(control_of(*[one] * 100)))
        with pytest.raises(ProtocolError, match="fewer bytes than its tensors need"):
            ends.trusted.receive()

    def test_more_tensors_than_a_message_may_have_are_refused(
        self, ends: Ends, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wire, "TENSOR_LIMIT", 3)
        ends.worker.send(Message("value"), [torch.ones(1)] * 3)
        assert len(ends.trusted.receive()[1]) == 3
        with pytest.raises(ProtocolError, match="more than 3 tensors"):
            ends.worker.send(Message("value"), [torch.ones(1)] * 4)
        ends.far.sendall(frame(control_of(*[["uint8", [0], -1]] * 4)))
        with pytest.raises(ProtocolError, match="more than 3 tensors"):
            ends.trusted.receive()

    def test_a_byte_that_is_neither_true_nor_false_is_true(self, ends: Ends) -> None:
        ends.far.sendall(frame(control_of(["bool", [3], -1]), b"\x00\x01\x07" + bytes(13)))
        (tensor,) = ends.trusted.receive()[1]
        assert tensor.view(torch.uint8).tolist() == [0, 1, 1]

    @settings(max_examples=150, deadline=None)
    @given(data=st.data())
    def test_no_bytes_raise_anything_but_a_protocol_error(self, data: st.DataObject) -> None:
        tensors = [torch.ones(2, 3, dtype=torch.float64)]
        control = bytearray(msgspec.msgpack.encode([Message("value", value=pack([1.5, "text", {"k": None}], [])),
                                                    [["float64", [2, 3], -1]]]))  # fmt: skip
        for place in data.draw(st.lists(st.integers(0, len(control) - 1), max_size=4)):
            control[place] = data.draw(st.integers(0, 255))
        ends = Ends()
        try:
            ends.far.sendall(frame(bytes(control), tensors[0].numpy().tobytes()))
            message, received = ends.trusted.receive()
            unpack(message.value, received)
            unpack(message.after, received)
        except ProtocolError:
            pass
        finally:
            ends.close()


class TestTheWire:
    def test_a_large_tensor_goes_through_shared_memory_and_a_small_one_does_not(self, ends: Ends) -> None:
        ends.trusted.send(Message("call"), [torch.ones(10)])
        assert ends.trusted.used() == 0
        ends.trusted.send(Message("call"), [torch.ones(10_000)])
        assert ends.trusted.used() == 40_000

    def test_tensors_that_find_no_room_there_go_along(self, ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
        tensors = [torch.full((SIZE // 16,), float(i), dtype=torch.float64) for i in range(3)]
        written: list[bytes] = []
        monkeypatch.setattr(ends.trusted, "_write", written.append)  # the socket holds less than 1 MiB
        ends.trusted.send(Message("call"), tensors)
        assert len(written[0]) > SIZE // 2
        ends.worker._buffer = bytearray(written[0])
        assert all(map(torch.equal, ends.worker.receive()[1], tensors))

    def test_the_trusted_side_gets_copies_and_a_worker_views(self, ends: Ends) -> None:
        tensor = torch.ones(10_000)
        ends.worker.send(Message("value"), [tensor])
        (copy,) = ends.trusted.receive()[1]
        ends.trusted.send(Message("call"), [tensor])
        (view,) = ends.worker.receive()[1]
        for arena in (ends.forth, ends.back):
            arena._bytes.zero_()
        assert torch.equal(copy, tensor)
        assert not view.any()

    def test_what_is_still_in_use_is_left_alone(self, ends: Ends) -> None:
        ends.trusted.send(Message("call"), [torch.ones(10_000)])
        kept = ends.trusted.used()
        (first,) = ends.worker.receive()[1]
        ends.trusted.send(Message("answer"), [torch.zeros(10_000)], keep=kept)
        (second,) = ends.worker.receive()[1]
        assert first.all()
        assert not second.any()

    def test_two_messages_that_come_at_once_are_two(self, ends: Ends) -> None:
        ends.worker.send(Message("one"), [torch.ones(2)])
        ends.worker.send(Message("two"), [torch.zeros(3)])
        messages = [ends.trusted.receive() for _ in range(2)]
        assert [(message.op, tensors[0].tolist()) for message, tensors in messages] == [
            ("one", [1, 1]),
            ("two", [0] * 3),
        ]

    def test_a_message_that_comes_byte_by_byte_is_put_together(
        self, ends: Ends, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[bytes] = []
        monkeypatch.setattr(ends.worker, "_write", written.append)
        ends.worker.send(Message("value"), [torch.ones(3)])
        left = iter(written[0])
        ends.trusted._wait = lambda event: ends.far.sendall(bytes([next(left)]))
        message, (tensor,) = ends.trusted.receive()
        assert (message.op, tensor.tolist()) == ("value", [1, 1, 1])

    def test_half_a_message_and_silence_is_waited_for_as_long_as_wait_allows(self, ends: Ends) -> None:
        asked: list[int] = []

        def wait(event: int) -> None:
            asked.append(event)
            if len(asked) > 1:
                raise TimeoutError

        ends.trusted._wait = wait
        ends.far.sendall(frame(control_of())[:20])
        with pytest.raises(TimeoutError):
            ends.trusted.receive()
        assert asked == [select.POLLIN] * 2

    def test_the_end_of_the_other_side_is_told(self, ends: Ends) -> None:
        ends.far.sendall(frame(control_of())[:20])
        ends.far.close()
        with pytest.raises(EOFError):
            ends.trusted.receive()

    def test_a_reader_that_never_reads_is_waited_for_as_long_as_wait_allows(self, ends: Ends) -> None:
        def wait(event: int) -> None:
            assert event == select.POLLOUT
            raise TimeoutError

        ends.near.setblocking(False)
        ends.trusted._wait = wait
        with pytest.raises(TimeoutError):
            ends.trusted.send(Message("call", text="x" * (4 << 20)), [])

    def test_a_worker_may_send_less_than_the_trusted_side(self, ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ends.worker, "_write", lambda data: None)
        monkeypatch.setattr(ends.trusted, "_write", lambda data: None)
        text = Message("value", text="x" * (wire.REPLY_CONTROL_LIMIT + 1))
        ends.trusted.send(text, [])
        with pytest.raises(ProtocolError, match="more than 4 MiB beside its tensors"):
            ends.worker.send(text, [])

    def test_a_header_within_the_limit_of_one_side_is_beyond_that_of_the_other(self, ends: Ends) -> None:
        header = struct.pack("<QQ", wire.REPLY_CONTROL_LIMIT + 1, 0)
        ends.far.sendall(header)
        with pytest.raises(ProtocolError, match="larger than the limit"):
            ends.trusted.receive()
        ends.near.sendall(header)
        ends.near.close()
        with pytest.raises(EOFError):  # read on
            ends.worker.receive()
