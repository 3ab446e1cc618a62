"""The scales of one picture: how many, how large, and how a picture goes from one to another."""

from __future__ import annotations

import dataclasses
import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from gansaku.core.errors import UserError

Size = tuple[int, int]  # height, width
_SLACK = 1e-6  # pixels: 186 r^8 is 25, whatever its last digit


@dataclasses.dataclass(frozen=True)
class Ladder:
    """Scales 0 (coarsest) to `count` - 1, each 1 / `factor` times the last.

    A picture of (height, width) has `ceil(side * factor^(count - 1 - k))` pixels at scale k: the
    grids of all scales begin at one corner and have exactly this ratio, as in the authors' code
    of arXiv:1905.01164, so that the last pixel may stand a little over the picture.
    """

    count: int
    factor: float

    def sizes(self, size: Size) -> list[Size]:
        """The sizes of all scales for a picture of `size`."""
        return [self.size(size, k) for k in range(self.count)]

    def size(self, size: Size, scale: int) -> Size:
        share = self.factor ** (self.count - 1 - scale)
        height, width = (max(1, math.ceil(side * share - _SLACK)) for side in size)
        return height, width

    def move(self, x: Tensor, size: Size, scale: int) -> Tensor:
        """`x [N, C, h, w]` at `scale` of a picture of `size`.

        A picture that is of the size of one of the scales is moved on the common grid; one of
        any other size is stretched.
        """
        sizes = self.sizes(size)
        ways = {sizes[k]: self.factor ** (k - scale) for k in range(self.count - 1, -1, -1)}
        ways[sizes[scale]] = 1.0
        return resample(x, sizes[scale], ways.get((x.shape[2], x.shape[3])))


@dataclasses.dataclass(frozen=True)
class Stair:
    """Scales of any ratios: scale k has `shares[k]` of the picture's sides, the last one all."""

    shares: tuple[float, ...]

    @property
    def count(self) -> int:
        return len(self.shares)

    def sizes(self, size: Size) -> list[Size]:
        """The sizes of all scales for a picture of `size`."""
        return [self.size(size, k) for k in range(self.count)]

    def size(self, size: Size, scale: int) -> Size:
        height, width = (max(1, math.ceil(s * self.shares[scale] - _SLACK)) for s in size)
        return height, width

    def move(self, x: Tensor, size: Size, scale: int) -> Tensor:
        """`x [N, C, h, w]` stretched to `scale` of a picture of `size`."""
        return resample(x, self.size(size, scale))


def stair(size: Size, count: int, min_size: int = 25) -> Stair:
    """The scales of ConSinGAN (arXiv:2003.11512, section 3.2): dense where they are small.

    `x_n = x r^((N - 1) / log N * log(N - n) + 1)` with N = `count` - 1, n from 0, and r such that
    the coarsest shorter side is `min_size` pixels. Raises UserError for a smaller picture.
    """
    if min(size) < min_size:
        raise too_small(size, min_size)
    last = count - 1
    if last < 1:
        return Stair((1.0,))
    r = (min_size / min(size)) ** (1 / last)
    bend = (last - 1) / math.log(last) if last > 1 else 0.0
    return Stair((*(r ** (bend * math.log(last - n) + 1) for n in range(last)), 1.0))


def too_small(size: Size, min_size: int) -> UserError:
    """What is said of a picture that is smaller than its coarsest scale."""
    return UserError(
        f"the picture has {size[1]}x{size[0]} pixels, and its coarsest scale was to have "
        f"{min_size} a side: take a larger picture, or --min-size {max(12, min(size) // 2)}"
    )


def ladder(
    size: Size,
    min_size: int = 25,
    max_size: int = 250,
    factor: float = 0.75,
    count: int | None = None,
) -> tuple[Ladder, Size]:
    """The scales of a picture of `size`, and the size that it is trained at.

    The authors' arithmetic: the longer side is brought down to `max_size`, the coarsest shorter
    side is `min_size`, and the factor is the one nearest to `factor` that makes this come out.
    With `count` the number of scales is given, and only the factor is found. Raises UserError
    for a picture that is smaller than its coarsest scale.
    """
    short, long = min(size), max(size)
    if short < min_size:
        raise too_small(size, min_size)
    share = min(max_size / long, 1)
    trained = tuple(math.ceil(side * share - _SLACK) for side in size)
    if count is None:
        number = math.ceil(_log(min_size / short, factor)) + 1
        count = number - math.ceil(_log(min(max_size, long) / long, factor)) + 1
    smallest = min(min_size / min(trained), 1.0)
    found = smallest ** (1 / (count - 1)) if count > 1 else 1.0
    return Ladder(count, found), (trained[0], trained[1])


def resample(x: Tensor, size: Size, factor: float | None = None) -> Tensor:
    """`x [N, C, h, w]` at another size, by cubic interpolation (a = -1/2) with antialias.

    Pixel i is taken around `(i + 1/2) / factor` of the input, whose corner is the output's: the
    last pixels may be cut off or stand over, and the picture is mirrored at its edges. Without
    `factor` the whole input is stretched to the whole output.
    """
    for axis in (2, 3):
        before, after = x.shape[axis], size[axis - 2]
        ratio = after / before if factor is None else factor
        if (before, ratio) != (after, 1.0):
            weights = _weights(before, after, ratio, x.dtype, str(x.device))
            x = torch.tensordot(x, weights, ([axis], [1])).movedim(-1, axis)
    return x


@lru_cache(maxsize=256)
def _weights(before: int, after: int, factor: float, dtype: torch.dtype, device: str) -> Tensor:
    """`[after, before]`: how each output pixel is summed from the inputs."""
    shrink = min(factor, 1.0)
    reach = 2 / shrink
    centre = (np.arange(after) + 0.5) / factor - 0.5
    first = np.floor(centre - reach).astype(int)
    taps = first[:, None] + np.arange(math.ceil(2 * reach) + 2)
    weights = _cubic((centre[:, None] - taps) * shrink)
    weights /= weights.sum(1, keepdims=True)
    mirrored = np.concatenate([np.arange(before), np.arange(before)[::-1]])[taps % (2 * before)]
    matrix = np.zeros((after, before))
    np.add.at(matrix, (np.arange(after)[:, None], mirrored), weights)
    return torch.from_numpy(matrix).to(dtype).to(device)


def _cubic(t: np.ndarray) -> np.ndarray:
    """Keys's kernel with a = -1/2 (doi:10.1109/TASSP.1981.1163711), which is 0 beyond 2."""
    t = np.abs(t)
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return np.where(t <= 1, near, np.where(t <= 2, far, 0.0))


def _log(value: float, base: float) -> float:
    return round(math.log(value) / math.log(base), 9)
