"""Random jitter of pix2pix: pictures are enlarged a little, cut at random, and mirrored."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class Uniform(Protocol):
    """A source of noise."""

    def uniform(self, n: int, *shape: int) -> Tensor: ...


def jittered(
    *pictures: Tensor, noise: Uniform, scale: float = 286 / 256, mirror: bool = True
) -> tuple[Tensor, ...]:
    """Pictures `[N, C, H, W]` at `scale`, cut to their size, half of them mirrored: all alike.

    Random jitter of arXiv:1611.07004, section 6.2: 286 x 286, of which 256 x 256 are taken.
    Enlarged bicubically; class numbers (integers) by the nearest. Pictures of one call must have
    one size. Raises ValueError for a scale below 1.
    """
    if scale < 1:
        raise ValueError(f"jitter is {scale}; pictures are enlarged by 1 (never) or more")
    n, height, width = len(pictures[0]), *pictures[0].shape[2:]
    tall, wide = round(height * scale), round(width * scale)
    down, right, coin = (noise.uniform(n) for _ in range(3))
    rows = starting(down, height, tall)[:, :, None]
    columns = starting(right, width, wide)
    if mirror:
        columns = torch.where(coin[:, None] < 0.5, columns.flip(1), columns)
    which = torch.arange(n, device=rows.device)[:, None, None]
    cut = (
        large[which, :, rows, columns[:, None]] for large in (at(x, tall, wide) for x in pictures)
    )
    return tuple(x.permute(0, 3, 1, 2) for x in cut)


def starting(place: Tensor, length: int, whole: int) -> Tensor:
    """`length` numbers from a place `[N]` in [0, 1) of all that fit into `whole`: `[N, length]`."""
    first = (place * (whole - length + 1)).long()
    return first[:, None] + torch.arange(length, device=place.device)


def at(x: Tensor, height: int, width: int) -> Tensor:
    """Pictures, or class numbers, of that size."""
    if x.shape[2:] == (height, width):
        return x
    if not x.is_floating_point():
        return F.interpolate(x.to(torch.uint8), (height, width), mode="nearest").to(x.dtype)
    large = F.interpolate(x, (height, width), mode="bicubic", align_corners=False, antialias=True)
    return large.clamp(-1, 1)
