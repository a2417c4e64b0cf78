"""The untrusted end of the protocol, in process: what each request does, and that whatever a hand-in raises is data."""

from __future__ import annotations

import random
import sys
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from grader.protocol import Branch, Message, Odd, Reference, pack, unpack
from grader.worker.load import Handin
from grader.worker.serve import Parcel, Server


def no_answer(question: Message, tensors: list[Tensor]) -> Parcel:
    raise AssertionError("nobody was to be asked")


class Asked:
    """A server, and requests to it."""

    def __init__(self, text: str, ask: Any = no_answer, aliases: Mapping[str, Collection[str]] | None = None) -> None:
        self.server = Server(Handin({"answers": ("answers.py", text)}), ask, aliases or {})
        self.loaded, tensors = self.server.handle(Message("load", text="answers"), [])
        self.names = unpack(self.loaded.value, tensors)[0] if self.loaded.op == "value" else []

    def request(self, message: Message, tensors: list[Tensor] | None = None) -> tuple[Message, Any]:
        reply, results = self.server.handle(message, tensors or [])
        return reply, unpack(reply.value, results)

    def call(self, target: str | list[str | int], *args: object, grad: Collection[int] = (), **kwargs: object) -> Any:
        """The reply to a call, and its value."""
        tensors: list[Tensor] = []
        message = Message("call", target=["f", target] if isinstance(target, str) else target, grad=list(grad))
        message.args, message.kwargs = pack(list(args), tensors), pack(kwargs, tensors)
        self.results: list[Tensor]
        reply, self.results = self.server.handle(message, tensors)
        return reply, unpack(reply.value, self.results)


def changes(asked: Asked, reply: Message) -> dict[Any, Any]:
    """Changed arguments by name, with their contents afterwards."""
    rows = unpack(reply.after, asked.results)
    return dict(zip(reply.changed, (contents for _, contents in rows), strict=True))


class TestLoading:
    def test_says_which_names_there_are_and_what_was_skipped(self) -> None:
        asked = Asked("x = 1\ny = nothing\n_z = 3\nglobals()[5] = 1\n")
        reply, (names, notes) = asked.request(Message("load", text="answers"))
        assert names == ["x", "_z"]
        assert notes == ["answers.py, line 2: NameError: name 'nothing' is not defined"]
        assert reply.op == "value"

    def test_a_text_that_does_not_parse_is_told_in_its_own_words(self) -> None:
        loaded = Asked("def f(:").loaded
        assert (loaded.op, loaded.text) == ("unloadable", "answers.py, line 1: invalid syntax")

    def test_names_of_other_terms_stand_for_the_asked_one(self) -> None:
        aliases = {"asked": ("old", "older"), "there": ("old",), "missing": ("nowhere",)}
        asked = Asked("def older(): return 1\ndef there(): return 2\ndef old(): return 3\n", aliases=aliases)
        assert asked.call("asked")[1] == 3
        assert asked.call("there")[1] == 2
        assert "missing" not in asked.names


class TestCalls:
    def test_give_the_value_and_say_what_was_printed(self) -> None:
        reply, value = Asked("def f(a, *, b):\n    print('seen', a)\n    return a + b, {'k': [b]}\n").call("f", 2, b=3)
        assert value == (5, {"k": [3]})
        assert reply.text == "seen 2\n"

    def test_repeat_the_number_of_their_request(self) -> None:
        asked = Asked("def f(): return 1\n")
        message = Message("call", target=["f", "f"], number=12345, args=pack([], []), kwargs=pack({}, []))
        assert asked.request(message)[0].number == 12345

    def test_an_object_stays_and_is_the_same_one_again(self) -> None:
        asked = Asked("class C: ...\nc = C()\ndef f(): return [c, C(), c]\ndef is_c(x): return x is c\n")
        one, other, again = asked.call("f")[1]
        assert isinstance(one, Reference)
        assert one.type_name == "C"
        assert one == again != other
        assert asked.call("is_c", one)[1] is True
        assert asked.call("is_c", other)[1] is False

    def test_each_has_its_own_copies_of_tensors(self) -> None:
        asked = Asked("kept = []\ndef f(x):\n    x += 1\n    kept.append(x)\n    return kept[0]\n")
        x = torch.zeros(2)
        assert asked.call("f", x)[1].tolist() == [1, 1]
        assert asked.call("f", x)[1].tolist() == [1, 1]
        assert x.tolist() == [0, 0]

    def test_a_new_test_forgets_objects_and_tapes(self) -> None:
        asked = Asked("class C: ...\ndef f(): return C()\ndef g(x): return x * 2\n")
        assert asked.call("f")[1].key == 1
        asked.call("g", torch.ones(1), grad=[0])
        assert asked.server._tapes
        message = Message("call", target=["f", "f"], forget=True, args=pack([], []), kwargs=pack({}, []))
        assert asked.request(message)[1].key == 1
        assert not asked.server._tapes

    def test_an_unknown_request_is_answered_as_such(self) -> None:
        assert Asked("").request(Message("nonsense"))[0].op == "unknown"


