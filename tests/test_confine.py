"""What a locked process can't do, what it still can, and where each limit binds."""

from __future__ import annotations

import ctypes
import errno
import faulthandler
import functools
import importlib
import mmap
import os
import platform
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from grader import confine
from grader.confine import deeds, locking, syscalls
from grader.confine.deeds import Deed
from grader.confine.trials import Outcome, apart, fresh_pages
from grader.errors import SandboxError

LYING_ABOUT_MIB = 4096
MIB = 1 << 20
LIMITS = confine.Limits(memory_mib=256, file_mib=2, open_files=64)
REFUSALS = {errno.EPERM, errno.EACCES, errno.ENOSYS}
TABLES = (
    deeds.NETWORK | deeds.PROCESSES | deeds.SIGNALS | deeds.TRACING | deeds.KERNEL | deeds.LIMITS | deeds.LOCK
) | deeds.MEMORY

# An unlocked process may be refused these too: by want of privilege, by a kernel built without them, or by the filter
# of a container around the tests. Their control is run where nothing of that kind stands in the way.
SOMETIMES_REFUSED_ANYWAY = {*deeds.KERNEL, "io_uring_setup", "clone3", "kcmp", "memfd_secret", "mq_open", "mlock"}
IS_X86 = platform.machine() == "x86_64"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")


@pytest.fixture(scope="module")
def prepared() -> confine.Prepared:
    return confine.prepare()


@pytest.fixture(scope="module", autouse=True)
def _torch_is_warm() -> None:
    """A process locked before its first operation can't read what the processor is able to."""
    torch.set_num_threads(1)
    torch.nn.functional.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 2, 2)).sum()


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    made = tmp_path / "scratch"
    made.mkdir()
    return made


@pytest.fixture
def handin(tmp_path: Path) -> Path:
    made = tmp_path / "handin"
    made.mkdir()
    (made / "linear_classifier.py").write_text("reg = 1\n")
    return made


Try = Callable[[Callable[[], object]], Outcome]


@pytest.fixture
def locked(prepared: confine.Prepared, scratch: Path, handin: Path) -> Try:
    """Run an act in a forked process that is locked first."""
    cage = confine.Cage(read=(handin,), write=(scratch,))
    return lambda act: apart(act, functools.partial(confine.lock, prepared, cage, LIMITS))


def _unconfined_machine() -> bool:
    """Whether a privileged control can succeed: root, and no filter around the tests themselves."""
    status = Path("/proc/self/status").read_text()
    return os.geteuid() == 0 and "Seccomp:\t0" in status


def _assert_refused(outcome: Outcome) -> None:
    assert outcome.errno in REFUSALS, outcome


def _assert_got_through(outcome: Outcome) -> None:
    """Without the lock the act succeeds, or the kernel's own code answers its empty arguments."""
    assert not outcome.signal, outcome
    assert outcome.errno not in REFUSALS, outcome
    assert not outcome.error or outcome.errno, outcome


class TestRefusedCalls:
    @pytest.mark.parametrize("deed", TABLES.values(), ids=TABLES.keys())
    def test_a_locked_process_is_refused(self, locked: Try, deed: Deed) -> None:
        _assert_refused(locked(deed))

    @pytest.mark.parametrize("name", sorted(TABLES.keys() - SOMETIMES_REFUSED_ANYWAY))
    def test_an_unlocked_process_is_not_refused(self, name: str) -> None:
        _assert_got_through(apart(TABLES[name]))

    @pytest.mark.skipif(not _unconfined_machine(), reason="needs root and no filter around the tests")
    @pytest.mark.parametrize("name", sorted(SOMETIMES_REFUSED_ANYWAY))
    def test_root_is_not_refused_unless_the_kernel_lacks_the_call(self, name: str) -> None:
        outcome = apart(TABLES[name])
        assert outcome.errno == errno.ENOSYS or outcome.errno not in REFUSALS

    @pytest.mark.skipif(not IS_X86, reason="x32 numbers exist on x86-64 only")
    def test_a_call_by_an_x32_number_ends_the_process(self, locked: Try) -> None:
        def call() -> int:
            return deeds.raw_number(deeds.FOREIGN_NUMBER)

        assert locked(call).signal == signal.SIGSYS
        assert not apart(call).signal

    @pytest.mark.skipif(not IS_X86, reason="int 0x80 is an instruction of x86")
    def test_a_call_through_the_32_bit_gate_ends_the_process(self, locked: Try) -> None:
        page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE | 4)
        page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20 (getpid); int 0x80; ret
        gate = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
        assert locked(gate).signal == signal.SIGSYS
        assert apart(gate).signal in (0, signal.SIGSEGV)  # a kernel without 32-bit programs has no such gate

    def test_every_call_it_allows_is_one_this_library_knows_on_some_machine(self) -> None:
        known = {syscalls._name(code) for code in range(1024)}
        legacy = {"futex_wait", "futex_wake", "futex_requeue"}  # newer than some releases of libseccomp
        assert not IS_X86 or syscalls.ALLOWED - known - legacy == set()

    def test_a_call_newer_than_the_filter_looks_as_on_an_older_kernel(self, locked: Try) -> None:
        assert locked(lambda: deeds.raw_number(999)).errno == errno.ENOSYS

    def test_native_code_is_bound_as_python_is(self, locked: Try) -> None:
        def by_library() -> None:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0) < 0:
                raise OSError(ctypes.get_errno(), "socket")

        _assert_refused(locked(by_library))
        _assert_got_through(apart(by_library))

    def test_a_thread_of_the_process_is_bound_too(self, locked: Try) -> None:
        _assert_refused(locked(lambda: _in_a_thread(lambda: open("/etc/passwd").close())))
        _assert_refused(locked(lambda: _in_a_thread(os.fork)))
        _assert_got_through(apart(lambda: _in_a_thread(lambda: open("/etc/passwd").close())))


