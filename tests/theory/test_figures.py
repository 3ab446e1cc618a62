"""The trained half of the figures: short trainings that must go where the theory says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku.core.config import read
from gansaku.core.noise import Noise
from gansaku.losses import Minimax, NonSaturating, Wasserstein
from gansaku.theory import (
    clipping,
    mode_collapse,
    optimal_discriminator,
    optimal_value,
    plateau,
    vanishing_gradients,
)
from gansaku.theory.exact import LOG4, Mixture
from gansaku.theory.judging import judged, slopes
from gansaku.theory.mode_collapse import Entry


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_trained_discriminator_comes_to_the_optimal_one():
    found = optimal_discriminator.find(steps=150, shown=(5, 150))
    assert found.gap(150) < found.gap(5) / 3
    assert found.gap(150) < 0.06
    assert np.allclose(found.best, found.p / (found.p + found.g))


def test_a_trained_value_is_a_lower_bound_of_the_exact_one():
    top = optimal_value.exact(2.0)
    found = optimal_value.trained(2.0, steps=100)
    assert top - 0.1 < found <= top + 1e-9
    assert optimal_value.exact(0.0) == pytest.approx(-LOG4, abs=1e-9)
    assert optimal_value.exact(7.0) == pytest.approx(0, abs=1e-2)


def test_trained_critics_see_the_plateau_and_the_distance():
    near, far = (plateau.by_minimax(shift, steps=120) for shift in (1.5, 2.5))
    assert math.log(2) - 0.05 < near <= math.log(2)
    assert math.log(2) - 0.05 < far <= math.log(2)
    found = plateau.by_wasserstein(2.0, steps=150)
    assert 1.6 < found < 2.02


def test_what_each_loss_lets_through():
    logit = torch.linspace(-6, 6, 13, dtype=torch.float64)
    d = logit.sigmoid()
    passed = vanishing_gradients.passed
    assert torch.allclose(passed(Minimax(), logit), d)
    assert torch.allclose(passed(NonSaturating(), logit), 1 - d)
    assert torch.equal(passed(Wasserstein(), logit), torch.ones_like(d))


def test_the_minimax_gradient_fades_beside_the_others():
    found = vanishing_gradients.follow(("minimax", "non-saturating"), steps=150)
    minimax, other = (dict(found[name]) for name in ("minimax", "non-saturating"))
    assert minimax[150] < minimax[1] / 10
    assert minimax[150] / other[150] < 0.05 * minimax[1] / other[1]


def test_only_the_critic_moves():
    p = Mixture.gaussian()
    run = judged(p.draw, Mixture.gaussian(3.0).draw, steps=3, width=4)
    assert [player.name for player in run.players] == ["D"]
    assert list(run.nets.G.parameters()) == []


def test_the_slope_of_a_critic_is_its_gradient():
    run = judged(Mixture.gaussian().draw, Mixture.gaussian(2.0).draw, steps=5, width=8)
    x = torch.linspace(-2, 2, 9)[:, None]
    with torch.no_grad():
        rise = (run.nets.D(x + 1e-3) - run.nets.D(x - 1e-3)) / 2e-3
    assert torch.allclose(slopes(run, x), rise.abs(), atol=5e-3)


def test_clipped_weights_lie_in_their_bound_and_make_a_flatter_critic():
    clipped, smooth = (clipping.find(c, steps=60, width=16, side=5) for c in (True, False))
    assert np.abs(clipped.weights).max() <= clipping.CLIP * (1 + 1e-6)
    assert np.abs(smooth.weights).max() > 10 * clipping.CLIP
    assert clipped.slope < smooth.slope / 10
    x = torch.zeros(2000, 2)
    assert float(clipping.noisy(x, Noise(0)).var()) == pytest.approx(1, abs=0.1)


def test_every_run_of_the_ring_can_be_read_and_looked_at():
    for entry in mode_collapse.entries():
        assert repr(read(entry.text)) == repr(entry.recipe())
        assert entry.recipe().steps == entry.looks[-1]


def test_the_ring_is_drawn_with_whatever_recipes_there_are(tmp_path, monkeypatch):
    tiny = Entry("tiny", "UnrolledGAN(unrolled=1, width=4, z=4, batch_size=8, steps=4)", (2, 4))
    gone = Entry("gone", "NoSuchGAN(steps=4)", (2, 4))
    monkeypatch.setattr(mode_collapse, "ENTRIES", (tiny, gone, tiny))
    assert mode_collapse.entries() == (tiny, tiny)
    told: list[str] = []
    with Image.open(mode_collapse.draw(tmp_path / "ring.png", told.append)) as picture:
        assert picture.width > 400
