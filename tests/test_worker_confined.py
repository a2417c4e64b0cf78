"""Real confined workers: calls across, where they live, what they load, and how they end."""

from __future__ import annotations

import os
import sys
import weakref
from pathlib import Path

import pytest
import torch

from grader.student import (
    Confined,
    Student,
    StudentCrash,
    StudentError,
    StudentUnloadable,
    confined,
)
from tests.workers import Connect, gone, texts_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")


MIB = 1 << 20


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

    def test_a_closed_worker_leaves_no_memory_behind(self, connect: Connect) -> None:
        worker = connect("x = 1")
        memory = weakref.ref(worker._wire._incoming)
        assert memory() is not None
        worker.close()
        assert memory() is None  # at once: nobody collects cycles in an examiner

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
