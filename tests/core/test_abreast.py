"""Real and fake side by side in one pass: what may, and that it changes nothing."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import pytest
import torch
from torch import nn

from gansaku.core import duel
from gansaku.core.abreast import abreast, halves
from gansaku.core.duel import Critic
from gansaku.core.loop import Run
from gansaku.core.optim import SGD
from gansaku.data import open_source
from gansaku.losses import R1, Drift, NonSaturating
from gansaku.nets.layers.dropout import Dropout
from gansaku.recipes.fgan import FGAN
from gansaku.recipes.gan import GAN

N = 6


class Mixing(nn.Module):
    """A critic whose rows know one another, in one of several ways."""

    def __init__(self, how):
        super().__init__()
        self.net, self.how = nn.Linear(4, 3), how
        self.norm = nn.BatchNorm1d(3, track_running_stats=False)

    def forward(self, x):
        h = self.net(x)
        return {
            "its deviation": lambda: h + h.std(0).mean(),
            "its largest, without gradients": lambda: h / h.detach().abs().amax(),
            "batch norm without memory": lambda: self.norm(h),
            "one number for all": lambda: h.mean(),
            "turned round": lambda: h.flip(0),
            "summed": lambda: h.sum(0),
            "by name": lambda: {"logits": h},
            "with nothing beside": lambda: (h, None),
        }[self.how]()


class Labelled(nn.Module):
    def __init__(self):
        super().__init__()
        self.code, self.net = nn.Embedding(3, 2), nn.Sequential(nn.Linear(6, 5), nn.Tanh())
        self.out = nn.Linear(5, 1)

    def forward(self, x, y):
        return self.out(self.net(torch.cat([x, self.code(y)], 1))).squeeze(1)


class Said(NamedTuple):
    logits: torch.Tensor
    classes: list[torch.Tensor]


@pytest.mark.parametrize(
    "how",
    [
        *("its deviation", "its largest, without gradients", "batch norm without memory"),
        *("one number for all", "turned round", "summed", "by name", "with nothing beside"),
    ],
)
def test_rows_that_know_one_another_are_judged_apart(how):
    torch.manual_seed(0)
    net = Mixing(how)
    for _ in range(2):
        assert abreast(net, {}, *torch.randn(2, N, 4)) is None


def test_what_remembers_is_not_asked():
    class Counting(nn.Linear):
        seen = 0

        def forward(self, x):
            self.seen += 1
            return super().forward(x)

    net = Counting(4, 1)
    net.register_buffer("mean", torch.zeros(1))
    assert abreast(net, {}, *torch.randn(2, N, 4)) is None
    assert not net.seen


def test_gradients_are_those_of_one_after_the_other():
    torch.manual_seed(0)
    net = Labelled().double()
    real, fake = torch.randn(2, N, 4, dtype=torch.float64)
    y = torch.arange(N) % 3
    found = []
    for together in (True, False):
        net.zero_grad()
        if together:
            at_real, at_fake = halves(abreast(net, {"y": y}, real, fake))
        else:
            at_real, at_fake = net(real, y), net(fake, y)
        value = NonSaturating().d(at_real, at_fake)
        value.backward()
        found.append([value.detach(), *(p.grad.clone() for p in net.parameters())])
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-14)


def test_dropout_is_no_tie_and_nothing_is_drawn_of_the_callers():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 64), Dropout(0.5), nn.Linear(64, 1))
    x, state = torch.randn(N, 4), torch.get_rng_state()
    torch.random.set_rng_state(state)
    first, second = halves(abreast(net, {}, x, x))
    assert (first != second).any(), "each half has masks of its own"
    torch.random.set_rng_state(state)
    assert torch.equal(net(x.repeat(2, 1)), torch.cat([first, second])), "asking took a draw"


def test_halves_of_all_that_is_said():
    x = torch.arange(4)
    first, second = halves(Said(x, [x, 2 * x]))
    assert isinstance(first, Said)
    assert first.logits.tolist() == [0, 1]
    assert second.classes[1].tolist() == [4, 6]


def test_a_critic_asks_once_and_keeps_both():
    calls = []
    net = nn.Linear(4, 1)
    critic = Critic(
        lambda x: calls.append(len(x)) or net(x), abreast=lambda *both: net(torch.cat(both))
    )
    real, fake = torch.randn(2, N, 4)
    at_real, _ = critic.sides(real, fake)
    assert critic(real) is at_real
    assert not calls
    before = Critic(
        lambda x: calls.append(len(x)) or net(x), abreast=lambda *_: pytest.fail("asked")
    )
    before(real)  # as a penalty does
    before.sides(real, fake)
    before = Critic(
        lambda x: calls.append(len(x)) or net(x), abreast=lambda *_: pytest.fail("asked")
    )
    before.sides(real, fake[:2])
    assert calls == [N, N, N, 2]


@pytest.mark.parametrize("penalties", [(), (R1(), Drift())], ids=["none", "r1"])
def test_steps_are_those_of_one_after_the_other(penalties, monkeypatch):
    recipe = dataclasses.replace(
        FGAN.tiny(), penalties=penalties, g_optimizer=SGD(0.01), d_optimizer=SGD(0.01)
    )
    passes: list[bool] = []

    def counted(*given):
        said = abreast(*given)
        passes.append(said is not None)
        return said

    def steps() -> dict[str, torch.Tensor]:
        run = Run(recipe, open_source("digits"), seed=3)
        for _ in range(2):
            run.advance()
        return run.nets.state_dict()

    monkeypatch.setattr(duel, "abreast", counted)
    together = steps()
    assert passes == ([] if penalties else [True, True])
    monkeypatch.setattr(duel, "abreast", lambda *_: None)
    torch.testing.assert_close(together, steps(), rtol=1e-4, atol=1e-6)


def test_the_maxout_critic_is_asked_on_both_at_once(monkeypatch):
    seen = []
    run = Run(dataclasses.replace(GAN.tiny(), batch_size=N), open_source("digits"), seed=3)
    run.advance()
    run.nets.D.register_forward_hook(lambda net, given, said: seen.append(len(said)))
    run.advance()
    assert seen == [2 * N, N], "D's turn, G's turn"
