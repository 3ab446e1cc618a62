"""Distances between the features that a network has of two pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def feature_matching(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """L1 between a critic's features of real and fake (1711.11585, equation 4), a scalar.

    Both: for each scale the features of all layers, the logits last, which are left out. Summed
    over layers and averaged over scales, as the authors' code weighs them (a mean over layers
    times 4, of which its critics have as many). No gradient reaches the real side.
    """
    scales = [
        sum((a.detach() - b).abs().mean() for a, b in zip(r[:-1], f[:-1], strict=True))
        * (4 / (len(r) - 1))
        for r, f in zip(real, fake, strict=True)
    ]
    return torch.stack(scales).mean()


def perceptual(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """L1 between two lists of feature maps, finest first, a scalar (1711.11585, section 3.3).

    Weights double from layer to layer to 1 for the last, where the authors' go 1/32, 1/16, 1/8,
    1/4, 1. Each layer is relative to the mean size of its real features, so that a weight means
    the same on any network. No gradient reaches the real side.
    """
    layers = [
        (a.detach() - b).abs().mean() / a.detach().abs().mean().clamp(min=1e-6) * 2.0**-depth
        for depth, (a, b) in enumerate(zip(real[::-1], fake[::-1], strict=True))
    ]
    return torch.stack(layers).sum()


def likeness(
    pairs: Sequence[tuple[Tensor, Tensor]],
    maps: Callable[[Tensor], Sequence[Tensor]] | None,
    perceptual_weight: float,
    l1_weight: float,
) -> dict[str, Tensor]:
    """The weighted distances of pairs of pictures (real, fake), by name, added over the pairs.

    `maps` gives a network's features of pictures `[N, C, H, W]`. Terms of weight 0 are left out.
    """
    terms = {}
    if perceptual_weight and maps:
        seen = [perceptual(maps(real), maps(fake)) for real, fake in pairs]
        terms["perceptual"] = perceptual_weight * torch.stack(seen).sum()
    if l1_weight:
        seen = [(real - fake).abs().mean() for real, fake in pairs]
        terms["l1"] = l1_weight * torch.stack(seen).sum()
    return terms
