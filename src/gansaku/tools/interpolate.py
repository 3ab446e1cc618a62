"""Walks through the latent space: between samples, in straight lines or along great circles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from gansaku.core.capabilities import Latent, able
from gansaku.core.contract import Nets, Recipe
from gansaku.core.errors import UserError
from gansaku.core.latents import mode_of
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
def generate(model: Trained, z: Tensor, given: Mapping[str, Any] | None = None) -> Tensor:
    """Samples `[N, ...]` of the latents `z [N, ...]`, all of what is `given`: a class."""
    recipe = able(model.recipe, Latent, "interpolate")
    return torch.cat([recipe.generate(model.nets, part, given).cpu() for part in z.split(CHUNK)])


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
