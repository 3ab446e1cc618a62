"""Perceptual distance of two images, from feature maps of a network that the caller chooses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gansaku.core.errors import UserError


def perceptual_distance(
    maps_a: Sequence[Tensor], maps_b: Sequence[Tensor], weights: Sequence[Tensor] | None = None
) -> Tensor:
    """Distance of each pair from its feature maps, `[N, C_l, H_l, W_l]` a layer -> `[N]`.

    arXiv:1801.03924 equation 1: maps are scaled to length 1 over channels at each place, their
    difference is multiplied by the weights and squared, averaged over places and summed over
    layers and channels. `weights`: one tensor `[C_l]` a layer that multiplies the squares (the
    authors' linear layers hold the paper's w^2); none: 1 for every channel. Only the authors'
    networks and weights may be called LPIPS. Differentiable; raises UserError where the layers
    of a, b and the weights do not match.
    """
    ones = [torch.ones((), device=a.device, dtype=a.dtype) for a in maps_a]
    scales = ones if weights is None else [w.view(1, -1, 1, 1) for w in weights]
    _check(maps_a, maps_b, scales)
    layers = [
        ((_unit(a) - _unit(b)).square() * w).sum(1).mean((1, 2))
        for a, b, w in zip(maps_a, maps_b, scales, strict=True)
    ]
    return torch.stack(layers).sum(0)


def _unit(x: Tensor, eps: float = 1e-10) -> Tensor:
    """Length 1 over channels; where all channels are 0 they stay so, with a finite gradient."""
    return x / (x.square().sum(1, keepdim=True) + eps**2).sqrt()


def _check(maps_a: Sequence[Tensor], maps_b: Sequence[Tensor], weights: Sequence[Tensor]) -> None:
    shapes = [[tuple(x.shape) for x in maps] for maps in (maps_a, maps_b)]
    flat = any(len(shape) != 4 for shape in shapes[0])
    if not maps_a or shapes[0] != shapes[1] or flat:
        raise UserError(f"feature maps [N, C, H, W] are compared layer by layer; found {shapes}")
    widths = [w.numel() for w in weights]
    if len(widths) != len(maps_a) or any(
        n not in (1, shape[1]) for n, shape in zip(widths, shapes[0], strict=False)
    ):
        found = f"{widths} weights for layers of {[shape[1] for shape in shapes[0]]} channels"
        raise UserError(f"one weight a channel is needed; found {found}")
