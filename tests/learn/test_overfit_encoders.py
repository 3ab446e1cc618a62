"""Recipes with an encoder learn two pictures by heart, or to make them again, within seconds."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

from gansaku.core import catalog
from gansaku.core.loop import Run
from gansaku.core.optim import Adam
from gansaku.data.spec import ImageSpec

FAST = Adam(4e-3, (0.0, 0.9))
SLOWER = Adam(1e-3, (0.5, 0.9))
CODES: dict[str, Any] = {f"{player}_optimizer": Adam(2e-3, (0.5, 0.9)) for player in "rdec"}
DUEL: dict[str, Any] = {"g_optimizer": FAST, "d_optimizer": FAST, "width": 8}
PAIRS = DUEL | {"g_optimizer": SLOWER, "d_optimizer": SLOWER}
STILL = Adam(1e-3, (0.0, 0.9))  # players that move at once circle for longer with momentum
BIGAN: dict[str, Any] = {"g_optimizer": STILL, "d_optimizer": STILL, "width": 8, "units": 32}
LIKENESS: dict[str, Any] = {f"{player}_optimizer": SLOWER for player in "egd"}
AGE: dict[str, Any] = {"g_optimizer": SLOWER, "e_optimizer": SLOWER, "width": 8, "match_z": 100.0}
CASES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "aae": ("aae", 150, CODES | {"units": 64, "spread": 1.0}),
    "aae-gaussian": ("aae", 150, CODES | {"units": 64, "spread": 1.0, "posterior": "gaussian"}),
    "aae-conv": ("aae", 100, CODES | {"width": 8, "body": "conv", "spread": 1.0}),
    "bigan": ("bigan", 300, BIGAN | {"body": "conv", "d_norm": "none", "falls": 1.0}),
    "ali": ("ali", 250, PAIRS | {"width": 16}),
    "age": ("age", 250, AGE),
    "vae_gan": ("vae_gan", 150, LIKENESS | {"width": 16, "units": 32, "gamma": 0.01}),
    "mrgan": ("mrgan", 200, DUEL),
}
# The codes of two pictures are two points, which cannot be spread over a prior: where the codes'
# own distribution is what is held to it, samples wait for more. BiGAN's perceptrons wait as well:
# their critic's batch norm, without gain or bias, leaves next to nothing of two pictures.
SAMPLED = ("bigan", "ali", "mrgan")
MATCHED = ("aae", "aae-gaussian", "aae-conv", "age", "vae_gan", "mrgan")


class Two:
    """Two pictures in turn, for ever."""

    def __init__(self) -> None:
        self.spec = ImageSpec(16, 16, 1)
        across = torch.linspace(-0.8, 0.8, 16)
        one = (across[None, :] * across[:, None].sign()).expand(1, 16, 16)
        self.samples = torch.stack([one, -one.transpose(1, 2)])

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict[str, torch.Tensor]:
        return {"x": self.samples[torch.arange(start, start + n) % 2]}


@cache
def played(case: str) -> tuple[Run, torch.Tensor]:
    """The run, and what it makes of its pictures."""
    name, steps, fields = CASES[case]
    recipe = catalog.find(name)(**{"steps": steps, "batch_size": 16, "z": 4, **fields})
    run, x = Run(recipe, Two(), seed=1), Two().samples
    run.play()
    again = run.generated(lambda nets: recipe.generate(nets, recipe.encode(nets, x)))
    return run, again


def off(made: torch.Tensor, x: torch.Tensor) -> float:
    """Mean distance of a value from the nearest of the pictures."""
    return float((made[:, None] - x[None]).abs().flatten(2).mean(2).amin(1).mean())


@pytest.mark.parametrize("case", SAMPLED)
def test_samples_become_the_pictures(case):
    run, _ = played(case)
    untrained, x = Run(run.recipe, run.source, seed=1), run.source.samples
    before, after = (off(r.sample(32, seed=9), x) for r in (untrained, run))
    assert after < 0.6 * before, f"{before:.3f} -> {after:.3f}"


@pytest.mark.parametrize("case", MATCHED)
def test_two_pictures_are_made_again(case):
    run, again = played(case)
    x = run.source.samples
    right, wrong = ((made - x).abs().mean() for made in (again, again.flip(0)))
    assert float(right) < 0.5 * float(wrong), f"{float(right):.3f}, exchanged {float(wrong):.3f}"
