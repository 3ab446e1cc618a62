"""Contrastive losses between places of a picture and of its translation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def patch_nce(query: Tensor, key: Tensor, temperature: float = 0.07) -> Tensor:
    """Each place must find its own in the other picture: arXiv:2007.15651, equations 3 and 4.

    `query [N, S, C], key [N, S, C]` of length 1, place s of the one belonging to s of the other:
    the mean cross-entropy, in nats, of naming the right one of S by their products over the
    `temperature`. Negatives are of the same picture. No gradient reaches the keys, as in the
    authors' code. In [0, inf): log S where all features are equal.
    """
    logits = query @ key.detach().mT / temperature
    right = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
    return cross_entropy(logits.flatten(0, 1).float(), right.flatten())


def patchwise(
    queries: Sequence[Tensor], keys: Sequence[Tensor], temperature: float = 0.07
) -> Tensor:
    """The mean of `patch_nce` over layers (equation 4 sums; the authors' code divides)."""
    pairs = zip(queries, keys, strict=True)
    return torch.stack([patch_nce(q, k, temperature) for q, k in pairs]).mean()
