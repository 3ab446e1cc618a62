"""Kernel distance: the unbiased squared MMD with a polynomial kernel, and its standard error."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.metrics.estimate import Estimate, check_features, jackknife


def polynomial_kernel(x: Tensor, y: Tensor, degree: int = 3) -> Tensor:
    """(x.y / D + 1)^degree, `[N, D], [M, D] -> [N, M]`; arXiv:1801.01401 section 4."""
    return (x @ y.T / x.shape[1] + 1) ** degree


def kernel_mmd(x: Tensor, y: Tensor, degree: int = 3) -> float:
    """Unbiased squared MMD of `x [N, D]` and `y [M, D]`: Gretton et al. 2012, lemma 6.

    Unbiased, so it may be negative where the two sets are alike. Raises UserError for fewer than
    two rows or different widths.
    """
    check_features(2, x=x, y=y)
    sums, counts = _block_sums(x.double(), y.double(), degree, 1)
    return float(_mmd(sums, counts))


def kernel_distance(x: Tensor, y: Tensor, folds: int = 10, degree: int = 3) -> Estimate:
    """Unbiased squared MMD of all rows, its standard error by leaving out one fold at a time.

    The jackknife over `folds` disjoint folds keeps the whole sample's value (subsets would make
    it noisier), and its error counts both sets' sampling. Rows are taken to be in random order.
    Memory: the Gram matrices, `(N + M)^2` numbers. Raises UserError for fewer than two rows a
    fold.
    """
    check_features(2 * folds, x=x, y=y)
    sums, counts = _block_sums(x.double(), y.double(), degree, folds)
    parts = [float(_mmd(*_without(sums, counts, k))) for k in range(folds)]
    return Estimate(float(_mmd(sums, counts)), jackknife(parts))


class KernelReference:
    """Kernel distances to one fixed set `y [M, D]`, whose own part is computed once.

    The standard error counts the samples' side alone: what is needed to follow one run against
    one reference. Raises UserError for fewer than two rows.
    """

    def __init__(self, y: Tensor, degree: int = 3) -> None:
        check_features(2, reference=y)
        self.y, self.degree = y.double(), degree
        gram = polynomial_kernel(self.y, self.y, degree)
        self.own = float(gram.sum() - gram.trace()) / (len(y) * (len(y) - 1))

    def __call__(self, x: Tensor, folds: int = 10) -> Estimate:
        """Unbiased squared MMD of `x [N, D]`, its error by leaving out one fold at a time."""
        check_features(2 * folds, samples=x)
        check_features(2, samples=x, reference=self.y)
        x = x.double()
        gram = polynomial_kernel(x, x, self.degree).fill_diagonal_(0)
        cross = polynomial_kernel(x, self.y, self.degree).mean(1)
        fold = torch.arange(len(x)) % folds
        keeps = [torch.ones(len(x), dtype=torch.bool)] + [fold != k for k in range(folds)]
        whole, *parts = [self._value(gram, cross, keep.double()) for keep in keeps]
        return Estimate(whole, jackknife(parts))

    def _value(self, gram: Tensor, cross: Tensor, keep: Tensor) -> float:
        n = float(keep.sum())
        own = keep @ gram @ keep / (n * (n - 1))
        return float(own + self.own - 2 * (keep @ cross) / n)


def kernel_distance_by_subsets(
    x: Tensor, y: Tensor, subsets: int = 100, size: int = 1000, seed: int = 2020, degree: int = 3
) -> Estimate:
    """The published KID protocol: mean and spread of the unbiased MMD over random subsets.

    arXiv:1801.01401; subsets are drawn as torch-fidelity draws them. The `error` is the spread
    (standard deviation) over subsets, as is customary, and no standard error of the mean.
    Raises UserError where a set has fewer rows than a subset.
    """
    check_features(2, x=x, y=y)
    if size > min(len(x), len(y)):
        found = min(len(x), len(y))
        raise UserError(f"subsets of {size} rows asked for but only {found} found; lower the size")
    draw = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        i, j = (torch.from_numpy(draw.choice(len(s), size, replace=False)) for s in (x, y))
        values.append(kernel_mmd(x[i], y[j], degree))
    return Estimate(float(np.mean(values)), float(np.std(values)))


def _block_sums(x: Tensor, y: Tensor, degree: int, folds: int) -> tuple[Tensor, Tensor]:
    """Sums `[3, folds, folds]` of the kernel over pairs of folds (xx, yy without the diagonal,
    xy), and how many pairs each holds."""
    xs, ys = x.tensor_split(folds), y.tensor_split(folds)
    sums = torch.zeros(3, folds, folds, dtype=torch.float64)
    counts = torch.zeros(3, folds, folds, dtype=torch.float64)
    for i in range(folds):
        for j in range(folds):
            for kind, (a, b) in enumerate(((xs[i], xs[j]), (ys[i], ys[j]), (xs[i], ys[j]))):
                gram = polynomial_kernel(a, b, degree)
                itself = i == j and kind < 2
                sums[kind, i, j] = gram.sum() - (gram.trace() if itself else 0)
                counts[kind, i, j] = gram.numel() - (len(a) if itself else 0)
    return sums, counts


def _without(sums: Tensor, counts: Tensor, k: int) -> tuple[Tensor, Tensor]:
    keep = torch.arange(sums.shape[1]) != k
    return sums[:, keep][:, :, keep], counts[:, keep][:, :, keep]


def _mmd(sums: Tensor, counts: Tensor) -> Tensor:
    xx, yy, xy = sums.sum((1, 2)) / counts.sum((1, 2))
    return xx + yy - 2 * xy
