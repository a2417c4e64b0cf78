"""The trusted side's view of a hand-in, in process: values, records of calls, handles, callbacks and faults."""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from grader.errors import GraderError
from grader.student import (
    Handle,
    StudentError,
    StudentFault,
    StudentMemory,
    StudentNotImplemented,
    StudentUnloadable,
)
from grader.student.bounds import Allowance
from tests.workers import student_in_process as student


class TestCalls:
    def test_give_what_the_function_gives(self) -> None:
        value = student("def f(x, *, k): return x + 1, [k, None], {'a': 'b'}\n").f(torch.ones(2), k=3)
        assert str(value) == str((torch.full((2,), 2.0), [3, None], {"a": "b"}))

    def test_leave_the_callers_tensors_alone(self) -> None:
        x = torch.ones(2)
        one = student("def f(x):\n    x += 1\n    return x\n")
        assert one.f(x).tolist() == [2, 2]
        assert x.tolist() == [1, 1]

    def test_a_function_that_is_missing_is_not_implemented(self) -> None:
        with pytest.raises(StudentFault, match="the module has no function f") as caught:
            student("def g(): ...\n").f()
        assert caught.value.status == "not_implemented"

    def test_a_missing_function_given_as_an_argument_is_named_too(self) -> None:
        one = student("def f(loss): return 1\n")
        with pytest.raises(StudentFault, match="the module has no function loss"):
            one.f(one.loss)

    def test_a_function_of_the_module_can_be_given_as_an_argument(self) -> None:
        one = student("def f(loss): return loss(3)\ndef square(x): return x * x\n")
        assert one.f(one.square) == 9

    def test_has_says_what_there_is(self) -> None:
        one = student("x = 1\ndef f(): ...\n")
        assert (one.has("f"), one.has("x"), one.has("g")) == (True, True, False)

    def test_random_numbers_are_the_same_whenever_a_test_is_run_again(self) -> None:
        one = student("import torch\ndef f(): return torch.rand(2)\n")
        first, second = one.f(), one.f()
        one._begin("a test")
        assert torch.equal(one.f(), first)
        one._begin("another test")
        assert not torch.equal(one.f(), first)
        assert not torch.equal(first, second)

    def test_what_a_suite_sends_must_be_able_to_cross(self) -> None:
        with pytest.raises(GraderError, match="a suite sends a object, which can't cross"):
            student("def f(x): ...\n").f(object())

    def test_a_hand_in_may_compute_gradients_where_the_suite_does_not(self) -> None:
        lines = ("x = torch.ones(1, requires_grad=True)", "(x * 3).backward()", "return x.grad")
        one = student("import torch\ndef f():\n    " + "\n    ".join(lines))
        with torch.no_grad():
            assert one.f().tolist() == [3]


class TestTheRecordOfACall:
    def test_holds_value_output_and_description(self) -> None:
        one = student("def f(x, y, k): print('hello'); return 5\n")
        one.f(torch.ones(2, 3), [1, 2], k={"w": torch.ones(1)})
        assert (one.last.value, one.last.output) == (5, "hello\n")
        assert one.last.described == "f((2, 3) float32, list of 2, k={w: (1,) float32})"
        assert one.last.worker_cpu_s >= 0

    def test_holds_what_was_changed_and_all_arguments_as_they_are_afterwards(self) -> None:
        one = student("def f(x, y, *, k):\n    x[0] = 9\n    k['w'] += 1\n")
        one.f(torch.zeros(2), 7, k={"w": torch.zeros(1)})
        assert str(one.last.changed) == str({"x": torch.tensor([9.0, 0]), "k": {"w": torch.ones(1)}})
        assert str(one.last.after) == str([torch.tensor([9.0, 0]), 7])
        assert str(one.last.after_keywords) == str({"k": {"w": torch.ones(1)}})

    def test_holds_which_results_share_storage(self) -> None:
        one = student("def f(x, y): return x[0], y + 1\n")
        one.f(torch.ones(2), torch.ones(2))
        assert one.last.shares == ("x",)

    def test_there_is_none_before_the_first_call(self) -> None:
        with pytest.raises(GraderError, match="before any call"):
            _ = student("").last

    def test_what_a_suite_does_to_an_input_or_a_value_afterwards_is_not_in_the_log(self) -> None:
        one = student("def f(x): return x * 2\n")
        x = torch.ones(2)
        value = one.f(x)
        x.zero_()
        value.zero_()
        (exchange,) = one._log
        assert exchange.tensors[0].tolist() == [1, 1]
        assert exchange.results[0].tolist() == [2, 2]


