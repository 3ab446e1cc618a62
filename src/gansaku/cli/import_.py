"""`gansaku import KIND FOLDER --out RUN`: a model that other people's code trained, as a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.show import escape, grid, say
from gansaku.core.errors import UserError, nearest

KINDS = ("singan",)


@dataclass(frozen=True)
class Args:
    """Make a run of ours from a model that other people's code trained.

    Examples:
      gansaku import singan TrainedModels/balloons/scale_factor=0.75... --out runs/balloons
      gansaku import singan balloons/ --picture balloons.png --out runs/balloons

    singan: the authors' folder, 0..N with netG.pth and z_opt.pth, NoiseAmp.pth beside them.

    Nothing in the files is executed: tensors are read, and nothing else.
    """

    kind: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="KIND")]
    """whose code it was: singan"""
    folder: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """what that code wrote"""
    out: Annotated[str, tyro.conf.arg(metavar="RUN")]
    """the new run's folder"""
    picture: Annotated[str | None, may(metavar="FILE")] = None
    """what it was trained on; none: reals.pth, or what it reconstructs"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "import")
    if args.kind not in KINDS:
        known = ", ".join(KINDS)
        raise UserError(f"no code is called {args.kind!r}{nearest(args.kind, KINDS)} ({known})")
    from gansaku.core.capabilities import Pyramid, able
    from gansaku.importing import import_singan

    model = import_singan(args.folder, args.out, args.picture)
    channels, height, width = model.spec.shape
    rows = [
        ("run", f"[b]{escape(str(model.folder))}[/]"),
        ("picture", f"{width}x{height}, {channels} channels"),
        ("scales", f"{able(model.recipe, Pyramid, 'have scales').scales(model.nets)}"),
        ("next", f"gansaku sample {escape(str(model.folder))}"),
    ]
    say(grid(rows, indent=0))
