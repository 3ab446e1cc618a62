"""`gansaku edit RUN EDITED`: moved or copied regions are made to fit."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.one_picture import Use, enter, read_mask


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
    from gansaku.tools.editing import edit

    use = functools.partial(edit, mask=read_mask(args.mask))
    enter(args, args.run, args.image, "edit", use)
