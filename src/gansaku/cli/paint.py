"""`gansaku paint RUN PAINTING`: a photograph of a painting, in the manner of one picture."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.one_picture import Use, enter
from gansaku.core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Args(Use):
    """Make a photograph of clip-art or brush strokes, after the one picture that a run learned.

    Examples:
      gansaku paint runs/singan-cows clipart.png
      gansaku paint runs/singan-cows clipart.png --start-scale 1,2 --colours 5 -n 4
      gansaku paint cows.png clipart.png --engine patches

    The painting is stretched to the size of the run's picture.
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """a run of one picture"""
    image: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PAINTING")]
    """the clip-art"""
    colours: Annotated[int | None, may(metavar="INT")] = None
    """bring the painting to so many colours of the picture first (the paper: 5); none: as it is"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "paint")
    if args.colours is not None and args.colours < 2:
        raise UserError(f"--colours must be 2 or more, not {args.colours}")
    from gansaku.tools.painting import paint

    use = functools.partial(paint, colours=args.colours or 0)
    enter(args, args.run, args.image, "paint", use)
