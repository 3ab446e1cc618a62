"""Translators learn a few pictures by heart, or a rule that holds for all, within seconds."""

from __future__ import annotations

from typing import Any

import torch

from gansaku.core import catalog
from gansaku.core.loop import Run
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.data.spec import ImageSpec, MapSpec, PairSpec

PALETTE = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
COLOURS = torch.tensor(((0.8, -0.6, -0.4), (-0.5, 0.7, 0.0), (-0.2, -0.8, 0.9)))


def rates(lr: float) -> dict[str, Adam]:
    return {"g_optimizer": Adam(lr, (0.5, 0.9)), "d_optimizer": Adam(lr, (0.5, 0.9))}


class Dark:
    """Dark squares on grey, each elsewhere; on the other side, of others, light ones."""

    def __init__(self, side: int = 16) -> None:
        self.side = side
        self.spec = PairSpec(ImageSpec(side, side, 1), ImageSpec(side, side, 1))

    def squares(self, start: int, n: int) -> torch.Tensor:
        x = torch.zeros(n, 1, self.side, self.side)
        for row, place in enumerate(range(start, start + n)):
            g = torch.Generator().manual_seed(place)
            top, left = torch.randint(self.side - 6, (2,), generator=g).tolist()
            x[row, :, top : top + 6, left : left + 6] = -0.8
        return x

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict[str, torch.Tensor]:
        return {"a": self.squares(start, n), "b": -self.squares(start + 10**6, n)}


class Tinted:
    """Blocks in warm light; on the other side, others in cold light."""

    def __init__(self) -> None:
        self.spec = PairSpec(ImageSpec(16, 16), ImageSpec(16, 16))
        self.light = torch.tensor([0.45, 0.0, -0.45]).view(3, 1, 1)

    def blocks(self, start: int, n: int) -> torch.Tensor:
        seeds = (torch.Generator().manual_seed(place) for place in range(start, start + n))
        small = torch.stack([torch.rand(1, 4, 4, generator=g) for g in seeds]) * 1.4 - 0.7
        return torch.nn.functional.interpolate(small, (16, 16))

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict[str, torch.Tensor]:
        a, b = self.blocks(start, n) + self.light, self.blocks(start + 10**6, n) - self.light
        return {"a": a.clamp(-1, 1), "b": b.clamp(-1, 1)}


def warmth(x: torch.Tensor) -> float:
    """How much more red there is than blue."""
    return (x[:, 0] - x[:, 2]).mean().item()


class Painted:
    """Label maps of stripes and pictures in their colours."""

    def __init__(self, side: int = 16) -> None:
        self.side = side
        a = MapSpec(side, side, ("red", "green", "blue"), PALETTE)
        self.spec = PairSpec(a, ImageSpec(side, side, 3))

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict[str, torch.Tensor]:
        place = torch.arange(start, start + n).view(n, 1, 1)
        a = ((torch.arange(self.side) + place) // 4 % 3).expand(n, self.side, self.side)[:, None]
        return {"a": a, "b": COLOURS[a[:, 0]].movedim(3, 1)}


class Waves:
    """Pictures of waves, whose small versions say all of them."""

    def __init__(self, side: int = 16) -> None:
        self.spec, self.side = ImageSpec(side, side, 3), side

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict[str, torch.Tensor]:
        g = torch.Generator().manual_seed(start)
        at = torch.arange(self.side) / self.side * 18
        phases = torch.rand(2, n, 3, 1, 1, generator=g) * 6
        return {"x": 0.5 * (torch.sin(at + phases[0]) + torch.sin(at[:, None] + phases[1]))}


def taught(name: str, source: Any, **fields: Any) -> tuple[Run, float, float]:
    """The run, and the mean distance to what translations should be, before and after."""
    run = Run(catalog.find(name)(**fields), source, seed=1, log_every=1000)
    before = error(run)
    run.play()
    return run, before, error(run)


def error(run: Run, **given: Any) -> float:
    recipe, noise = run.recipe, Noise(3)
    batch = run.source.batch(500, 16, 0)

    def far(nets: Any) -> torch.Tensor:
        if recipe.feeds == "unpaired":
            batch["b"] = -batch["a"]
        if given.get("direction") == "BtoA":
            return (recipe.translate(nets, batch["b"], noise, given) - batch["a"]).abs().mean()
        made = recipe.translate(nets, recipe.inputs(nets, batch, noise), noise, given)
        target = batch["b"] if recipe.feeds == "unpaired" else recipe.targets(nets, batch)
        return (made - target).abs().mean()

    return float(run.generated(far))


def test_cyclegan_finds_the_rule_without_pairs_both_ways():
    small = {"width": 8, "blocks": 1, "d_width": 8, "patch": 16, "identity_weight": 0.0}
    small |= {"cycle_weight": 2.0, **rates(1e-3)}  # with 10 the cycle is learned before the rule
    run, before, after = taught("cyclegan", Dark(), steps=150, batch_size=8, **small)
    assert after < 0.35 * before, f"{before:.3f} -> {after:.3f}"
    assert error(run, direction="BtoA") < 0.35 * before


def test_cut_takes_the_colours_of_the_other_side_and_keeps_the_shapes():
    small = {"width": 8, "blocks": 5, "units": 16, "d_width": 8, "patch": 16, "places": 64}
    recipe = catalog.find("cut")(steps=100, batch_size=4, **small, **rates(2e-3))
    run = Run(recipe, Tinted(), seed=1)
    a = run.source.batch(500, 16, 0)["a"]
    run.play()
    made = run.generated(lambda nets: recipe.translate(nets, a, Noise(0), {}))
    assert warmth(a) > 0.8
    assert warmth(made) < -0.5, f"{warmth(made):.2f}"
    shapes = [(x - x.mean((1, 2, 3), keepdim=True)).mean(1).flatten(1) for x in (a, made)]
    kept = torch.nn.functional.cosine_similarity(*shapes).mean().item()
    assert kept > 0.6, f"{kept:.2f}"


def test_spade_paints_classes_in_their_colours():
    small = {"width": 4, "hidden": 8, "d_width": 8, "eyes": "random"}
    _, before, after = taught("spade", Painted(), steps=80, batch_size=4, **small, **rates(6e-3))
    assert after < 0.35 * before, f"{before:.3f} -> {after:.3f}"


def test_srgan_finds_the_waves():
    small = {"scale": 2, "width": 8, "blocks": 2, "eyes": "random", "norm": False}
    steps = {"mse_steps": 120, "steps": 20, "batch_size": 8, "patch": 16}
    _, before, after = taught("srgan", Waves(), **small, **steps, **rates(3e-3))
    assert after < 0.25 * before, f"{before:.3f} -> {after:.3f}"
