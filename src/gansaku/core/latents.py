"""Ways through the latent space: straight lines and great circles, for walks and path lengths."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gansaku.core.errors import UserError, nearest


def lerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The straight line: `a [N, ...]`, `b [N, ...]`, `t [T]` in [0, 1] -> `[T, N, ...]`.

    `t [T, N]` is of each row its own. Worked out in float64: a step of 1e-4 of the way is small.
    """
    x, y = a.flatten(1).double(), b.flatten(1).double()
    at = _times(t, x)
    found = torch.where(at < 0.5, x + at * (y - x), y - (1 - at) * (y - x))  # exact at both ends
    return found.to(a.dtype).reshape(len(t), *a.shape)


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The great circle (Shoemake 1985; arXiv:1609.04468, section 2.1): shapes as in `lerp`.

    Directions turn at a steady rate and lengths change linearly, so that vectors of one length
    keep it. Opposite vectors have no shortest way: one of them is taken, always the same.
    """
    flat_a, flat_b = a.flatten(1).double(), b.flatten(1).double()
    long_a, long_b = flat_a.norm(dim=1, keepdim=True), flat_b.norm(dim=1, keepdim=True)
    to_a, to_b = _direction(flat_a, flat_b), _direction(flat_b, flat_a)
    angle = 2 * torch.atan2((to_a - to_b).norm(dim=1), (to_a + to_b).norm(dim=1))[:, None]
    across = _across(to_a, to_b)
    at = _times(t, flat_a)
    length = long_a + at * (long_b - long_a)
    found = length * (torch.cos(at * angle) * to_a + torch.sin(at * angle) * across)
    found = torch.where(at == 0, flat_a, torch.where(at == 1, flat_b, found))
    return found.to(a.dtype).reshape(len(t), *a.shape)


MODES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"linear": lerp, "spherical": slerp}


def mode_of(name: str) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """`linear` or `spherical`; another name is refused."""
    if name not in MODES:
        raise UserError(f"mode must be linear or spherical, not {name!r}{nearest(name, MODES)}")
    return MODES[name]


def _times(t: Tensor, like: Tensor) -> Tensor:
    """`t [T]` or `[T, N]` beside rows `[N, D]`: `[T, 1 or N, 1]`."""
    return t.to(like).reshape(len(t), -1, 1)


def _direction(v: Tensor, otherwise: Tensor) -> Tensor:
    """Rows of length one; a row of zeros points where the other does."""
    v = torch.where(v.norm(dim=1, keepdim=True) > 0, v, otherwise)
    return v / v.norm(dim=1, keepdim=True).clamp(min=torch.finfo(v.dtype).tiny)


def _across(a: Tensor, b: Tensor) -> Tensor:
    """The direction, at right angles to `a`, in which `b` lies; any such where it does not."""
    least = torch.zeros_like(a).scatter_(1, a.abs().argmin(1, keepdim=True), 1.0)
    off = b - (a * b).sum(1, keepdim=True) * a
    off = torch.where(off.norm(dim=1, keepdim=True) > 1e-9, off, least)
    return _direction(off - (a * off).sum(1, keepdim=True) * a, least)
