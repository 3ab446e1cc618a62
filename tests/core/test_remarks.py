"""What a recipe remarks on before it trains: settings that are likely to disappoint."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from gansaku.core.plan import plan
from gansaku.data import ImageSpec
from gansaku.losses import R1, Drift, EnergyMargin, GradientPenalty
from gansaku.recipes.dcgan import DCGAN
from gansaku.recipes.ebgan import EBGAN


class Pictures:
    spec = ImageSpec(16, 16, 1)

    def batch(self, start: int, n: int, seed: int, **_):
        return {"x": torch.zeros(n, *self.spec.shape)}


@pytest.mark.parametrize(
    ("norm", "penalties", "said"),
    [
        ("batch", (R1(1.0), GradientPenalty()), "R1, GradientPenalty with batch norm"),
        ("batch", (Drift(),), None),
        ("batch", (), None),
        ("layer", (R1(1.0),), None),
        ("spectral", (R1(1.0),), None),
    ],
)
def test_a_penalty_beside_batch_norm(norm, penalties, said):
    recipe = dataclasses.replace(DCGAN.tiny(), d_norm=norm, penalties=penalties)
    remarks = plan(recipe, Pictures()).remarks
    assert len(remarks) == bool(said)
    assert not said or remarks[0].startswith(said)


def test_what_is_said_is_true():
    """With batch norm, a sample's own logit has a slope at the others of its batch."""
    for norm, tied in (("batch", True), ("layer", False)):
        recipe = dataclasses.replace(DCGAN.tiny(), d_norm=norm)
        critic: nn.Module = recipe.networks(ImageSpec(16, 16, 1)).D.train()
        x = torch.randn(4, 1, 16, 16, requires_grad=True)
        slope = torch.autograd.grad(critic(x)[0], x)[0]
        assert bool(slope[1:].abs().sum() > 1e-9) == tied


@pytest.mark.parametrize(
    ("shape", "margin", "said"),
    [((1, 28, 28), 10.0, 0), ((3, 64, 64), 10.0, 1), ((3, 64, 64), 20.0, 0)],
)
def test_a_margin_that_is_small_for_the_picture(shape, margin, said):
    recipe = EBGAN(width=4, z=4, objective=EnergyMargin(margin))
    found = recipe.remarks(recipe.networks(ImageSpec(*shape[1:], shape[0])))
    assert len(found) == said
    assert all('"EnergyMargin(40)"' in remark for remark in found)
