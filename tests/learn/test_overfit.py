"""Every recipe learns one picture by heart within seconds: what cannot do this, can do nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gansaku.core import catalog
from gansaku.core.loop import Run
from gansaku.core.optim import Adam
from gansaku.data.spec import ImageSpec, PointSpec
from gansaku.losses import Hinge, WeightClip

# Those with an encoder learn two pictures, in test_overfit_encoders; translators learn pairs, in
# test_overfit_translators.
ELSEWHERE = ("encode", "translate", "render")
NAMES = [
    entry.name
    for entry in catalog.every()
    if not any(hasattr(catalog.find(entry.name), method) for method in ELSEWHERE)
]
SLOWER = Adam(2e-3, (0.5, 0.9))
FAST = {"g_optimizer": Adam(4e-3, (0.0, 0.9)), "d_optimizer": Adam(4e-3, (0.0, 0.9))}
STEPS = {"gan": 400, "ebgan": 300, "cgan": 200, "sngan": 300, "tutorial_mnist": 200}
# The papers' rates are for thousands of steps. Of the two that schedule or clip, the 2014 GAN
# keeps its own optimizer and WGAN's box is widened, so that it can learn in a few steps.
CHANGES: dict[str, dict[str, Any]] = {
    "gan": {"width": 64, "units": 32},
    "cgan": FAST | {"net": "conv", "width": 8, "d_norm": "spectral", "objective": Hinge()},
    "acgan": FAST | {"width": 8, "d_width": 4},
    # codes must show, which a single picture cannot: they count for little here
    "infogan": FAST | {"width": 8, "d_norm": "spectral", "objective": Hinge(), "info_weight": 0.01},
    "ebgan": FAST | {"width": 8, "pull_weight": 0.0},  # one picture: nothing to push apart
    "unrolled_gan": FAST | {"width": 8, "unrolled": 2, "d_norm": "spectral"},
    "sngan": FAST
    | {"g_optimizer": Adam(2e-3, (0.0, 0.9)), "width": 16, "d_width": 16, "d_updates": 1},
    "r3gan": FAST | {"width": 16, "narrowest": 8, "group": 4},
    "wgan": FAST
    | {
        "width": 8,
        "often_first": 0,
        "often_every": 10**9,
        "d_updates": 2,
        "constraint": WeightClip(0.1),
    },
    "wgan_gp": FAST | {"width": 8, "d_updates": 2},
    "wgan_lp": FAST | {"width": 8, "d_updates": 2},
    "tutorial_mnist": {"width": 8, "g_optimizer": SLOWER, "d_optimizer": SLOWER},
}


class One:
    """The same picture, or the same point, for ever; pictures bear one of two labels by turns."""

    def __init__(self, spec: Any) -> None:
        self.spec = spec
        if isinstance(spec, PointSpec):
            self.sample = torch.tensor([1.0, -0.5])
        else:
            across = torch.linspace(-0.8, 0.8, spec.width)
            self.sample = (across[None, :] * across[:, None].sign()).expand(spec.shape)

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict[str, torch.Tensor]:
        y = torch.arange(start, start + n) % 2
        return {"x": self.sample.expand(n, *self.spec.shape).contiguous(), "y": y}


def error(run: Run) -> float:
    """Mean distance of samples to the one picture, a pixel."""
    return float((run.sample(32, seed=9) - run.source.sample).abs().mean())


def taught(name: str, spec: Any, steps: int, **changes: Any) -> tuple[float, float]:
    recipe = catalog.find(name)
    fields = {"steps": steps, "batch_size": 16, "z": 4, "ema": 0.0, **changes}
    run = Run(recipe(**fields), One(spec), seed=1)
    before = error(run)
    run.play()
    return before, error(run)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_learned(name):
    changes = CHANGES.get(name, FAST | {"width": 8})
    before, after = taught(
        name, ImageSpec(16, 16, 1, ("even", "odd")), STEPS.get(name, 150), **changes
    )
    assert after < 0.5 * before, f"{before:.3f} -> {after:.3f}"


POINTS = ["dcgan", "lsgan", "quick", "r3gan", "wgan", "wgan_gp", "wgan_lp"]


@pytest.mark.parametrize("name", POINTS)
def test_a_point_is_learned(name):
    changes = {"width": 4, **{k: v for k, v in CHANGES.get(name, FAST).items() if "width" not in k}}
    changes |= {"narrowest": 4, "group": 4} if name == "r3gan" else {}
    before, after = taught(name, PointSpec(2), 200, **changes)
    assert after < 0.5 * before, f"{before:.3f} -> {after:.3f}"


def test_an_untrained_generator_is_far_from_the_picture():
    before, after = taught("dcgan", ImageSpec(16, 16, 1), 1, width=8)
    assert after > 0.8 * before
