"""What the gallery of sick runs is made of: a case, broken networks, altered pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from gansaku.core.contract import Recipe
from gansaku.recipes.quick import Quick


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
