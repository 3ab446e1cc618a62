"""A critic's turn in one pass against autograd's way, in float64."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from gansaku.core import convolutions, duel, judging, kernels, products
from gansaku.core.card import Card
from gansaku.core.contract import Clock, Nets
from gansaku.core.duel import Duel, Objective
from gansaku.core.labelled import Labelled
from gansaku.losses import (
    DRAGAN,
    R1,
    R2,
    Drift,
    GradientPenalty,
    Hinge,
    LeastSquares,
    LipschitzPenalty,
    NonSaturating,
    Relativistic,
    Wasserstein,
)
from gansaku.nets import DCGANCritic, R3GANCritic, ResNetCritic
from gansaku.nets.mlp import PointCritic

SHAPE = (3, 12, 16)


class Patchy(nn.Module):
    """Several logits a sample, shapes of all kinds, and a layer whose input is used twice."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1, padding_mode="reflect")
        self.a, self.b = nn.Conv2d(6, 4, 1, bias=False), nn.Conv2d(6, 4, 3, 1, 1)
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        h = nn.functional.leaky_relu(self.first((x + 1) / 2), 0.1)
        h = torch.relu(self.a(h)) + self.b(h).relu_()
        h = nn.functional.pad(h, (1, 0, 1, 0), value=0.5)[:, :, ::2].permute(0, 2, 3, 1)
        return self.last(h).view(len(x), -1, 2).transpose(1, 2).flatten(1)


class Projecting(nn.Module):
    """A class judged by a product with what the picture gives (arXiv:1802.05637)."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(576, 6), nn.LeakyReLU(0.2, inplace=True))
        self.out, self.code = nn.Linear(6, 1), nn.Embedding(3, 6)

    def forward(self, x, y=None):
        h = self.net(x)
        y = torch.zeros(len(x), dtype=torch.long) if y is None else y
        return self.out(h).squeeze(1) + (h * self.code(y)).sum(1)


class Averaging(nn.Module):
    """Rows are mixed by a mean over the batch, which is linear all the same."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(576, 5), nn.ReLU(), nn.Linear(5, 1))

    def forward(self, x, **told):
        out = self.net(x)
        return out - 0.5 * out.mean(0, keepdim=True)


CRITICS = {
    "dcgan": lambda: DCGANCritic(SHAPE, 4, norm="none"),
    "resnet": lambda: ResNetCritic(SHAPE, 4, norm="none"),
    "r3gan": lambda: R3GANCritic(SHAPE, 8, group=4),
    "patches": Patchy,
    "perceptron": lambda: nn.Sequential(nn.Flatten(), PointCritic(576, 16, 2)),
    "projecting": Projecting,
}
OTHERS = {
    "batch-norm": lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(576), nn.Linear(576, 1)),
    "spectral": lambda: DCGANCritic(SHAPE, 4, norm="spectral"),
    "averaging": Averaging,
    "smooth": lambda: nn.Sequential(nn.Flatten(), nn.Linear(576, 8), nn.Tanh(), nn.Linear(8, 1)),
}
PENALTIES = {
    "none": (),
    "gp": (GradientPenalty(),),
    "r1": (R1(),),
    "r2": (R2(3.0),),
    "r1-r2": (R1(), R2(0.5)),
    "r1-gp-dragan": (R1(), GradientPenalty(), DRAGAN()),
    "lp": (LipschitzPenalty(),),
}
OBJECTIVES = [Wasserstein(), NonSaturating(), Hinge(), LeastSquares(), Relativistic()]
CARD = Card(title="", paper="arXiv:1406.2661", year=2014, task="images", line="", bibtex="")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told(Labelled):
    """Players that are told a class."""

    card: ClassVar[Card] = CARD
    objective: Objective = Wasserstein()

    def generator(self, spec: Any) -> nn.Module:
        raise NotImplementedError

    critic = generator

    @classmethod
    def tiny(cls) -> Any:
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plain(Duel):
    card: ClassVar[Card] = CARD
    objective: Objective = Wasserstein()
    generator = critic = Told.generator
    tiny = Told.tiny


