"""Real workers whose code finds the channel, and calls that are timed."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import pytest
import torch

from grader.errors import ProtocolError
from grader.protocol import Message
from grader.student import (
    Confined,
    StudentError,
    StudentFault,
    StudentTimeout,
    confined,
)
from tests.workers import Connect

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")


MIB = 1 << 20


FORGE = """
import os, msgspec, sys, gc
def frame(message):
    control = msgspec.msgpack.encode([message, []])
    return len(control).to_bytes(8, 'little') + bytes(8) + control + bytes(-len(control) % 16)
def ahead():
    os.write(900, frame({'op': 'value', 'value': 'forged'}))
    return 'honest'
def twice():
    number = next(o for o in gc.get_objects() if type(o).__name__ == 'Server')._request
    os.write(900, frame({'op': 'value', 'value': 'forged', 'number': number}))
    return 'honest'
def garbage():
    os.write(900, b'no frame at all, but long enough to be one')
    return 'honest'
def question():
    os.write(900, frame({'op': 'callback', 'number': 1, 'target': ['c', 1]}))
    return 'honest'
def dripping():
    import time
    data = frame({'op': 'value', 'value': 'x' * 100_000})
    for i in range(len(data)):
        os.write(900, data[i : i + 1])
        time.sleep(0.002)
def half():
    import time
    os.write(900, frame({'op': 'value'})[:20])
    time.sleep(1000)
def deaf():
    import time
    time.sleep(1000)
def honest(): return 'honest'
"""


class TestForgedMessages:
    def test_a_reply_without_the_number_of_the_call_is_refused(self, connect: Connect) -> None:
        one = connect.student(FORGE)
        with pytest.raises(ProtocolError, match="a reply to a call that was not made"):
            one.ahead()
        assert one.honest() == "honest"  # by a new worker

    def test_a_reply_to_the_call_being_made_is_the_hand_ins_answer_and_nothing_more(self, connect: Connect) -> None:
        one = connect.student(FORGE)
        assert one.twice() == "forged"
        with pytest.raises(ProtocolError, match="a reply to a call that was not made"):
            one.honest()  # the real reply to the call before is no answer to this one
        assert one.honest() == "honest"

    @pytest.mark.parametrize("name", ["garbage", "question"])
    def test_anything_else_is_refused(self, connect: Connect, name: str) -> None:
        one = connect.student(FORGE)
        with pytest.raises(ProtocolError):
            getattr(one, name)()
        assert one.honest() == "honest"

    def test_the_numbers_of_calls_can_not_be_foreseen(self, connect: Connect) -> None:
        text = "import gc\ndef f(): return next(o for o in gc.get_objects() if type(o).__name__ == 'Server')._request\n"
        one = connect.student(text)
        numbers = [one.f() for _ in range(4)]
        assert len({abs(a - b) for a in numbers for b in numbers if a != b}) == 6
        assert all(number.bit_length() > 40 for number in numbers)

    @pytest.mark.parametrize("name", ["dripping", "half", "deaf"])
    def test_a_reply_that_does_not_come_to_an_end_is_waited_for_no_longer_than_the_limit(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setattr(confined, "WALL_FACTOR", 0.05)
        one = connect.student(FORGE, cpu_s=10)
        start = time.monotonic()
        with pytest.raises(StudentTimeout, match=r"no answer within 0\.5 seconds"):
            getattr(one, name)()
        assert time.monotonic() - start < 2.5

    def test_a_request_that_nobody_reads_is_given_up_too(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(confined, "WALL_FACTOR", 0.05)
        worker = connect(FORGE, cpu_s=10)
        worker.request(Message("load", text="answers"), [], _no_answer)
        os.kill(worker.pid, signal.SIGSTOP)
        with pytest.raises(StudentTimeout):
            worker.request(Message("call", text="x" * MIB), [], _no_answer)


def _no_answer(question: Message, tensors: list[torch.Tensor]) -> Any:
    raise AssertionError("nobody was to be asked")


class TestTimedCalls:
    def test_run_while_the_clock_runs_and_the_worker_is_stopped_otherwise(self, connect: Connect) -> None:
        text = "import time\ndef f(x):\n    time.sleep(0.05)\n    return x + 1\n"
        one = connect.student(text)
        seconds, value = one._timed("f", (torch.ones(2),))
        assert 0.05 < seconds < 0.5
        assert value.tolist() == [2, 2]
        assert isinstance(one._transport, Confined)
        assert confined._state(one._transport.pid) in "Tt"
        assert one.f(torch.ones(1)).tolist() == [2]
        assert confined._state(one._transport.pid) not in "Tt"

    def test_nothing_runs_on_between_them(self, connect: Connect) -> None:
        text = (
            "import threading\ncount = 0\ndef work():\n    global count\n    while True: count += 1\n"
            "def f():\n    if threading.active_count() == 1: threading.Thread(target=work, daemon=True).start()\n"
        )
        one = connect.student(text)
        one._timed("f", ())
        assert isinstance(one._transport, Confined)
        before = one._transport.cpu_s()
        time.sleep(0.1)
        assert one._transport.cpu_s() - before < 0.02

    def test_take_more_than_a_socket_holds(self, connect: Connect) -> None:
        one = connect.student("def f(tensors, text): return sum(t.sum() for t in tensors), len(text)\n")
        tensors = [torch.ones(1000) for _ in range(200)]
        assert one._timed("f", (tensors, ""))[1] == (200_000, 0)
        assert one._timed("f", (tensors, "x" * MIB))[1] == (200_000, MIB)

    def test_an_error_and_a_question_are_the_hand_ins_fault(self, connect: Connect) -> None:
        one = connect.student("def f(): return 1 / 0\ndef g(h): return h(1)\n")
        with pytest.raises(StudentError, match="ZeroDivisionError"):
            one._timed("f", ())
        with pytest.raises(StudentFault, match="can't be timed while it calls a function that this side answers"):
            one._timed("g", (abs,))
