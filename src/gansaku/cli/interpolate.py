"""`gansaku interpolate RUN`: a walk between samples, as a sheet and as an animation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.show import escape, say
from gansaku.core.errors import UserError

if TYPE_CHECKING:
    from gansaku.model import Model

MOVING = (".webp", ".gif")


@dataclass(frozen=True)
class Args:
    """Walk between samples of a run: a sheet with a row for each walk, and an endless animation.

    Examples:
      gansaku interpolate runs/quick-mnist5k
      gansaku interpolate runs/quick-mnist5k --mode linear --out walk.gif
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """the run's folder"""
    mode: Annotated[str | None, may(metavar="linear|spherical")] = None
    """none: spherical for a normal latent, linear for a uniform one"""
    rows: int = 9
    """walks side by side"""
    columns: int = 12
    """pictures of a walk on the sheet"""
    stops: int = 4
    """samples that a walk of the animation passes"""
    frames: int = 96
    """of the animation"""
    fps: int = 24
    """frames a second"""
    seed: int = 0
    """another seed, other walks"""
    out: Annotated[str | None, may(metavar="FILE")] = None
    """.png: the sheet; .webp, .gif: the animation; no suffix: both; none: both, in the run"""
    checkpoint: Annotated[str, tyro.conf.arg(metavar="last|best|STEP")] = "last"
    """which state of the run"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "interpolate")
    for name, least in (("rows", 1), ("columns", 2), ("stops", 2), ("frames", 2), ("fps", 1)):
        if getattr(args, name) < least:
            raise UserError(f"--{name} must be at least {least}, not {getattr(args, name)}")
    from gansaku.core.capabilities import Latent, able
    from gansaku.model import load

    model = load(args.run, args.checkpoint, args.device)
    able(model.recipe, Latent, "walk between samples")
    uniform = getattr(model.recipe, "prior", "normal") == "uniform"
    mode = args.mode or ("linear" if uniform else "spherical")
    out = Path(args.out or model.folder / "samples" / f"walk-{args.seed}")
    try:
        for path in _write(args, model, mode, out):
            say(f"{mode} walks: [b]{escape(str(path))}[/]")
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {out}: {error}") from error


def _write(args: Args, model: Model, mode: str, out: Path) -> Iterator[Path]:
    """The sheet, the animation, or both."""
    from gansaku.tools.interpolate import lines, loops, save_animation

    game, images = (model.recipe, model.nets), len(model.spec.shape) == 3
    how = {"seed": args.seed, "mode": mode, "device": model.device}
    if out.suffix.lower() not in MOVING:
        made = lines(*game, args.rows, args.columns, **how)
        sheet = out if out.suffix else out.with_suffix(".png")
        yield model.preview(made, sheet, columns=args.columns)
        if out.suffix or not images:
            return
    if not images:
        raise UserError("points have no animation: give --out a .png file")
    made = loops(*game, args.rows, args.frames, stops=args.stops, **how)
    yield save_animation(made, out if out.suffix else out.with_suffix(".webp"), args.fps)
