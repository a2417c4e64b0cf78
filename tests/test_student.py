"""The trusted side's view of a hand-in, in process: values, records of calls, gradients, callbacks, lies refused."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from grader.errors import GraderError, ProtocolError
from grader.protocol import Branch, Error, Message, Odd, pack
from grader.student import (
    Handle,
    InProcess,
    Student,
    StudentError,
    StudentFault,
    StudentMemory,
    StudentNotImplemented,
    StudentUnloadable,
    Transport,
)
from grader.student.scratch import remove_tree
from grader.student.transport import Answer
from tests.workers import student_of, texts_of


def student(text: str, **others: str) -> Student:
    """A student whose module is `answers`, in this process."""
    return student_of(lambda spent: InProcess(texts_of({"answers": text, **others})))


def leaf(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


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


class TestGradients:
    def test_gradcheck_passes_for_a_function_of_the_hand_in(self) -> None:
        one = student("def f(x, y): return (x * x) @ y, x.sin()\n")
        inputs = (torch.rand(3, 4, dtype=torch.float64, requires_grad=True), leaf(1, 2, 3, 4))
        assert torch.autograd.gradcheck(one.f, inputs, fast_mode=True)

    def test_gradcheck_fails_for_a_wrong_backward_of_the_hand_ins_own(self) -> None:
        text = (
            "import torch\nclass F(torch.autograd.Function):\n"
            "    @staticmethod\n    def forward(ctx, x): return x * x\n"
            "    @staticmethod\n    def backward(ctx, grad): return 3 * grad\n"
            "def f(x): return F.apply(x)\n"
        )
        assert not torch.autograd.gradcheck(student(text).f, (leaf(2, 5),), raise_exception=False, fast_mode=True)

    def test_reach_tensors_in_dictionaries_lists_and_keywords(self) -> None:
        one = student("def f(params, more, *, k): return (params['w'] * more[0][0] * k).sum()\n")
        w, v, k = leaf(2.0), leaf(3.0), leaf(5.0)
        one.f({"w": w, "n": 4}, [(v,)], k=k).backward()
        assert [one.grad.item() for one in (w, v, k) if one.grad is not None] == [15, 10, 6]

    def test_reach_parameters_of_a_module_given_with_the_call(self) -> None:
        one = student("import torch\ndef make(): return torch.nn.Linear(3, 2).double()\n")
        net = one.make()
        parameters = {name: value.requires_grad_() for name, value in net.parameters().items()}
        assert {name: tuple(value.shape) for name, value in parameters.items()} == {"weight": (2, 3), "bias": (2,)}
        x = torch.rand(4, 3, dtype=torch.float64)
        expected = torch.nn.functional.linear(x, parameters["weight"], parameters["bias"])
        assert torch.allclose(net.functional(parameters, x), expected)

        def loss(weight: Tensor, bias: Tensor) -> Tensor:
            value: Tensor = net.functional({"weight": weight, "bias": bias}, x).square().sum()
            return value

        assert torch.autograd.gradcheck(loss, tuple(parameters.values()), fast_mode=True)

    def test_may_be_asked_more_than_once(self) -> None:
        x = leaf(3.0)
        y = student("def f(x): return x ** 2\n").f(x)
        assert [torch.autograd.grad(y, x, retain_graph=True)[0].item() for _ in range(3)] == [6, 6, 6]

    def test_a_second_derivative_raises_and_is_never_zero(self) -> None:
        x = leaf(3.0)
        (first,) = torch.autograd.grad(student("def f(x): return x ** 3\n").f(x), x, create_graph=True)
        assert first.item() == 27
        for total in (first, first + x**2):  # the second: torch alone would call the first term a constant
            with pytest.raises(GraderError, match="a second derivative through a hand-in can't be had"):
                torch.autograd.grad(total, x, retain_graph=True)

    def test_an_absent_gradient_stays_absent(self) -> None:
        x, y = leaf(1.0), leaf(2.0)
        a, b = student("def f(x, y): return x * 2, y * 3\n").f(x, y)
        (a.sum() + 0 * a.sum()).backward()
        assert x.grad is not None
        assert y.grad is None
        assert b.requires_grad

    def test_a_result_that_depends_on_no_input_has_none(self) -> None:
        a, b = student("import torch\ndef f(x): return torch.ones(1), x * 2\n").f(leaf(1.0))
        assert (a.requires_grad, b.requires_grad) == (False, True)

    def test_no_tape_is_kept_where_the_suite_wants_no_gradient(self) -> None:
        one = student("def f(x): return x * 2\n")
        with torch.no_grad():
            assert not one.f(leaf(1.0)).requires_grad
        assert not one.f(torch.ones(1)).requires_grad
        assert isinstance(one._transport, InProcess)
        assert not one._transport._server._tapes

    def test_a_tape_goes_with_its_results(self) -> None:
        one = student("def f(x): return x * 2\n")
        kept, gone = one.f(leaf(1.0)), one.f(leaf(1.0))
        assert isinstance(one._transport, InProcess)
        assert len(one._transport._server._tapes) == 2
        del gone
        gc.collect()
        one.f(torch.ones(1))
        assert len(one._transport._server._tapes) == 1
        kept.backward()

    def test_a_fault_in_the_hand_ins_backward_keeps_its_kind(self) -> None:
        text = (
            "import torch\nclass F(torch.autograd.Function):\n"
            "    @staticmethod\n    def forward(ctx, x): return x * x\n"
            "    @staticmethod\n    def backward(ctx, grad): raise NotImplementedError\n"
            "def f(x): return F.apply(x)\n"
        )
        x = leaf(1.0)
        with pytest.raises(StudentNotImplemented):
            student(text).f(x).backward()


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


class Lying:
    """A transport whose replies are what a test says they are."""

    def __init__(self, reply: Message, tensors: list[Tensor]) -> None:
        self._replies = iter([(Message("value", value=pack([["f"], []], [])), []), (reply, tensors)])

    def request(self, message: Message, tensors: list[Tensor], answer: Answer) -> tuple[Message, list[Tensor]]:
        return next(self._replies)

    timed = cpu_s = printed = text = close = lambda self, *args: 0


def lying(reply: Message, tensors: list[Tensor] | None = None) -> Student:
    """A student who answers the first call with this reply."""
    connect: Callable[[float], Transport] = lambda spent: Lying(reply, tensors or [])  # type: ignore[assignment, return-value]  # noqa: E731
    return student_of(connect)


class TestLies:
    """Whoever has the worker's process can send any reply; none may do more than fail the test."""

    @pytest.mark.parametrize(
        "reply",
        [
            Message("nonsense"),
            Message("callback"),
            Message("error"),
            Message("unloadable"),
            Message("value", value=Branch("T", [0])),
            Message("value", value=Branch("?", [])),
            Message("value", value=Branch("h", ["x" * 100, ""])),
            Message("value", changed=["x"]),
            Message("value", changed=["x"], after=Branch("t", [1])),
            Message("value", changed=["x"], after=Branch("t", [Branch("t", [0])])),
            Message("value", changed=["x"], after=Branch("l", [])),
            Message("value", changed=["x"], after="text"),
        ],
        ids=repr,
    )
    def test_a_reply_of_no_known_form_is_refused(self, reply: Message) -> None:
        with pytest.raises(ProtocolError):
            lying(reply).f(1)

    @pytest.mark.parametrize("grad", [[0], [-1], [5]])
    def test_gradients_of_results_that_are_not_there_are_refused(self, grad: list[int]) -> None:
        with pytest.raises(ProtocolError, match="gradients for results"):
            lying(Message("value", grad=grad, tape=1), [torch.ones(1, dtype=torch.int64)]).f(leaf(1.0))

    @pytest.mark.parametrize(
        "value",
        [
            pack([torch.ones(1), torch.ones(1)], []),
            pack([], []),
            pack([5], []),
            pack(torch.ones(1), []),
            pack({"a": 1}, []),
            None,
        ],
        ids=["too many", "too few", "a number", "a tensor", "a dictionary", "nothing"],
    )
    def test_a_backward_pass_of_another_form_is_refused(self, value: Any) -> None:
        one = student("def f(x): return x * 2\n")
        y = one.f(leaf(1.0))
        one._transport = Lying(Message("value"), [])  # type: ignore[assignment]
        one._transport._replies = iter([(Message("value", value=value), [torch.ones(1), torch.ones(1)])])  # type: ignore[union-attr]
        with pytest.raises((ProtocolError, StudentFault)):
            y.backward()

    def test_a_gradient_of_another_shape_is_the_hand_ins_fault(self) -> None:
        one = student("def f(x): return x * 2\n")
        y = one.f(leaf(1.0, 2.0))
        one._transport = Lying(Message("value"), [])  # type: ignore[assignment]
        tensors: list[Tensor] = []
        reply = Message("value", value=pack([torch.ones(1, dtype=torch.float64)], tensors))
        one._transport._replies = iter([(reply, tensors)])  # type: ignore[union-attr]
        with pytest.raises(StudentFault, match=r"a gradient of shape \(1,\) for one of \(2,\)"):
            y.sum().backward()

    def test_the_words_of_an_error_are_cut(self) -> None:
        error = Error("T" * 10**6, "m" * 10**6, file="f\x1b[2J" * 10**5, line=1, code="c" * 10**6, trace=["t"] * 10**5)
        with pytest.raises(StudentError) as caught:
            lying(Message("error", error=error)).f(1)
        assert len(caught.value.message) < 600
        assert sum(map(len, caught.value.details)) < 1200
        assert "\x1b" not in str(caught.value.details)

    def test_what_does_not_cross_is_known_by_its_kind_alone(self) -> None:
        assert lying(Message("value", value=Branch("o", ["k" * 1000]))).f(1) == Odd("k" * 80)
        assert lying(Message("value", value=Branch("c", [99, ""]))).f(1) == Odd("function")
        assert lying(Message("value", value=Branch("f", ["f", ""]))).f(1) == Odd("function")

    def test_arguments_changed_that_were_not_given_do_no_harm(self) -> None:
        rows = Branch("t", [Branch("t", [7, "x"]), Branch("t", ["k", "y"])])
        one = lying(Message("value", changed=["a", "b"], after=rows))
        one.f(1)
        assert one.last.after == [1]
        assert one.last.after_keywords == {"7": "x", "k": "y"}


