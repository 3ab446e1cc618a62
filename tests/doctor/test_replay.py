"""Which layer broke first: the steps are played again until one does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gansaku.core.errors import Diverged
from gansaku.core.loop import Run
from gansaku.core.optim import Adam
from gansaku.data import open_source
from gansaku.doctor.replay import Replay
from gansaku.recipes.quick import Quick


class Breaks(nn.Module):
    """Passes its input on, until it has been called so often."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def forward(self, x: Tensor) -> Tensor:
        self.left -= 1
        return x if self.left >= 0 else x / torch.zeros_like(x)


@pytest.fixture(scope="module")
def digits():
    return open_source("digits", size=16)


def run_of(source, **fields) -> Run:
    return Run(Quick(steps=20, batch_size=8, z=4, width=4, **fields), source, log_every=5)


def test_the_layer_that_breaks_is_named(digits):
    run = run_of(digits)
    run.nets.D.blocks[2] = nn.Sequential(run.nets.D.blocks[2], Breaks(5))
    assert Replay(run, 20).find().startswith("D.blocks.2.1 (output, step ")


def test_weights_that_break_are_named(digits):
    run = run_of(digits, g_optimizer=Adam(1e38), d_optimizer=Adam(1e38))
    found = Replay(run, 20).find()
    assert found
    assert found.split(".")[0] in ("G", "D")
    with pytest.raises(Diverged):
        run_of(digits, g_optimizer=Adam(1e38), d_optimizer=Adam(1e38)).play()


def test_a_run_that_holds(digits):
    run = run_of(digits)
    assert Replay(run, 3).find() == ""
    assert run.steps == 3
    assert not any(module._forward_hooks for module in run.nets.modules())
