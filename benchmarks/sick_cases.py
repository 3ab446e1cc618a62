"""The cases of the gallery of sick runs: each illness once or twice, and recipes in health."""

from __future__ import annotations

import dataclasses
from typing import Any

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
from sick_recipes import Case, Checkered, Shouting, binary, blank, deep, repeated

HELD = {"holdout": 0.1}
HALF = {"holdout": 0.5}
SMALL = {"size": 16}
_B = (0.5, 0.999)


@dataclasses.dataclass(frozen=True)
class Set:
    """Cases of one length and width; `k` scales the length, `w` is the width."""

    k: int
    w: int
    seed: int
    data: str
    more: dict[str, Any]
    name: str

    @property
    def quick(self) -> dict[str, int]:
        return {"steps": 3 * self.k, "width": self.w}

    @property
    def dcgan(self) -> dict[str, int]:
        return self.quick | {"batch_size": 64}

    def case(self, name: str, illness: str, recipe: Recipe, **extra: Any) -> Case:
        extra = {"data": self.data} | extra
        options = self.more | extra.pop("options", {})
        options = {} if extra["data"] in ("ring", "grid") else options
        about = {"seed": self.seed, "set": self.name, "options": options}
        return Case(f"{self.name}-{name}", illness, recipe, **about, **extra)

    def well(self, name: str, recipe: Recipe, **extra: Any) -> Case:
        about = {"data": self.data, "options": self.more} | extra
        return Case(
            f"{self.name}-well-{name}", None, recipe, seed=self.seed, set=self.name, **about
        )

    def sick(self) -> list[Case]:
        parts = (self.rates, self.bounds, self.strength, self.modes, self.pictures, self.samples)
        return [case for part in parts for case in part()]

    def rates(self) -> list[Case]:
        """Rates that make training explode."""
        return [
            self.case(
                "lr-quick",
                "learning-rate-too-high",
                Quick(
                    **self.quick,
                    g_optimizer=Adam(0.1, (0.0, 0.99)),
                    d_optimizer=Adam(0.2, (0.0, 0.99)),
                ),
            ),
            self.case(
                "lr-dcgan",
                "learning-rate-too-high",
                DCGAN(**self.dcgan, g_optimizer=Adam(0.02, _B), d_optimizer=Adam(0.02, _B)),
            ),
            self.case(
                "lr-lsgan",
                "learning-rate-too-high",
                LSGAN(
                    steps=3 * self.k,
                    width=self.w,
                    z=128,
                    g_optimizer=Adam(0.1, _B),
                    d_optimizer=Adam(0.1, _B),
                ),
            ),
            self.case(
                "lr-gp",
                "learning-rate-too-high",
                WGANGP(
                    steps=self.k,
                    width=self.w,
                    d_updates=2,
                    g_optimizer=Adam(0.01, (0.5, 0.9)),
                    d_optimizer=Adam(0.01, (0.5, 0.9)),
                ),
            ),
            self.case(
                "nan",
                "non-finite",
                DCGAN(**self.dcgan, objective=LeastSquares(), d_norm="none", d_optimizer=SGD(5.0)),
            ),
            self.case(
                "nan-gp",
                "non-finite",
                WGANGP(
                    steps=self.k, width=self.w, d_updates=2, d_optimizer=Adam(100.0, (0.5, 0.9))
                ),
            ),
        ]

    def bounds(self) -> list[Case]:
        """Bounds that are missing, or hold too tight."""
        return [
            self.case(
                "no-penalty",
                "exploding",
                WGANGP(steps=self.k, width=self.w, d_updates=3, penalties=()),
            ),
            self.case(
                "huge-penalty",
                "critic-too-weak",
                R3GAN(steps=self.k, width=32, narrowest=8, group=8, penalties=(R1(1e5),)),
            ),
            self.case(
                "clip",
                "dead-critic",
                WGAN(steps=self.k, width=self.w, d_updates_often=5, constraint=WeightClip(1e-6)),
            ),
            self.case(
                "no-bound",
                "exploding",
                DCGAN(**self.dcgan | {"steps": 2 * self.k}, objective=Wasserstein(), d_norm="none"),
            ),
        ]

    def strength(self) -> list[Case]:
        """One player far ahead of the other, and what becomes of it."""
        return [
            self.case(
                "d-frozen", "critic-too-weak", DCGAN(**self.dcgan, d_optimizer=Adam(1e-9, _B))
            ),
            self.case(
                "d-weak",
                "critic-too-weak",
                DCGAN(**self.dcgan, d_optimizer=Adam(1e-6, _B), g_optimizer=Adam(1e-3, _B)),
            ),
            self.case(
                "d-strong",
                "critic-too-strong",
                DCGAN(**self.dcgan, objective=Minimax(), d_updates=4, g_optimizer=Adam(1e-6, _B)),
            ),
            self.case(
                "d-strong-mlp",
                "critic-too-strong",
                GAN(
                    steps=4 * self.k,
                    width=128,
                    units=64,
                    objective=Minimax(),
                    d_updates=3,
                    g_optimizer=SGD(1e-3),
                ),
            ),
            self.case(
                "collapse",
                "mode-collapse",
                DCGAN(**self.dcgan, g_norm="none", d_norm="none", g_optimizer=Adam(3e-3, _B)),
            ),
        ]

    def points(self, steps: int, width: int, **more: Any) -> Recipe:
        """A game on points that nothing keeps steady."""
        wild = {"d_norm": "none", "objective": NonSaturating(), "ema": 0.0}
        return Quick(steps=steps * self.k, width=width, **wild, **more)

    def modes(self) -> list[Case]:
        """Modes that are dropped, or visited in turn."""
        fast, grid = Adam(1e-3, (0.9, 0.9)), Adam(2e-3, (0.9, 0.9))
        slow = {"g_optimizer": Adam(3e-3, (0.9, 0.99)), "d_optimizer": Adam(1e-4, (0.0, 0.99))}
        even = {"g_optimizer": Adam(1e-3, _B), "d_optimizer": Adam(1e-3, _B)}
        turning = {
            "oscillation-ring": self.points(8, 8, g_optimizer=fast, d_optimizer=fast),
            "oscillation-ring-slow": self.points(8, 8, z=100, **slow),
            "oscillation-grid": self.points(8, 8, z=2, g_optimizer=grid, d_optimizer=grid),
        }
        dropped = {
            "dropping-ring-two": self.points(20, 16, z=2, **even),
            "dropping-ring-wide": self.points(20, 24, z=16, **even),
        }
        return [
            self.case(name, illness, recipe, data=name.split("-")[1])
            for illness, recipes in (("oscillation", turning), ("mode-dropping", dropped))
            for name, recipe in recipes.items()
        ]

    def pictures(self) -> list[Case]:
        """Data that are not what they seem, or too few."""
        return [
            self.case("range-255", "wrong-data-range", Quick(**self.quick), altered="0..255"),
            self.case("range-01", "wrong-data-range", Quick(**self.quick), altered="0..1"),
            self.case("range-masks", "wrong-data-range", Quick(**self.quick), edit=binary),
            self.case("range-10bit", "wrong-data-range", Quick(**self.quick), edit=deep),
            self.case(
                "few-held",
                "overfitting-critic",
                Quick(steps=4 * self.k, width=self.w),
                only=40,
                options=HALF,
            ),
            self.case(
                "fifty-held",
                "overfitting-critic",
                DCGAN(steps=10 * self.k, width=self.w, batch_size=50),
                only=100,
                options=HALF,
            ),
            self.case("few", "few-images", Quick(steps=3 * self.k, width=self.w), only=20),
            self.case("copies", "repeated-data", Quick(**self.quick), edit=repeated),
            self.case("blank", "constant-images", Quick(**self.quick), edit=blank),
        ]

    def samples(self) -> list[Case]:
        """What is wrong with what is made."""
        return [
            self.case(
                "leak-ada",
                "augmentation-leaking",
                Quick(
                    steps=5 * self.k, width=self.w, augment=ADA(target=None, p=1.0, policy="blit")
                ),
            ),
            self.case(
                "leak-color",
                "augmentation-leaking",
                Quick(
                    steps=5 * self.k,
                    width=self.w,
                    augment=ADA(target=None, p=1.0, policy="blit,geometry"),
                ),
            ),
            self.case("stale", "stale-average", Quick(**self.quick, ema=5e6), stale=True),
            self.case("checkered", "checkerboard", Checkered(**self.quick)),
            self.case("shouting", "saturated-samples", Shouting(**self.quick)),
        ]

    def healthy(self) -> list[Case]:
        """Recipes as they are, but small."""
        return [*self.usual(), *self.others()]

    def usual(self) -> list[Case]:
        """The recipes that one begins with, and augmentations."""
        return [
            self.well("quick", Quick(steps=5 * self.k, width=self.w)),
            self.well(
                "quick-held", Quick(steps=5 * self.k, width=self.w), options=self.more | HELD
            ),
            self.well(
                "quick-digits", Quick(steps=5 * self.k, width=self.w), data="digits", options=SMALL
            ),
            self.well("dcgan", DCGAN(steps=6 * self.k, width=self.w, batch_size=64)),
            self.well(
                "dcgan-held",
                DCGAN(steps=4 * self.k, width=2 * self.w, batch_size=64),
                options=self.more | HELD,
            ),
            self.well("lsgan", LSGAN(steps=6 * self.k, width=self.w, z=128)),
            self.well(
                "diffaugment",
                Quick(steps=6 * self.k, width=self.w, augment=DiffAugment("translation")),
            ),
            self.well("ada", DCGAN(steps=5 * self.k, width=self.w, batch_size=64, augment=ADA())),
            self.well(
                "relativistic",
                DCGAN(
                    steps=5 * self.k,
                    width=self.w,
                    batch_size=64,
                    objective=Relativistic(),
                    penalties=(R1(0.5),),
                ),
            ),
        ]

    def others(self) -> list[Case]:
        """One of each of the other families."""
        return [
            self.well("wgan", WGAN(steps=2 * self.k, width=self.w, d_updates_often=20)),
            self.well("wgan-gp", WGANGP(steps=2 * self.k, width=self.w, d_updates=2)),
            self.well("wgan-lp", WGANLP(steps=2 * self.k, width=self.w, d_updates=2)),
            self.well("sngan", SNGAN(steps=2 * self.k, width=self.w, d_width=self.w, d_updates=1)),
            self.well("r3gan", R3GAN(steps=3 * self.k, width=32, narrowest=8, group=8, ema=2e4)),
            self.well("gan", GAN(steps=20 * self.k, width=128, units=48)),
            self.well(
                "tutorial",
                TutorialMNIST(steps=3 * self.k, width=self.w, batch_size=32),
                options={"size": 28},
                data="mnist5k",
            ),
            self.well(
                "ring",
                WGANGP(
                    steps=20 * self.k,
                    width=8,
                    z=2,
                    batch_size=128,
                    penalties=(GradientPenalty(0.1),),
                    g_optimizer=Adam(1e-3, (0.5, 0.9)),
                    d_optimizer=Adam(2e-3, (0.5, 0.9)),
                    d_updates=1,
                    last_lr=0.02,
                    ema=2e4,
                ),
                data="ring",
                options={},
            ),
        ]


CASES = [
    *Set(100, 12, 0, "mnist5k", {}, "made").sick(),
    *Set(120, 12, 0, "mnist5k", {}, "made").healthy(),
    *Set(80, 16, 1, "digits", {"size": 16}, "test").sick(),
    *Set(90, 16, 1, "mnist5k", {"size": 16}, "test").healthy(),
]