class TestRemovingAScratchFolder:
    def test_takes_files_folders_and_links_but_not_what_links_point_at(self, tmp_path: Any) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "kept").write_text("x")
        folder = tmp_path / "scratch"
        (folder / "a" / "b").mkdir(parents=True)
        (folder / "a" / "file").write_text("x")
        (folder / "link").symlink_to(outside)
        (folder / "a" / "link").symlink_to(outside, target_is_directory=True)
        (folder / "a").chmod(0)
        remove_tree(str(folder))
        assert not folder.exists()
        assert (outside / "kept").read_text() == "x"

    def test_takes_folders_nested_deeper_than_paths_and_calls_go(self, tmp_path: Any) -> None:
        folder = tmp_path / "scratch"
        folder.mkdir()
        at = os.open(folder, os.O_RDONLY)
        for _ in range(1100):  # of 40 letters each
            os.mkdir("deep" * 10, dir_fd=at)
            inner = os.open("deep" * 10, os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = inner
        os.close(at)
        remove_tree(str(folder))
        assert not folder.exists()

    def test_takes_folders_side_by_side(self, tmp_path: Any) -> None:
        folder = tmp_path / "scratch"
        for name in ("a/b/c", "a/d", "e", "f/g/h/i", "f/j"):
            (folder / name).mkdir(parents=True)
            (folder / name / "file").write_text("x")
        remove_tree(str(folder))
        assert not folder.exists()

    def test_of_a_folder_that_is_gone_does_nothing(self, tmp_path: Any) -> None:
        remove_tree(str(tmp_path / "nowhere"))


def test_arrays_cross_both_ways() -> None:
    value = student("def f(a): return a * 2\n").f(np.arange(3))
    assert isinstance(value, np.ndarray)
    assert value.tolist() == [0, 2, 4]
