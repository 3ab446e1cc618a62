"""Optimizers: the kernel that is chosen, agreement with the definition, exact resume."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from gansaku.core import state
from gansaku.core.optim import SGD, Adam, RMSprop

OPTIMIZERS = [Adam(), Adam(weight_decay=0.1), SGD(0.1), SGD(0.1, momentum=0.9), RMSprop()]


def _params() -> list[nn.Parameter]:
    g = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=g)) for shape in [(7, 5), (13,), (3, 3, 3)]]


def _move(params, optimizer, steps, seed=1) -> None:
    for step in steps:
        g = torch.Generator().manual_seed(seed + step)
        for p in params:
            p.grad = torch.randn(p.shape, generator=g)
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 / (1 + step)  # a schedule
        optimizer.step()


@pytest.mark.parametrize("make", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("stop", [0, 1, 3])
def test_resume_is_exact(make, stop):
    params = _params()
    optimizer = make(params)
    _move(params, optimizer, range(stop))
    saved = copy.deepcopy((optimizer.state_dict(), [p.detach().clone() for p in params]))
    _move(params, optimizer, range(stop, 6))

    again = [nn.Parameter(p) for p in saved[1]]
    resumed = make(again)
    resumed.load_state_dict(saved[0])
    _move(again, resumed, range(stop, 6))
    assert all(torch.equal(a, b) for a, b in zip(params, again, strict=True))


def test_first_step_of_adam_is_the_sign_of_the_gradient():
    p = nn.Parameter(torch.tensor([1.0, -2.0]))
    p.grad = torch.tensor([3.0, -0.5])
    Adam(lr=0.1)([p]).step()
    torch.testing.assert_close(p.detach(), torch.tensor([0.9, -1.9]))


def test_momentum_accumulates():
    p = nn.Parameter(torch.zeros(1))
    optimizer = SGD(0.1, momentum=0.5)([p])
    for _ in range(2):
        p.grad = torch.ones(1)
        optimizer.step()
    torch.testing.assert_close(p.detach(), torch.tensor([-0.1 - 0.1 * 1.5]))


def test_first_step_of_rmsprop():
    p = nn.Parameter(torch.zeros(1))
    p.grad = torch.tensor([4.0])
    RMSprop(lr=0.1, alpha=0.75)([p]).step()
    torch.testing.assert_close(p.detach(), torch.tensor([-0.1 * 4 / (4 * 0.5)]))


def test_fused_where_the_device_has_it():
    assert Adam()(_params()).param_groups[0]["fused"]
    assert SGD(0.1)(_params()).param_groups[0]["fused"]
    assert RMSprop()(_params()).param_groups[0]["foreach"]
    meta = [nn.Parameter(torch.zeros(2, device="meta"))]
    assert Adam()(meta).param_groups[0]["foreach"]


@pytest.mark.parametrize("gradients", [torch.channels_last, torch.contiguous_format])
def test_weights_of_any_layout_move_alike(gradients):
    def moved(layout: torch.memory_format) -> torch.Tensor:
        g = torch.Generator().manual_seed(0)
        p = nn.Parameter(torch.randn(8, 5, 4, 3, generator=g).contiguous(memory_format=layout))
        optimizer = Adam(0.1)([p])
        for _ in range(3):
            p.grad = torch.randn(p.shape, generator=g).contiguous(memory_format=gradients)
            optimizer.step()
        assert p.is_contiguous(memory_format=layout)
        assert optimizer.state[p]["exp_avg"].stride() == p.stride()
        return p.detach()

    rows, channels = moved(torch.contiguous_format), moved(torch.channels_last)
    torch.testing.assert_close(channels, rows, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("kernel", "device"),
    [
        ({"fused": True}, "meta"),
        ({"capturable": True}, "meta"),
        ({"fused": None}, "cpu"),
        ({}, "cpu"),
    ],
)
def test_a_restored_count_lies_where_its_kernel_reads_it(kernel, device):
    optimizer, count = SimpleNamespace(param_groups=[kernel]), torch.tensor(7.0)
    placed = state._counted(count, torch.empty(3, device="meta"), optimizer)
    assert placed.device.type == device
    assert placed is not count


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_kernel_called_as_it_is_moves_as_by_torchs_own_way(decay):
    one, other = _params(), _params()
    mine = Adam(weight_decay=decay)(one)
    theirs = torch.optim.Adam(
        other, lr=mine.defaults["lr"], betas=(0.5, 0.999), weight_decay=decay, fused=True
    )
    mine.add_param_group({"params": [left := nn.Parameter(torch.ones(2))], "lr": 0.5})
    _move(one, mine, range(4))
    _move(other, theirs, range(4))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert torch.equal(left, torch.ones(2)), "it has no gradient"
    assert mine.state[one[0]]["step"] == 4


def test_what_the_kernel_does_not_suit_goes_by_torch():
    wide = nn.Parameter(torch.ones(2, dtype=torch.float64))
    wide.grad = torch.ones(2, dtype=torch.float64)
    optimizer = Adam(lr=0.1)([*_params(), wide])
    optimizer.step()
    torch.testing.assert_close(wide.detach(), torch.full((2,), 0.9, dtype=torch.float64))
    kept = nn.Parameter(torch.ones(2))
    kept.grad = torch.ones(2)
    optimizer = Adam(lr=0.1)([kept])
    optimizer.found_inf = torch.ones(())  # a gradient overflowed: no move
    optimizer.step()
    assert torch.equal(kept, torch.ones(2))
