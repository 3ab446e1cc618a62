"""Unrolled updates against torch's optimizers, finite differences, and the plain GAN at k = 0."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from gansaku.core.contract import Clock
from gansaku.core.duel import Duel, Objective
from gansaku.core.errors import UserError
from gansaku.core.loop import Run
from gansaku.core.optim import SGD, Adam
from gansaku.data import ImageSpec, PointSpec, open_source
from gansaku.losses import R1, GradientPenalty, Minimax, NonSaturating, WeightClip
from gansaku.losses.unrolled import AdamRule, Moments, SGDRule, unroll
from gansaku.recipes.unrolled_gan import UnrolledGAN

OPTIMIZERS = [Adam(0.02, (0.5, 0.9)), SGD(0.1), SGD(0.1, 0.9)]
RULES = [AdamRule(0.02, (0.5, 0.9)), SGDRule(0.1), SGDRule(0.1, 0.9)]
every = pytest.mark.parametrize(("optimizer", "rule"), list(zip(OPTIMIZERS, RULES, strict=True)))
SMALL = {"batch_size": 8, "z": 3, "width": 4, "steps": 6}


def by_torch(optimizer: Any, weight: torch.Tensor, steps: int) -> torch.Tensor:
    p = nn.Parameter(weight.clone())
    moving = optimizer([p])
    for _ in range(steps):
        moving.zero_grad()
        loss_of(p).backward()
        moving.step()
    return p.detach()


def loss_of(p: torch.Tensor) -> torch.Tensor:
    return (p.sin() * torch.arange(1.0, 5.0, dtype=p.dtype)).sum() + p.square().sum()


@every
@pytest.mark.parametrize("k", [0, 1, 4])
def test_unrolled_steps_are_those_of_torch(optimizer, rule, k):
    net = nn.Linear(4, 1, bias=False).double()
    loss = lambda weights: loss_of(weights["weight"][0])  # noqa: E731
    found = unroll(loss, dict(net.named_parameters()), rule, Moments(net).state, k)
    assert torch.allclose(found["weight"][0], by_torch(optimizer, net.weight.detach()[0], k))


@every
def test_the_followed_state_is_the_optimizers_own(optimizer, rule):
    """After real training steps, a step ahead is the step that the optimizer then makes."""
    recipe = UnrolledGAN(**SMALL, unrolled=2, d_optimizer=optimizer)
    run = Run(recipe, open_source("ring", seed=0), seed=1)
    run.play(steps=4)
    moments, own = run.nets.moments, run.optimizers["D"]
    key = "exp_avg" if isinstance(optimizer, Adam) else "momentum_buffer"
    for i, p in enumerate(run.nets.D.parameters()):
        kept = own.state[p].get(key)
        if kept is not None:
            assert torch.allclose(getattr(moments, f"first_{i}"), kept, rtol=1e-5, atol=1e-9)
        if key == "exp_avg":
            second = getattr(moments, f"second_{i}")
            assert torch.allclose(second, own.state[p]["exp_avg_sq"], rtol=1e-5, atol=1e-12)
    assert int(moments.count) == 4


def game(objective: Any, optimizer: Any, **more: Any):
    """G's loss of the recipe itself, in float64, after a few real steps that fill the moments."""
    recipe = UnrolledGAN(**SMALL | more, objective=objective, d_optimizer=optimizer)
    source = open_source("ring", seed=0)
    run = Run(recipe, source, seed=2)
    run.play(steps=3)
    nets = run.nets.double()
    x = source.batch(0, 8, 5)["x"].double()
    z = torch.randn(8, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)

    def loss() -> torch.Tensor:
        batch = {"x": x, "fake": nets.G(z)}
        (value,) = recipe.g_loss(nets, batch, Clock(0, 3, 6, 0, seed=0)).values()
        return value

    return nets, loss


class Blank:
    """Pictures that are noise."""

    def __init__(self, spec: Any) -> None:
        self.spec = spec

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict[str, torch.Tensor]:
        g = torch.Generator().manual_seed(start + 1000 * seed)
        return {"x": torch.rand(n, *self.spec.shape, generator=g) * 2 - 1}