def _in_a_thread(act: Callable[[], object]) -> None:
    errors: list[OSError] = []

    def run() -> None:
        try:
            act()
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


class TestFiles:
    @pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/environ", "/proc/1/cmdline", "/", "/tmp", "/dev/zero"])
    def test_nothing_else_on_the_machine_is_open(self, locked: Try, path: str) -> None:
        _assert_refused(locked(lambda: deeds.open_any(Path(path))))
        _assert_got_through(apart(lambda: deeds.open_any(Path(path))))

    def test_the_parents_memory_is_shut(self, locked: Try) -> None:
        _assert_refused(locked(lambda: open(f"/proc/{os.getppid()}/mem", "rb").close()))

    def test_a_link_in_the_hand_in_leads_nowhere_outside(self, locked: Try, handin: Path, tmp_path: Path) -> None:
        (tmp_path / "rubric.toml").write_text("answers")
        (handin / "data").symlink_to(tmp_path / "rubric.toml")
        _assert_refused(locked((handin / "data").read_text))
        assert apart((handin / "data").read_text).value == "answers"

    def test_the_neighbours_folder_is_shut_and_cannot_be_written(self, locked: Try, tmp_path: Path) -> None:
        outside = tmp_path / "neighbour"
        outside.mkdir()
        (outside / "there").write_text("x")
        for name, deed in deeds.writing(outside).items():
            outcome = locked(deed)
            assert outcome.errno in REFUSALS, (name, outcome)
        assert [path.read_text() for path in outside.iterdir()] == ["x"]
        assert apart(deeds.writing(outside)["rename a file"]).error == ""

    @pytest.mark.parametrize("name", list(deeds.files(Path(os.devnull))))
    def test_links_pipes_and_modes_are_refused_in_the_scratch_folder(
        self, locked: Try, scratch: Path, name: str
    ) -> None:
        (scratch / "own").touch()
        _assert_refused(locked(deeds.files(scratch)[name]))
        if name != "set an attribute":  # not every file system has attributes
            _assert_got_through(apart(deeds.files(scratch)[name]))

    def test_the_hand_in_is_read_and_not_written(self, locked: Try, handin: Path) -> None:
        module = handin / "linear_classifier.py"
        assert locked(module.read_text).value == "reg = 1\n"
        _assert_refused(locked(lambda: module.write_text("reg = 2\n")))
        assert module.read_text() == "reg = 1\n"

    def test_scratch_keeps_files_and_folders(self, locked: Try, scratch: Path) -> None:
        def use() -> list[str]:
            (scratch / "runs" / "first").mkdir(parents=True)
            torch.save({"W": torch.ones(3)}, scratch / "runs" / "first" / "weights.pt")
            loaded = torch.load(scratch / "runs" / "first" / "weights.pt")
            (scratch / "gone").write_text("x")
            (scratch / "gone").unlink()
            return [str(loaded["W"].tolist()), *os.listdir(scratch)]

        assert locked(use).value == ["[1.0, 1.0, 1.0]", "runs"]

    def test_prints_can_be_muted(self, locked: Try) -> None:
        assert locked(lambda: Path(os.devnull).write_text("much")).value == 4


