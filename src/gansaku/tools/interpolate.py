"""Walks through the latent space: between samples, in straight lines or along great circles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from gansaku.core.capabilities import Latent, able
from gansaku.core.contract import Nets, Recipe
from gansaku.core.errors import UserError, nearest
from gansaku.core.noise import Noise
from gansaku.data.draw import to_bytes, write_whole

CHUNK = 64  # latents of one draw: those of `gansaku sample` with the same seed
MOVING = (".webp", ".gif")
SIDE = 256  # pixels: about how large a frame is made


class Trained(Protocol):
    """What is needed of `gansaku.load(...)`."""

    @property
    def recipe(self) -> Recipe: ...
    @property
    def nets(self) -> Nets: ...
    @property
    def device(self) -> torch.device: ...


def lerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The straight line: `a [N, ...]`, `b [N, ...]`, `t [T]` in [0, 1] -> `[T, N, ...]`."""
    t = t.reshape(-1, *[1] * a.ndim)
    return torch.where(t < 0.5, a + t * (b - a), b - (1 - t) * (b - a))  # exact at both ends


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
    at = t.double().reshape(-1, 1, 1)
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


def latents(model: Trained, n: int, seed: int, truncate: float | None = None) -> Tensor:
    """`[n, ...]`: the latents of the samples that `gansaku sample` makes of the same seed."""
    recipe, made = able(model.recipe, Latent, "interpolate"), []
    for first in range(0, n, CHUNK):
        noise = Noise(seed, ("sample", first // CHUNK), least=CHUNK, device=model.device)
        made.append(recipe.latents(min(CHUNK, n - first), noise, truncate))
    return torch.cat(made)


def walk(stops: Tensor, steps: int, mode: str = "spherical", closed: bool = True) -> Tensor:
    """Past the stops `[K, ...]` in `steps` steps a leg.

    Closed: back to just before the first, `[K * steps, ...]`. Open: to the last stop and with
    it, `[(K - 1) * steps + 1, ...]`.
    """
    between = mode_of(mode)
    ends = stops.roll(-1, 0) if closed else stops[1:]
    t = torch.arange(steps, device=stops.device) / steps
    path = between(stops[: len(ends)], ends, t).transpose(0, 1).flatten(0, 1)
    return path if closed else torch.cat([path, stops[-1:]])


@torch.no_grad()
def generate(model: Trained, z: Tensor) -> Tensor:
    """Samples `[N, ...]` of the latents `z [N, ...]`."""
    recipe = able(model.recipe, Latent, "interpolate")
    return torch.cat([recipe.generate(model.nets, part).cpu() for part in z.split(CHUNK)])


def save_animation(pictures: Tensor, path: str | Path, fps: float = 24.0) -> Path:
    """Write the pictures `[N, C, H, W]` in [-1, 1] as an endless WebP or GIF, by the suffix."""
    path = Path(path)
    if path.suffix.lower() not in MOVING:
        raise UserError(f"an animation is a .webp or a .gif, not {path.name!r}")
    if pictures.ndim != 4:
        raise UserError("points have no animation: give --out a .png file")
    factor = max(1, SIDE // max(pictures.shape[2:]))
    large = to_bytes(pictures).repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    first, *rest = (Image.fromarray(frame.numpy()) for frame in large)
    how: dict[str, Any] = {"duration": round(1000 / fps), "loop": 0}
    how |= {"quality": 90} if path.suffix.lower() == ".webp" else {}
    return write_whole(
        path, lambda draft: first.save(draft, save_all=True, append_images=rest, **how)
    )


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
