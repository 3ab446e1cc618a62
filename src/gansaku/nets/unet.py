"""The U-Net of pix2pix (arXiv:1611.07004, section 6.1.1), for pictures of any size."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gansaku.nets.layers.init import dcgan_init
from gansaku.nets.layers.norm import check_norm, norm2d
from gansaku.nets.layers.resample import channels_last

NORMS = ("batch", "instance")
NOISY = 3  # layers of the decoder that have dropout


class Uniform(Protocol):
    """A source of noise."""

    def uniform(self, n: int, *shape: int) -> Tensor: ...


class NoiseDropout(nn.Module):
    """Dropout that is the model's noise: it acts whenever noise is given, in eval mode as well."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor, noise: Uniform | None) -> Tensor:
        if noise is None or self.share == 0:
            return x
        kept = noise.uniform(*x.shape) >= self.share
        return x * kept.to(x.dtype) / (1 - self.share)


class UNet(nn.Module):
    """Halvings down to one pixel, doublings back, and at each size what the halving saw.

    `a [N, inputs, H, W] in [-1, 1] -> [N, outputs, H, W] in [-1, 1]`. At 256 x 256 it is the
    authors' network: C64-C128-C256-C512 x 5 and back, 54,413,955 parameters from 3 to 3 channels
    (at 128, 41,828,995). As many halvings as bring the smaller side of `size` to 1, rounding up,
    so that depth follows any size: an odd side has its last row or column twice before a halving,
    and loses it after the doubling. At most `layers` of them, where given.

    The first three layers of the decoder have dropout, the paper's noise, where `noise` is given.
    `norm="instance"` has gains: it is what the paper's batch norm is, by the batch's own moments
    at a batch of one, and stays so at any other. Raises ValueError for an unknown norm or a side
    below 2.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: tuple[int, int],
        width: int = 64,
        norm: str = "instance",
        dropout: float = 0.5,
        layers: int | None = None,
    ) -> None:
        super().__init__()
        check_norm(norm, NORMS)
        self.depth = depth_of(size, layers)
        widths = [width * min(2**level, 8) for level in range(self.depth)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.down_norms, self.up_norms = nn.ModuleList(), nn.ModuleList()
        for level, (before, after) in enumerate(zip([inputs, *widths[:-1]], widths, strict=True)):
            inner = 0 < level < self.depth - 1  # the first has no norm, a pixel alone needs none
            self.down.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
            self.down_norms.append(norm2d(norm, after) if inner else nn.Identity())
        for level in range(self.depth - 1, 0, -1):
            before = widths[level] * (1 if level == self.depth - 1 else 2)
            self.up.append(nn.ConvTranspose2d(before, widths[level - 1], 4, 2, 1, bias=False))
            self.up_norms.append(norm2d(norm, widths[level - 1]))
        self.paint = nn.ConvTranspose2d(widths[0] * (2 if self.depth > 1 else 1), outputs, 4, 2, 1)
        self.dropout = NoiseDropout(dropout)
        dcgan_init(self)
        channels_last(self)

    def forward(self, a: Tensor, noise: Uniform | None = None) -> Tensor:
        seen, sizes, h = [], [], a
        for level, (conv, norm) in enumerate(zip(self.down, self.down_norms, strict=True)):
            sizes.append(h.shape[2:])
            h = norm(conv(even(F.leaky_relu(h, 0.2) if level else h)))
            seen.append(h)
        seen.pop()
        for level, (conv, norm) in enumerate(zip(self.up, self.up_norms, strict=True)):
            h = norm(cut(conv(h.relu()), sizes.pop()))
            h = self.dropout(h, noise) if level < NOISY else h
            h = torch.cat([h, seen.pop()], 1)
        return cut(self.paint(h.relu()), sizes.pop()).tanh()


def depth_of(size: tuple[int, int], most: int | None = None) -> int:
    """How many halvings, rounding up, bring the smaller side to 1; at most so many."""
    if min(size) < 2:
        raise ValueError(
            f"a U-Net halves its pictures; {size[1]}x{size[0]} is too small for that: give a "
            "--size of 2 or more"
        )
    depth = (min(size) - 1).bit_length()
    return depth if most is None else max(1, min(depth, most))


def even(x: Tensor) -> Tensor:
    """With the last row or column twice where a side is odd."""
    tall, wide = (side % 2 for side in x.shape[2:])
    return F.pad(x, (0, wide, 0, tall), mode="replicate") if tall or wide else x


def cut(x: Tensor, size: torch.Size) -> Tensor:
    """Without what `even` added."""
    return x if x.shape[2:] == size else x[:, :, : size[0], : size[1]]
