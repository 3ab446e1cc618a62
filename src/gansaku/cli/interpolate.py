"""`gansaku interpolate RUN`: a walk between samples, as a sheet and as an animation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gansaku.cli.flags import parse
from gansaku.cli.show import escape, say
from gansaku.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from gansaku.model import Model

MOVING = (".webp", ".gif")
SIDE = 256  # pixels: about how large a frame is made


@dataclass(frozen=True)
class Args:
    """Walk between samples of a run: a sheet with a row for each leg, and an endless animation.

    Examples:
      gansaku interpolate runs/quick-mnist5k
      gansaku interpolate runs/quick-mnist5k --stops 4 --mode linear --out walk.gif
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """the run's folder"""
    mode: Annotated[str | None, tyro.conf.arg(metavar="linear|spherical")] = None
    """none: spherical for a normal latent, linear for a uniform one"""
    stops: int = 8
    """samples that the walk passes through"""
    columns: int = 10
    """pictures in a row of the sheet"""
    frames: int = 24
    """of the animation, from stop to stop"""
    fps: int = 24
    """frames a second"""
    seed: int = 0
    """of the samples: those of `gansaku sample --seed`"""
    truncate: float | None = None
    """keep latents within so many standard deviations"""
    out: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """.png: the sheet; .webp, .gif: the animation; no suffix: both; none: both, in the run"""
    checkpoint: Annotated[str, tyro.conf.arg(metavar="last|best|STEP")] = "last"
    """which state of the run"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "interpolate")
    for name, least in (("stops", 2), ("columns", 2), ("frames", 1), ("fps", 1)):
        if getattr(args, name) < least:
            raise UserError(f"--{name} must be at least {least}, not {getattr(args, name)}")
    from gansaku.model import load
    from gansaku.tools.interpolate import latents

    model = load(args.run, args.checkpoint, args.device)
    stops = latents(model, args.stops, args.seed, args.truncate)
    mode = args.mode or ("spherical" if model.recipe.prior == "normal" else "linear")
    out = Path(args.out or model.folder / "samples" / f"walk-{args.seed}")
    try:
        for path in _write(args, model, stops, mode, out):
            say(f"{mode} walk through {args.stops} samples: [b]{escape(str(path))}[/]")
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {out}: {error}") from error


def _write(args: Args, model: Model, stops: Tensor, mode: str, out: Path) -> Iterator[Path]:
    """The sheet, the animation, or both."""
    import torch

    from gansaku.tools.interpolate import pictures, walk

    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix not in MOVING:
        legs = [walk(pair, args.columns - 1, mode, closed=False) for pair in _pairs(stops)]
        sheet = out if out.suffix else out.with_suffix(".png")
        yield model.preview(pictures(model, torch.cat(legs)), sheet, columns=args.columns)
    if out.suffix in MOVING or (not out.suffix and len(model.spec.shape) == 3):
        path = walk(stops, args.frames, mode, closed=True)
        moving = out if out.suffix else out.with_suffix(".webp")
        yield animate(pictures(model, path), moving, args.fps)


def _pairs(stops: Tensor) -> Iterator[Tensor]:
    """Neighbours `[2, D]`, the last with the first."""
    for k in range(len(stops)):
        yield stops.roll(-k, 0)[:2]


def animate(frames: Tensor, path: Path, fps: int) -> Path:
    """An endless animation of pictures `[N, C, H, W]` in [-1, 1], enlarged by a whole factor."""
    from PIL import Image

    from gansaku.data.draw import to_bytes

    if frames.ndim != 4:
        raise UserError("points have no animation: give --out a .png file")
    factor = max(1, SIDE // max(frames.shape[2:]))
    large = to_bytes(frames).repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    first, *rest = (Image.fromarray(frame.numpy()) for frame in large)
    first.save(
        path, save_all=True, append_images=rest, duration=round(1000 / fps), loop=0, quality=90
    )
    return path
