"""Values to nodes and back: what crosses arrives as it was, and what is of no known form is refused."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from grader.errors import ProtocolError
from grader.protocol import Branch, Odd, Reference, pack, unpack
from grader.protocol.values import DEPTH_LIMIT, DTYPES, ODD_KEYS_LIMIT
from tests.wires import Ends

Point = namedtuple("Point", "x y")


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
