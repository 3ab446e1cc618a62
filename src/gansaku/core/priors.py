"""The distributions that latents are drawn from, and what recipes share that draw them."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gansaku.core.contract import Nets, Recipe
from gansaku.core.noise import Noise


def draw(prior: str, n: int, dims: int, noise: Noise, truncate: float | None = None) -> Tensor:
    """`[n, dims]` from `normal`, N(0, I), or `uniform` on (-1, 1).

    `truncate` t keeps each coordinate within +-t of its centre: a normal prior is truncated by its
    quantiles (arXiv:1809.11096, section 3.1), not clipped.
    """
    if prior == "uniform":
        return noise.uniform(n, dims, low=-1.0, high=1.0) * (truncate or 1.0)
    if truncate is None:
        return noise.normal(n, dims)
    inside = noise.uniform(n, dims, low=-1.0, high=1.0) * math.erf(truncate / math.sqrt(2))
    return torch.erfinv(inside).mul_(math.sqrt(2))


def sphere(n: int, dims: int, noise: Noise) -> Tensor:
    """`[n, dims]`, uniform on the sphere of radius 1."""
    return torch.nn.functional.normalize(noise.normal(n, dims))


def petals(y: Tensor, classes: int, dims: int, noise: Noise) -> Tensor:
    """`[N, dims]` from Gaussians about the origin like petals, one a class `y [N]`.

    The mixture of 2-D Gaussians of arXiv:1511.05644, figure 3: each lies along a ray, 1.4 from
    the origin, with deviations of sqrt(.5) along it and sqrt(.05) across (numbers measured from
    the figure by its ports). Further coordinates are standard normal.
    """
    z = noise.normal(len(y), dims)
    angle = y.to(z) * (2 * math.pi / classes)
    along, across = z[:, 0] * math.sqrt(0.5) + 1.4, z[:, 1] * math.sqrt(0.05)
    first = along * angle.cos() - across * angle.sin()
    second = along * angle.sin() + across * angle.cos()
    return torch.cat([first[:, None], second[:, None], z[:, 2:]], 1)


class FromLatents(Recipe):
    """A recipe that draws latents and lets G make samples of them."""

    @abc.abstractmethod
    def latents(self, n: int, noise: Noise, truncate: float | None = None) -> Tensor:
        """`[n, z]` from the prior, truncated as `draw` says."""

    def generate(self, nets: Nets, z: Tensor, given: Mapping[str, Any] | None = None) -> Tensor:
        """Samples `[N, *spec.shape]` of latents `[N, z]`."""
        return nets.G(z)

    def sample(self, nets: Nets, n: int, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        return self.generate(nets, self.latents(n, noise, given.get("truncate")), given)