class TestRandomNumbers:
    TEXT = "import random, numpy, torch\ndef f(): return random.random(), numpy.random.rand(), torch.rand(1)\n"

    def drawn(self, asked: Asked, rng: int, *, forget: bool = False) -> Any:
        message = Message("call", target=["f", "f"], rng=rng, forget=forget, args=pack([], []), kwargs=pack({}, []))
        return asked.request(message)[1]

    def test_depend_on_the_requests_seed_alone(self) -> None:
        asked = Asked(self.TEXT)
        first, second, third = (self.drawn(asked, seed) for seed in (1, 2, 1))
        assert first == third
        assert all(one != other for one, other in zip(first, second, strict=True))

    def test_are_set_at_the_beginning_of_a_test_for_a_hand_in_that_names_none(self) -> None:
        asked = Asked("import sys, torch\ndef f(): return sys.modules['ran' + 'dom'].random(), torch.rand(1)\n")
        random.seed(7)
        assert self.drawn(asked, 1, forget=True) == self.drawn(asked, 1, forget=True)
        assert self.drawn(asked, 1)[1] == self.drawn(asked, 1)[1]

    def test_without_a_seed_they_go_on(self) -> None:
        asked = Asked(self.TEXT)
        np.random.seed(3)
        assert self.drawn(asked, -1) != self.drawn(asked, -1)


class TestWhatACallDoesToItsArguments:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ("x += 1", {"x": torch.ones(3)}),
            ("x.data += 1", {"x": torch.ones(3)}),
            ("x.numpy()[:] = 1", {"x": torch.ones(3)}),
            ("x.resize_(1)", {"x": torch.zeros(1)}),
            ("x.data = x.double()", {"x": torch.zeros(3, dtype=torch.float64)}),
            ("x[0] = float('nan')", {"x": torch.tensor([float("nan"), 0, 0])}),
            ("items.append(4)", {"items": [1, [2], 4]}),
            ("items[1][0] = 3", {"items": [1, [3]]}),
            ("params['b'] = 5", {"params": {"w": torch.ones(2), "b": 5}}),
            ("params['w'].zero_()", {"params": {"w": torch.zeros(2)}}),
            ("params['w'] = params['w'] * 2", {"params": {"w": torch.full((2,), 2.0)}}),
            ("params.clear()", {"params": {}}),
            ("a[0] = 9", {"a": np.array([9, 0])}),
        ],
    )
    def test_a_change_is_told_with_the_new_contents(self, body: str, expected: dict[str, Any]) -> None:
        asked = Asked(f"def f(x, items, params, a, n):\n    {body}\n")
        arguments = (torch.zeros(3), [1, [2]], {"w": torch.ones(2)}, np.array([0, 0]), 5)
        found = changes(asked, asked.call("f", *arguments)[0])
        assert str(found) == str(expected)  # NaN is like NaN

    @pytest.mark.parametrize(
        "body",
        [
            "x = x + 1",
            "x += 0",
            "x *= -1",  # 0 becomes -0, which is equal
            "y = x.clone(); y += 1",
            "items = items + [4]",
            "params = dict(params); params['b'] = 5",
            "x.requires_grad_()",
            "n += 1",
        ],
    )
    def test_what_leaves_them_as_they_were_is_no_change(self, body: str) -> None:
        asked = Asked(f"def f(x, items, params, a, n):\n    {body}\n")
        reply, _ = asked.call("f", torch.zeros(3), [1, [2]], {"w": torch.ones(2)}, np.array([0, 0]), 5)
        assert reply.changed == []

    def test_nan_and_a_handle_inside_an_argument_are_no_change(self) -> None:
        asked = Asked("class C: ...\ndef make(): return C()\ndef f(x, items): return items\n")
        handle = asked.call("make")[1]
        reply, _ = asked.call("f", torch.tensor([float("nan")]), [float("nan"), handle, abs.__name__])
        assert reply.changed == []

    def test_a_change_is_named_by_the_parameter_or_else_by_its_place(self) -> None:
        asked = Asked("def f(*args, **kwargs):\n    args[1][:] = 0\n    kwargs['out'][:] = 0\n")
        reply, _ = asked.call("f", 1, torch.ones(1), out=torch.ones(1))
        assert reply.changed == [1, "out"]

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ("return x", ["x"]),
            ("return x.view(3, 1), 5", ["x"]),
            ("return {'k': x[1:]}", ["x"]),
            ("return params['w']", ["params"]),
            ("return x.view(1, 3), params['w']", ["x", "params"]),
            ("return x.clone()", []),
            ("return x + 0", []),
            ("return x[:0]", []),
            ("return None", []),
        ],
    )
    def test_results_that_share_an_arguments_storage_are_told(self, body: str, expected: list[str]) -> None:
        reply, _ = Asked(f"def f(x, params):\n    {body}\n").call("f", x=torch.ones(3), params={"w": torch.ones(2)})
        assert reply.shares == expected


