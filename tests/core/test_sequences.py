"""Plain sequences of perceptrons: their layers known beforehand, many batches in one pass."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import nn

from gansaku.core import perceptrons
from gansaku.core.duel import Duel
from gansaku.core.loop import Run
from gansaku.core.mixes import Between, sources
from gansaku.core.optim import SGD
from gansaku.core.sequences import in_groups, leaves, rowwise
from gansaku.data import open_source
from gansaku.losses import (
    DRAGAN,
    R1,
    GradientPenalty,
    PixelGradientPenalty,
    Wasserstein,
    WeightClip,
)
from gansaku.nets import MLP, PointCritic, PointGenerator
from gansaku.nets.layers.dropout import Dropout
from gansaku.recipes.wgan_gp import WGANGP


def normed() -> nn.Sequential:
    inner = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.2, inplace=True))
    return nn.Sequential(inner, nn.Linear(8, 2), nn.Tanh())


OTHERS = {
    "dropout": lambda: nn.Sequential(nn.Linear(5, 2), Dropout(0.5)),
    "a forward of its own": lambda: nn.ModuleList([nn.Linear(5, 2)]),
    "flattened rows": lambda: nn.Sequential(nn.Linear(5, 2), nn.Flatten(0)),
    "rows as channels": lambda: nn.Sequential(nn.Linear(5, 2), nn.Unflatten(0, (1, -1))),
    "convolutions": lambda: nn.Sequential(nn.Unflatten(1, (5, 1, 1)), nn.Conv2d(5, 2, 1)),
}


def test_leaves_are_those_of_sequences_within_sequences():
    net = normed()
    assert [type(m).__name__ for m in leaves(net)] == [
        *("Linear", "BatchNorm1d", "LeakyReLU", "Linear", "Tanh"),
    ]
    assert rowwise(net)
    assert rowwise(PointGenerator())


@pytest.mark.parametrize("name", OTHERS)
def test_what_may_tie_rows_is_not_rowwise(name):
    assert not rowwise(OTHERS[name]())


def test_a_hook_makes_a_sequence_opaque():
    net = normed()
    net[1].register_forward_hook(lambda *_: None)
    assert not rowwise(net)
    critic = PointCritic(2, 4)
    assert perceptrons.layers_of(critic)
    critic[1].register_forward_hook(lambda *_: None)
    assert perceptrons.layers_of(critic) is None


@pytest.mark.parametrize("training", [True, False])
def test_batches_in_one_pass_are_those_one_by_one(training):
    torch.manual_seed(0)
    one = normed().double().train(training)
    other, x = copy.deepcopy(one), torch.randn(12, 5, dtype=torch.float64)
    expected = torch.cat([one(part) for part in x.chunk(3)])
    torch.testing.assert_close(in_groups(other, x, 3), expected, rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(other.buffers(), one.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


CRITICS = {
    "smooth": nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)),
    "a rectifier last": nn.Sequential(nn.Linear(2, 1), nn.ReLU()),
    "two rectifiers": nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.ReLU(), nn.Linear(3, 1)),
    "rows joined": nn.Sequential(nn.Linear(2, 3), nn.Flatten(0)),
    "a bend the other way": nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(-0.5), nn.Linear(3, 1)),
    "nothing learned": nn.Sequential(nn.Flatten()),
}


@pytest.mark.parametrize("name", CRITICS)
def test_other_critics_have_no_layers(name):
    assert perceptrons.layers_of(CRITICS[name]) is None


def test_layers_and_their_shares_below_zero():
    net = nn.Sequential(
        nn.Flatten(), MLP([4, 3, 2]), nn.LeakyReLU(0.1), nn.Linear(2, 2), nn.Linear(2, 1)
    )
    found = perceptrons.layers_of(net)
    assert found is not None
    assert not found[1]
    assert [(m.in_features, slope) for m, slope in found[0]] == [
        (4, 0.0),
        (3, 0.1),
        (2, 1.0),
        (2, 1.0),
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Perceptrons(WGANGP):
    """WGAN-GP of perceptrons with batch norm in G."""

    d_updates: int = 3
    batch_size: int = 8
    z: int = 5

    def generator(self, spec):
        return normed()

    def critic(self, spec):
        return PointCritic(2, 6)


@pytest.mark.parametrize("penalties", [(GradientPenalty(),), (R1(),), ()], ids=["gp", "r1", "none"])
def test_a_step_with_all_fakes_made_ahead_is_the_step_without(penalties, monkeypatch):
    recipe = Perceptrons(penalties=penalties, g_optimizer=SGD(0.01), d_optimizer=SGD(0.01))
    passes: list[int] = []
    whole = Duel.ahead

    def counted(self, nets, batches, clocks):
        made = whole(self, nets, batches, clocks)
        passes.append(sum("fake" in batch for batch in made))
        return made

    def steps() -> dict[str, torch.Tensor]:
        run = Run(recipe, open_source("ring"), seed=3, log_every=1)
        for _ in range(2):
            run.advance()
        return {**run.nets.state_dict(), "wasserstein": torch.tensor(run.record["wasserstein"])}

    monkeypatch.setattr(Duel, "ahead", counted)
    ahead = steps()
    assert passes == [3, 3]
    monkeypatch.setattr(Duel, "ahead", lambda self, nets, batches, clocks: batches)
    torch.testing.assert_close(ahead, steps(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("told", [{"fresh": False, "g_batches": 1}, {"simultaneous": True}])
def test_nothing_is_made_ahead_where_fakes_are_shared_or_g_moves_in_between(told):
    run = Run(dataclasses.replace(Perceptrons(), **told), open_source("ring"), seed=0)
    assert run.stages[0].phases[0].ahead is None
    before = run.nets.G[1].weight.clone()
    run.advance()
    assert not torch.equal(run.nets.G[1].weight, before)


def test_a_layer_on_the_last_side_of_pictures_is_none_on_samples():
    net, x = nn.Sequential(nn.Linear(4, 1)), torch.randn(3, 1, 1, 4)
    assert perceptrons.turn(net, {}, [x]) is None
    assert perceptrons.turn(nn.Sequential(nn.Flatten(), *net), {}, [x]) is not None


def test_after_a_turn_is_called_only_where_something_is_to_do():
    plain, clipped = Perceptrons(), Perceptrons(constraint=WeightClip(0.1))
    points = open_source("ring")
    after = [Run(r, points, seed=0).stages[0].phases[0].after for r in (plain, clipped)]
    assert after[0] is None
    assert after[1] is not None


def test_points_between_samples_are_never_made_of_perceptrons(monkeypatch):
    made: list[int] = []
    whole = Between.made

    def counted(self):
        made.append(len(self))
        return whole(self)

    monkeypatch.setattr(Between, "made", counted)
    Run(Perceptrons(penalties=(GradientPenalty(),)), open_source("ring"), seed=0).advance()
    assert not made
    other = Perceptrons(penalties=(PixelGradientPenalty(), DRAGAN()))
    assert sources(
        [torch.ones(2, 3), Between(torch.ones(2, 3), torch.ones(2, 3), torch.ones(2, 1))]
    )
    assert len(made) == 1, "it is between what is not there"
    Run(other, open_source("ring"), seed=0).advance()
    assert len(made) == 1


def test_what_nobody_hears_is_not_computed(monkeypatch):
    heard: list[int] = []
    whole = Wasserstein.progress

    def counted(self, real, fake):
        heard.append(1)
        return whole(self, real, fake)

    monkeypatch.setattr(Wasserstein, "progress", counted)
    run = Run(Perceptrons(), open_source("ring"), seed=0, log_every=3)
    counts = []
    for _ in range(4):
        run.advance()
        counts.append(len(heard))
    assert counts == [3, 3, 6, 6], "three updates of D in the first step and in the third"
