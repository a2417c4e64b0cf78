"""Code that names CUDA, in a worker without it: every spelling means the device in use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from grader.student import Student, StudentError
from tests.workers import Connect, WarmParent

TEXT = """
import copy, io, pickle, threading
import torch
from torch import nn
from torch.utils.data import DataLoader

def run(lines, x):
    scope = {**globals(), "x": x}
    *before, last = lines
    for line in before:
        exec(line, scope)
    return eval(last, scope)
"""


@pytest.fixture(scope="module")
def student(warm_parent: WarmParent) -> Iterator[Student]:
    """One worker for all of them: none changes it."""
    connect = Connect(warm_parent)
    yield connect.student(TEXT)
    connect.close()


@pytest.mark.parametrize(
    "code",
    [
        "x.cuda()",
        "x.cuda(0)",
        "x.cuda(non_blocking=True)",
        "x.to('cuda')",
        "x.to('cuda:0')",
        "x.to(0)",
        "x.to(device='cuda')",
        "x.to(device=0)",
        "x.to(torch.device('cuda'))",
        "x.to(torch.device('cuda', 0))",
        "x.to(torch.device(type='cuda', index=1))",
        "x.to(torch.device('cuda:1'), torch.float32)",
        "x.to('cuda', torch.float32, True)",
        "x.to('cuda', non_blocking=True, copy=True)",
        "x.to(x.device)",
        "x.to(x)",
        "x.to(torch.float64).float()",
        "x.type(torch.cuda.FloatTensor)",
        "x.type('torch.cuda.FloatTensor')",
        "x.float().pin_memory()",
        "x + torch.zeros(3, device='cuda')",
        "x + torch.zeros(3, device=torch.device('cuda'))",
        "x + torch.zeros((3,), device=0)",
        "x + torch.zeros_like(x, device='cuda')",
        "x + x.new_zeros(3, device='cuda')",
        "x * torch.full((3,), 1.0, device='cuda:0')",
        "torch.tensor([1.0, 2.0, 3.0], device='cuda')",
        "torch.as_tensor(x, device='cuda')",
        "torch.arange(1, 4, device='cuda', dtype=torch.float32)",
        "torch.linspace(1, 3, 3, device='cuda')",
        "torch.cuda.FloatTensor([1, 2, 3])",
        "torch.cuda.LongTensor([1, 2, 3]).float()",
        "x[torch.randperm(3, device='cuda').sort()[0]]",
        "x * torch.ones(3, pin_memory=True)",
        "nn.Identity().cuda()(x)",
        "nn.Identity().to('cuda')(x)",
        "nn.Identity().to(torch.device('cuda'), torch.float32)(x)",
        "nn.Identity().to(device=0)(x)",
        "nn.Linear(3, 3, device='cuda', bias=False).requires_grad_(False)(x) * 0 + x",
        "torch.cuda.synchronize(); torch.cuda.empty_cache(); torch.cuda.manual_seed(0)\nx",
        "torch.cuda.set_device(0)\nx.to(torch.cuda.current_device())",
        "with torch.cuda.device(0): y = x.cuda()\ny",
        "torch.set_default_device('cuda')\nx + torch.zeros(3)",
        "torch.set_default_tensor_type(torch.cuda.FloatTensor)\nx + torch.zeros(3)",
        "x.cuda().cpu()",
        "file = io.BytesIO(); torch.save(x, file); file.seek(0)\ntorch.load(file, map_location='cuda')",
        "file = io.BytesIO(); torch.save(x, file); file.seek(0)\ntorch.load(file, torch.device('cuda'))",
        "file = io.BytesIO(); torch.save({'x': x, 'd': x.device}, file); file.seek(0)\ntorch.load(file)['x']",
        "found = []; t = threading.Thread(target=lambda: found.append(x.cuda()))\nt.start(); t.join()\nfound[0]",
        "next(iter(DataLoader(x, batch_size=3, num_workers=2)))",
        "next(iter(DataLoader(x, 3, False, None, None, 2)))",
        "next(iter(DataLoader(x, 3, num_workers=2, pin_memory=True, persistent_workers=True, prefetch_factor=4)))",
    ],
)
def test_it_means_the_cpu(student: Student, code: str) -> None:
    x = torch.tensor([1.0, 2.0, 3.0])
    assert torch.equal(student.run(code.splitlines(), x), x)


@pytest.mark.parametrize(
    "code",
    [
        "x.cuda().device == torch.device('cuda')",
        "x.device == torch.device('cuda:0')",
        "torch.device('cuda').type == x.device.type",
        "isinstance(x.device, torch.device)",
        "isinstance(torch.device('cuda'), torch.device)",
        "not isinstance('cuda', torch.device)",
        "str(torch.device('meta')) == 'meta'",
        "torch.device(x.device) == x.device",
        "copy.deepcopy(x.device) == x.device",
        "pickle.loads(pickle.dumps(torch.device('cuda'))) == x.device",
        "not torch.cuda.is_available()",
        "not x.is_cuda",
        "x.to(torch.int32).dtype is torch.int32",
        "x.type() == 'torch.FloatTensor'",
        "x.type(torch.float64).dtype is torch.float64",
        "torch.randn(3, generator=torch.Generator().manual_seed(1), device='cuda').shape == x.shape",
        "torch.zeros(3).__class__ is torch.Tensor",
        "isinstance(torch.cuda.get_device_name(0), str)",
    ],
)
def test_comparisons_and_kinds_hold(student: Student, code: str) -> None:
    assert student.run(code.splitlines(), torch.tensor([1.0, 2.0, 3.0])) is True


@pytest.mark.parametrize("code", ["x.to('nowhere')", "torch.zeros(3, device='nowhere')", "torch.device('nowhere')"])
def test_a_device_that_nobody_has_is_an_error(student: Student, code: str) -> None:
    with pytest.raises(StudentError):
        student.run(code.splitlines(), torch.ones(1))


def test_without_this_such_code_does_not_run_here() -> None:
    assert not torch.cuda.is_available()
    with pytest.raises((AssertionError, RuntimeError)):
        torch.ones(1).cuda()