def turn(net, told, objective, penalties, seed=5):
    """All terms, all gradients, and what was logged."""
    recipe = (Told if told else Plain)(objective=objective, penalties=penalties)
    clock = Clock(0, 3, 10, 40, seed=seed, key=(0, 3, 0, 0))
    draw = torch.Generator().manual_seed(1)
    real, fake = (torch.randn(4, *SHAPE, generator=draw, dtype=torch.float64) for _ in range(2))
    batch = {"x": real, "fake": fake, "z": fake, "y": torch.tensor([0, 1, 2, 1])}
    terms = recipe.d_loss(Nets(G=nn.Identity(), D=net), batch, clock)
    weights = list(net.parameters())
    found = torch.autograd.grad(sum(terms.values()), weights, allow_unused=True)
    zeros = (torch.zeros_like(w) for w in weights)
    gradients = [z if g is None else g for g, z in zip(found, zeros, strict=True)]
    return {k: v.detach() for k, v in (terms | clock.notes).items()}, gradients


def built(makers, name):
    torch.manual_seed(4)
    net = makers[name]().double()
    for parameter in net.parameters():
        nn.init.normal_(parameter, 0.0, 0.3)
    return net


def both_ways(net, told, objective, penalties, monkeypatch):
    once = []
    found = turn(net, told, objective, penalties)

    def never(*_):
        once.append(1)

    monkeypatch.setattr(duel, "at_once", never)
    expected = turn(net, told, objective, penalties)
    return found, expected, bool(once)


def equal(found, expected):
    assert list(found[0]) == list(expected[0])
    torch.testing.assert_close(found[0], expected[0], rtol=1e-10, atol=1e-12)
    for mine, theirs in zip(found[1], expected[1], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("penalties", sorted(PENALTIES))
@pytest.mark.parametrize("name", sorted(CRITICS))
def test_gradients_and_terms_are_autograds(name, penalties, monkeypatch):
    net, made = built(CRITICS, name), []
    whole = judging._Turn.judged
    monkeypatch.setattr(
        judging._Turn, "judged", lambda *a: made.append(1) or whole(*a), raising=True
    )
    held = PENALTIES[penalties]
    objective = OBJECTIVES[sorted(PENALTIES).index(penalties) % len(OBJECTIVES)]
    found, expected, _ = both_ways(net, name == "projecting", objective, held, monkeypatch)
    equal(found, expected)
    apart = name == "patches" and any(isinstance(p, R1 | R2) for p in held)
    assert bool(made) != apart, "patches cannot have a row judged and held at once"


def test_room_for_mixes_is_nothing_that_was_in_memory(monkeypatch):
    net, empty = built(CRITICS, "perceptron"), torch.Tensor.new_empty
    odd = lambda x, *size, **said: empty(x, *size, **said).fill_(torch.nan)  # noqa: E731
    monkeypatch.setattr(torch.Tensor, "new_empty", odd)
    penalties = PENALTIES["r1-gp-dragan"]
    found, expected, _ = both_ways(net, False, Wasserstein(), penalties, monkeypatch)
    equal(found, expected)


class Squares(GradientPenalty):
    """Another function of other points, by somebody else."""

    def points(self, real, fake, noise):
        return (real + fake) / 2

    def value(self, slopes):
        return sum(g.square().sum() for g in slopes)


@pytest.mark.parametrize("name", ["perceptron", "dcgan"])
def test_a_penalty_made_of_one_of_ours_is_what_it_says(name, monkeypatch):
    net = built(CRITICS, name)
    found, expected, _ = both_ways(net, False, Wasserstein(), (Squares(),), monkeypatch)
    equal(found, expected)
    ours = turn(net, False, Wasserstein(), PENALTIES["gp"])[0]["GradientPenalty"]
    assert not torch.isclose(found[0]["Squares"], ours)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: type(o).__name__)