class TestGradients:
    def vjp(self, asked: Asked, reply: Message, *grads: Tensor | None) -> Any:
        tensors: list[Tensor] = []
        return asked.request(Message("vjp", tape=reply.tape, args=pack(list(grads), tensors)), tensors)

    def test_a_tape_gives_products_as_often_as_asked(self) -> None:
        asked = Asked("def f(x, y): return x * y, 5, [y.sum()]\n")
        x, y = torch.tensor([2.0, 3.0]), torch.tensor([5.0, 7.0])
        reply, _ = asked.call("f", x, y, grad=[0, 1])
        assert reply.grad == [0, 1]
        for _ in range(2):
            assert str(self.vjp(asked, reply, torch.ones(2), None)[1]) == str([y, x])
        assert str(self.vjp(asked, reply, None, torch.ones(()))[1]) == str([None, torch.ones(2)])

    def test_only_results_of_real_numbers_that_depend_on_an_input_have_one(self) -> None:
        asked = Asked("import torch\ndef f(x): return x.detach(), x.argmax(), x.to(torch.complex64), x > 0, x * 2\n")
        assert asked.call("f", torch.ones(3), grad=[0])[0].grad == [4]

    def test_the_order_holds_beside_tensors_that_do_not_cross_and_arrays(self) -> None:
        asked = Asked("import torch\ndef f(x): return torch.ones(1, device='meta'), x.detach().numpy(), 3 * x\n")
        reply, (odd, _, _) = asked.call("f", torch.ones(2), grad=[0])
        assert odd == Odd("meta tensor")
        assert reply.grad == [1]
        assert self.vjp(asked, reply, torch.ones(2))[1][0].tolist() == [3, 3]

    def test_work_in_place_on_an_argument_is_differentiated(self) -> None:
        asked = Asked("def f(x):\n    x *= 2\n    return x * x\n")
        reply, _ = asked.call("f", torch.tensor([3.0]), grad=[0])
        assert reply.changed == ["x"]
        assert self.vjp(asked, reply, torch.ones(1))[1][0].tolist() == [24]

    def test_a_dropped_tape_is_gone(self) -> None:
        asked = Asked("def f(x): return x * 2\n")
        reply, _ = asked.call("f", torch.ones(1), grad=[0])
        asked.request(Message("keep", drop_tapes=[reply.tape]))
        assert self.vjp(asked, reply, torch.ones(1))[0].op == "error"


