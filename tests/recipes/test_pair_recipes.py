"""The game of pairs: its terms by hand, its schedule, what overfits, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import softplus

from gansaku.core import catalog
from gansaku.core.capabilities import AnySize, Translates, directions_of
from gansaku.core.cast import networks_of
from gansaku.core.contract import Clock
from gansaku.core.errors import UserError
from gansaku.core.loop import Run
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.data.spec import ImageSpec, MapSpec, PairSpec
from gansaku.metrics.colour import colourfulness
from gansaku.metrics.similarity import psnr
from gansaku.nets.colour import rgb_to_lab

Pix2Pix, Colorize = catalog.find("pix2pix"), catalog.find("colorize")
COLOURS = ImageSpec(64, 64, 3)


def photograph(side: int) -> torch.Tensor:
    """A smooth picture with edges, `[3, side, side]` in [-1, 1]."""
    down, right = torch.meshgrid(*[torch.linspace(-1, 1, side)] * 2, indexing="ij")
    disc = ((down**2 + right**2) < 0.5).float()
    red = 0.8 * torch.sin(3 * right) * (1 - disc) + 0.5 * disc
    green = 0.6 * torch.cos(4 * down + right)
    blue = 0.7 * disc - 0.5 * right * (1 - disc)
    return torch.stack([red, green, blue]).clamp(-1, 1)


class One:
    """The same pair for ever: edges, and the picture that they are of; or the picture alone."""

    def __init__(self, side: int = 64, alone: bool = False) -> None:
        self.b = photograph(side)
        self.a = ((self.b - self.b.roll(2, 2)).abs().amax(0, keepdim=True) * 2 - 1).clamp(-1, 1)
        colours = ImageSpec(side, side, 3)
        self.spec = colours if alone else PairSpec(ImageSpec(side, side, 1), colours)

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict[str, torch.Tensor]:
        if isinstance(self.spec, ImageSpec):
            return {"x": self.b.expand(n, -1, -1, -1)}
        return {"a": self.a.expand(n, -1, -1, -1), "b": self.b.expand(n, -1, -1, -1)}


def clock(step: int = 0, total: int = 10) -> Clock:
    return Clock(0, step, total, 0, seed=1, key=(step,))


def test_terms_by_hand():
    recipe = Pix2Pix(width=4, d_width=4, patch=16, l1_weight=7.0)
    source = One(16)
    nets = recipe.networks(source.spec)
    batch = recipe.with_fakes(nets, source.batch(0, 1, 0), clock())
    real = nets.D(torch.cat([batch["a"], batch["b"]], 1))
    fake = nets.D(torch.cat([batch["a"], batch["fake"]], 1))
    d, g = recipe.d_loss(nets, batch, clock()), recipe.g_loss(nets, batch, clock())
    halved = 0.5 * (softplus(-real).mean() + softplus(fake).mean())
    assert torch.allclose(d["objective"], halved)
    assert torch.allclose(g["objective"], softplus(-fake).mean())
    assert torch.allclose(g["l1"], 7 * (batch["fake"] - batch["b"]).abs().mean())


def test_jitter_keeps_pairs_and_comes_from_the_clock():
    recipe = Pix2Pix(width=4, d_width=4)
    source = One(32)
    source.a = source.b[:1] * -1
    batch = source.batch(0, 8, 0)
    a, b = recipe.sides(None, batch, clock(3))
    assert torch.allclose(a, -b[:, :1], atol=1e-6)
    assert len(b.unique(dim=0)) > 4
    again = recipe.sides(None, batch, clock(3))
    other = recipe.sides(None, batch, clock(4))
    assert torch.equal(again[0], a)
    assert not torch.equal(other[0], a)


def test_a_batch_in_parts_is_the_whole_batch():
    """Jitter and dropout are drawn for the global batch, whatever it is cut into."""
    fields = {"steps": 2, "batch_size": 4, "width": 4, "d_width": 4, "patch": 16}
    runs = [Run(Pix2Pix(**fields), One(16), seed=0, accumulate=parts) for parts in (1, 2)]
    for run in runs:
        run.play(steps=1)
    first = [
        [p.grad for player in run.players for p in player.parameters() if p.grad is not None]
        for run in runs
    ]
    assert len(first[0]) > 10
    for one, other in zip(*first, strict=True):
        assert torch.allclose(one, other, atol=2e-4 * float(one.abs().max()) + 1e-7)


def test_rates_stay_and_then_fall_in_a_straight_line():
    recipe = Pix2Pix(steps=200)
    found = [recipe.schedule(clock(step, 200)) for step in (0, 99, 100, 150, 200)]
    assert found == pytest.approx([1, 1, 1, 0.5, 0])
    assert Pix2Pix(steady=1.0).schedule(clock(9, 10)) == 1.0


def test_the_papers_numbers_are_the_defaults():
    recipe = Pix2Pix()
    assert (recipe.l1_weight, recipe.batch_size, recipe.patch, recipe.dropout) == (100, 1, 70, 0.5)
    assert recipe.g_optimizer == recipe.d_optimizer == Adam(2e-4, (0.5, 0.999))
    assert recipe.jitter == 286 / 256
    assert recipe.steps == 200 * 400
    nets = recipe.networks(PairSpec(ImageSpec(256, 256, 3), ImageSpec(256, 256, 3)))
    count = {name: sum(p.numel() for p in getattr(nets, name).parameters()) for name in "GD"}
    assert count == {"G": 54_413_955, "D": 2_768_705}


def test_capabilities():
    for recipe in (Pix2Pix(), Colorize()):
        assert isinstance(recipe, Translates)
        assert isinstance(recipe, AnySize)
        assert directions_of(recipe) == ("AtoB",)


QUICK = {"batch_size": 1, "jitter": 1.0, "mirror": False, "dropout": 0.0}
FAST = {"g_optimizer": Adam(2e-3, (0.5, 0.999)), "d_optimizer": Adam(2e-4, (0.5, 0.999))}


def test_one_pair_is_learned_by_heart():
    """30 dB are reached with the recipe's own terms and weights; only networks are narrower."""
    source = One()
    run = Run(Pix2Pix(steps=150, width=16, d_width=8, **QUICK, **FAST), source, seed=0)
    batch = source.batch(0, 1, 0)

    def error() -> float:
        out = run.sample(1, 0, {"a": batch["a"]})
        return float(psnr(out, batch["b"]))

    before = error()
    run.play()
    assert before < 15
    assert error() > 30


