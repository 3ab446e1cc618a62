"""The cases of the gallery of sick runs: what each is made of, and what the doctor should say."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from gansaku.augment import ADA, DiffAugment
from gansaku.core.contract import Recipe
from gansaku.core.optim import SGD, Adam
from gansaku.losses import (
    R1,
    GradientPenalty,
    LeastSquares,
    Minimax,
    NonSaturating,
    Relativistic,
    Wasserstein,
    WeightClip,
)
from gansaku.recipes.dcgan import DCGAN
from gansaku.recipes.gan import GAN
from gansaku.recipes.lsgan import LSGAN
from gansaku.recipes.quick import Quick
from gansaku.recipes.r3gan import R3GAN
from gansaku.recipes.sngan import SNGAN
from gansaku.recipes.tutorial_mnist import TutorialMNIST
from gansaku.recipes.wgan import WGAN
from gansaku.recipes.wgan_gp import WGANGP
from gansaku.recipes.wgan_lp import WGANLP


@dataclass(frozen=True)
class Case:
    """One run; `illness` is what the doctor should name first, None of a healthy run."""

    name: str
    illness: str | None
    recipe: Recipe
    data: str = "mnist5k"
    only: int | None = None  # so many pictures of the data
    edit: Callable[[np.ndarray], np.ndarray] | None = None  # of the pictures, as bytes
    altered: str | None = None  # pixels in another range
    stale: bool = False  # the moving average does not warm up
    seed: int = 0
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    set: str = "made"  # or test


class Thrice(nn.Module):
    """A generator whose doublings are transposed convolutions 3 wide and 2 apart: they overlap."""

    def __init__(self, side: int, z: int, width: int) -> None:
        super().__init__()
        self.first, self.width, self.side = nn.Linear(z, width * 49), width, side
        up = lambda i, o: nn.ConvTranspose2d(i, o, 3, 2, 1, 1)  # noqa: E731
        self.rest = nn.Sequential(nn.ReLU(), up(width, width), nn.ReLU(), up(width, 1), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.rest(self.first(z).unflatten(1, (self.width, 7, 7)))[
            :, :, : self.side, : self.side
        ]


@dataclass(frozen=True, kw_only=True)
class Checkered(Quick):
    """Quick with that generator."""

    def generator(self, spec: Any) -> nn.Module:
        return Thrice(spec.shape[1], self.z, self.width)


class Loud(nn.Module):
    """A generator that shouts: what it paints is far beyond the range, and is cut off there."""

    def __init__(self, quiet: nn.Module, gain: float) -> None:
        super().__init__()
        self.quiet, self.gain = quiet, gain

    def forward(self, z: Tensor) -> Tensor:
        return (self.gain * self.quiet(z)).tanh()


@dataclass(frozen=True, kw_only=True)
class Shouting(Quick):
    """Quick with a gain before its output."""

    gain: float = 1000.0

    def generator(self, spec: Any) -> nn.Module:
        return Loud(super().generator(spec), self.gain)


def repeated(x: np.ndarray) -> np.ndarray:
    """A dozen pictures, over and over."""
    return np.tile(x[:12], (50, 1, 1))


def blank(x: np.ndarray) -> np.ndarray:
    """A third of the pictures are empty."""
    return np.where((np.arange(len(x)) % 3 == 0)[:, None, None], 0, x).astype(np.uint8)


def binary(x: np.ndarray) -> np.ndarray:
    """0 and 1 in a file whose range is 0 to 255."""
    return (x > 127).astype(np.uint8)


def deep(x: np.ndarray) -> np.ndarray:
    """10 bits in a file of 16."""
    return x.astype(np.uint16) * 4


HELD = {"holdout": 0.1}
HALF = {"holdout": 0.5}
SMALL = {"size": 16}
_B = (0.5, 0.999)


def sick(k: int, w: int, seed: int, data: str, more: dict[str, Any], which: str) -> list[Case]:
    """Each illness once or twice; `k` scales the length, `w` is the width."""

    def case(name: str, illness: str, recipe: Recipe, **extra: Any) -> Case:
        options = more | extra.pop("options", {})
        data_ = extra.pop("data", data)
        options = {} if data_ in ("ring", "grid") else options
        return Case(
            f"{which}-{name}",
            illness,
            recipe,
            data_,
            seed=seed,
            options=options,
            set=which,
            **extra,
        )

    quick, dcgan = {"steps": 3 * k, "width": w}, {"steps": 3 * k, "width": w, "batch_size": 64}
    return [
        case(
            "lr-quick",
            "learning-rate-too-high",
            Quick(**quick, g_optimizer=Adam(0.1, (0.0, 0.99)), d_optimizer=Adam(0.2, (0.0, 0.99))),
        ),
        case(
            "lr-dcgan",
            "learning-rate-too-high",
            DCGAN(**dcgan, g_optimizer=Adam(0.02, _B), d_optimizer=Adam(0.02, _B)),
        ),
        case("no-penalty", "exploding", WGANGP(steps=k, width=w, d_updates=3, penalties=())),
        case(
            "huge-penalty",
            "critic-too-weak",
            R3GAN(steps=k, width=32, narrowest=8, group=8, penalties=(R1(1e5),)),
        ),
        case(
            "clip",
            "dead-critic",
            WGAN(steps=k, width=w, d_updates_often=5, constraint=WeightClip(1e-6)),
        ),
        case("d-frozen", "critic-too-weak", DCGAN(**dcgan, d_optimizer=Adam(1e-9, _B))),
        case(
            "d-weak",
            "critic-too-weak",
            DCGAN(**dcgan, d_optimizer=Adam(1e-6, _B), g_optimizer=Adam(1e-3, _B)),
        ),
        case(
            "d-strong",
            "critic-too-strong",
            DCGAN(**dcgan, objective=Minimax(), d_updates=4, g_optimizer=Adam(1e-6, _B)),
        ),
        case(
            "d-strong-mlp",
            "critic-too-strong",
            GAN(
                steps=4 * k,
                width=128,
                units=64,
                objective=Minimax(),
                d_updates=3,
                g_optimizer=SGD(1e-3),
            ),
        ),
        case(
            "collapse",
            "mode-collapse",
            DCGAN(**dcgan, g_norm="none", d_norm="none", g_optimizer=Adam(3e-3, _B)),
        ),
        case(
            "oscillation-ring",
            "oscillation",
            Quick(
                steps=8 * k,
                width=8,
                d_norm="none",
                objective=NonSaturating(),
                g_optimizer=Adam(1e-3, (0.9, 0.9)),
                d_optimizer=Adam(1e-3, (0.9, 0.9)),
                ema=0.0,
            ),
            data="ring",
        ),
        case("range-255", "wrong-data-range", Quick(**quick), altered="0..255"),
        case("range-01", "wrong-data-range", Quick(**quick), altered="0..1"),
        case("range-masks", "wrong-data-range", Quick(**quick), edit=binary),
        case(
            "oscillation-ring-slow",
            "oscillation",
            Quick(
                steps=8 * k,
                width=8,
                z=100,
                d_norm="none",
                objective=NonSaturating(),
                g_optimizer=Adam(3e-3, (0.9, 0.99)),
                d_optimizer=Adam(1e-4, (0.0, 0.99)),
                ema=0.0,
            ),
            data="ring",
        ),
        case(
            "oscillation-grid",
            "oscillation",
            Quick(
                steps=8 * k,
                width=8,
                z=2,
                d_norm="none",
                objective=NonSaturating(),
                g_optimizer=Adam(2e-3, (0.9, 0.9)),
                d_optimizer=Adam(2e-3, (0.9, 0.9)),
                ema=0.0,
            ),
            data="grid",
        ),
        case(
            "dropping-ring-two",
            "mode-dropping",
            Quick(
                steps=20 * k,
                width=16,
                z=2,
                d_norm="none",
                objective=NonSaturating(),
                g_optimizer=Adam(1e-3, _B),
                d_optimizer=Adam(1e-3, _B),
                ema=0.0,
            ),
            data="ring",
        ),
        case(
            "dropping-ring-wide",
            "mode-dropping",
            Quick(
                steps=20 * k,
                width=24,
                z=16,
                d_norm="none",
                objective=NonSaturating(),
                g_optimizer=Adam(1e-3, _B),
                d_optimizer=Adam(1e-3, _B),
                ema=0.0,
            ),
            data="ring",
        ),
        case("range-10bit", "wrong-data-range", Quick(**quick), edit=deep),
        case(
            "lr-lsgan",
            "learning-rate-too-high",
            LSGAN(
                steps=3 * k, width=w, z=128, g_optimizer=Adam(0.1, _B), d_optimizer=Adam(0.1, _B)
            ),
        ),
        case(
            "lr-gp",
            "learning-rate-too-high",
            WGANGP(
                steps=k,
                width=w,
                d_updates=2,
                g_optimizer=Adam(0.01, (0.5, 0.9)),
                d_optimizer=Adam(0.01, (0.5, 0.9)),
            ),
        ),
        case(
            "no-bound",
            "exploding",
            DCGAN(**dcgan | {"steps": 2 * k}, objective=Wasserstein(), d_norm="none"),
        ),
        case("few-held", "overfitting-critic", Quick(steps=4 * k, width=w), only=40, options=HALF),
        case(
            "fifty-held",
            "overfitting-critic",
            DCGAN(steps=10 * k, width=w, batch_size=50),
            only=100,
            options=HALF,
        ),
        case("few", "few-images", Quick(steps=3 * k, width=w), only=20),
        case("copies", "repeated-data", Quick(**quick), edit=repeated),
        case("blank", "constant-images", Quick(**quick), edit=blank),
        case(
            "leak-ada",
            "augmentation-leaking",
            Quick(steps=5 * k, width=w, augment=ADA(target=None, p=1.0, policy="blit")),
        ),
        case(
            "leak-color",
            "augmentation-leaking",
            Quick(steps=5 * k, width=w, augment=ADA(target=None, p=1.0, policy="blit,geometry")),
        ),
        case("stale", "stale-average", Quick(**quick, ema=5e6), stale=True),
        case("checkered", "checkerboard", Checkered(**quick)),
        case("shouting", "saturated-samples", Shouting(**quick)),
        case(
            "nan",
            "non-finite",
            DCGAN(**dcgan, objective=LeastSquares(), d_norm="none", d_optimizer=SGD(5.0)),
        ),
        case(
            "nan-gp",
            "non-finite",
            WGANGP(steps=k, width=w, d_updates=2, d_optimizer=Adam(100.0, (0.5, 0.9))),
        ),
    ]


def healthy(k: int, w: int, seed: int, data: str, more: dict[str, Any], which: str) -> list[Case]:
    """Recipes as they are, but small."""

    def case(name: str, recipe: Recipe, **extra: Any) -> Case:
        options = extra.pop("options", more)
        return Case(
            f"{which}-well-{name}",
            None,
            recipe,
            seed=seed,
            set=which,
            options=options,
            **({"data": data} | extra),
        )

    gp = (GradientPenalty(0.1),)
    return [
        case("quick", Quick(steps=5 * k, width=w)),
        case("quick-held", Quick(steps=5 * k, width=w), options=more | HELD),
        case("quick-digits", Quick(steps=5 * k, width=w), data="digits", options=SMALL),
        case("dcgan", DCGAN(steps=6 * k, width=w, batch_size=64)),
        case("dcgan-held", DCGAN(steps=4 * k, width=2 * w, batch_size=64), options=more | HELD),
        case("lsgan", LSGAN(steps=6 * k, width=w, z=128)),
        case("wgan", WGAN(steps=2 * k, width=w, d_updates_often=20)),
        case("wgan-gp", WGANGP(steps=2 * k, width=w, d_updates=2)),
        case("wgan-lp", WGANLP(steps=2 * k, width=w, d_updates=2)),
        case("sngan", SNGAN(steps=2 * k, width=w, d_width=w, d_updates=1)),
        case("r3gan", R3GAN(steps=3 * k, width=32, narrowest=8, group=8, ema=2e4)),
        case("gan", GAN(steps=20 * k, width=128, units=48)),
        case(
            "tutorial",
            TutorialMNIST(steps=3 * k, width=w, batch_size=32),
            options={"size": 28},
            data="mnist5k",
        ),
        case(
            "ring",
            WGANGP(
                steps=20 * k,
                width=8,
                z=2,
                batch_size=128,
                penalties=gp,
                g_optimizer=Adam(1e-3, (0.5, 0.9)),
                d_optimizer=Adam(2e-3, (0.5, 0.9)),
                d_updates=1,
                last_lr=0.02,
                ema=2e4,
            ),
            data="ring",
            options={},
        ),
        case("diffaugment", Quick(steps=6 * k, width=w, augment=DiffAugment("translation"))),
        case("ada", DCGAN(steps=5 * k, width=w, batch_size=64, augment=ADA())),
        case(
            "relativistic",
            DCGAN(
                steps=5 * k, width=w, batch_size=64, objective=Relativistic(), penalties=(R1(0.5),)
            ),
        ),
    ]


CASES = [
    *sick(100, 12, 0, "mnist5k", {}, "made"),
    *healthy(120, 12, 0, "mnist5k", {}, "made"),
    *sick(80, 16, 1, "digits", {"size": 16}, "test"),
    *healthy(90, 16, 1, "mnist5k", {"size": 16}, "test"),
]
