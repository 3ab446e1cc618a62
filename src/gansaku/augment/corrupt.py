"""What ADA does to pixels beyond moving and recolouring them: frequency bands, noise, holes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from gansaku.augment.base import Draws, split_alpha
from gansaku.augment.diffaugment import cutout

# The orthogonal lowpass filter sym2 (Daubechies, Ten lectures on wavelets, 1992, section 6.4)
_ROOT = math.sqrt(3)
SYM2 = tuple(a / (4 * math.sqrt(2)) for a in (1 + _ROOT, 3 + _ROOT, 3 - _ROOT, 1 - _ROOT))
BANDS = 4  # [0, pi/8], [pi/8, pi/4], [pi/4, pi/2], [pi/2, pi]
LOWEST = 10  # times the power of each other band has the lowest in natural images


def corruptions(
    policy: frozenset[str], shape: torch.Size, noise: Draws, p: Tensor
) -> list[Callable[[Tensor], Tensor]]:
    """The changes of one batch whose colours have this shape, in order, drawn already.

    Nothing is drawn for what the policy does not name.
    """
    n, made = shape[0], list[Callable[[Tensor], Tensor]]()
    if "filter" in policy:
        on = (noise.uniform(n, BANDS) < p).float()
        made.append(functools.partial(filtered, gains=band_gains(on, noise.normal(n, BANDS))))
    if "noise" in policy:
        drawn = noise.normal(n, 1 + math.prod(shape[1:]))
        sigma = 0.1 * drawn[:, 0].abs() * (noise.uniform(n, 1)[:, 0] < p)
        pixels = drawn[:, 1:].unflatten(1, shape[1:])
        made.append(functools.partial(noisy, sigma=sigma, noise=pixels))
    if "cutout" in policy:
        drawn = noise.uniform(n, 3)
        holes, centres = (drawn[:, 0] < p)[:, None, None, None], drawn[:, 1:]
        made.append(lambda x: torch.where(holes, cutout(x, centres), x))
    return made


@functools.cache
def bank() -> Tensor:
    """Filters of the four bands, lowest first, `[4, 43]`: their sum leaves a signal as it is."""
    low = torch.tensor(SYM2, dtype=torch.float64)
    high = low * torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
    passes = [_convolved(h, h.flip(0)) / 2 for h in (low, high)]  # no phase, and 1 together
    filters = [torch.ones(1, dtype=torch.float64)]
    for _ in range(BANDS - 1):  # each half band below splits once more
        finer = [_convolved(_between(f), passes[0]) for f in filters]
        middle, reach = len(finer[0]) // 2, len(passes[1]) // 2
        above = torch.zeros_like(finer[0])
        above[middle - reach : middle + reach + 1] = passes[1]
        filters = [*finer, above]
    return torch.stack(filters)


def _convolved(a: Tensor, b: Tensor) -> Tensor:
    padded = torch.nn.functional.pad(a, (len(b) - 1, len(b) - 1))
    return padded.unfold(0, len(b), 1) @ b.flip(0)


def _between(a: Tensor) -> Tensor:
    """Zeros between the taps."""
    return torch.stack([a, torch.zeros_like(a)], 1).flatten()[:-1]


@functools.cache
def operators(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The four filters on a line of `size` pixels, continued by its mirror: `[4, size, size]`."""
    filters, period = bank(), max(2 * size - 2, 1)
    taps = torch.arange(filters.shape[1]) - filters.shape[1] // 2
    place = (torch.arange(size)[:, None] + taps) % period
    source = torch.where(place < size, place, period - place)
    there = torch.nn.functional.one_hot(source, size).double()
    return torch.einsum("bt,ots->bos", filters, there).to(device, dtype)


def band_gains(on: Tensor, amounts: Tensor) -> Tensor:
    """`[N, 4]`: each band amplified by 2^amount where it is on, at the power of natural images."""
    gains = torch.ones_like(amounts)
    for band in range(BANDS):
        one = torch.ones_like(gains)
        one[:, band] = (amounts[:, band] * on[:, band]).exp2()
        lowest, others = one[:, :1].square(), one[:, 1:].square().sum(1, keepdim=True)
        power = (LOWEST * lowest + others) / (LOWEST + BANDS - 1)
        gains = gains * one / power.sqrt()
    return gains


def filtered(x: Tensor, gains: Tensor) -> Tensor:
    """x [N, C, H, W] with its bands amplified by gains [N, 4], along both sides; alpha as it is."""
    colors, alpha = split_alpha(x)
    changed = (gains != 1).any(1)[:, None, None, None]
    down, along = (
        torch.einsum("nb,bos->nos", gains.to(x), operators(size, x.dtype, x.device))
        for size in x.shape[2:]
    )
    made = torch.where(changed, down[:, None] @ colors @ along.mT[:, None], colors)
    return torch.cat((made, alpha), 1) if alpha.shape[1] else made


def noisy(x: Tensor, sigma: Tensor, noise: Tensor) -> Tensor:
    """x [N, C, H, W] with `noise` of the shape of its colours, times sigma [N]."""
    colors, alpha = split_alpha(x)
    made = colors + noise.to(x) * sigma.to(x)[:, None, None, None]
    return torch.cat((made, alpha), 1) if alpha.shape[1] else made
