"""What brings images to the size and colours that a feature network takes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def rgb(images: Tensor) -> Tensor:
    """Images of 1 to 4 channels as RGB: grey repeated, alpha dropped."""
    colours = images[:, : 1 if images.shape[1] < 3 else 3]
    return colours.expand(-1, 3, -1, -1)


def to_bytes(images: Tensor) -> Tensor:
    """Images in [-1, 1] as the whole numbers 0 to 255 that a PNG file would hold, in float32."""
    return ((images.float().clamp(-1, 1) + 1) * 127.5).round()


def resize(images: Tensor, size: int) -> Tensor:
    """Images as `size x size`, bilinear with antialias; untouched where they are that already."""
    if images.shape[2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


def resize_bicubic(images: Tensor, size: int) -> Tensor:
    """Images in [-1, 1] as `size x size`, bicubic with antialias, clamped to the range again.

    It is Pillow's bicubic filter without the rounding to bytes.
    """
    if images.shape[2:] == (size, size):
        return images
    larger = F.interpolate(images, (size, size), mode="bicubic", antialias=True)
    return larger.clamp(-1, 1)


def resize_tensorflow(images: Tensor, size: int) -> Tensor:
    """Images as `size x size` as TensorFlow 1's `resize_bilinear` makes them: FID's resizer.

    Output pixel i is read at i * in / out, from the corner and not from the middle of a pixel, and
    without antialias; arXiv:2104.11222 shows what that does to FID. Published figures have it.
    """
    across = _lerp(images, size, dim=3)
    return _lerp(across, size, dim=2)


def _lerp(x: Tensor, size: int, dim: int) -> Tensor:
    length = x.shape[dim]
    scale = torch.tensor(length / size, dtype=torch.float32)  # float32 positions, as TensorFlow's
    at = torch.arange(size, dtype=torch.float32) * scale
    low = at.long().clamp(max=length - 1)
    weight = (at - low).to(x).view([-1 if d == dim else 1 for d in range(4)])
    below = x.index_select(dim, low.to(x.device))
    above = x.index_select(dim, (low + 1).clamp(max=length - 1).to(x.device))
    return below + (above - below) * weight


def shrink(images: Tensor, most: int) -> Tensor:
    """Images with no side above `most`, in proportion; untouched where they are small enough."""
    longest = max(images.shape[2:])
    if longest <= most:
        return images
    size = [max(round(side * most / longest), 1) for side in images.shape[2:]]
    return F.interpolate(images, size, mode="bilinear", antialias=True)