def test_colours_are_learned_by_heart_and_lightness_is_kept():
    source = One(32, alone=True)
    fields = {"steps": 120, "width": 16, "d_width": 8, "patch": 16}
    run = Run(Colorize(**fields, **QUICK, **FAST), source, seed=0)
    x = source.batch(0, 1, 0)["x"]
    a = run.recipe.inputs(run.nets, {"x": x}, Noise(0))
    grey = a.expand(-1, 3, -1, -1)
    run.play()
    out = run.sample(1, 0, {"a": a})
    assert float(psnr(out, x)) > float(psnr(grey, x)) + 8
    assert float(colourfulness(out)) > 0.8 * float(colourfulness(x))
    assert (rgb_to_lab(out)[:, :1] - rgb_to_lab(x)[:, :1]).abs().max() < 0.2


def test_colorize_sees_the_colours_that_there_are():
    recipe = Colorize(width=4, d_width=4, jitter=1.0, mirror=False)
    x = One(16, alone=True).batch(0, 1, 0)["x"]
    light, ab = recipe.sides(None, {"x": x}, clock())
    lab = rgb_to_lab(x)
    assert torch.allclose(50 * (light + 1), lab[:, :1], atol=1e-4)
    assert torch.allclose(110 * ab, lab[:, 1:], atol=1e-4)


def test_sampling_has_noise_and_can_do_without():
    source = One(32)
    recipe = Pix2Pix(width=8, d_width=8, patch=16)
    nets, a = recipe.networks(source.spec).eval(), source.a[None]
    noisy = [recipe.translate(nets, a, Noise(seed), {}) for seed in (0, 0, 1)]
    assert torch.equal(noisy[0], noisy[1])
    assert not torch.equal(noisy[0], noisy[2])
    plain = [recipe.translate(nets, a, Noise(s), {"deterministic": True}) for s in (0, 1)]
    assert torch.equal(*plain)


def test_sampling_without_an_input_names_the_command():
    recipe = Pix2Pix(width=4, d_width=4, patch=16)
    with pytest.raises(UserError, match="gansaku translate RUN PICTURES"):
        recipe.sample(recipe.networks(One(16).spec), 2, Noise(0), {})


@pytest.mark.parametrize(
    ("recipe", "spec", "message"),
    [
        (Pix2Pix(), COLOURS, "fed pairs of pictures"),
        (Pix2Pix(), PairSpec(MapSpec(64, 64, ("a",), ((0, 0, 0),)), COLOURS), "fed pairs of pic"),
        (Pix2Pix(), PairSpec(ImageSpec(32, 64), COLOURS), "one size"),
        (Pix2Pix(), One(16).spec, "24 pixels or more a side"),
        (Colorize(), ImageSpec(16, 16), "24 pixels or more a side"),
        (Colorize(), ImageSpec(64, 64, 1), "learns from colour pictures"),
    ],
)
def test_data_of_another_kind_is_refused(recipe, spec, message):
    with pytest.raises(UserError, match=message):
        networks_of(recipe, spec, 0)


@pytest.mark.parametrize("field", [{"steady": 1.5}, {"l1_weight": -1.0}, {"width": 0}])
def test_numbers_without_meaning_are_refused(field):
    with pytest.raises(UserError, match=next(iter(field))):
        Pix2Pix(**field)
