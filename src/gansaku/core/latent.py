"""What recipes share whose network G makes samples of latents."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from gansaku.core.contract import Nets, Recipe
from gansaku.core.noise import Noise


class FromLatents(Recipe):
    """A recipe that draws latents and lets G make samples of them."""

    @abc.abstractmethod
    def latents(self, n: int, noise: Noise, truncate: float | None = None) -> Tensor:
        """`[n, z]` from the prior, truncated as `gansaku.core.priors.draw` says."""

    def generate(self, nets: Nets, z: Tensor, given: Mapping[str, Any] | None = None) -> Tensor:
        """Samples `[N, *spec.shape]` of latents `[N, z]`."""
        return nets.G(z)

    def sample(self, nets: Nets, n: int, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        return self.generate(nets, self.latents(n, noise, given.get("truncate")), given)