def test_every_objective(objective, monkeypatch):
    net = built(CRITICS, "dcgan")
    found, expected, _ = both_ways(net, False, objective, PENALTIES["r1-r2"], monkeypatch)
    equal(found, expected)


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_what_mixes_rows_or_moves_is_left_to_autograd(name, monkeypatch):
    def refuse(*_):
        raise AssertionError(f"{name} was judged in one pass")

    monkeypatch.setattr(judging._Turn, "judged", refuse)
    net = built(OTHERS, name)
    before = [b.clone() for b in net.buffers()]
    first = turn(net, False, Wasserstein(), PENALTIES["gp"])
    for buffer, old in zip(net.buffers(), before, strict=True):
        buffer.copy_(old)
    equal(turn(net, False, Wasserstein(), PENALTIES["gp"]), first)  # the trial left no trace
    assert not judging.suited(net)


def test_a_penalty_of_logits_goes_the_other_way(monkeypatch):
    found, expected, _ = both_ways(
        built(CRITICS, "dcgan"), False, Wasserstein(), (R1(), Drift()), monkeypatch
    )
    equal(found, expected)


def test_a_frozen_layer_stays_without_a_gradient():
    net = built(CRITICS, "dcgan")
    next(net.parameters()).requires_grad_(False)
    recipe = Plain(objective=Wasserstein(), penalties=(GradientPenalty(),))
    x = torch.randn(4, *SHAPE, dtype=torch.float64)
    clock = Clock(0, 3, 10, 40, seed=0, key=(0, 3, 0, 0))
    terms = recipe.d_loss(Nets(G=nn.Identity(), D=net), {"x": x, "fake": -x, "z": x}, clock)
    sum(terms.values()).backward()
    first, *others = (p.grad for p in net.parameters())
    assert first is None
    assert all(g is not None for g in others)


@pytest.mark.parametrize("penalties", ["none", "gp", "r1-gp-dragan"])
@pytest.mark.parametrize("name", ["dcgan", "resnet"])
def test_patches_are_cut_once_for_products_and_for_gradients(name, penalties, monkeypatch):
    def whole(s):
        return ("columns",) * 3 if s.kernel != (1, 1) else ("", "", "")

    monkeypatch.setattr(products, "TYPE", torch.float64)
    monkeypatch.setattr(convolutions, "processor", lambda: "Intel")
    monkeypatch.setattr(convolutions, "ways", whole)
    cut, columns = [], convolutions.columns
    monkeypatch.setattr(convolutions, "columns", lambda x, s: cut.append(len(x)) or columns(x, s))
    net = built(CRITICS, name).to(memory_format=torch.channels_last)
    with kernels.faster():
        kept = turn(net, False, Wasserstein(), PENALTIES[penalties])
        once, cut[:] = sum(cut), []
        with monkeypatch.context() as patch:
            patch.setattr(convolutions, "patches", convolutions.columns)
            again = turn(net, False, Wasserstein(), PENALTIES[penalties])
        twice = sum(cut)
    equal(kept, again)
    assert 0 < once <= twice, "rows of patches, in all"
    assert once < twice or "r1" in penalties, "what a penalty and the objective see is cut anew"
    monkeypatch.setattr(duel, "at_once", lambda *_: None)
    equal(kept, turn(net, False, Wasserstein(), PENALTIES[penalties]))


def test_what_is_written_to_is_cut_again():
    s = convolutions.Shape(2, (1, 3, 3), (1, 2, 2), (2, 2), (1, 1), (0, 0))
    x, y = torch.randn(2, 1, 3, 3), torch.randn(1, 1, 3, 3)
    with convolutions.keeping(convolutions.Kept()):
        first = convolutions.patches(x, s)
        assert convolutions.patches(x.detach(), s) is first
        assert convolutions.patches(x.transpose(2, 3), s) is not first
        convolutions.replace(x, 1, y)
        assert convolutions.patches(x, s) is first
        torch.testing.assert_close(first, convolutions.columns(x, s))
        x.mul_(2)
        again = convolutions.patches(x, s)
        assert again is not first
    assert convolutions.patches(x, s) is not again
    torch.testing.assert_close(again, convolutions.columns(x, s))
