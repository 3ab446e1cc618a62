"""Few colours in place of many: k-means on the colours of a picture."""

from __future__ import annotations

import torch
from torch import Tensor

from gansaku.core.noise import Noise

ROUNDS = 100  # of Lloyd's algorithm, at most
TRIES = 5  # from other first colours; the best is kept


def palette(picture: Tensor, colours: int = 5, seed: int = 0) -> Tensor:
    """The k-means centres `[colours, C]` of the pixels of `picture [C, h, w]`.

    Lloyd's algorithm from k-means++ (Arthur and Vassilvitskii 2007), the best of five tries.
    """
    pixels = picture.flatten(1).T.contiguous()
    tries = (_first(pixels, colours, Noise(seed, ("palette", k))) for k in range(TRIES))
    found = [lloyd(pixels, first) for first in tries]
    return min(found, key=lambda centres: float(torch.cdist(pixels, centres).amin(1).sum()))


def in_colours(image: Tensor, colours: Tensor) -> Tensor:
    """`image [C, h, w]` in the `colours [K, C]` of another picture.

    As arXiv:1905.01164 paints: the image's own clusters are found from those colours on, and
    each takes the colour that its cluster began with. The authors' code groups triples of
    consecutive values of a buffer instead, which are no colours.
    """
    pixels = image.flatten(1).T.contiguous()
    kinds = torch.cdist(pixels, lloyd(pixels, colours)).argmin(1)
    return colours[kinds].T.reshape(image.shape)


def lloyd(pixels: Tensor, centres: Tensor) -> Tensor:
    """Centres `[K, C]` of `pixels [N, C]`, from first ones; a centre of nothing stays."""
    for _ in range(ROUNDS):
        kinds = torch.cdist(pixels, centres).argmin(1)
        counts = torch.bincount(kinds, minlength=len(centres))
        sums = torch.zeros_like(centres).index_add_(0, kinds, pixels)
        moved = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)
        if torch.equal(moved, centres):
            break
        centres = moved
    return centres


def _first(pixels: Tensor, count: int, noise: Noise) -> Tensor:
    """k-means++: each next centre is a pixel, likelier the further it is from those there are."""
    chosen = pixels[int(noise.integers(1, below=len(pixels)))][None]
    for _ in range(count - 1):
        far = torch.cdist(pixels, chosen).amin(1).square().double().cumsum(0)
        at = torch.searchsorted(far, noise.uniform(1).double().to(far) * far[-1])
        chosen = torch.cat([chosen, pixels[at.clamp(max=len(pixels) - 1)]])
    return chosen