class TestOtherRequests:
    def test_attributes_are_read_and_set(self) -> None:
        asked = Asked("class C:\n    w = 1\ndef make(): return C()\n")
        number = asked.call("make")[1].key
        asked.request(Message("set", target=["h", number], text="w", value=pack([7], [])))
        assert asked.request(Message("get", target=["h", number], text="w"))[1] == [7]
        assert asked.request(Message("get", target=["h", number], text="v"))[0].error.type == "AttributeError"  # type: ignore[union-attr]

    def test_a_name_of_the_module_is_bound_anew(self) -> None:
        asked = Asked("def f(): return g()\ndef g(): return 1\n")
        asked.request(Message("set", text="g", value=Branch("f", ["f", ""])))
        assert asked.call("f")[0].error.type == "RecursionError"

    def test_what_is_kept_is_a_handle_to_a_copy(self) -> None:
        asked = Asked("def f(d): return d['x'].sum()\n")
        x = torch.ones(3)
        tensors: list[Tensor] = []
        _, handle = asked.request(Message("keep", value=pack({"x": x}, tensors)), tensors)
        x.zero_()
        assert asked.call("f", handle)[1] == 3

    def test_a_probe_runs_beside_the_module(self) -> None:
        asked = Asked("x = 4\n")
        text = "def probe(module, factor, *, more):\n    return module.x * factor + more, torch.ones(1)"
        message = Message("probe", text=text, args=pack([3], []), kwargs=pack({"more": 1}, []))
        assert asked.request(message)[1] == (13, torch.ones(1))

    def test_a_module_is_called_with_parameters_in_place_of_its_own(self) -> None:
        asked = Asked("import torch\ndef make(): return torch.nn.Linear(2, 1, bias=False)\n")
        number = asked.call("make")[1].key
        weight = torch.tensor([[2.0, 3.0]])
        reply, value = asked.call(["m", number], {"weight": weight}, torch.tensor([5.0, 7.0]), grad=[0])
        assert value.tolist() == [31]
        grads: list[Tensor] = []
        message = Message("vjp", tape=reply.tape, args=pack([torch.ones(1)], grads))
        assert asked.request(message, grads)[1][0].tolist() == [[5, 7]]

    def test_a_stand_in_answers_in_a_module_that_is_not_loaded_yet(self) -> None:
        sources = {"answers": ("answers.py", "from other import f\ndef g(): return f(2)\n")}
        server = Server(Handin(sources), lambda question, tensors: (Message("answer", value=8), []))
        server.handle(Message("stand_in", text="f", target=["other"], value=Branch("c", [1, "f"])), [])
        server.handle(Message("load", text="answers"), [])
        message = Message("call", target=["f", "g"], args=pack([], []), kwargs=pack({}, []))
        assert server.handle(message, [])[0].value == 8


class TestCallbacks:
    def test_ask_with_their_arguments_and_take_the_answer(self) -> None:
        seen: list[Any] = []

        def ask(question: Message, tensors: list[Tensor]) -> Parcel:
            seen.append((question.op, question.number, question.target, unpack(question.args, tensors)))
            sent: list[Tensor] = []
            return Message("answer", value=pack([torch.ones(2)], sent)), sent

        asked = Asked("def f(g): return g(3, g)[0] + 1, g.__name__\n", ask)
        message = Message("call", number=77, target=["f", "f"], args=pack([Reference("c", 4, "loss")], []))
        message.kwargs = pack({}, [])
        assert str(asked.request(message)[1]) == str((torch.full((2,), 2.0), "loss"))
        assert seen == [("callback", 77, ["c", 4], (3, Reference("c", 4, "callback")))]

    @pytest.mark.parametrize("kind", ["ValueError", "TypeError", "NotImplementedError"])
    def test_an_error_in_the_answer_is_raised_where_the_hand_in_called(self, kind: str) -> None:
        from grader.protocol import Error

        asked = Asked(
            f"def f(g):\n    try:\n        g()\n    except {kind} as e:\n        return str(e)\n",
            lambda question, tensors: (Message("answer", error=Error(kind, "so it is")), []),
        )
        assert asked.call("f", Reference("c", 1))[1] == "so it is"

    def test_a_kept_tensor_goes_back_by_its_number_unless_it_was_changed(self) -> None:
        seen: list[Any] = []

        def ask(question: Message, tensors: list[Tensor]) -> Parcel:
            seen.append(unpack(question.args, tensors)[0])
            return Message("answer"), []

        asked = Asked("def f(g, x):\n    g((x, [1]))\n    x += 1\n    g((x, [1]))\n", ask)
        _, handle = asked.request(Message("keep", value=pack(torch.ones(2), tensors := [])), tensors)  # type: ignore[var-annotated]
        asked.call("f", Reference("c", 1), handle)
        assert seen[0] == (handle, [1])
        assert seen[1][0].tolist() == [2, 2]

    def test_an_argument_that_can_not_be_sent_is_the_hand_ins_error(self) -> None:
        asked = Asked("def f(g):\n    x = []\n    x.append(x)\n    g(x)\n")
        reply, _ = asked.call("f", Reference("c", 1))
        assert "nested deeper than 64 levels" in reply.error.message


