"""A small space in which samples and data are compared: fixed features, and their main axes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gansaku.core.noise import Noise
from gansaku.nets.features import RandomConv, freeze

SIDE = 32  # pixels: larger images are made smaller first, so that the cost has a bound
AXES = 16  # of the data's features: few enough for the moments of 64 samples
FLOOR = 0.05  # of the first axis: along an axis that is all but constant, noise must not rule


class Space:
    """Coordinates `[N, at most AXES]` in which the data `real [N, ...]` has mean 0 and unit spread.

    Images `[N, C, H, W]` are seen by random convolutions with fixed weights (arXiv:1606.00021),
    points `[N, dims]` as they are. Results depend on the data alone.
    """

    def __init__(self, real: Tensor) -> None:
        self.images = real.ndim == 4
        self.net = freeze(RandomConv(real.shape[1])) if self.images else None
        raw = self.features(real)
        self.mean = raw.mean(0)
        _, values, axes = torch.linalg.svd(raw - self.mean, full_matrices=False)
        spread = values / max(len(raw) - 1, 1) ** 0.5
        self.axes = axes[:AXES]
        self.scale = spread[:AXES].clamp(min=max(FLOOR * float(spread[0]), 1e-6))

    def features(self, x: Tensor) -> Tensor:
        """`x [N, ...]` -> `[N, D]`, float32."""
        if self.net is None:
            return x.flatten(1).float()
        with torch.no_grad():
            return self.net(small(x.float()))

    def __call__(self, x: Tensor) -> Tensor:
        """`x [N, ...]` -> coordinates `[N, K]`."""
        return (self.features(x) - self.mean) @ self.axes.T / self.scale


def small(x: Tensor) -> Tensor:
    """Images with no side above SIDE."""
    longest = max(x.shape[2:])
    if longest <= SIDE:
        return x
    size = [max(round(side * SIDE / longest), 4) for side in x.shape[2:]]
    return F.interpolate(x, size, mode="bilinear", antialias=True)


def centres(x: Tensor, k: int = 10, rounds: int = 20, seed: int = 0) -> Tensor:
    """Cluster centres `[at most k, D]` of `x [N, D]`: Lloyd's k-means from spread-out starts.

    The starts are the points farthest from those before; a centre left empty stays where it is.
    """
    first = int(Noise(seed, ("centres",)).integers(1, below=len(x))[0])
    found = x[first : first + 1]
    while len(found) < min(k, len(x)):
        far = torch.cdist(x, found).amin(1).argmax()
        found = torch.cat((found, x[far][None]))
    for _ in range(rounds):
        nearest = torch.cdist(x, found).argmin(1)
        total = torch.zeros_like(found).index_add_(0, nearest, x)
        count = torch.bincount(nearest, minlength=len(found))[:, None]
        found = torch.where(count > 0, total / count.clamp(min=1), found)
    return found


def shares(x: Tensor, middles: Tensor) -> Tensor:
    """Which share of `x [N, D]` is nearest to each of `middles [K, D]`: `[K]`, summing to 1."""
    nearest = torch.cdist(x, middles).argmin(1)
    return torch.bincount(nearest, minlength=len(middles)) / len(x)
