"""A source of made-up pictures, as small as can be: every sample is a function of its place."""

from __future__ import annotations

from typing import Any

import torch

from gansaku.core.noise import seed_of
from gansaku.data.spec import ImageSpec


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
