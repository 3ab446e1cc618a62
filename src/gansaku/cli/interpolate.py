"""`gansaku interpolate RUN`: a walk between samples, as a sheet and as an animation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from gansaku.cli.classes import one
from gansaku.cli.flags import may, parse
from gansaku.cli.show import escape, say
from gansaku.core.errors import UserError

if TYPE_CHECKING:
    from gansaku.model import Model

MOVING = (".webp", ".gif")


@dataclass(frozen=True)
class Args:
    """Walk between samples of a run: a sheet with a row for each leg, and an endless animation.

    Examples:
      gansaku interpolate runs/quick-mnist5k
      gansaku interpolate runs/quick-mnist5k --stops 4 --mode linear --out walk.gif
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """the run's folder"""
    mode: Annotated[str | None, may(metavar="linear|spherical")] = None
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
    truncate: Annotated[float | None, may(metavar="FLOAT")] = None
    """keep latents within so many standard deviations"""
    class_: Annotated[str | None, may(name="class", metavar="STR")] = None
    """of a conditional recipe: the name or number of the class in which to walk; none: the first"""
    out: Annotated[str | None, may(metavar="FILE")] = None
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

    model = load(args.run, args.checkpoint, args.device)
    uniform = getattr(model.recipe, "prior", "normal") == "uniform"
    mode = args.mode or ("linear" if uniform else "spherical")
    out = Path(args.out or model.folder / "samples" / f"walk-{args.seed}")
    try:
        for path in _write(args, model, mode, out):
            say(f"{mode} walk through {args.stops} samples: [b]{escape(str(path))}[/]")
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {out}: {error}") from error


def _write(args: Args, model: Model, mode: str, out: Path) -> Iterator[Path]:
    """The sheet, the animation, or both."""
    import torch

    from gansaku.tools.interpolate import generate, latents, save_animation, walk

    given = _given(args, model)
    stops = latents(model, args.stops, args.seed, args.truncate)
    if out.suffix.lower() not in MOVING:
        pairs = [stops.roll(-k, 0)[:2] for k in range(args.stops)]  # the last with the first
        legs = [walk(pair, args.columns - 1, mode, closed=False) for pair in pairs]
        sheet = out if out.suffix else out.with_suffix(".png")
        yield model.preview(generate(model, torch.cat(legs), given), sheet, columns=args.columns)
    images = len(model.spec.shape) == 3
    if out.suffix.lower() in MOVING or (images and not out.suffix):
        path = walk(stops, args.frames, mode, closed=True)
        moving = out if out.suffix else out.with_suffix(".webp")
        yield save_animation(generate(model, path, given), moving, args.fps)


def _given(args: Args, model: Model) -> dict[str, Any]:
    """The class of the walk; where the latents hold it themselves, it is left to them."""
    from gansaku.core.capabilities import Sweeps, classes_of

    if args.class_ is not None:
        return {"y": one(model, args.class_)}
    told = isinstance(model.recipe, Sweeps) or not classes_of(model.recipe, model.spec)
    return {} if told else {"y": 0}
