"""Frechet distance between Gaussians fitted to features, from streamed means and covariances."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.metrics.estimate import check_features


@dataclasses.dataclass(frozen=True)
class Moments:
    """Count, mean `[D]` and scatter `[D, D]` (sum of outer products about the mean), in float64.

    Sums of parts (`+`) are the moments of the whole, so a million rows need the memory of one
    covariance, and several ranks give the number that one gives.
    """

    count: int
    mean: Tensor
    scatter: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Moments:
        """Moments of `features [N, D]`; UserError for rows that are not finite."""
        check_features(1, features=features)
        x = features.double()
        mean = x.mean(0)
        centred = x - mean
        return cls(len(x), mean, centred.T @ centred)

    @classmethod
    def streamed(cls, parts: Iterable[Tensor]) -> Moments:
        """Moments of all `parts` together, one part in memory at a time; UserError for none."""
        total: Moments | None = None
        for part in parts:
            total = cls.of(part) if total is None else total + cls.of(part)
        if total is None:
            raise UserError("moments need at least one batch of features but got none")
        return total

    def __add__(self, other: Moments) -> Moments:
        if self.mean.shape != other.mean.shape:
            widths = f"{len(self.mean)} and {len(other.mean)}"
            raise UserError(f"moments of features of different widths ({widths}) do not add up")
        count = self.count + other.count
        step = other.mean - self.mean  # Chan, Golub & LeVeque 1979: exact for parts of any size
        between = torch.outer(step, step) * (self.count * other.count / count)
        scatter = self.scatter + other.scatter + between
        return Moments(count, self.mean + step * (other.count / count), scatter)

    @property
    def covariance(self) -> Tensor:
        """The unbiased covariance `[D, D]`; UserError for fewer than two rows."""
        if self.count < 2:
            raise UserError(f"a covariance needs 2 rows or more but found {self.count}")
        return self.scatter / (self.count - 1)


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """A mean `[D]` and a factor F `[D, R]` of the covariance F F^T, in float64."""

    mean: Tensor
    factor: Tensor

    @classmethod
    def of(cls, moments: Moments) -> Gaussian:
        """By eigenvalues; those that rounding made negative, or all but 0, count as 0."""
        values, vectors = torch.linalg.eigh(moments.covariance)
        keep = values > values[-1] * len(values) * torch.finfo(torch.float64).eps
        return cls(moments.mean, vectors[:, keep] * values[keep].sqrt())

    @classmethod
    def of_rows(cls, rows: Tensor) -> Gaussian:
        """Of `rows [N, D]`: themselves where they are fewer than D, which costs nothing."""
        if len(rows) > rows.shape[1]:
            return cls.of(Moments.of(rows))
        check_features(2, features=rows)
        x = rows.double()
        return cls(x.mean(0), (x - x.mean(0)).T / math.sqrt(len(x) - 1))

    @property
    def trace(self) -> Tensor:
        return self.factor.square().sum()


def frechet_distance(a: Moments | Gaussian, b: Moments | Gaussian) -> float:
    """|mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), arXiv:1706.08500 equation 6.

    With S = F F^T the trace of the root is the sum of the singular values of F_a^T F_b: no root
    of a product that is not symmetric, no imaginary part, and no eps on singular covariances.
    Raises UserError where the widths differ or a side has fewer than two rows.
    """
    if a.mean.shape != b.mean.shape:
        widths = f"{len(a.mean)} and {len(b.mean)}"
        raise UserError(f"features of different widths ({widths}) cannot be compared")
    a, b = (g if isinstance(g, Gaussian) else Gaussian.of(g) for g in (a, b))
    overlap = torch.linalg.svdvals(a.factor.T @ b.factor).sum()
    spread = a.trace + b.trace - 2 * overlap
    return max(float((a.mean - b.mean).square().sum() + spread), 0.0)


def without_each(rows: Tensor, b: Gaussian, folds: int = 8) -> list[float]:
    """Distances to `b` of `rows [N, D]` with one fold left out each: for the jackknife.

    The singular values of F_a^T F_b are those of the centred rows projected on F_b, whose R x R
    second moments add up over folds: one product of all rows, and one eigenvalue problem a fold.
    """
    x = rows.double() - b.mean
    parts, shadows = x.tensor_split(folds), (x @ b.factor).tensor_split(folds)
    means = torch.stack([part.mean(0) for part in parts])
    squares = [float(part.square().sum()) for part in parts]
    counts = torch.tensor([len(part) for part in parts], dtype=torch.float64)
    overlaps = _overlaps(shadows)
    found = []
    for k in range(folds):
        n = counts.sum() - counts[k]
        mean = (counts @ means - counts[k] * means[k]) / n
        trace = (math.fsum(squares) - squares[k] - n * mean.square().sum()) / (n - 1)
        found.append(float(mean.square().sum() + trace + b.trace - 2 * overlaps[k]))
    return found


def _overlaps(shadows: Sequence[Tensor]) -> list[Tensor]:
    """The sum of the singular values of all parts but one, centred, over the root of n - 1."""
    few = sum(map(len, shadows)) <= shadows[0].shape[1]
    whole = [] if few else [Moments.of(shadow) for shadow in shadows]
    found = []
    for k in range(len(shadows)):
        if few:  # the smaller of the two products has the same eigenvalues
            rows = torch.cat([*shadows[:k], *shadows[k + 1 :]])
            rows = rows - rows.mean(0)
            second = rows @ rows.T / (len(rows) - 1)
        else:
            first, *others = whole[:k] + whole[k + 1 :]
            second = sum(others, first).covariance
        found.append(torch.linalg.eigvalsh(second).clamp(min=0).sqrt().sum())
    return found
