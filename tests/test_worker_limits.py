"""Each limit of a worker has a hand-in just over it that fails and one just under it that passes."""

from __future__ import annotations

import sys
import time

import pytest

from grader.student import (
    StudentCrash,
    StudentError,
    StudentFault,
    StudentMemory,
    StudentTimeout,
    StudentUnloadable,
    confined,
)
from grader.worker import spawn
from tests.workers import Connect

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")


MIB = 1 << 20


class TestCpuTime:
    LOOP = """
import time
def f(seconds):
    start = time.process_time()
    while time.process_time() - start < seconds: pass
    return 1
"""

    def test_just_under_the_limit_is_in_time(self, connect: Connect) -> None:
        assert connect.student(self.LOOP, cpu_s=0.8).f(0.5) == 1

    def test_just_over_the_limit_is_stopped(self, connect: Connect) -> None:
        one = connect.student(self.LOOP, cpu_s=0.3)
        with pytest.raises(StudentTimeout, match=r"stopped after its 0\.3 CPU seconds for this part were used up"):
            one.f(30)
        assert 0.3 < one._cpu_s() < 0.7

    def test_many_short_calls_are_stopped_too(self, connect: Connect) -> None:
        one = connect.student(self.LOOP, cpu_s=0.3)
        for _ in range(5):
            one.f(0.02)
        with pytest.raises(StudentTimeout):
            [one.f(0.02) for _ in range(20)]

    @pytest.mark.parametrize(
        "body",
        [
            "while True: pass",
            "import re; re.match('(a+)+$', 'a' * 40 + 'b')",
            "sum(range(10**12))",
            "raise E",
            "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    while True: pass",
        ],
        ids=["a loop", "a pattern", "in C", "in the text of an exception", "deaf to SIGTERM"],
    )
    def test_an_endless_loop_of_any_kind_is_stopped(self, connect: Connect, body: str) -> None:
        text = f"class E(Exception):\n    def __str__(self):\n        while True: pass\ndef f():\n    {body}\n"
        one = connect.student(text, cpu_s=0.3)
        with pytest.raises(StudentTimeout):
            one.f()

    def test_one_at_the_top_of_a_module_makes_it_unloadable(self, connect: Connect) -> None:
        one = connect.student("while True: pass\n", cpu_s=0.3)
        with pytest.raises(StudentUnloadable, match="were used up while its module is loaded"):
            one.f()

    def test_what_ended_workers_have_used_counts_for_the_next_one(self, connect: Connect) -> None:
        one = connect.student(self.LOOP + "import os\ndef die(seconds):\n    f(seconds)\n    os._exit(0)\n", cpu_s=10)
        for _ in range(2):
            with pytest.raises(StudentCrash):
                one.die(0.2)
        assert 0.4 < one._cpu_s() < 0.8

    def test_sleep_is_stopped_by_the_clock_on_the_wall(self, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(confined, "WALL_FACTOR", 0.4)
        one = connect.student("import time\ndef f(seconds):\n    time.sleep(seconds)\n    return 1\n", cpu_s=1)
        assert one.f(0.05) == 1
        time.sleep(0.6)  # what the other side does meanwhile is no fault of the hand-in
        assert one.f(0.05) == 1
        with pytest.raises(StudentTimeout, match=r"no answer within 0\.4 seconds"):
            one.f(60)


class TestMemory:
    TEXT = """
import torch
def f(mib): return bytearray(mib << 20) and 1
def g(mib): return torch.ones(mib << 17, dtype=torch.float64).shape[0]
"""

    def test_just_under_the_limit_is_given(self, connect: Connect) -> None:
        one = connect.student(self.TEXT, memory_mib=200)
        assert one.f(150) == 1
        assert one.g(150) == 150 << 17

    @pytest.mark.parametrize("ask", ["f", "g"])
    def test_just_over_the_limit_is_the_hand_ins_fault_on_its_line(self, connect: Connect, ask: str) -> None:
        one = connect.student(self.TEXT, memory_mib=200)
        with pytest.raises(StudentMemory, match=r"asks for more memory than it may have.*answers\.py, line"):
            getattr(one, ask)(210)
        assert one.f(20) == 1  # and it goes on

    def test_an_exception_with_a_text_of_a_gigabyte_is_cut(self, connect: Connect) -> None:
        text = "class E(Exception):\n    def __str__(self): return 'x' * (1 << 30)\ndef f(): raise E\n"
        with pytest.raises(StudentError, match="raises E: xxx"):
            connect.student(text, memory_mib=2048).f()
        with pytest.raises(StudentError, match=r"its text can't be made: MemoryError"):
            connect.student(text, memory_mib=200).f()

    def test_a_value_larger_than_may_be_sent_is_told(self, connect: Connect) -> None:
        one = connect.student("import torch\ndef f(n): return ['x' * (1 << 20)] * n\n")
        assert len(one.f(3)) == 3
        with pytest.raises(StudentError, match="gives a value that can't be sent: a message has more than 4 MiB"):
            one.f(5)
        assert len(one.f(1)) == 1


class TestOutput:
    def test_just_under_the_limit_is_kept_from_its_beginning(self, connect: Connect) -> None:
        one = connect.student("def f(mib):\n    for _ in range(mib): print('x' * ((1 << 20) - 1))\n    return 1\n")
        assert one.f(15) == 1
        one._close()
        assert one._printed == 15 * MIB
        assert one._text == "x" * 4096

    @pytest.mark.parametrize(
        "body", ["print('x' * ((1 << 20) - 1))", "sys.stderr.write('x' * (1 << 20))", "os.write(1, b'x' * (1 << 20))"]
    )
    def test_just_over_the_limit_is_told(self, connect: Connect, body: str) -> None:
        one = connect.student(f"import os, sys\ndef f(mib):\n    for _ in range(mib): {body}\n")
        with pytest.raises(StudentFault, match="prints more than the 16 MiB that a part may print"):
            one.f(17)
        assert spawn.OUTPUT_BYTES == 16 * MIB

    def test_a_permission_that_is_denied_for_another_reason_is_not_taken_for_it(self, connect: Connect) -> None:
        with pytest.raises(StudentError, match="PermissionError"):
            connect.student("def f(): open('/etc/shadow')\n").f()