class TestWhatStillWorks:
    @pytest.mark.parametrize("module", ["colorsys", "nturl2path", "sched", "zoneinfo", "matplotlib.mathtext"])
    def test_a_module_nobody_has_loaded_is_imported(self, locked: Try, module: str) -> None:
        def load() -> str:
            sys.modules.pop(module, None)
            return importlib.import_module(module).__name__

        assert locked(load).value == module

    @pytest.mark.parametrize("threads", [1, 2])
    def test_torch_computes_the_same_digits_as_outside(self, locked: Try, threads: int) -> None:
        def compute() -> list[str]:
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            x, w = torch.randn(4, 3, 12, 12), torch.randn(5, 3, 3, 3, requires_grad=True)
            torch.nn.functional.conv2d(x, w).sigmoid().sum().backward()  # type: ignore[no-untyped-call]
            assert w.grad is not None
            digits = [float(w.grad.sum()).hex(), float(x.softmax(1).square().sum()).hex()]
            return [torch.backends.cpu.get_cpu_capability(), *digits]

        outcome = locked(compute)
        assert outcome.value == apart(compute).value
        assert not outcome.error

    def test_a_picture_is_drawn_with_the_systems_fonts(self, locked: Try, scratch: Path) -> None:
        def draw() -> int:
            from matplotlib.figure import Figure

            figure = Figure(figsize=(1, 1))
            figure.subplots().set_title("loss")
            figure.savefig(scratch / "loss.png")
            return (scratch / "loss.png").stat().st_size

        importlib.import_module("matplotlib.figure")
        outcome = locked(draw)
        assert isinstance(outcome.value, int), outcome
        assert outcome.value > 100

    def test_a_file_mapped_to_memory_is_trained_from(self, locked: Try, scratch: Path) -> None:
        def mapped() -> float:
            import numpy

            numpy.save(scratch / "x.npy", numpy.ones(9))
            return float(numpy.load(scratch / "x.npy", mmap_mode="r+").sum())

        assert locked(mapped).value == 9.0

    @pytest.mark.parametrize(
        ("crash", "ends_by"),
        [
            (os.abort, signal.SIGABRT),
            (lambda: ctypes.string_at(0), signal.SIGSEGV),
            (lambda: os.kill(os.getpid(), signal.SIGTERM), signal.SIGTERM),
        ],
        ids=["abort", "null", "own signal"],
    )
    def test_a_crash_is_still_a_crash(self, locked: Try, crash: Deed, ends_by: int) -> None:
        def in_silence() -> None:
            faulthandler.disable()
            crash()

        assert locked(in_silence).signal == ends_by

    def test_a_process_sees_that_it_is_locked(self, locked: Try) -> None:
        seccomp, no_new_privileges = deeds.raw("prctl", 21, 0, 0, 0, 0), deeds.raw("prctl", 39, 0, 0, 0, 0)
        assert locked(lambda: [seccomp(), no_new_privileges()]).value == [2, 1]


