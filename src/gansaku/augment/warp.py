"""Geometric transforms of images: exact ones by index, all others by an anti-aliased resampling.

Coordinates are in pixels from the centre of the image, x to the right and y down. A transform is
given by its inverse [N, 3, 3], which maps places of the output to places of the input. Beyond
its border an image is continued by its mirror image (about the centre of the border pixels).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from gansaku.augment.base import take

# The orthogonal lowpass filter sym6 (Daubechies, Ten lectures on wavelets, 1992, table 8.3)
SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
DELAY = 5  # its phase delay in taps is 4.8 to 5.1 over its whole band: tap 5 is its centre


def matrix(*rows: tuple[Tensor | float, ...]) -> Tensor:
    """[N, n, n] from rows whose entries are numbers or tensors [N]."""
    like = next(entry for row in rows for entry in row if isinstance(entry, Tensor))
    filled = [
        entry if isinstance(entry, Tensor) else torch.full_like(like, entry)
        for row in rows
        for entry in row
    ]
    return torch.stack(filled, dim=-1).unflatten(-1, (len(rows), -1))


def shift(x: Tensor, y: Tensor) -> Tensor:
    return matrix((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0))


def scale(x: Tensor, y: Tensor) -> Tensor:
    return matrix((x, 0.0, 0.0), (0.0, y, 0.0), (0.0, 0.0, 1.0))


def rotate(angle: Tensor) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    return matrix((cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0))


def blit(x: Tensor, inverse: Tensor) -> Tensor:
    """Flips, quarter turns and whole-pixel shifts of x [N, C, H, W], without arithmetic on pixels.

    A quarter turn of an image whose sides differ by an odd number falls between pixels and is
    moved by half a pixel.
    """
    height, width = x.shape[2:]
    at_x, at_y = _sources(inverse, _centred(height, x.device), _centred(width, x.device))
    column = (at_x + (width - 1) / 2 + 0.5).floor().long()
    row = (at_y + (height - 1) / 2 + 0.5).floor().long()
    return take(x, _mirror(row, height) * width + _mirror(column, width))


def resample(x: Tensor, inverse: Tensor) -> Tensor:
    """Any transform of x [N, C, H, W] (arXiv:2006.06676, appendix B).

    Twofold upsampling by sym6, bilinear lookup at twice the output's resolution, and twofold
    downsampling by the same filter; the filter being orthogonal, the identity changes nothing
    more than 5 pixels from the border. It differs from the paper in two ways. The paper pads the
    image by as much as the transforms in the batch reach, then filters; here the lookup itself is
    mirrored, which needs no padding, no wait for an accelerator, and mirrors as often as need be,
    but lets what is mirrored pass the filter backwards (sym6 is nearly symmetric). And the
    paper's code puts the filter's centre between taps 5 and 6, half a fine sample from its delay,
    so that its images move by up to half a pixel as they turn; here by up to a tenth.
    """
    height, width = x.shape[2:]
    fine = _on(x, _upsampling(height)) @ x @ _on(x, _upsampling(width)).T
    at_x, at_y = _sources(inverse, _fine(height, x.device), _fine(width, x.device))
    # The fine grid spans the centres of the border pixels: +-(size - 1) / 2 is +-1 to the lookup
    grid = torch.stack((at_x * (2 / (width - 1)), at_y * (2 / (height - 1))), dim=-1)
    seen = _Lookup.apply(fine, grid.to(x.dtype))
    return _on(x, _downsampling(height)) @ seen @ _on(x, _downsampling(width)).T


class _Lookup(torch.autograd.Function):
    """Bilinear lookup, linear in x, with derivatives of every order (torch has the first only)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.shape = x.shape
        return grid_sample(x, grid, "bilinear", "reflection", align_corners=True)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        return _Spread.apply(slope, *ctx.saved_tensors, ctx.shape), None


class _Spread(torch.autograd.Function):
    """The transpose of `_Lookup`."""

    @staticmethod
    def forward(ctx: Any, slope: Tensor, grid: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        spread = torch.ops.aten.grid_sampler_2d_backward
        modes = (0, 2, True, [True, False])  # bilinear, reflection, aligned corners; x only
        return spread(slope, slope.new_empty(shape), grid, *modes)[0]

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        return _Lookup.apply(slope, *ctx.saved_tensors), None, None


def _sources(inverse: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Where the output's places (y [h], x [w]) come from: x and y, each [N, h, w]."""
    m = inverse[:, :2, :, None, None]
    at = m[:, :, 0] * x + m[:, :, 1] * y[:, None] + m[:, :, 2]
    return at[:, 0], at[:, 1]


def _on(x: Tensor, weights: Tensor) -> Tensor:
    return weights.to(x.dtype).to(x.device, non_blocking=True)


def _centred(size: int, device: torch.device) -> Tensor:
    return torch.arange(size, device=device) - (size - 1) / 2


def _fine(size: int, device: torch.device) -> Tensor:
    """Places of the output at twice its resolution, with the filter's reach beyond both ends."""
    return torch.arange(-DELAY, 2 * size + DELAY, device=device) / 2 - (size - 1) / 2


def _mirror(index: Tensor, size: int) -> Tensor:
    """Folds any index into [0, size), without repeating the border."""
    folded = index.remainder(2 * (size - 1))
    return torch.minimum(folded, 2 * (size - 1) - folded)


def _upsampling(size: int) -> Tensor:
    """[2 size - 1, size]: a mirrored line to the fine samples from its first pixel to its last.

    Fine sample 2k lies at pixel k. The filters are small dense matrices: two products,
    differentiable as often as need be.
    """
    pixel = torch.arange(-DELAY, size + DELAY)
    taps = _taps(torch.arange(2 * size - 1)[:, None] - 2 * pixel) * math.sqrt(2)
    folded = torch.zeros(2 * size - 1, size, dtype=taps.dtype)
    return folded.index_add_(1, _mirror(pixel, size), taps)


def _downsampling(size: int) -> Tensor:
    """[size, 2 size + 2 DELAY]: fine samples of the output back to its pixels."""
    fine = torch.arange(-DELAY, 2 * size + DELAY)
    return _taps(fine - 2 * torch.arange(size)[:, None]) / math.sqrt(2)


def _taps(offset: Tensor) -> Tensor:
    """The filter at an offset in fine samples, zero where it has ended."""
    index = offset + DELAY
    inside = (index >= 0) & (index < len(SYM6))
    return torch.tensor(SYM6, dtype=torch.float64)[index.clamp(0, len(SYM6) - 1)] * inside