class TestHandles:
    NET = (
        "import torch\nclass Net:\n    scale = 2\n    def __init__(self): self.w = torch.ones(2)\n"
        "    def forward(self, x): return self.w * x * self.scale\n    def __call__(self, x): return self.forward(x)\n"
        "    def me(self): return self\n"
    )

    def test_have_attributes_methods_and_can_be_called(self) -> None:
        net = student(self.NET).Net()
        assert isinstance(net, Handle)
        assert net.w.tolist() == [1, 1]
        assert net.scale == 2
        assert net.forward(torch.ones(2)).tolist() == [2, 2]
        assert net(torch.ones(2)).tolist() == [2, 2]

    def test_attributes_can_be_set(self) -> None:
        net = student(self.NET).Net()
        net.set("w", torch.tensor([3.0, 4.0]))
        assert net(torch.ones(2)).tolist() == [6, 8]

    def test_the_same_object_is_an_equal_handle(self) -> None:
        one = student(self.NET + "def is_net(x): return isinstance(x, Net)\n")
        net, other = one.Net(), one.Net()
        assert net.me() == net != other
        assert len({net, net.me(), other}) == 2
        assert one.is_net(net) is True

    def test_say_what_they_are_in_a_message(self) -> None:
        assert repr(student(self.NET).Net()) == "<a Net of the hand-in>"

    def test_a_special_attribute_is_not_asked_of_the_hand_in(self) -> None:
        net = student(self.NET).Net()
        assert not hasattr(net, "__array__")
        assert not hasattr(net, "__torch_function__")

    def test_what_is_kept_is_sent_once_and_given_by_its_handle(self) -> None:
        one = student("def f(d, i): return d['x'][i]\n")
        data = one.keep({"x": torch.arange(5.0)})
        assert [float(one.f(data, i)) for i in (1, 3)] == [1, 3]

    def test_a_name_of_the_module_is_replaced(self) -> None:
        one = student("class Net: ...\ndef make(): return Net(4)\n")
        one.replace("Net", lambda size: size + 1)
        assert one.make() == 5
        one.replace("Net", one.probe("def probe(module):\n    return lambda size: size * 10"))
        assert one.make() == 40

    def test_a_probe_runs_beside_the_module_and_gives_plain_values_or_handles(self) -> None:
        one = student("x = 5\nclass C: ...\n")
        assert one.probe("def probe(module, n, *, k):\n    return module.x * n + k", 2, k=1) == 11
        assert isinstance(one.probe("def probe(module):\n    return module.C()"), Handle)


