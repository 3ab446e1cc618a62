"""Points in the plane whose true distribution is known: the classic tests of a GAN's coverage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gansaku.core.errors import DataError, nearest
from gansaku.core.noise import seed_of, sent
from gansaku.data import order
from gansaku.data.source import Source
from gansaku.data.spec import PointSpec

SIGMA = 0.02  # of every set's noise
TURNS = 1.5  # of the spiral
LINES = {
    "ring": "8 Gaussians evenly on a circle of radius 2, sigma 0.02",
    "grid": "25 Gaussians on a 5 x 5 grid from -2 to 2, sigma 0.02",
    "spiral": "a spiral of 1.5 turns out to radius 2, evenly along it, sigma 0.02",
}


class PointSource(Source):
    """An endless stream of fresh points `[N, 2]`: position p's point is a function of (seed, p).

    `modes [K, 2]` are the centres of the Gaussians (None for the spiral), `sigma` their width.
    Nothing repeats; `len` is the size that an epoch is given by convention.
    """

    sigma = SIGMA

    def __init__(self, name: str, length: int = 100_000, seed: int = 0) -> None:
        super().__init__()
        if name not in LINES:
            raise DataError(f"no point set is called {name!r}{nearest(name, LINES)}")
        self.name, self.length, self.seed, self.spec = name, length, seed, PointSpec(2)
        self.modes = centres(name)
        self.notes = [LINES[name]]

    def __len__(self) -> int:
        return self.length

    def fingerprint(self) -> str:
        return f"{seed_of('points', LINES[self.name]):016x}"

    def batch(
        self,
        start: int,
        n: int,
        seed: int,
        *,
        spec: Any = None,
        device: torch.device | str = "cpu",
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> dict[str, Tensor]:
        x = self._points(np.arange(start, start + n), seed)
        return {"x": sent(torch.from_numpy(x), device)}

    def take(self, indices: Sequence[int]) -> dict[str, Tensor]:
        fixed = seed_of(self.seed, "reference")
        return {"x": torch.from_numpy(self._points(np.asarray(indices, np.int64), fixed))}

    def _points(self, positions: np.ndarray, seed: int) -> np.ndarray:
        """float32 `[n, 2]`."""
        where = order.uniform(positions, seed, self.name, "where")
        if self.modes is None:
            clean = along_spiral(where)
        else:
            clean = self.modes.numpy().astype(np.float64)[(where * len(self.modes)).astype(int)]
        return (clean + self.sigma * normals(positions, seed, self.name)).astype(np.float32)


def centres(name: str) -> Tensor | None:
    """The modes of a set `[K, 2]`, or None where it has none."""
    if name == "ring":
        angles = torch.arange(8, dtype=torch.float64) * (2 * math.pi / 8)
        return torch.stack([2 * angles.cos(), 2 * angles.sin()], 1).float()
    if name == "grid":
        side = torch.linspace(-2, 2, 5)
        return torch.cartesian_prod(side, side)
    return None


def along_spiral(share: np.ndarray) -> np.ndarray:
    """The point of an Archimedean spiral after a share in [0, 1) of its length (nearly)."""
    turned = np.sqrt(share)  # length grows with the square of the angle
    angle = 2 * math.pi * TURNS * turned
    return np.stack([2 * turned * np.cos(angle), 2 * turned * np.sin(angle)], 1)


def normals(positions: np.ndarray, seed: int, name: str) -> np.ndarray:
    """Two independent N(0, 1) for each position (Box and Muller 1958): float64 `[n, 2]`."""
    radius = np.sqrt(-2 * np.log1p(-order.uniform(positions, seed, name, "radius")))
    angle = 2 * math.pi * order.uniform(positions, seed, name, "angle")
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
