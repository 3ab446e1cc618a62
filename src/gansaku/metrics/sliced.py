"""Sliced Wasserstein distance between point clouds or sets of features."""

from __future__ import annotations

import torch
from torch import Tensor

from gansaku.core.noise import Noise
from gansaku.metrics.estimate import check_features


def directions(dims: int, count: int, seed: int = 0) -> Tensor:
    """`count` unit vectors `[count, dims]` in float64, the same for a seed.

    They come in orthonormal bases: any shift s then moves the projections by exactly |s|^2 / D
    on average (where `count` is a multiple of D), and the estimate has less variance.
    """
    bases = -(-count // dims)
    noise = Noise(seed, ("sliced", dims)).normal(bases, dims, dims).double()
    return torch.linalg.qr(noise).Q.mT.reshape(-1, dims)[:count]


def sliced_wasserstein(
    x: Tensor, y: Tensor, projections: int = 128, seed: int = 0, order: int = 2
) -> float:
    """(mean over directions of W_p^p)^(1/p) between `x [N, D]` and `y [M, D]`.

    Bonneel et al. 2015, doi:10.1007/s10851-014-0506-3; each one-dimensional distance is exact,
    for sets of different sizes too. Raises UserError for empty sets or different widths.
    """
    check_features(1, x=x, y=y)
    theta = directions(x.shape[1], projections, seed)
    a = (x.double() @ theta.T).sort(0).values
    b = (y.double() @ theta.T).sort(0).values
    widths, i, j = _couple(len(a), len(b))
    costs = (a[i] - b[j]).abs() ** order
    return float((widths @ costs).mean() ** (1 / order))


def _couple(n: int, m: int) -> tuple[Tensor, Tensor, Tensor]:
    """The monotone coupling of n and m equal masses: widths of its pieces, and their indices."""
    if n == m:
        index = torch.arange(n)
        return torch.full((n,), 1 / n, dtype=torch.float64), index, index
    # Ends of the pieces in units of 1 / (n m): integers, so that no piece is split by rounding.
    ends = torch.cat((torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n)).unique()
    starts = torch.cat((ends.new_zeros(1), ends[:-1]))
    return (ends - starts).double() / (n * m), starts // m, starts // n
