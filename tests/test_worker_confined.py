"""Real confined workers: their limits, their ends, their scratch folder, and what a forged message is worth."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from grader import confine
from grader.errors import GraderError, ProtocolError
from grader.protocol import Message
from grader.student import (
    Confined,
    Student,
    StudentCrash,
    StudentError,
    StudentFault,
    StudentMemory,
    StudentTimeout,
    StudentUnloadable,
    confined,
)
from grader.worker import process, spawn, warm
from tests.workers import Connect, WarmParent, student_of, texts_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")
MIB = 1 << 20


def gone(pid: int, within_s: float = 5) -> bool:
    """Whether a process has ended, or does so soon."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.01)
    return False


class TestCalls:
    def test_cross_with_values_gradients_and_callbacks(self, connect: Connect) -> None:
        one = connect.student("def f(x): return (x * x).sum()\ndef g(h, x): return h(x) + 1\n")
        x = torch.rand(3, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(one.f, (x,), fast_mode=True)
        assert one.g(lambda value: value * 10, torch.ones(2)).tolist() == [11, 11]
        assert one.g(lambda value: one.f(value), torch.ones(2)).tolist() == 3

    def test_large_tensors_go_and_come_through_shared_memory(self, connect: Connect) -> None:
        one = connect.student("def f(x, g): return x + g(x)\n")
        x = torch.rand(3 << 17, dtype=torch.float64)
        kept = x.clone()
        assert torch.equal(one.f(x, lambda value: value * 2), x * 3)
        assert torch.equal(x, kept)
        assert one.last.changed == {}

    def test_a_value_that_is_kept_is_not_changed_by_the_next_call(self, connect: Connect) -> None:
        one = connect.student("def f(n):\n    import torch\n    return torch.full((10_000,), float(n))\n")
        first = one.f(1)
        one.f(2)
        assert bool((first == 1).all())

    def test_what_a_hand_in_has_kept_is_not_changed_by_the_next_call(self, connect: Connect) -> None:
        one = connect.student("kept = []\ndef f(x):\n    kept.append(x)\n    return kept[0][0]\n")
        one.f(torch.full((10_000,), 1.0))
        assert one.f(torch.full((10_000,), 2.0)) == 1

    def test_a_function_gives_the_same_bits_as_in_this_process(self, connect: Connect) -> None:
        x = torch.linspace(-3, 3, 1000)
        one = connect.student("import torch\ndef f(x): return torch.sigmoid(x), x.softmax(0), x @ x, x.exp().sum()\n")
        expected = torch.sigmoid(x), x.softmax(0), x @ x, x.exp().sum()
        assert all(map(torch.equal, one.f(x), expected))

    def test_one_thread_computes(self, connect: Connect) -> None:
        text = (
            "import os, torch\ndef f(x):\n    (x @ x).sum()\n    return torch.get_num_threads(), len(set(os.environ))\n"
        )
        assert connect.student(text).f(torch.ones(200, 200))[0] == 1


class TestWhereAWorkerLives:
    TEXT = """
import os, pathlib, tempfile
def where():
    named = os.environ['TORCH_HOME'], os.environ['MPLCONFIGDIR']
    return os.getcwd(), tempfile.gettempdir(), str(pathlib.Path.home()), *named
def write(path):
    with open(path, 'w') as file:
        file.write('x')
    return os.path.exists(path)
def writes(path):
    try:
        return write(path)
    except OSError as fault:
        return type(fault).__name__
def environment(): return sorted(os.environ)
def descriptors():
    found = []
    for fd in range(1024):
        try: os.fstat(fd)
        except OSError: continue
        found.append(fd)
    return found
"""

    def test_its_scratch_folder_is_home_temporary_and_working_folder(self, connect: Connect) -> None:
        one = connect.student(self.TEXT)
        places = set(one.where())
        assert isinstance(one._transport, Confined)
        assert places == {one._transport._scratch}

    def test_it_can_write_there_and_nowhere_else(self, connect: Connect, tmp_path: Path) -> None:
        one = connect.student(self.TEXT)
        assert one.writes("here.txt") is True
        outside = tmp_path / "outside.txt"
        assert one.writes(str(outside)) == "PermissionError"
        assert not outside.exists()
        unconfined = connect.student(self.TEXT, mode="none")
        assert unconfined.writes(str(outside)) is True  # the control: only the cage stood in the way

    def test_the_folder_goes_with_the_worker_whatever_is_left_in_it(self, connect: Connect) -> None:
        one = connect.student(
            "import os\ndef f():\n    for _ in range(300):\n        os.mkdir('d')\n        os.chdir('d')\n"
        )
        one.f()
        assert isinstance(one._transport, Confined)
        scratch = Path(one._transport._scratch)
        assert scratch.exists()
        one._close()
        assert not scratch.exists()

    def test_the_environment_tells_nothing(self, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
        known = {"HOME", "TMPDIR", "MPLCONFIGDIR", "TORCH_HOME", "MPLBACKEND", "PATH", "LANG"}
        known |= {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
        assert set(connect.student(self.TEXT).environment()) <= known

    def test_no_descriptor_is_inherited_but_the_channel_and_three_streams(self, connect: Connect) -> None:
        fd = os.open("/", os.O_RDONLY)
        os.set_inheritable(fd, True)
        try:
            assert connect.student(self.TEXT).descriptors() == [0, 1, 2, 900]
        finally:
            os.close(fd)

    def test_the_output_can_not_be_shrunk_or_grown(self, connect: Connect) -> None:
        one = connect.student("import os\ndef f(n): os.ftruncate(1, n)\n")
        for size in (0, 17 * MIB):
            with pytest.raises(StudentError, match="PermissionError"):
                one.f(size)

    def test_shared_memory_that_is_not_sealed_could_be(self) -> None:
        sealed, bare = confined.sealed("x", 4096), os.memfd_create("x")
        os.ftruncate(bare, 4096)
        os.ftruncate(bare, 0)  # the control
        for size in (0, 8192):
            with pytest.raises(PermissionError):
                os.ftruncate(sealed, size)
        os.close(sealed)
        os.close(bare)


class TestModulesOfAHandIn:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Extra files of a hand-in."""
        (tmp_path / "statistics.py").write_text("mean = lambda numbers: 'shadowed'\n")
        (tmp_path / "extra_of_mine.py").write_text("import a2_helpers\nx = a2_helpers.who\n")
        (tmp_path / "a2_helpers.py").write_text("who = 'the hand-in'\n")
        return tmp_path

    def student(self, connect: Connect, folder: Path | str, text: str) -> Student:
        sources = {"answers": ("answers.py", text), "a2_helpers": ("a2_helpers.py", "who = 'the kit'\n")}
        return connect.student(type(texts_of(""))(sources, folder=str(folder)))

    def test_a_file_named_like_a_standard_module_shadows_nothing(self, connect: Connect, folder: Path) -> None:
        text = "import random, statistics\ndef f(): return statistics.mean([1, 3])\n"
        assert self.student(connect, folder, text).f() == 2

    def test_extra_files_can_be_imported(self, connect: Connect, folder: Path) -> None:
        one = self.student(connect, folder, "def f():\n    import extra_of_mine\n    return extra_of_mine.__name__\n")
        assert one.f() == "extra_of_mine"
        with pytest.raises(StudentError, match="ModuleNotFoundError"):
            self.student(connect, "", "def f():\n    import extra_of_mine\n").f()

    def test_the_kits_copy_of_a_helper_is_what_runs_wherever_it_is_imported(
        self, connect: Connect, folder: Path
    ) -> None:
        text = "import extra_of_mine as x, importlib\ndef f(): return x.x, importlib.import_module('a2_helpers').who\n"
        assert self.student(connect, folder, text).f() == ("the kit", "the kit")

    def test_another_hand_ins_files_can_not_be_read(self, connect: Connect, folder: Path) -> None:
        text = "def f(path):\n    return open(path).read()\n"
        path = str(folder / "extra_of_mine.py")
        assert "a2_helpers" in self.student(connect, folder, text).f(path)
        with pytest.raises(StudentError, match="PermissionError"):
            self.student(connect, "", text).f(path)

    def test_what_libraries_ask_of_a_module_is_there(self, connect: Connect) -> None:
        text = """
from __future__ import annotations
import inspect, pickle, io, torch
from dataclasses import dataclass
@dataclass
class Point:
    x: int = 0
class Net(torch.nn.Linear): ...
def source(): return inspect.getsource(Point)
def pickled(): return pickle.loads(pickle.dumps(Point(3))).x
def saved():
    file = io.BytesIO()
    torch.save(Net(2, 1), file)
    file.seek(0)
    return torch.load(file, weights_only=False)(torch.ones(2)).shape
"""
        one = connect.student(text)
        assert one.source() == "@dataclass\nclass Point:\n    x: int = 0\n"
        assert one.pickled() == 3
        assert one.saved() == (1,)

    def test_statements_that_can_not_run_here_cost_nothing(self, connect: Connect) -> None:
        text = """
from google.colab import drive
drive.mount('/content/drive')
import cifar_of_somebody
data = open('/content/drive/data.pt').read()
print('hello' * 1000)
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.show()
import sys; sys.exit(0)
def f(): return 'answered'
"""
        one = connect.student(text)
        assert one.f() == "answered"
        assert len(one._notes) == 3


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


class TestEnds:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("os._exit(0)", r"ended the process that runs it \(exit status 0\)"),
            ("os._exit(5)", r"exit status 5"),
            ("ctypes.string_at(0)", r"with SIGSEGV \(a crash in native code\)"),
            ("os.abort()", r"with SIGABRT"),
            ("os.close(900)", r"ended the process"),
            ("ctypes.CDLL(None).exit(3)", r"exit status 3"),
        ],
    )
    def test_a_process_that_ends_is_a_crash_and_the_next_call_has_a_new_one(
        self, connect: Connect, body: str, message: str
    ) -> None:
        one = connect.student(f"import os, ctypes\ndef f(): {body}\ndef g(): return 1\n")
        with pytest.raises(StudentCrash, match=message):
            one.f()
        assert one.g() == 1

    @pytest.mark.parametrize("body", ["os._exit(0)", "ctypes.string_at(0)"])
    def test_one_that_ends_while_its_module_is_loaded_is_unloadable(self, connect: Connect, body: str) -> None:
        one = connect.student(f"import os, ctypes\n{body}\ndef f(): return 1\n")
        for _ in range(2):
            with pytest.raises(
                StudentUnloadable, match=r"ended the process that runs it .* while its module is loaded"
            ):
                one.f()

    @pytest.mark.parametrize("body", ["sys.exit(0)", "raise SystemExit", "exit()", "raise KeyboardInterrupt"])
    def test_an_exit_by_exception_is_an_error_like_any_other(self, connect: Connect, body: str) -> None:
        one = connect.student(f"import sys\ndef f(): {body}\ndef g(): return 1\n")
        with pytest.raises(StudentError):
            one.f()
        assert one.g() == 1

    def test_recursion_without_end_is_an_error(self, connect: Connect) -> None:
        with pytest.raises(StudentError, match="raises RecursionError"):
            connect.student("def f(x): return f(x)\n").f(1)

    def test_a_crash_in_a_destructor_or_a_backward_pass_is_one_too(self, connect: Connect) -> None:
        text = """
import os, torch
class F(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x * 1
    @staticmethod
    def backward(ctx, grad): os._exit(0)
class Mine:
    def __del__(self): os._exit(0)
def f(x): return F.apply(x)
def g(): Mine()
"""
        one = connect.student(text)
        y = one.f(torch.ones(1, requires_grad=True))
        with pytest.raises(StudentCrash):
            y.backward()
        with pytest.raises(StudentCrash):
            one.g()

    def test_a_closed_worker_is_gone_and_leaves_no_descriptor(self, connect: Connect) -> None:
        connect("").close()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            worker = connect("x = 1")
            worker.close()
            worker.close()
            assert gone(worker.pid)
        assert len(os.listdir("/proc/self/fd")) == before

    def test_a_signal_without_a_name_is_named_by_its_number(self) -> None:
        assert [confined._signal_name(number) for number in (9, 40)] == ["SIGKILL", "signal 40"]


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


class TestTheWarmParent:
    def test_forks_nothing_beside_a_second_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert warm.threads() == len(os.listdir("/proc/self/task"))
        monkeypatch.setattr(warm, "threads", lambda: 2)
        parent = object.__new__(warm._Parent)
        with pytest.raises(AssertionError, match="a fork beside a running thread"):
            parent._fork(spawn.Spawn([], "", 1, "none"), [])

    def test_counts_threads_that_python_does_not_know(self) -> None:
        libc, thread = ctypes.CDLL(None), ctypes.c_ulong()
        before = warm.threads(), threading.active_count()
        libc.pthread_create(ctypes.byref(thread), None, libc.usleep, ctypes.c_void_p(200_000))
        assert (warm.threads(), threading.active_count()) == (before[0] + 1, before[1])
        libc.pthread_join(thread, None)

    def test_a_worker_that_can_not_be_locked_is_the_graders_fault(
        self, warm_parent: WarmParent, tmp_path: Path
    ) -> None:
        texts = type(texts_of(""))({}, folder=str(tmp_path / "nowhere"))
        with pytest.raises(GraderError, match="a worker ended before it was locked") as caught:
            Confined(warm_parent.control, texts, mode="landlock+seccomp", memory_mib=100, cpu_s=1)
        assert "nowhere" in caught.value.place

    def test_a_worker_that_computes_otherwise_is_the_graders_fault(
        self, warm_parent: WarmParent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "ABACUS")
        with pytest.raises(GraderError, match="a worker computes with") as caught:
            Confined(warm_parent.control, texts_of(""), mode="none", memory_mib=100, cpu_s=1)
        assert caught.value.expected == "ABACUS"

    def test_a_worker_that_never_gets_locked_is_given_up(
        self, warm_parent: WarmParent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(confined, "START_SECONDS", -1)
        with pytest.raises(GraderError, match="a worker was not locked within"):
            Confined(warm_parent.control, texts_of(""), mode="none", memory_mib=100, cpu_s=1)


FOREVER = "def f():\n    while True: pass\n"


class TestOrphans:
    """The processes in between are forks of this one: they hold the kit already, and end by `os._exit` or a signal."""

    @staticmethod
    def fork(run: Callable[[], Student], said: int) -> int:
        """A process that has a student made by `run` do its endless work, once it has said which worker does it."""
        pid = os.fork()
        if pid:
            return pid
        try:
            student = run()
            student.has("f")
            assert isinstance(student._transport, Confined)
            os.write(said, f"{student._transport.pid}\n".encode())
            student.f()
        finally:
            os._exit(1)

    @pytest.fixture
    def pipe(self) -> Iterator[tuple[int, int]]:
        pipe = os.pipe()
        yield pipe
        for fd in pipe:
            os.close(fd)

    def test_none_is_left_by_an_examiner_that_is_killed(
        self, warm_parent: WarmParent, connect: Connect, pipe: tuple[int, int]
    ) -> None:
        examiner = self.fork(lambda: Connect(warm_parent).student(FOREVER, cpu_s=60), pipe[1])
        worker = int(os.read(pipe[0], 100))
        os.kill(worker, 0)  # it runs
        os.kill(examiner, signal.SIGKILL)
        os.waitpid(examiner, 0)
        assert gone(worker)
        assert connect.student("def f(): return 1\n").f() == 1  # the warm parent goes on

    def test_none_is_left_by_a_pool_that_is_killed(self, pipe: tuple[int, int]) -> None:
        def run() -> Student:
            control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            pool, warm_pid = os.getpid(), os.fork()
            if warm_pid == 0:
                control.close()
                process.die_with(pool)
                warm._Parent(theirs, confine.prepare()).serve()
            theirs.close()
            os.write(pipe[1], f"{warm_pid} ".encode())
            return student_of(
                lambda spent: Confined(control, texts_of(FOREVER), mode=confine.CONFINED, memory_mib=500, cpu_s=60)
            )

        pool = self.fork(run, pipe[1])
        said = b""
        while not said.endswith(b"\n"):
            said += os.read(pipe[0], 100)
        pids = [int(pid) for pid in said.split()]
        for pid in pids:
            os.kill(pid, 0)  # they run
        os.kill(pool, signal.SIGKILL)
        os.waitpid(pool, 0)
        assert all(map(gone, pids))

    def test_a_process_whose_parent_is_gone_already_ends_at_once(self) -> None:
        pid = os.fork()
        if pid == 0:
            process.die_with(os.getpid())  # not the parent: as if that had died before the kernel was asked
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
