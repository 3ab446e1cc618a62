"""A third set of sick and healthy runs, made after the doctor's thresholds were frozen.

One run for each illness that a recipe can be given, and eight healthy ones: other data (CIFAR-10
in colour, faces, digits of other sizes), other seeds, widths, batches, rates and recipes than in
the two sets that thresholds were chosen on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gansaku.augment import ADA, DiffAugment
from gansaku.core.contract import Recipe
from gansaku.core.optim import SGD, Adam
from gansaku.losses import (
    R1,
    GradientPenalty,
    Hinge,
    Minimax,
    NonSaturating,
    RelativisticAverage,
    WeightClip,
)
from gansaku.recipes.dcgan import DCGAN
from gansaku.recipes.gan import GAN
from gansaku.recipes.lsgan import LSGAN
from gansaku.recipes.quick import Quick
from gansaku.recipes.sngan import SNGAN
from gansaku.recipes.wgan import WGAN
from gansaku.recipes.wgan_gp import WGANGP
from gansaku.recipes.wgan_lp import WGANLP
from sick_recipes import Case, Checkered, Shouting

_B, _C = (0.5, 0.999), (0.5, 0.9)
_RING = {"batch_size": 96, "d_norm": "none", "objective": NonSaturating(), "ema": 0.0}
_QUICK = {"steps": 260, "width": 10, "batch_size": 40}
_DCGAN = {"steps": 260, "width": 10, "batch_size": 40}


def twice(x: np.ndarray) -> np.ndarray:
    """Forty pictures, twenty times each."""
    return np.tile(x[:40], (20, *[1] * (x.ndim - 1)))


def white(x: np.ndarray) -> np.ndarray:
    """A fifth of the pictures are white."""
    keep = (np.arange(len(x)) % 5 > 0).reshape(-1, *[1] * (x.ndim - 1))
    return np.where(keep, x, 255).astype(np.uint8)


def fresh(
    name: str, illness: str | None, recipe: Recipe, data: str = "cifar16", **extra: Any
) -> Case:
    """A case of this set; built-in digits are shown at 20 pixels."""
    options = {"size": 20} if data in ("mnist5k", "digits") else {}
    options |= extra.pop("options", {})
    return Case(
        f"fresh-{name}", illness, recipe, data, options=options, seed=7, set="fresh", **extra
    )


SICK = [
    fresh("nan", "non-finite", DCGAN(**_DCGAN, objective=Hinge(), d_norm="none",
          d_optimizer=SGD(50.0)), "mnist5k"),
    fresh("range", "wrong-data-range", LSGAN(steps=150, width=8, z=64, batch_size=32),
          altered="0..255"),
    fresh("blank", "constant-images", Quick(**_QUICK), edit=white),
    fresh("copies", "repeated-data", Quick(**_QUICK | {"steps": 150}), edit=twice),
    fresh("lr", "learning-rate-too-high", DCGAN(**_DCGAN, g_optimizer=Adam(0.05, _B),
          d_optimizer=Adam(0.05, _B))),
    fresh("no-penalty", "exploding", WGANLP(steps=90, width=10, batch_size=32, d_updates=4,
          penalties=(), constraint=None, d_optimizer=Adam(1e-3, _C)), "faces16"),
    fresh("clip", "dead-critic", WGAN(steps=120, width=10, batch_size=32, d_updates_often=5,
          constraint=WeightClip(1e-5)), "faces16"),
    fresh("d-strong", "critic-too-strong", DCGAN(**_DCGAN, objective=Minimax(), d_updates=3,
          g_optimizer=Adam(2e-6, _B)), "faces16"),
    fresh("d-weak", "critic-too-weak", DCGAN(**_DCGAN, d_optimizer=Adam(3e-7, _B),
          g_optimizer=Adam(5e-4, _B)), "faces16"),
    fresh("collapse", "mode-collapse", DCGAN(**_DCGAN, g_norm="none", d_norm="none",
          g_optimizer=Adam(2e-3, _B)), "mnist5k"),
    fresh("few-held", "overfitting-critic", Quick(**_QUICK), "faces16", only=60,
          options={"holdout": 0.5}),
    fresh("leak", "augmentation-leaking", Quick(**_QUICK | {"steps": 400},
          augment=ADA(target=None, p=1.0, policy="blit,color")), "faces16"),
    fresh("shouting", "saturated-samples", Shouting(**_QUICK, gain=400.0), "faces16"),
    fresh("checkered", "checkerboard", Checkered(**_QUICK), "mnist5k"),
    fresh("stale", "stale-average", Quick(**_QUICK | {"ema": 2e6}), stale=True),
    fresh("oscillation", "oscillation", Quick(**_RING, steps=700, width=10, z=32,
          g_optimizer=Adam(1.5e-3, (0.9, 0.95)), d_optimizer=Adam(1.5e-3, (0.9, 0.95))), "grid"),
    fresh("dropping", "mode-dropping", Quick(**_RING, steps=1500, width=20, z=8,
          g_optimizer=Adam(8e-4, _B), d_optimizer=Adam(1.2e-3, _B)), "ring"),
    fresh("few", "few-images", Quick(**_QUICK), "faces16", only=40),
]  # fmt: skip

HEALTHY = [
    fresh("well-quick", None, Quick(steps=500, width=14, batch_size=40)),
    fresh("well-dcgan", None, DCGAN(steps=500, width=14, batch_size=40), "faces16"),
    fresh("well-lsgan", None, LSGAN(steps=400, width=10, z=64, batch_size=40), "faces16"),
    fresh("well-wgan-gp", None, WGANGP(steps=150, width=10, batch_size=40, d_updates=3)),
    fresh("well-sngan", None, SNGAN(steps=150, width=10, d_width=10, batch_size=32,
          d_updates=1)),
    fresh("well-gan", None, GAN(steps=1500, width=96, units=40), "mnist5k"),
    fresh("well-average", None, DCGAN(steps=400, width=12, batch_size=48,
          objective=RelativisticAverage(), penalties=(R1(1.0),), augment=DiffAugment("color")),
          "mnist5k"),
    fresh("well-grid", None, WGANGP(steps=1800, width=10, z=4, batch_size=128,
          penalties=(GradientPenalty(0.2),), g_optimizer=Adam(1e-3, _C),
          d_optimizer=Adam(2e-3, _C), d_updates=1, last_lr=0.05, ema=2e4), "grid"),
]  # fmt: skip