class TestWhatIsRaised:
    @pytest.mark.parametrize(
        ("body", "kind", "category"),
        [
            ("raise ValueError('no')", "ValueError", ""),
            ("raise NotImplementedError", "NotImplementedError", "not_implemented"),
            ("return f(x)", "RecursionError", "recursion"),
            ("raise MemoryError", "MemoryError", "memory"),
            ("raise SystemExit(0)", "SystemExit", "exit"),
            ("raise KeyboardInterrupt", "KeyboardInterrupt", "exit"),
            ("raise GeneratorExit", "GeneratorExit", "exit"),
            ("import pytest; pytest.skip('me')", "Skipped", ""),
            ("import pytest; pytest.exit('all')", "Exit", ""),
            ("import unittest; raise unittest.SkipTest", "SkipTest", ""),
            ("raise type('Passed' * 100, (Exception,), {})", "Passed" * 13 + "Pa", ""),
        ],
    )
    def test_is_data_with_its_category(self, body: str, kind: str, category: str) -> None:
        reply, _ = Asked(f"def f(x):\n    {body}\n").call("f", 1)
        assert (reply.op, reply.error.type, reply.error.category) == ("error", kind, category)

    def test_names_the_hand_ins_own_line_and_no_frame_of_a_library(self) -> None:
        text = "import torch\ndef g(x):\n    return torch.mm(x, x)\ndef f(x):\n    y = x\n    return g(y)\n"
        error = Asked(text).call("f", torch.ones(2, 3))[0].error
        assert (error.file, error.line, error.code) == ("answers.py", 3, "return torch.mm(x, x)")
        assert error.trace == ["answers.py, line 6", "answers.py, line 3"]

    @pytest.mark.parametrize(
        "text",
        [
            "class E(Exception):\n    def __str__(self): raise ValueError\n",
            "class E(Exception):\n    def __str__(self): raise SystemExit\n",
            "class E(Exception):\n    def __str__(self): return 5\n",
            "class E(Exception):\n    def __getattribute__(self, name): raise ValueError\n",
            "class E(Exception):\n    __traceback__ = 5\n",
            "class M(type):\n    __name__ = property(lambda cls: 1 / 0)\nclass E(Exception, metaclass=M): ...\n",
        ],
        ids=["raising", "exiting", "a number", "no attributes", "no traceback", "no name"],
    )
    def test_an_exception_made_not_to_be_looked_at_is_an_error_all_the_same(self, text: str) -> None:
        reply, _ = Asked(f"{text}def f(): raise E\n").call("f")
        assert reply.op == "error"
        assert isinstance(reply.error.message, str)

    def test_a_long_message_is_cut(self) -> None:
        reply, _ = Asked("def f(): raise ValueError('x' * 10**6)\n").call("f")
        assert reply.error.message == "x" * 2000 + " …"

    @pytest.mark.parametrize("value", ["x", "object()", "lambda: 1", "(i for i in x)", "open"])
    def test_a_value_of_any_kind_is_no_error(self, value: str) -> None:
        assert Asked(f"def f(x): return {value}\n").call("f", [1])[0].op == "value"

    @pytest.mark.parametrize(
        "text",
        [
            "def f():\n    x = []\n    x.append(x)\n    return x\n",
            "def f():\n    x = {}\n    x['x'] = x\n    return x\n",
        ],
    )
    def test_a_value_that_holds_itself_is_an_error_in_words(self, text: str) -> None:
        error = Asked(text).call("f")[0].error
        assert error.message == "gives a value that can't be sent: a value is nested deeper than 64 levels"


class TestOutput:
    def test_the_beginning_is_kept_and_all_goes_on(self, capsys: pytest.CaptureFixture[str]) -> None:
        reply, _ = Asked("def f():\n    for i in range(3000): print('ab')\n").call("f")
        assert reply.text == "ab\n" * 1365 + "a"
        assert capsys.readouterr().out == "ab\n" * 3000

    def test_is_told_beside_an_error_too(self) -> None:
        reply, _ = Asked("def f():\n    print('here')\n    raise ValueError\n").call("f")
        assert (reply.op, reply.text) == ("error", "here\n")

    def test_is_a_text_stream_that_is_given_back(self) -> None:
        before = sys.stdout
        asked = Asked("import sys\ndef f():\n    print('x', end='', flush=True)\n    return sys.stdout.encoding\n")
        assert asked.call("f")[1] == before.encoding
        Asked("import sys, io\ndef f():\n    sys.stdout = io.StringIO()\n").call("f")
        assert sys.stdout is before