class TestLimits:
    # malloc gives first what this process, with all the tests before, had and has freed: so either pages from the
    # kernel, or far more than can lie about here. Torch's own edge stands in test_worker_confined, on a fresh parent.
    def test_memory_just_under_its_limit_is_given(self, locked: Try) -> None:
        assert locked(lambda: fresh_pages((LIMITS.memory_mib - 8) * MIB).close()).error == ""
        assert locked(lambda: torch.zeros(LIMITS.memory_mib - 16, MIB, dtype=torch.uint8).numel()).error == ""

    def test_memory_just_over_its_limit_is_refused(self, locked: Try) -> None:
        assert locked(lambda: fresh_pages((LIMITS.memory_mib + 1) * MIB).close()).errno == errno.ENOMEM

    def test_memory_far_over_its_limit_is_torchs_own_error(self, locked: Try) -> None:
        outcome = locked(lambda: torch.zeros(LIMITS.memory_mib + LYING_ABOUT_MIB, MIB, dtype=torch.uint8).numel())
        assert outcome.error.startswith("RuntimeError")
        assert "can't allocate memory" in outcome.error

    def test_memory_counts_from_what_the_process_has_when_it_is_locked(self, locked: Try) -> None:
        held = torch.zeros(300, MIB, dtype=torch.uint8)
        assert locked(lambda: torch.zeros(LIMITS.memory_mib - 16, MIB, dtype=torch.uint8).numel()).error == ""
        assert held.numel()

    def test_memory_in_small_pieces_counts_too(self, locked: Try) -> None:
        under, over = LIMITS.memory_mib - 16, LIMITS.memory_mib + LYING_ABOUT_MIB
        assert locked(lambda: len([bytes(MIB // 8) for _ in range(8 * under)])).value == 8 * under
        assert locked(lambda: len([bytes(MIB // 8) for _ in range(8 * over)])).error.startswith("MemoryError")

    def test_a_file_of_just_its_limit_is_written_and_one_byte_more_is_not(self, locked: Try, scratch: Path) -> None:
        full = bytes(LIMITS.file_mib * MIB)
        assert locked(lambda: (scratch / "full").write_bytes(full)).value == len(full)
        assert locked(lambda: (scratch / "over").write_bytes(full + b"x")).errno == errno.EFBIG

    def test_as_many_files_are_opened_as_the_limit_says_and_no_more(self, locked: Try) -> None:
        def highest() -> list[int | None]:
            try:
                while True:
                    last = os.open(os.devnull, os.O_RDONLY)
            except OSError as error:
                return [last, error.errno]

        assert locked(highest).value == [LIMITS.open_files - 1, errno.EMFILE]

    def test_the_processors_time_is_the_kernels_backstop(
        self, prepared: confine.Prepared, scratch: Path, handin: Path
    ) -> None:
        limits = confine.Limits(memory_mib=64, cpu_s=1)
        lock = functools.partial(confine.lock, prepared, confine.Cage((handin,), (scratch,)), limits)
        assert apart(lambda: _burn(0.5), lock).value == "done"
        assert apart(lambda: _burn(3), lock).signal == signal.SIGXCPU

    def test_no_core_is_dumped_and_the_stack_is_bound(self, locked: Try) -> None:
        def hard(which: int) -> Any:
            return locked(lambda: resource.getrlimit(which)[1]).value

        assert hard(resource.RLIMIT_CORE) == 0
        assert 0 < hard(resource.RLIMIT_STACK) <= 8 * MIB

    def test_a_lower_limit_of_the_shell_stands(self, prepared: confine.Prepared, scratch: Path, handin: Path) -> None:
        def lock() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))
            confine.lock(prepared, confine.Cage((handin,), (scratch,)), LIMITS)

        assert apart(lambda: resource.getrlimit(resource.RLIMIT_FSIZE)[1], lock).value == MIB

    def test_without_a_sandbox_the_limits_bind_and_nothing_else(
        self, prepared: confine.Prepared, scratch: Path, handin: Path
    ) -> None:
        lock = functools.partial(
            confine.lock, prepared, confine.Cage((handin,), (scratch,)), LIMITS, confine.UNCONFINED
        )
        assert apart(lambda: deeds.open_any(Path("/etc/passwd")), lock).value == 1
        assert apart(lambda: fresh_pages((LIMITS.memory_mib + 1) * MIB).close(), lock).errno == errno.ENOMEM


def _burn(seconds: float) -> str:
    while time.process_time() < seconds:
        pass
    return "done"


class TestTheLockItself:
    def test_a_process_of_two_threads_is_not_locked(
        self, prepared: confine.Prepared, scratch: Path, handin: Path
    ) -> None:
        def lock() -> None:
            end = threading.Event()
            threading.Thread(target=end.wait, daemon=True).start()
            confine.lock(prepared, confine.Cage((handin,), (scratch,)), LIMITS)

        assert "a process of 2 threads can't be locked" in apart(lock).error

    def test_a_missing_folder_is_named(self, prepared: confine.Prepared, tmp_path: Path) -> None:
        cage = confine.Cage(read=(tmp_path / "nowhere",), write=())
        outcome = apart(lambda: confine.lock(prepared, cage, LIMITS))
        assert f"a folder of the worker doesn't exist: {tmp_path / 'nowhere'}" in outcome.error

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
    def test_root_keeps_one_privilege_which_is_to_read_hand_ins_of_others(self) -> None:
        def held() -> list[str]:
            locking._drop_privileges()
            lines = Path("/proc/self/status").read_text().splitlines()
            return [line.split()[1] for line in lines if line.startswith(("CapEff", "CapPrm", "CapInh"))]

        assert {int(text, 16) for text in apart(held).value} <= {0, 4}  # type: ignore[attr-defined]

    def test_a_machine_without_libseccomp_is_told_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(syscalls, "_reason", "Unable to find libseccomp")
        with pytest.raises(SandboxError) as raised:
            confine.prepare()
        text = str(raised.value)
        assert text.startswith("a hand-in can't be confined here: Unable to find libseccomp\n  in        Linux ")
        assert "apt-get install libseccomp2" in text
