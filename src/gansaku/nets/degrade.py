"""What makes a small picture of a large one: blur, bicubic halving, noise, JPEG's losses."""

from __future__ import annotations

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from gansaku.nets.layers.bicubic import bicubic

LUMA = (  # ITU T.81, annex K: the steps of quality 50
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
CHROMA = (
    (17, 18, 24, 47), (18, 21, 26, 66), (24, 26, 56, 99), (47, 66, 99, 99),
)  # fmt: skip
YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))  # JFIF


class Draws(Protocol):
    """The part of a noise source that is used here."""

    def normal(self, n: int, *shape: int) -> Tensor: ...

    def uniform(self, n: int, *shape: int) -> Tensor: ...


def degraded(
    x: Tensor, scale: int, noise: Draws, blur: float = 0.0, grain: float = 0.0, jpeg: int = 100
) -> Tensor:
    """`x [N, C, H, W] in [-1, 1]`, sides multiples of `scale` -> `[N, C, H/scale, W/scale]`.

    A Gaussian blur of a deviation up to `blur` pixels, bicubic reduction, normal noise of a
    deviation up to `grain` / 255, and JPEG of a quality from `jpeg` to 100, each picture's own, in
    this order; what is 0 (of JPEG 100) is left out. The result is clamped to the range.
    """
    n, (height, width) = len(x), x.shape[2:]
    if blur:
        x = blurred(x, blur * noise.uniform(n).to(x), math.ceil(3 * blur))
    x = bicubic(x, (height // scale, width // scale))
    if grain:
        spread = grain / 127.5 * noise.uniform(n, 1, 1, 1).to(x)
        x = x + spread * noise.normal(*x.shape).to(x)
    x = x.clamp(-1, 1)
    if jpeg < 100:
        x = jpegged(x, jpeg + (100 - jpeg) * noise.uniform(n).to(x))
    return x


def blurred(x: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """`x [N, C, H, W]` under a Gaussian of deviation `sigma [N]`, pixels; borders are repeated."""
    at = torch.arange(-radius, radius + 1, device=x.device).to(x)
    taps = (-0.5 * (at / sigma[:, None].clamp(min=1e-2)).square()).exp()
    taps = (taps / taps.sum(1, keepdim=True)).repeat_interleave(x.shape[1], 0)
    rows = F.pad(x.reshape(1, -1, *x.shape[2:]), (radius,) * 4, "replicate")
    rows = F.conv2d(rows, taps[:, None, :, None], groups=len(taps))
    return F.conv2d(rows, taps[:, None, None, :], groups=len(taps)).reshape(x.shape)


def jpegged(x: Tensor, quality: Tensor) -> Tensor:
    """`x [N, 1 or 3, H, W] in [-1, 1]` after JPEG of a `quality [N]` from 1 to 100.

    Baseline JPEG with the tables of annex K scaled as libjpeg does, and colours at half the size,
    without the coding, which loses nothing. It has no useful gradient.
    """
    height, width = x.shape[2:]
    step = 16 if x.shape[1] == 3 else 8
    pixels = ((x + 1) * 127.5).round()
    pixels = F.pad(pixels, (0, -width % step, 0, -height % step), "replicate")
    if x.shape[1] == 1:
        pixels = _coded(pixels - 128, LUMA, quality) + 128
    else:
        matrix = torch.tensor(YCC).to(x)
        y, colours = torch.einsum("kc,nchw->nkhw", matrix, pixels).split((1, 2), 1)
        y = _coded(y - 128, LUMA, quality) + 128
        colours = _coded(F.avg_pool2d(colours, 2), CHROMA, quality)
        colours = F.interpolate(colours, scale_factor=2.0, mode="bilinear")
        pixels = torch.einsum("ck,nkhw->nchw", matrix.inverse(), torch.cat([y, colours], 1))
    return pixels[:, :, :height, :width].round().clamp(0, 255) / 127.5 - 1


def _coded(x: Tensor, table: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """Planes `[N, C, H, W]` about 0 through the cosine transform of 8 x 8, rounded to steps."""
    steps = torch.full((8, 8), 99.0)
    steps[: len(table), : len(table)] = torch.tensor(table, dtype=torch.float32)
    factor = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality).floor()
    steps = ((steps.to(x) * factor[:, None, None] + 50) / 100).floor().clamp(1, 255)
    steps = steps[:, None, None, None]
    at = torch.arange(8, dtype=torch.float64)
    cosines = torch.cos(torch.outer(at, 2 * at + 1) * math.pi / 16) / 2
    cosines[0] /= math.sqrt(2)
    cosines = cosines.to(x)
    blocks = x.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 4)
    found = ((cosines @ blocks @ cosines.T) / steps).round() * steps
    return (cosines.T @ found @ cosines).transpose(3, 4).flatten(4, 5).flatten(2, 3)
