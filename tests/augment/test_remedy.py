"""The remedy: what it watches, how the pressure moves, what it does to updates and penalties."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gansaku.augment import Remedy
from gansaku.augment.remedy import ordered
from gansaku.core.loop import Run
from gansaku.data import open_source
from gansaku.losses import R1, Wasserstein
from gansaku.recipes.dcgan import DCGAN


def fed(share: float, images: int, times: int, penalties: bool = False, **fields):
    """The state after `times` critic updates on batches whose pairs are ordered like that."""
    state = Remedy(**fields).build(penalties=penalties, wasserstein=False)
    for _ in range(times):
        state.adapt({"ordered": torch.tensor(share)}, images)
    return state


def test_the_share_of_pairs_in_order():
    real, fake = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0, 3.0])
    assert float(ordered(real, fake)) == pytest.approx((1 + 0.5 + 0 + 1 + 1 + 0) / 6)


def test_a_critic_too_strong_makes_fewer_moves():
    state = fed(1.0, 1000, 400)
    assert float(state.pressure) == pytest.approx(3.0)
    assert sum(state.updates(1, step) for step in range(800)) == 100
    assert float(state.factor()) == pytest.approx(8.0)


def test_with_penalties_they_grow_instead():
    state = fed(1.0, 1000, 400, penalties=True)
    assert [state.updates(2, step) for step in range(5)] == [2] * 5


def test_a_critic_too_weak_makes_more_moves():
    state = fed(0.5, 1000, 400)
    assert float(state.pressure) == pytest.approx(-3.0)
    assert state.updates(1, 7) == 8
    assert float(state.factor()) == 1.0


def test_it_moves_by_one_in_a_horizon_and_goes_back():
    state = fed(1.0, 1000, 1, horizon=10_000, memory=1)
    assert float(state.pressure) == pytest.approx(0.1)
    for _ in range(5):
        state.adapt({"ordered": torch.tensor(0.9)}, 1000)
    assert float(state.pressure) == pytest.approx(0.0, abs=1e-12)


def test_a_wasserstein_critic_is_never_too_strong():
    state = Remedy().build(penalties=True, wasserstein=True)
    for _ in range(400):
        state.adapt({"ordered": torch.tensor(1.0)}, 1000)
    assert float(state.pressure) == 0.0


@given(st.floats(-3, 3), st.integers(1, 6))
def test_updates_are_the_rate_in_the_long_run(pressure, base):
    state = Remedy().build(penalties=False, wasserstein=False)
    state.pressure.fill_(pressure)
    made = sum(state.updates(base, step) for step in range(64))
    assert made == pytest.approx(64 * base * 2.0**-pressure, abs=1.0001)


@pytest.mark.parametrize("changes", [{"penalties": (R1(),)}, {"objective": Wasserstein()}, {}])
def test_it_plays_in_the_one_loop_and_is_logged(changes):
    recipe = dataclasses.replace(DCGAN.tiny(), remedy=Remedy(memory=1, horizon=8), **changes)
    run = Run(recipe, open_source(torch.rand(64, 1, 16, 16) * 2 - 1), log_every=1)
    seen = []
    run.play([lambda run: seen.append(run.record) and None])
    assert "augment" in run.nets
    assert all({"ordered", "pressure"} <= set(r) for r in seen if "D/objective" in r)


@pytest.mark.parametrize("fields", [{"weak": 0.9, "strong": 0.8}, {"horizon": 0}])
def test_numbers_out_of_range(fields):
    with pytest.raises(ValueError, match="Remedy"):
        Remedy(**fields)
