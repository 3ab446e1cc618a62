"""Pictures of any size through a network: padded to what it takes, and in tiles without seams."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def mirrored(x: Tensor, height: int, width: int) -> Tensor:
    """`x [N, C, h, w]` extended to the right and below by its mirror images, time and again."""
    rows, columns = (
        reflect(torch.arange(wanted), side)
        for wanted, side in ((height, x.shape[2]), (width, x.shape[3]))
    )
    return x[:, :, rows][..., columns]


def reflect(places: Tensor, length: int) -> Tensor:
    """Places `[n]` from 0 on as places in `[0, length)`: 0 1 2 2 1 0 0 1 ..."""
    places = places % (2 * length)
    return torch.where(places < length, places, 2 * length - 1 - places)


def rounded_up(side: int, multiple: int) -> int:
    """The next multiple."""
    return -(-side // multiple) * multiple


def fitted(
    f: Callable[[Tensor], Tensor], x: Tensor, multiple: int, least: tuple[int, int]
) -> Tensor:
    """`f` of `x [N, C, h, w]`, extended by its mirror images to sides that `f` takes, and cut.

    Sides are made multiples of `multiple` and at least `least`. What `f` gives may be larger than
    its input by a whole factor.
    """
    height, width = (
        rounded_up(max(side, low), multiple) for side, low in zip(x.shape[2:], least, strict=True)
    )
    if (height, width) == tuple(x.shape[2:]):
        return f(x)
    y = f(mirrored(x, height, width))
    scale = y.shape[2] // height
    return y[:, :, : x.shape[2] * scale, : x.shape[3] * scale]


def tiled(
    f: Callable[[Tensor, int], Tensor],
    x: Tensor,
    tile: tuple[int, int],
    multiple: int = 1,
    overlap: int | None = None,
) -> Tensor:
    """`f(part, number)` over overlapping tiles of `x [N, C, h, w]`, blended where they overlap.

    A quarter of the overlap beside each inner edge counts for nothing, so that what a network
    makes up at borders is not seen; over the half between, weights pass linearly from one tile
    to the next. Where an output pixel depends on inputs within a quarter of the overlap, the
    result is that of the whole picture. `overlap` is a quarter of the tile unless it is given.
    """
    sides = []
    for side, length in zip(x.shape[2:], tile, strict=True):
        length = min(side, length)
        own = length // 4 if overlap is None else min(overlap, length // 2)
        sides.append((starts(side, length, own, multiple), length, own))
    (tops, tall, over), (lefts, wide, across) = sides
    total, weight = None, None
    for number, (top, left) in enumerate((top, left) for top in tops for left in lefts):
        y = f(x[:, :, top : top + tall, left : left + wide], number)
        scale = y.shape[2] // tall
        if total is None or weight is None:
            size = (x.shape[2] * scale, x.shape[3] * scale)
            total, weight = y.new_zeros(*y.shape[:2], *size), y.new_zeros(1, 1, *size)
        down = window(top, tall, over, x.shape[2], scale)
        right = window(left, wide, across, x.shape[3], scale)
        own = (down[:, None] * right).to(y)
        rows = slice(top * scale, (top + tall) * scale)
        columns = slice(left * scale, (left + wide) * scale)
        total[:, :, rows, columns] += y * own
        weight[:, :, rows, columns] += own
    assert total is not None
    assert weight is not None
    return total / weight


def starts(side: int, length: int, overlap: int, multiple: int) -> list[int]:
    """Where tiles of a length begin so that they cover a side and overlap by so much or more."""
    step = max(multiple, (length - overlap) // multiple * multiple)
    last = side - length
    return [*range(0, last, step), last]


def window(start: int, length: int, overlap: int, side: int, scale: int = 1) -> Tensor:
    """The weight of a tile's pixels along an axis, `[length * scale]`, in [1e-6, 1].

    1 at the picture's own ends; at an inner end next to nothing, then a ramp up.
    """
    place = (torch.arange(length * scale) + 0.5) / scale
    none, ramp = overlap / 4, max(overlap / 2, 1e-6)
    rise = ((place - none) / ramp).clamp(1e-6, 1)
    fall = ((length - none - place) / ramp).clamp(1e-6, 1)
    ones = torch.ones_like(place)
    return (rise if start > 0 else ones) * (fall if start + length < side else ones)
