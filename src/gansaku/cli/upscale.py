"""`gansaku upscale RUN`: a picture enlarged by what a run learned of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.one_picture import check_memory, open_engine, place, write_results


@dataclass(frozen=True)
class Args:
    """Enlarge the one picture that a run learned: its finest scale, applied again and again.

    Examples:
      gansaku upscale runs/singan-zebra zebra.png --factor 4
      gansaku upscale zebra.png --engine patches --factor 2

    The run is best trained for it, with the paper's numbers for super-resolution:
      gansaku train singan --data zebra.png --likeness 100 --min_size 18 --factor 0.794
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """a run of one picture"""
    image: Annotated[str | None, tyro.conf.Positional, may(metavar="PICTURE")] = None
    """what to enlarge; none: the run's own picture, as the run makes it"""
    factor: float = 4.0
    """how much larger"""
    seed: int = 0
    """another seed, other details"""
    engine: Annotated[str | None, may(metavar="run|patches")] = None
    """patches: no training, RUN is the picture itself; none: what RUN is"""
    out: Annotated[str | None, may(metavar="FILE|DIR")] = None
    """a picture, or a folder; none: in the run, or here"""
    checkpoint: Annotated[str, tyro.conf.arg(metavar="last|best|STEP")] = "last"
    """which state of the run"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "upscale")
    from gansaku.tools.reading import read_picture
    from gansaku.tools.upscaling import upscale

    engine = open_engine(args.run, args.engine, args.checkpoint, args.device)
    image = engine.itself() if args.image is None else read_picture(args.image, engine.channels)
    height, width = (round(side * max(args.factor, 1)) for side in image.shape[1:])
    check_memory((height, width))
    made = upscale(engine, image, args.factor, seed=args.seed)
    stem = Path(args.image or args.run).stem
    write_results([(f"x{args.factor:g}", made)], place(args.run, args.out, f"{stem}-upscale"))
