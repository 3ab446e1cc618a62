"""Sources of made-up pictures, as small as can be: every sample is a function of its place."""

from __future__ import annotations

from typing import Any

import torch

from gansaku.core.capabilities import Translates
from gansaku.core.loop import Run
from gansaku.core.noise import seed_of
from gansaku.core.translating import inputs_of
from gansaku.data.spec import UNLABELLED, ClipSpec, ImageSpec, MapSpec, PairSpec


class Pictures:
    """Endless smooth pictures of three classes; sample p of a seed is always the same."""

    def __init__(self, height: int = 16, width: int = 16, channels: int = 1) -> None:
        self.spec = ImageSpec(height, width, channels, ("one", "two", "three"))

    def batch(self, start: int, n: int, seed: int, *, spec: Any = None, **where: Any) -> dict:
        x = torch.stack([self._one(start + i, seed) for i in range(n)])
        return {"x": x, "y": torch.arange(start, start + n) % self.spec.classes}

    def _one(self, place: int, seed: int) -> torch.Tensor:
        g = torch.Generator().manual_seed(seed_of(seed, "picture", place))
        small = torch.rand(1, self.spec.channels, 4, 4, generator=g) * 2 - 1
        size = (self.spec.height, self.spec.width)
        return torch.nn.functional.interpolate(small, size, mode="bilinear")[0]


class Unpaired:
    """Smooth pictures a, and others b."""

    def __init__(self, a: int = 3, b: int = 3) -> None:
        self.sides = {"a": Pictures(channels=a), "b": Pictures(channels=b)}
        self.spec = PairSpec(*(ImageSpec(16, 16, side.spec.channels) for side in self._both()))

    def _both(self) -> tuple[Pictures, Pictures]:
        return self.sides["a"], self.sides["b"]

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict:
        return {
            name: side.batch(start, n, seed_of(seed, name))["x"]
            for name, side in self.sides.items()
        }


class Pairs(Unpaired):
    """Grey pictures a, and b in three colours that follow from them."""

    def __init__(self) -> None:
        super().__init__(a=1)

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict:
        a = self.sides["a"].batch(start, n, seed)["x"]
        return {"a": a, "b": torch.cat([-a, a / 2, a.flip(3)], 1)}


class Maps(Pairs):
    """Label maps of three classes with a corner that has none, and pictures of their colours."""

    def __init__(self) -> None:
        super().__init__()
        palette = ((250, 0, 0), (0, 250, 0), (0, 0, 250))
        self.spec = PairSpec(MapSpec(16, 16, ("one", "two", "three"), palette), self.spec.b)

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict:
        a = ((super().batch(start, n, seed)["a"] + 1) * 1.5).floor().clamp(0, 2).long()
        b = self.spec.a.painted(a)
        a[:, :, :2, :2] = UNLABELLED
        return {"a": a, "b": b}


class Clip(Unpaired):
    """Figures a and frames b, each with the one before, and where a face is."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = ClipSpec(self.spec.a, self.spec.b)

    def batch(self, start: int, n: int, seed: int, **where: Any) -> dict:
        found = {}
        for place, end in ((start, ""), (start - 1, "_before")):
            found |= {name + end: x for name, x in super().batch(place, n, seed).items()}
            found["face" + end] = 8 + 9 * found["b" + end].mean((1, 2, 3))[:, None].expand(n, 2)
        return found


class Single(Pictures):
    """One picture in three colours, as often as it is asked for."""

    def __init__(self) -> None:
        super().__init__(channels=3)

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict:
        return {"x": self._one(0, 0).expand(n, -1, -1, -1)}


SOURCES: dict[str, Any] = {"images": Pictures, "pairs": Pairs, "unpaired": Unpaired}
SOURCES |= {"maps": Maps, "clip": Clip, "single": Single}
COLOURED = ("colorize", "srgan")  # fed pictures, and these must have colours


def source_of(name: str, recipe: type) -> Any:
    """Data of the kind that a recipe is fed."""
    return Pictures(channels=3) if name in COLOURED else SOURCES[recipe.feeds]()


def drawn(run: Run, n: int, seed: int) -> torch.Tensor:
    """Samples of a run; of a translator, translations of the source's first samples by `seed`."""
    if not isinstance(run.recipe, Translates):
        return run.sample(n, seed=seed)
    batch = run.source.batch(0, n, seed)
    a = run.generated(lambda nets: inputs_of(run.recipe, nets, batch, seed))
    return run.sample(n, seed=seed, given={"a": a})


class Exact:
    """A source's samples in float64."""

    def __init__(self, source: Any) -> None:
        self.source, self.spec = source, source.spec

    def batch(self, *args: Any, **kwargs: Any) -> dict:
        batch = self.source.batch(*args, **kwargs)
        return {k: v.double() if v.is_floating_point() else v for k, v in batch.items()}
