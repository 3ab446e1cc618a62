"""`gansaku harmonize RUN PASTED`: a pasted object takes on the picture's manner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.one_picture import (
    LARGEST,
    Use,
    check_count,
    open_engine,
    place,
    starts_of,
    write_results,
)


@dataclass(frozen=True, kw_only=True)
class Args(Use):
    """Make a pasted object look as if it were of the picture that a run learned.

    Examples:
      gansaku harmonize runs/singan-starry starry-new.png --mask starry-mask.png
      gansaku harmonize runs/singan-starry starry-new.png --mask starry-mask.png --start-scale 2,5
      gansaku harmonize starry.png starry-new.png --mask starry-mask.png --engine patches

    The mask grows by 7 pixels and has a soft edge; outside it the picture stays.
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """a run of one picture"""
    image: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PASTED")]
    """the picture with the object in it"""
    mask: Annotated[str | None, may(metavar="FILE")] = None
    """white where the object is, of the same size; none: all is made anew"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "harmonize")
    check_count(args.n)
    from gansaku.tools.editing import harmonize
    from gansaku.tools.reading import read_picture

    engine = open_engine(args.run, args.engine, args.checkpoint, args.device)
    starts = starts_of(args.start_scale, engine)
    image = read_picture(args.image, engine.channels, LARGEST)
    mask = None if args.mask is None else read_picture(args.mask, 1, LARGEST)
    made = [
        (f"scale{k}", harmonize(engine, image, mask, k, seed=args.seed, n=args.n)) for k in starts
    ]
    write_results(made, place(args.run, args.out, f"{Path(args.image).stem}-harmonize"))
