"""Tests of what `import eecs598` exposes, and of what it does not import."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

import eecs598
from eecs598.utils import available_device, reset_seed

# Names and where notebooks and hand-ins of the terms reach for them.
NAMES = (
    *("data", "submit", "grad", "utils", "vis", "solver", "a2_helpers"),
    *("tensor_to_image", "visualize_dataset", "reset_seed", "Solver"),
    *("data.cifar10", "data.preprocess_cifar10", "data._extract_tensors"),
    *("grad.grad_check_sparse", "grad.compute_numeric_gradient", "grad.rel_error"),
    *("utils.reset_seed", "utils.tensor_to_image", "utils.visualize_dataset"),
    *("vis.tensor_to_image", "vis.visualize_dataset", "solver.Solver"),
    *("submit.make_a1_submission", "submit.make_a2_submission", "submit.make_a3_submission"),
    *("a2_helpers.get_toy_data", "a2_helpers.reset_seed"),
)


class TestPackage:
    @pytest.mark.parametrize("name", NAMES)
    def test_every_name_is_reached_after_a_plain_import(self, name: str) -> None:
        value: object = eecs598
        for step in name.split("."):
            value = getattr(value, step)
        assert value is not None

    def test_importing_it_costs_no_more_modules_than_torch(self) -> None:
        code = "import sys, json, eecs598; print(json.dumps([m for m in sys.modules if '.' not in m]))"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment).stdout
        loaded = set(json.loads(shown))
        assert "torch" in loaded
        assert not loaded & {"matplotlib", "torchvision", "PIL", "cv2", "scipy", "sklearn", "grader"}


class TestResetSeed:
    def test_both_generators_start_again(self) -> None:
        import random

        reset_seed(4)
        first = random.random(), torch.rand(3)
        reset_seed(4)
        assert random.random() == first[0]
        assert torch.equal(torch.rand(3), first[1])

    def test_numpy_is_left_alone(self) -> None:
        import numpy as np

        before = np.random.get_state()[1].copy()  # type: ignore[index]
        reset_seed(4)
        assert np.array_equal(before, np.random.get_state()[1])  # type: ignore[index]


class TestAvailableDevice:
    def test_cuda_becomes_the_cpu_with_one_line_where_there_is_none(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert available_device("cuda:0") == "cpu"
        assert capsys.readouterr().out == "No CUDA device on this machine: cuda:0 becomes cpu.\n"

    def test_cuda_is_kept_in_silence_where_there_is_one(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        assert available_device("cuda") == "cuda"
        assert available_device(torch.device("cpu")) == torch.device("cpu")
        assert capsys.readouterr().out == ""
