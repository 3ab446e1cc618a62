"""Walks through the latent space: between samples, in straight lines or along great circles."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from gansaku.core.capabilities import Latent
from gansaku.core.contract import Nets
from gansaku.core.errors import UserError, nearest
from gansaku.core.noise import Noise
from gansaku.data.draw import layout, near_square, to_bytes, write_whole

CHUNK = 64  # latents of one draw: those of `gansaku sample` with the same seed
KINDS = {".webp": "WebP", ".gif": "GIF"}  # of animations


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


def latents(recipe: Latent, n: int, seed: int, device: torch.device | str = "cpu") -> Tensor:
    """`[n, ...]`: the latents of the first samples that `gansaku sample --seed` makes."""
    made = []
    for first in range(0, n, CHUNK):
        noise = Noise(seed, ("sample", first // CHUNK), least=CHUNK, device=device)
        made.append(recipe.latents(min(CHUNK, n - first), noise))
    return torch.cat(made)


def lines(
    recipe: Latent,
    nets: Nets,
    rows: int,
    columns: int,
    seed: int = 0,
    mode: str = "spherical",
    device: torch.device | str = "cpu",
) -> Tensor:
    """`rows` walks of `columns` samples, each from one sample to another: `[rows * columns, ...]`.

    Row r leads from sample 2r of the seed to sample 2r + 1.
    """
    between, z = mode_of(mode), latents(recipe, 2 * rows, seed, device)
    t = torch.linspace(0, 1, columns, device=device)
    return _generate(recipe, nets, between(z[0::2], z[1::2], t).transpose(0, 1).flatten(0, 1))


def loops(
    recipe: Latent,
    nets: Nets,
    rows: int,
    frames: int,
    seed: int = 0,
    mode: str = "spherical",
    stops: int = 4,
    device: torch.device | str = "cpu",
) -> Tensor:
    """`rows` walks that end where they began, past `stops` samples each: `[frames, rows, ...]`.

    Seen at 1 / `frames` steps of the whole way; the first rows start where those of `lines` do.
    """
    between, z = mode_of(mode), latents(recipe, 2 * rows * stops, seed, device)
    stations = torch.cat([z[0 : 2 * rows : 2], z[1 : 2 * rows : 2], z[2 * rows :]])
    stations = stations[: rows * stops].reshape(stops, rows, *z.shape[1:])
    path = []
    for frame in range(frames):
        leg, t = divmod(frame * stops, frames)
        at = torch.tensor([t / frames], device=device)
        path.append(between(stations[leg], stations[(leg + 1) % stops], at)[0])
    made = _generate(recipe, nets, torch.cat(path))
    return made.reshape(frames, rows, *made.shape[1:])


def save_animation(pictures: Tensor, path: str | Path, fps: float = 15.0) -> Path:
    """Write `[frames, rows, C, H, W]` in [-1, 1] as an endless WebP or GIF, by the suffix."""
    path = Path(path)
    if path.suffix.lower() not in KINDS:
        raise UserError(f"an animation is a .webp or a .gif, not {path.name!r}")
    columns = near_square(*to_bytes(pictures[0]).shape[:3])
    frames = [Image.fromarray(layout(to_bytes(tiles), columns).numpy()) for tiles in pictures]
    timing = {"duration": round(1000 / fps), "loop": 0}
    how = {"quality": 85, "method": 2} if path.suffix.lower() == ".webp" else {}

    def write(unfinished: str | os.PathLike[str]) -> None:
        frames[0].save(unfinished, save_all=True, append_images=frames[1:], **timing, **how)

    return write_whole(path, write)


@torch.no_grad()
def _generate(recipe: Latent, nets: Nets, z: Tensor) -> Tensor:
    return torch.cat([recipe.generate(nets, part) for part in z.split(CHUNK)])


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
