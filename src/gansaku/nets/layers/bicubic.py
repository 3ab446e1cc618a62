"""Bicubic resampling as super-resolution measures it: a = -0.5, antialiased, borders mirrored."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from gansaku.nets.layers.sizes import Size

A = -0.5  # of Keys' kernel (1981, doi:10.1109/TASSP.1981.1163711): exact on quadratics


def bicubic(x: Tensor, size: Size) -> Tensor:
    """`x [..., H, W] -> [..., *size]`, not clamped: MATLAB's `imresize`, which papers measure by.

    Where a side shrinks, the kernel is as much wider; what lies beyond a border is the picture
    mirrored. Pillow and torch's `antialias` have the same kernel but leave out what lies beyond.
    """
    rows, columns = (
        weights(before, after).to(x) for before, after in zip(x.shape[-2:], size, strict=True)
    )
    return rows @ x @ columns.T


@cache
def weights(before: int, after: int) -> Tensor:
    """`[after, before]` in float64: what each pixel takes of each; rows add up to 1."""
    scale = after / before
    stretch = min(scale, 1.0)
    centre = (torch.arange(after, dtype=torch.float64) + 0.5) / scale - 0.5
    reach = math.ceil(4 / stretch) + 2
    places = (centre - 2 / stretch).floor()[:, None] + torch.arange(reach, dtype=torch.float64)
    taps = keys(stretch * (centre[:, None] - places))
    taps = taps / taps.sum(1, keepdim=True)
    mirrored = places.long() % (2 * before)
    mirrored = torch.minimum(mirrored, 2 * before - 1 - mirrored)
    return torch.zeros(after, before, dtype=torch.float64).scatter_add_(1, mirrored, taps)


def keys(t: Tensor) -> Tensor:
    """The cubic kernel at distances `t`, 0 from 2 on."""
    t = t.abs()
    near = (A + 2) * t**3 - (A + 3) * t**2 + 1
    far = A * (t**3 - 5 * t**2 + 8 * t - 4)
    return torch.where(t <= 1, near, torch.where(t < 2, far, 0.0))