@pytest.mark.parametrize("objective", [Minimax(), NonSaturating()], ids=repr)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("k", [1, 5])
def test_gradients_through_the_updates_are_those_of_finite_differences(objective, optimizer, k):
    nets, loss = game(objective, optimizer, unrolled=k)
    g = torch.Generator().manual_seed(4)
    weights = list(nets.G.parameters())
    for p in nets.parameters():
        p.requires_grad_(any(p is w for w in weights))
    slopes = torch.autograd.grad(loss(), weights)
    way = [torch.randn(p.shape, generator=g, dtype=torch.float64) for p in weights]
    along = sum(float((s * w).sum()) for s, w in zip(slopes, way, strict=True))
    values = []
    for step in (1e-6, -2e-6):
        with torch.no_grad():
            for p, w in zip(weights, way, strict=True):
                p += step * w
        values.append(float(loss().detach()))
    assert along == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-5, abs=1e-8)


def test_the_gradient_through_the_updates_matters():
    """Held fixed, D after its updates gives G another gradient."""
    nets, loss = game(Minimax(), SGD(0.1), unrolled=3)
    through = torch.autograd.grad(loss(), list(nets.G.parameters()))
    frozen = UnrolledGAN(**SMALL, unrolled=0)
    x = open_source("ring", seed=0).batch(0, 8, 5)["x"].double()
    z = torch.randn(8, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    plain = frozen.g_loss(nets, {"x": x, "fake": nets.G(z)}, Clock(0, 3, 6, 0, seed=0))
    without = torch.autograd.grad(plain["objective"], list(nets.G.parameters()))
    assert not torch.allclose(through[0], without[0], rtol=0.01)


def test_unused_weights_stay_finite():
    """A weight without a gradient and without moments: the root's slope at 0 is no NaN."""
    net = nn.ParameterDict({"a": nn.Parameter(torch.ones(2)), "b": nn.Parameter(torch.ones(2))})
    outer = torch.tensor(0.5, requires_grad=True)
    loss = lambda weights: (weights["a"] * outer).square().sum()  # noqa: E731
    rule = AdamRule(0.1)
    after = unroll(loss, dict(net.named_parameters()), rule, Moments(net).state, 3)
    (slope,) = torch.autograd.grad(sum(p.sum() for p in after.values()), outer)
    assert slope.isfinite()
    assert torch.equal(after["b"], torch.ones(2))


@dataclass(frozen=True, kw_only=True)
class Plain(Duel):
    """The plain GAN on the same networks."""

    objective: Objective = Minimax()
    like: UnrolledGAN

    def generator(self, spec: Any) -> nn.Module:
        return self.like.generator(spec)

    def critic(self, spec: Any) -> nn.Module:
        return self.like.critic(spec)

    @classmethod
    def tiny(cls):
        raise NotImplementedError


@pytest.mark.parametrize("spec", [PointSpec(2), ImageSpec(8, 8, 1)], ids=["points", "images"])
def test_zero_steps_are_the_plain_gan_to_the_bit(spec):
    recipe = UnrolledGAN(**SMALL, unrolled=0)
    plain = {f.name: getattr(recipe, f.name) for f in dataclasses.fields(Duel)}
    runs = [Run(r, Blank(spec), seed=3) for r in (recipe, Plain(**plain, like=recipe))]
    ahead = Run(dataclasses.replace(recipe, unrolled=1), Blank(spec), seed=3)
    for run in (*runs, ahead):
        run.play()
    a, b, c = (dict(run.nets.named_parameters()) for run in (*runs, ahead))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_it_composes_with_penalties_and_norms(norm):
    penalties = () if norm == "batch" else (R1(1.0), GradientPenalty(1.0))
    recipe = UnrolledGAN(**SMALL, unrolled=2, d_norm=norm, penalties=penalties)
    run = Run(recipe, Blank(ImageSpec(8, 8, 1)), seed=0, log_every=1)
    run.play(steps=2)
    assert "G/objective" in run.record
    assert "D/objective" in run.record
    assert all(p.isfinite().all() for p in run.nets.parameters())


@pytest.mark.parametrize(
    "more",
    [
        {"constraint": WeightClip(0.1)},
        {"d_optimizer": Adam(weight_decay=0.1)},
        {"g_batches": 2},
    ],
)
def test_what_cannot_be_unrolled_is_refused(more):
    with pytest.raises(UserError, match="unrolled critic updates take no"):
        UnrolledGAN(unrolled=1, **more)
    UnrolledGAN(unrolled=0, **more)
