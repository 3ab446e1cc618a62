"""Distances between two pictures as a network for recognition sees them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def content(real: Sequence[Tensor], fake: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Squared distance of feature maps (1609.04802, equation 5; 1603.08155, equation 2), a scalar.

    Both: maps `[N, C, h, w]` of a fixed network, a level each. Every level counts as much as its
    `weights` says, relative to the mean square of the real features there, so that a weight means
    the same for any network: 0 where the maps are equal, about 2 where they have nothing in common.
    Levels of weight 0 are not looked at. No gradient reaches the real side.
    """
    levels = [
        weight * (a.detach() - b).square().mean() / a.detach().square().mean().clamp(min=1e-12)
        for a, b, weight in zip(real, fake, weights, strict=True)
        if weight
    ]
    return torch.stack(levels).sum()
