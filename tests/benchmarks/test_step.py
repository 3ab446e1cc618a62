"""The step benchmark counts operations as torch does, and through penalties too."""

import importlib
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    yield importlib.import_module("step")
    for name in ("step", "common"):
        sys.modules.pop(name, None)


def test_flops_of_a_convolution_and_its_backward_are_torch_s_own(step) -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 5))
    x = torch.randn(4, 3, 8, 8)
    with FlopCounterMode(display=False) as theirs:
        net(x).sum().backward()
    with step.Flops() as mine:
        net(x).sum().backward()
    assert mine.total == theirs.get_total_flops() > 0


def test_a_gradient_penalty_is_counted(step) -> None:
    w = torch.randn(6, 5, requires_grad=True)
    x = torch.randn(7, 6, requires_grad=True)
    with step.Flops() as counter:
        (slope,) = torch.autograd.grad((x @ w).square().sum(), x, create_graph=True)
        slope.square().sum().backward()
    product = 2 * 7 * 6 * 5
    # x w; its gradient to x and w; then the gradient of that slope, which goes through all three.
    assert counter.total % product == 0
    assert counter.total >= 5 * product
