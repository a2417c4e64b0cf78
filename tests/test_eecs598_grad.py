"""Tests of the numerical gradients that notebooks hold a backward pass against."""

from __future__ import annotations

import random
import re

import pytest
import torch
from torch import Tensor

from eecs598.grad import compute_numeric_gradient, grad_check_sparse, rel_error
from eecs598.utils import reset_seed


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


class TestComputeNumericGradient:
    def test_a_scalar_function_has_its_gradient(self) -> None:
        x = numbers(3, 4)
        assert torch.allclose(compute_numeric_gradient(lambda v: (v**3).sum(), x), 3 * x**2, atol=1e-6)

    def test_a_third_positional_argument_is_the_gradient_from_above(self) -> None:
        x, w, dout = numbers(3, 4), numbers(4, 2), numbers(3, 2)
        assert torch.allclose(compute_numeric_gradient(lambda v: v @ w, x, dout), dout @ w.T, atol=1e-6)

    def test_without_it_the_result_is_summed(self) -> None:
        x = numbers(5)
        assert torch.allclose(compute_numeric_gradient(lambda v: v * v, x), 2 * x, atol=1e-6)

    def test_a_function_that_ignores_its_argument_sees_the_change(self) -> None:
        params = {"W": numbers(3, 2)}
        gradient = compute_numeric_gradient(lambda _: (params["W"] ** 2).sum(), params["W"])
        assert torch.allclose(gradient, 2 * params["W"], atol=1e-6)

    def test_a_tensor_that_is_not_contiguous_is_changed_itself(self) -> None:
        x = numbers(4, 3).T
        assert not x.is_contiguous()
        assert torch.allclose(compute_numeric_gradient(lambda _: (x**2).sum(), x), 2 * x, atol=1e-6)

    def test_a_function_that_returns_its_argument_gives_ones(self) -> None:
        assert torch.allclose(compute_numeric_gradient(lambda v: v, numbers(3)), torch.ones(3, dtype=torch.float64))

    @pytest.mark.parametrize("requires_grad", [False, True])
    def test_the_argument_is_left_as_it_was(self, requires_grad: bool) -> None:
        x = numbers(2, 3).requires_grad_(requires_grad)
        before = x.detach().clone()
        gradient = compute_numeric_gradient(lambda v: (v**2).sum(), x)
        assert torch.equal(x.detach(), before)
        assert not gradient.requires_grad

    def test_the_argument_is_restored_where_the_function_raises(self) -> None:
        x = numbers(2)
        before = x.clone()
        with pytest.raises(ZeroDivisionError):
            compute_numeric_gradient(lambda _: torch.tensor(1 / 0), x)
        assert torch.equal(x, before)

    def test_a_0d_tensor_has_a_0d_gradient(self) -> None:
        gradient = compute_numeric_gradient(lambda v: v * v, torch.tensor(3.0, dtype=torch.float64))
        assert gradient.shape == ()
        assert gradient.item() == pytest.approx(6, abs=1e-6)

    def test_the_step_can_be_chosen(self) -> None:
        steps: list[float] = []

        def f(v: Tensor) -> Tensor:
            steps.append(v.item())
            return v.sum()

        compute_numeric_gradient(f, torch.zeros(1), h=0.25)
        assert steps == [0.25, -0.25]

    def test_elements_that_share_memory_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"share memory .*\n  way out   give x\.clone\(\)"):
            compute_numeric_gradient(lambda v: v.sum(), torch.zeros(1).expand(3))


class TestGradCheckSparse:
    def test_a_right_gradient_prints_small_errors_in_the_usual_form(self, capsys: pytest.CaptureFixture[str]) -> None:
        x = numbers(4, 3)
        grad_check_sparse(lambda v: (v**2).sum(), x, 2 * x, num_checks=5)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 5
        for line in lines:
            match = re.fullmatch(r"numerical: (\S+) analytic: (\S+), relative error: (\d\.\d{6}e[+-]\d\d)", line)
            assert match
            assert float(match[3]) < 1e-6

    def test_a_wrong_gradient_prints_large_errors(self, capsys: pytest.CaptureFixture[str]) -> None:
        x = numbers(4, 3)
        grad_check_sparse(lambda v: (v**2).sum(), x, x)
        errors = [float(line.rsplit(" ", 1)[1]) for line in capsys.readouterr().out.splitlines()]
        assert len(errors) == 10
        assert min(errors) == pytest.approx(1 / 3, abs=1e-3)

    def test_coordinates_are_those_of_seed_0_and_the_argument_is_restored(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        x = torch.arange(12.0, dtype=torch.float64).reshape(4, 3)
        grad_check_sparse(lambda v: v.sum(), x, x, num_checks=3)
        seen = [float(line.split()[3].rstrip(",")) for line in capsys.readouterr().out.splitlines()]
        reset_seed(0)
        assert seen == [3.0 * random.randrange(4) + random.randrange(3) for _ in range(3)]
        assert torch.equal(x, torch.arange(12.0, dtype=torch.float64).reshape(4, 3))


class TestRelError:
    def test_it_is_the_greatest_difference_over_the_greatest_sum(self) -> None:
        assert rel_error(torch.tensor([1.0, 10.0]), torch.tensor([2.0, 10.0])) == pytest.approx(1 / 20)
        assert rel_error(torch.tensor([1.0, -4.0]), torch.tensor([-3.0, 2.0])) == 1.0

    def test_equal_tensors_have_none_even_where_they_are_zero(self) -> None:
        assert rel_error(torch.zeros(3), torch.zeros(3)) == 0.0

    def test_eps_is_the_least_denominator(self) -> None:
        assert rel_error(torch.tensor(1e-3), torch.tensor(0.0), eps=1.0) == pytest.approx(1e-3)

    def test_labels_and_0d_losses_are_taken(self) -> None:
        assert rel_error(torch.tensor([1, 2, 3]), torch.tensor([1, 2, 4])) == pytest.approx(1 / 7)
        assert rel_error(torch.tensor(2.0), torch.tensor(2.0)) == 0.0

    def test_nan_is_not_hidden(self) -> None:
        error = rel_error(torch.tensor([float("nan"), 1.0]), torch.tensor([1.0, 1.0]))
        assert error != error
