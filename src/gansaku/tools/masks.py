"""Masks: what of a picture a use may change, with a margin and a soft edge."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.tools.patches import resized

SIGMA = 5.0  # pixels, of the Gaussian that softens the edge
REACH = 4  # standard deviations at which it is cut off


def soft_mask(
    mask: Tensor, image: Tensor, size: tuple[int, int], radius: int, sigma: float = SIGMA
) -> Tensor:
    """`[1, 1, H, W]` in [0, 1]: `mask [1, h, w]` in [-1, 1] at `size`, grown and softened.

    As the authors' code of arXiv:1905.01164: dilated by a disk of `radius` pixels, blurred by a
    Gaussian, and stretched to reach from 0 to 1. White is what may change, from mid grey on.
    Raises UserError where the mask is not of the size of `image [C, h, w]`, or black.
    """
    if mask.shape[1:] != image.shape[1:]:
        (h, w), (height, width) = mask.shape[1:], image.shape[1:]
        raise UserError(
            f"the mask has {w}x{h} pixels and its picture {width}x{height}: they must be equal"
        )
    if not (mask > 0).any():
        raise UserError("the mask is black everywhere: paint white what may change")
    grown = blur(dilate((resized(mask[None], size) > 0).float(), radius), sigma)
    low, high = grown.min(), grown.max()
    return (grown - low) / (high - low) if high > low else torch.ones_like(grown)


def dilate(mask: Tensor, radius: int) -> Tensor:
    """`mask [N, 1, H, W]` of zeros and ones, grown by a disk: `dx^2 + dy^2 <= radius^2`."""
    side = torch.arange(-radius, radius + 1, device=mask.device, dtype=mask.dtype)
    disk = (side.square() + side.square()[:, None] <= radius**2).to(mask)
    return (F.conv2d(mask, disk[None, None], padding=radius) > 0.5).to(mask)


def blur(x: Tensor, sigma: float) -> Tensor:
    """`x [N, 1, H, W]` under a Gaussian of `sigma` pixels; the edge goes on beyond itself."""
    reach = math.ceil(REACH * sigma)
    t = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (t / sigma).square())
    kernel /= kernel.sum()
    x = F.pad(x, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(x, kernel.reshape(1, 1, 1, -1)), kernel.reshape(1, 1, -1, 1))