class TestCallbacks:
    def test_are_answered_on_this_side_with_copies(self) -> None:
        seen: list[Tensor] = []

        def loss(W: Tensor, reg: float) -> tuple[float, Tensor]:
            seen.append(W)
            W.zero_()
            return reg * 2, torch.ones(2)

        one = student("def train(loss_func, W):\n    value, dW = loss_func(W, reg=3)\n    return W - dW, value\n")
        W = torch.full((2,), 5.0)
        assert str(one.train(loss, W)) == str((torch.full((2,), 4.0), 6))
        assert W.tolist() == [5, 5]
        assert len(seen) == 1

    def test_a_call_of_the_wrong_form_is_the_hand_ins_error(self) -> None:
        with pytest.raises(StudentError, match=r"raises TypeError: missing a required argument: 'reg'.*line 2"):
            student("def f(g):\n    return g(1)\n").f(lambda W, reg: 0)

    def test_what_goes_wrong_inside_one_is_raised_here_after_the_call(self) -> None:
        def broken(x: object) -> object:
            raise ZeroDivisionError("ours")

        one = student("def f(g):\n    try:\n        g(1)\n    except Exception:\n        return 'swallowed'\n")
        with pytest.raises(ZeroDivisionError, match="ours"):
            one.f(broken)
        assert one.f(lambda x: 1) is None

    def test_what_a_stand_in_raises_is_the_callers_doing(self) -> None:
        def reference(x: Tensor) -> Tensor:
            return x.T @ x

        reference.stands_in = True  # type: ignore[attr-defined]
        one = student("def f(g): return g('text')\n")
        with pytest.raises(StudentError, match="'str' object has no attribute 'T'"):
            one.f(reference)

    @pytest.mark.parametrize("make", [lambda mib: torch.ones(mib << 18)[:1], lambda mib: len(bytearray(mib << 20))])
    def test_a_stand_in_takes_no_more_memory_than_it_may(self, make: Callable[[int], object]) -> None:
        make.stands_in = True  # type: ignore[attr-defined]
        one = student("def f(g, mib): return g(mib)\n")
        one._lent = Allowance(10, memory_mib=200)
        one.f(make, 100)
        with pytest.raises(StudentFault):
            one.f(make, 300)

    def test_what_a_stand_in_may_cost_is_counted_over_all_calls(self) -> None:
        def busy(seconds: float) -> int:
            start = time.process_time()
            while time.process_time() - start < seconds:
                pass
            return 1

        busy.stands_in = True  # type: ignore[attr-defined]
        one = student("def f(g, seconds): return g(seconds)\n")
        one._lent = Allowance(0.2)
        assert one.f(busy, 0.05) == 1
        for _ in range(2):
            with pytest.raises(StudentError, match="have used up their CPU time"):
                one.f(busy, 0.3)
        assert one.f(lambda seconds: 5, 0.3) == 5  # one of the suite's own is another matter

    def test_bounds_are_as_they_were_afterwards(self) -> None:
        before = resource.getrlimit(resource.RLIMIT_DATA), signal.getsignal(signal.SIGPROF)
        with Allowance(1).spend():
            assert resource.getrlimit(resource.RLIMIT_DATA) != before[0]
        assert (resource.getrlimit(resource.RLIMIT_DATA), signal.getsignal(signal.SIGPROF)) == before
        assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)

    def test_may_call_the_hand_in_again(self) -> None:
        one = student("def f(g, x): return g(x) + 1\ndef double(x): return 2 * x\n")
        assert one.f(lambda x: one.double(x), torch.ones(1)).tolist() == [3]
        assert one.last.name == "f"

    def test_may_not_do_so_for_ever(self) -> None:
        one = student("def f(g): return g()\n")

        def again() -> object:
            return one.f(again)

        with pytest.raises(StudentError, match="nested more than 4 deep"):
            one.f(again)

    def test_one_that_comes_back_is_the_function_itself(self) -> None:
        assert student("def f(g): return g\n").f(abs) is abs


class TestFaults:
    def test_an_exception_is_told_with_the_hand_ins_line(self) -> None:
        with pytest.raises(StudentError) as caught:
            student("def f(x):\n    return x / 0\n").f(1)
        assert caught.value.message == "raises ZeroDivisionError: division by zero (answers.py, line 2)"
        assert caught.value.details[1] == "at        answers.py, line 2:  return x / 0"

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            ("raise NotImplementedError('f')", StudentNotImplemented),
            ("raise MemoryError", StudentMemory),
            ("raise SystemExit", StudentError),
            ("import pytest; pytest.skip('me')", StudentError),
        ],
    )
    def test_each_has_its_kind(self, body: str, kind: type[StudentFault]) -> None:
        with pytest.raises(kind):
            student(f"def f():\n    {body}\n").f()

    def test_a_module_that_does_not_parse_is_unloadable_whatever_is_asked(self) -> None:
        one = student("def f(:\n")
        for ask in (one.f, one.g, lambda: one.has("f"), lambda: one.keep(1)):
            with pytest.raises(StudentUnloadable, match=r"answers\.py, line 1: invalid syntax"):
                ask()

    def test_a_module_that_another_one_imports_may_be_broken(self) -> None:
        one = student("import other\ndef f(): return 1\n", other="def f(:\n")
        assert one.f() == 1
        assert one._notes == ["answers.py, line 1: ImportError: other.py, line 1: invalid syntax"]

    def test_an_import_of_a_broken_module_inside_a_function_is_an_error_of_the_call(self) -> None:
        with pytest.raises(StudentError, match=r"raises ImportError: other\.py, line 1"):
            student("def f():\n    import other\n", other="def f(:\n").f()


def test_arrays_cross_both_ways() -> None:
    value = student("def f(a): return a * 2\n").f(np.arange(3))
    assert isinstance(value, np.ndarray)
    assert value.tolist() == [0, 2, 4]
