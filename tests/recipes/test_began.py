"""What BEGAN adds to the duel: norms where they are asked for, and the rate of its balance."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from gansaku.core.loop import Run
from gansaku.data import open_source
from gansaku.nets.autoencoder import began_critic
from gansaku.recipes.began import BEGAN


def dark(n: int = 32) -> np.ndarray:
    """Colour pictures, dark in red, bright in blue."""
    noise = np.random.default_rng(0).integers(0, 40, (n, 16, 16, 3))
    return (noise + np.array([0, 100, 200])).astype(np.uint8)


@pytest.mark.parametrize("norm", ["batch", "layer", "instance"])
def test_norms_are_between_layers_where_asked(norm):
    asked = dataclasses.replace(BEGAN.tiny(), g_norm=norm, d_norm=norm)
    plain, held = (Run(r, open_source(dark()), seed=1) for r in (BEGAN.tiny(), asked))
    for name in ("G", "D"):
        before, after = ([*getattr(run.nets, name).modules()] for run in (plain, held))
        layers = [sum(isinstance(m, nn.ELU) for m in modules) for modules in (before, after)]
        assert layers[0] == layers[1]
        assert len(after) - len(before) == layers[0] - (name == "D")
    held.advance()
    assert held.sample(4, seed=2).shape == (4, 3, 16, 16)


def test_a_norm_that_there_is_not_is_refused():
    pictures, points = (open_source(data).spec for data in (dark(), "ring"))
    for spec, told in (
        (pictures, {"g_norm": "spectral"}),
        (pictures, {"d_norm": "weight"}),
        (points, {"g_norm": "batch"}),
        (points, {"d_norm": "batch"}),
    ):
        recipe = dataclasses.replace(BEGAN.tiny(), **told)
        with pytest.raises(ValueError, match="it must be one of"):
            recipe.networks(spec)


def test_under_batch_norm_a_batch_of_one_kind_is_no_batch_of_the_datas():
    """What keeps G from the easiest kind: D, which learned mixed batches, knows it less alone."""
    torch.manual_seed(0)
    kinds = torch.rand(4, 3, 16, 16).sub_(0.5).mul_(2)
    mixed, alone = kinds.repeat(8, 1, 1, 1), kinds[:1].expand(32, -1, -1, -1)
    rise = {}
    for norm in ("none", "batch"):
        torch.manual_seed(0)
        net = began_critic((3, 16, 16), 4, 8, norm)
        optimizer = torch.optim.Adam(net.parameters(), 1e-2)
        for _ in range(150):
            optimizer.zero_grad()
            (-net(mixed)[0].mean()).backward()
            optimizer.step()
        with torch.no_grad():
            told = net(mixed)[0][::4].mean()
            rise[norm] = float(net(alone)[0].mean() / told)
    assert rise["none"] == pytest.approx(1, abs=0.01)
    assert rise["batch"] > 1.2


def test_both_players_go_by_the_rate_of_the_balance():
    run = Run(BEGAN.tiny(), open_source(dark()), seed=1)
    run.nets.balance.rate.fill_(0.25)
    for player in run.players:
        assert player.fields(run.clock("rates"), 0.1)["lr"] == pytest.approx(0.025)
