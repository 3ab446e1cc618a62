"""Frechet distance between Gaussians fitted to features, from streamed means and covariances."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

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


def frechet_distance(a: Moments, b: Moments) -> float:
    """|mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), arXiv:1706.08500 equation 6.

    With S = F F^T the trace of the root is the sum of the singular values of F_a^T F_b: no root
    of a product that is not symmetric, no imaginary part, and no eps on singular covariances.
    Raises UserError where the widths differ or a side has fewer than two rows.
    """
    if a.mean.shape != b.mean.shape:
        widths = f"{len(a.mean)} and {len(b.mean)}"
        raise UserError(f"features of different widths ({widths}) cannot be compared")
    overlap = torch.linalg.svdvals(_factor(a.covariance).T @ _factor(b.covariance)).sum()
    spread = a.covariance.trace() + b.covariance.trace() - 2 * overlap
    return max(float((a.mean - b.mean).square().sum() + spread), 0.0)


def _factor(covariance: Tensor) -> Tensor:
    """F with F F^T = covariance; eigenvalues that rounding made negative count as zero."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()
