"""Densities on the line and what is exact about them, by quadrature (Simpson's rule)."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from scipy.integrate import simpson
from torch import Tensor, tensor

from gansaku.core.noise import Noise

LOG4 = math.log(4.0)
TINY = 1e-300


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Gaussians on the line: `weights`, `means`, `widths` (standard deviations)."""

    weights: tuple[float, ...]
    means: tuple[float, ...]
    widths: tuple[float, ...]

    @classmethod
    def gaussian(cls, mean: float = 0.0, width: float = 1.0) -> Mixture:
        return cls((1.0,), (mean,), (width,))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The density at `x [N]`."""
        parts = zip(self.weights, self.means, self.widths, strict=True)
        return sum(
            w * np.exp(-0.5 * ((x - m) / s) ** 2) / (s * math.sqrt(2 * math.pi))
            for w, m, s in parts
        )

    def draw(self, n: int, noise: Noise) -> Tensor:
        """`[n, 1]` samples."""
        share = noise.uniform(n, 1)
        bounds = tensor(self.weights).cumsum(0)[:-1]
        which = (share > bounds).sum(1, keepdim=True)
        return tensor(self.means)[which] + tensor(self.widths)[which] * noise.normal(n, 1)


@dataclasses.dataclass(frozen=True)
class Uniform:
    """Uniform on [low, low + 1]."""

    low: float = 0.0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return ((x >= self.low) & (x <= self.low + 1)).astype(float)

    def draw(self, n: int, noise: Noise) -> Tensor:
        return self.low + noise.uniform(n, 1)


def line(low: float, high: float, points: int = 4001) -> np.ndarray:
    """An odd number of places, as Simpson's rule likes them."""
    return np.linspace(low, high, points)


def integral(values: np.ndarray, x: np.ndarray) -> float:
    return float(simpson(values, x=x))


def kl(p: np.ndarray, q: np.ndarray, x: np.ndarray) -> float:
    """KL(p | q) of densities given at `x`."""
    return integral(np.where(p > 0, p * (np.log(p + TINY) - np.log(q + TINY)), 0.0), x)


def jsd(p: np.ndarray, q: np.ndarray, x: np.ndarray) -> float:
    """The Jensen-Shannon divergence, in [0, log 2]."""
    middle = (p + q) / 2
    return (kl(p, middle, x) + kl(q, middle, x)) / 2


def best(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The optimal discriminator p / (p + q) (arXiv:1406.2661, proposition 1)."""
    return p / np.maximum(p + q, TINY)


def value(p: np.ndarray, q: np.ndarray, d: np.ndarray, x: np.ndarray) -> float:
    """V = E_p log D + E_q log(1 - D) of a discriminator given at `x` (arXiv:1406.2661, eq. 1)."""
    d = np.clip(d, 1e-12, 1 - 1e-12)
    return integral(p * np.log(d) + q * np.log1p(-d), x)


def wasserstein(p: np.ndarray, q: np.ndarray, x: np.ndarray) -> float:
    """W1 on the line: the area between the two distribution functions."""
    step = np.diff(x)
    gap = np.concatenate([[0.0], np.cumsum((p - q)[:-1] * step)])
    return float(np.sum(np.abs(gap)[:-1] * step))


def jsd_of_shift(shift: Any) -> Any:
    """Of two uniforms of width 1, one moved: log 2 times what does not overlap."""
    return math.log(2) * np.minimum(np.abs(shift), 1.0)


def jsd_slope(shift: Any) -> Any:
    """Its derivative for a shift above 0: none beyond the overlap."""
    return np.where(np.asarray(shift) < 1.0, math.log(2), 0.0)
