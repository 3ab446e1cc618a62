"""The duel's own sums: what multiplies the penalties."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from gansaku.core.contract import Clock
from gansaku.data import ImageSpec
from gansaku.losses import R1, R2
from gansaku.recipes.r3gan import R3GAN


@pytest.mark.parametrize(("step", "factor"), [(0, 1.0), (50, 0.55), (100, 0.1)])
def test_penalties_follow_their_factor(step, factor):
    """R3GAN's gamma falls by a cosine to a tenth (arXiv:2501.05441, table of hyper-parameters)."""
    recipe = dataclasses.replace(R3GAN.tiny(), penalties=(R1(3.0), R2(5.0)))
    torch.manual_seed(0)
    nets = recipe.networks(ImageSpec(8, 8, 1))
    x = torch.rand(4, 1, 8, 8) * 2 - 1
    fake = torch.rand(4, 1, 8, 8) * 2 - 1
    terms = recipe.d_loss(nets, {"x": x, "fake": fake}, Clock(0, step, 100, 0, seed=0))
    for weight, name, at in ((3.0, "R1", x), (5.0, "R2", fake)):
        at = at.clone().requires_grad_()
        slope = torch.autograd.grad(nets.D(at).sum(), at)[0]
        expected = factor * weight / 2 * slope.square().flatten(1).sum(1).mean()
        assert float(terms[name].detach()) == pytest.approx(float(expected), rel=1e-4)
