"""One name for a network over images and over points: what a sample is decides."""

from __future__ import annotations

from typing import Any

from torch import nn

from gansaku.nets.dcgan import DCGANCritic, DCGANGenerator
from gansaku.nets.mlp import PointCritic, PointGenerator


def generator(shape: tuple[int, ...], z: int, width: int, **options: Any) -> nn.Module:
    """DCGAN's for images `(C, H, W)`; for points `(dims,)` three ReLU layers of 8 x `width`."""
    if len(shape) == 1:
        return PointGenerator(shape[0], z, 8 * width)
    return DCGANGenerator(shape, z, width, **options)


def critic(shape: tuple[int, ...], width: int, **options: Any) -> nn.Module:
    """DCGAN's for images `(C, H, W)`; for points `(dims,)` three ReLU layers of 8 x `width`."""
    if len(shape) == 1:
        return PointCritic(shape[0], 8 * width)
    return DCGANCritic(shape, width, **options)
