"""`gansaku edit RUN EDITED`: moved or copied regions are made to fit."""

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
    """Make regions that were copied or moved fit the picture that a run learned.

    Examples:
      gansaku edit runs/singan-stone stone-new.png --mask stone-mask.png
      gansaku edit runs/singan-stone stone-new.png --mask stone-mask.png --start-scale 2,5
      gansaku edit stone.png stone-new.png --mask stone-mask.png --engine patches

    The mask grows by 20 pixels and has a soft edge; outside it the picture stays.
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """a run of one picture"""
    image: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="EDITED")]
    """the picture with its regions moved"""
    mask: Annotated[str | None, may(metavar="FILE")] = None
    """white where something was changed, of the same size; none: all is made anew"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "edit")
    check_count(args.n)
    from gansaku.tools.editing import edit
    from gansaku.tools.reading import read_picture

    engine = open_engine(args.run, args.engine, args.checkpoint, args.device)
    starts = starts_of(args.start_scale, engine)
    image = read_picture(args.image, engine.channels, LARGEST)
    mask = None if args.mask is None else read_picture(args.mask, 1, LARGEST)
    made = [(f"scale{k}", edit(engine, image, mask, k, seed=args.seed, n=args.n)) for k in starts]
    write_results(made, place(args.run, args.out, f"{Path(args.image).stem}-edit"))
