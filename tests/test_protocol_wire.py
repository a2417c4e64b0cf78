"""Messages on the wire: large and small ones arrive, and what should never have been sent is refused."""

from __future__ import annotations

import select
import struct
from collections.abc import Iterator

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import ProtocolError
from grader.protocol import Message, pack, unpack, wire
from tests.wires import SIZE, Ends


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.close()


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
