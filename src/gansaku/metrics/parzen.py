"""Parzen-window log-likelihood by the protocol of 2014 (Goodfellow's `parzen_ll.py`)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.metrics.estimate import Estimate, check_features, of_mean

SIGMAS = tuple(torch.logspace(-1, 0, 10, dtype=torch.float64).tolist())  # the script's own grid


@dataclasses.dataclass(frozen=True)
class Parzen:
    """Mean test log-likelihood in nats with its standard error, and the sigma behind it."""

    likelihood: Estimate
    sigma: float
    validation: dict[float, float]  # sigma -> mean log-likelihood of the validation set
    samples: int

    @property
    def at_edge(self) -> bool:
        """The chosen sigma is the grid's smallest or largest: a wider grid may do better."""
        return self.sigma in (min(self.validation), max(self.validation))


def log_likelihood(
    x: Tensor, samples: Tensor, sigmas: Sequence[float], chunk: int = 1000
) -> Tensor:
    """log p(x) of `x [N, D]` under Gaussians of width sigma at `samples [M, D]`: `[S, N]` float64.

    log mean_m exp(-|x - s_m|^2 / 2 sigma^2) - D log(sigma sqrt(2 pi)), Breuleux et al. 2011. The
    squared distances of a chunk are one matrix product, shared by all sigmas.
    """
    check_features(1, x=x, samples=samples)
    if min(sigmas) <= 0:
        raise UserError(f"sigma must be above 0 but found {min(sigmas)}")
    centre = samples.mean(0)  # keeps |x|^2 + |s|^2 - 2 x.s exact in float32 far from the origin
    mu = samples - centre
    parts = [_chunk(part - centre, mu, sigmas) for part in x.split(chunk)]
    return torch.cat(parts, 1)


def _chunk(x: Tensor, mu: Tensor, sigmas: Sequence[float]) -> Tensor:
    squares = torch.addmm(mu.square().sum(1), x, mu.T, alpha=-2).add_(x.square().sum(1)[:, None])
    squares.clamp_(min=0)
    least = squares.amin(1, keepdim=True)
    squares -= least
    return torch.stack([_density(squares, least.double()[:, 0], s, x.shape[1]) for s in sigmas])


def _density(above: Tensor, least: Tensor, sigma: float, dims: int) -> Tensor:
    # The nearest sample is factored out of the sum by hand: one pass, and float32 is enough.
    mean = (above * (-0.5 / sigma**2)).exp_().sum(1).double() / above.shape[1]
    return mean.log() - least / (2 * sigma**2) - dims * math.log(sigma * math.sqrt(2 * math.pi))


def parzen(
    samples: Tensor,
    valid: Tensor,
    test: Tensor,
    sigmas: Sequence[float] = SIGMAS,
    limit: int = 1000,
) -> Parzen:
    """Mean log-likelihood of `test` under a Gaussian KDE on `samples`, as arXiv:1406.2661 table 1.

    All three are `[N, ...]` with pixels in [0, 1] (not the [-1, 1] of training: that shifts the
    figure by D ln 2). Sigma maximises the likelihood of the first `limit` rows of `valid`, as the
    authors' script does; the standard error is over test examples. Raises UserError for pixels
    outside [0, 1].
    """
    flat = {"samples": samples, "valid": valid, "test": test}
    flat = {name: x.flatten(1) for name, x in flat.items()}
    check_features(2, **flat)
    for name, x in flat.items():
        if x.min() < 0 or x.max() > 1:
            span = f"[{float(x.min()):.3g}, {float(x.max()):.3g}]"
            raise UserError(f"{name}: Parzen needs pixels in [0, 1] but found {span}; rescale")
    scores = log_likelihood(flat["valid"][:limit], flat["samples"], sigmas).mean(1)
    sigma = sigmas[int(scores.argmax())]
    likelihood = of_mean(log_likelihood(flat["test"], flat["samples"], [sigma])[0])
    grid = dict(zip(sigmas, scores.tolist(), strict=True))
    return Parzen(likelihood, sigma, grid, len(samples))


def to_unit(images: Tensor) -> Tensor:
    """Images in [-1, 1] as Parzen wants them: [0, 1]."""
    return ((images + 1) / 2).clamp(0, 1)
