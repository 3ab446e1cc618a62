"""`gansaku harmonize RUN PASTED`: a pasted object takes on the picture's manner."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.one_picture import Use, enter, read_mask


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
    from gansaku.tools.editing import harmonize

    use = functools.partial(harmonize, mask=read_mask(args.mask))
    enter(args, args.run, args.image, "harmonize", use)
