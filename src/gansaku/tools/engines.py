"""What makes variations of one picture: a trained pyramid, or its patches alone."""

from __future__ import annotations

import dataclasses
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from gansaku.core import sampling
from gansaku.core.capabilities import Pyramid, able
from gansaku.core.contract import Nets, Recipe
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.core.pyramid import resample
from gansaku.tools.patches import resized

Size = tuple[int, int]  # height, width


@runtime_checkable
class Engine(Protocol):
    """Makes variations of one picture, scale by scale; scale 0 is the coarsest."""

    @property
    def channels(self) -> int:
        """1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha."""
        ...

    def scales(self) -> int:
        """How many scales can be used."""
        ...

    def sizes(self, size: Size | None = None) -> list[Size]:
        """(height, width) of every scale that can be used, for the `size` of the finest."""
        ...

    def play(
        self,
        n: int,
        seed: int,
        *,
        start: int = 0,
        image: Tensor | None = None,
        size: Size | None = None,
    ) -> Tensor:
        """`n` pictures `[n, C, H, W]` in [-1, 1]; the i-th is a function of (seed, i).

        Scales `start` and finer are played; `image [1 or n, C, h, w]` enters the first of them.
        Without it they begin with noise at 0, and with the picture itself above.
        """
        ...

    def enlarge(self, x: Tensor, size: Size, seed: int, image: Tensor) -> Tensor:
        """`x [1, C, h, w]` at a somewhat larger `size`, with details as the picture has them.

        `image` is what `x` was enlarged from, or `x` itself.
        """
        ...

    def itself(self) -> Tensor:
        """The picture as the engine knows it, `[C, H, W]` in [-1, 1]."""
        ...


class Trained(Protocol):
    """What is needed of `gansaku.load(...)`."""

    @property
    def recipe(self) -> Recipe: ...
    @property
    def nets(self) -> Nets: ...
    @property
    def device(self) -> torch.device: ...


@dataclasses.dataclass(frozen=True)
class PyramidEngine:
    """A run of one picture as an engine: all scales that are trained so far.

    While scales are missing, pictures are smaller than the size that is asked for.
    """

    model: Trained

    def __post_init__(self) -> None:
        if not self.scales():
            raise UserError("no scale of this run is trained yet: let it run for a while")

    @property
    def recipe(self) -> Pyramid:
        """The recipe; UserError for one that is not of one picture."""
        return able(self.model.recipe, Pyramid, "make variations of one picture")

    @property
    @torch.no_grad()
    def channels(self) -> int:  # of the coarsest scale, which is made at once
        recipe, nets = self.recipe, self.model.nets
        return recipe.render(nets, recipe.fixed(nets), stop=0).shape[1]

    def scales(self) -> int:
        return self.recipe.scales(self.model.nets)

    def sizes(self, size: Size | None = None) -> list[Size]:
        return self.recipe.sizes(self.model.nets, size)[: self.scales()]

    @torch.no_grad()
    def play(
        self,
        n: int,
        seed: int,
        *,
        start: int = 0,
        image: Tensor | None = None,
        size: Size | None = None,
    ) -> Tensor:
        recipe, nets, device = self.recipe, self.model.nets, self.model.device
        if start == 0 and image is None and size is None:  # those of `gansaku sample`
            return sampling.sample(self.model.recipe, nets, n, seed, {}, device).cpu()
        if start > 0 and image is None:
            image = recipe.render(nets, recipe.fixed(nets), stop=start - 1)
        made = []
        for i in range(n):
            maps = recipe.maps(nets, Noise(seed, ("sample", i), device=device), 1, size)
            one = image if image is None or len(image) == 1 else image[i : i + 1]
            made.append(recipe.render(nets, maps, start, one).cpu())
        return torch.cat(made)

    def enlarge(self, x: Tensor, size: Size, seed: int, image: Tensor) -> Tensor:
        large = resample(x, size)
        return self.play(1, seed, start=self.scales() - 1, image=large, size=size)

    @torch.no_grad()
    def itself(self) -> Tensor:
        return self.recipe.render(self.model.nets, self.recipe.fixed(self.model.nets))[0].cpu()


def engine_of(what: Engine | Trained) -> Engine:
    """An engine as it is, a loaded run as one; UserError for a run that is not of one picture."""
    return what if isinstance(what, Engine) else PyramidEngine(what)


def check_start(engine: Engine, start: int, least: int = 0) -> None:
    """UserError for a start scale that the engine has not, or that lets no picture in."""
    last = engine.scales() - 1
    if least <= start <= last:
        return
    why = "; scale 0 is made of noise alone, and would not see the picture" if start == 0 else ""
    there = f"scales {least} to {last} are there" if last >= least else "only scale 0 is there"
    raise UserError(f"start scale {start} cannot be used: {there}{why}")


def entering(engine: Engine, image: Tensor, start: int) -> Tensor:
    """`image [C, h, w]` as it enters scale `start >= 1`: `[1, C, H, W]` of the finest size.

    It keeps only what the scale below could have made of it: reduced to that scale's size, and
    brought up again, as the uses of arXiv:1905.01164 do (section 4).
    """
    whole = resized(image[None], engine.sizes()[-1])
    below = engine.sizes()[start - 1]
    factor = max(below[0] / whole.shape[2], below[1] / whole.shape[3])
    return resample(resample(whole, below, factor), engine.sizes()[-1], 1 / factor)
