"""What BEGAN adds to the duel: where G begins, and the rate that its balance sets."""

import dataclasses

import numpy as np
import pytest
import torch

from gansaku.core.loop import Run
from gansaku.data import open_source
from gansaku.recipes.began import BEGAN


def dark(n: int = 32) -> np.ndarray:
    """Colour pictures, dark in red, bright in blue."""
    noise = np.random.default_rng(0).integers(0, 40, (n, 16, 16, 3))
    return (noise + np.array([0, 100, 200])).astype(np.uint8)


@pytest.mark.parametrize("source", [dark(), "ring"], ids=["pictures", "points"])
def test_first_samples_have_the_mean_of_the_data_if_asked(source):
    recipe = dataclasses.replace(BEGAN.tiny(), batch_size=32)
    data = open_source(source)
    plain, moved = (
        Run(dataclasses.replace(recipe, from_mean=asked), data, seed=1) for asked in (False, True)
    )
    x = data.batch(0, 32, 1, spec=data.spec)["x"]
    with torch.no_grad():
        moved.stages[0].enter(moved.nets, {"x": x})
    before, after = (run.sample(64, seed=2) for run in (plain, moved))
    mean = x.transpose(0, 1).flatten(1).mean(1)
    shift = (after - before).transpose(0, 1).flatten(1).mean(1)
    torch.testing.assert_close(shift, mean, atol=2e-2, rtol=0)
    assert plain.stages[0].enter is None


def test_both_players_go_by_the_rate_of_the_balance():
    run = Run(BEGAN.tiny(), open_source(dark()), seed=1)
    run.nets.balance.rate.fill_(0.25)
    for player in run.players:
        assert player.fields(run.clock("rates"), 0.1)["lr"] == pytest.approx(0.025)
