"""`gansaku translate RUN INPUT...`: pictures through a trained translator."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.show import escape, say
from gansaku.core.errors import UserError


@dataclass(frozen=True)
class Args:
    """Translate pictures with a trained run; each is written under its own name.

    Examples:
      gansaku translate runs/pix2pix-facades sketches/ --out houses/
      gansaku translate runs/cyclegan-monet2photo photo.jpg --direction BtoA --out painted.jpg
      find . -name '*.png' | gansaku translate runs/pix2pix-facades - --side-by-side

    Pictures may have any size: large ones go through in tiles that blend into each other.

    Orientation is as the EXIF says, and alpha is kept.
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """the run's folder"""
    inputs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="INPUT...")]
    """pictures, folders or zips of them; -: a list of them from standard input"""
    out: Annotated[str | None, may(metavar="DIR|FILE")] = None
    """a folder, or for one input a picture file; none: translations/ in the run"""
    direction: Annotated[str, may(metavar="AtoB|BtoA")] = "AtoB"
    """of a run that goes both ways"""
    side_by_side: Annotated[bool, tyro.conf.FlagCreatePairsOff, may()] = False
    """input and output in one file"""
    deterministic: Annotated[bool, tyro.conf.FlagCreatePairsOff, may()] = False
    """without the noise of a recipe that has some (pix2pix: dropout)"""
    as_trained: Annotated[bool, tyro.conf.FlagCreatePairsOff, may()] = False
    """bring pictures to the size of training first, as they are in proportion or not"""
    tile: Annotated[int | None, may(metavar="PIXELS")] = None
    """translate in tiles of so many pixels a side; none: as large as the memory allows"""
    seed: int = 0
    """another seed, other noise"""
    checkpoint: Annotated[str, tyro.conf.arg(metavar="last|best|STEP")] = "last"
    """which state of the run"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "translate")
    if args.tile is not None and args.tile < 1:
        raise UserError(f"--tile is {args.tile}; give pixels, as in 512")
    from gansaku.model import load
    from gansaku.tools.translate import means
    from gansaku.tools.translated import Report, inputs, translate_files

    model = load(args.run, args.checkpoint, args.device)
    how = means(model, args.direction, args.deterministic)
    report = Report()
    found = inputs(_places(args.inputs), report)
    out = Path(args.out or model.folder / "translations")
    if len(found) > 1 and out.suffix and not out.is_dir():
        raise UserError(
            f"--out {out} is one file, and there are {len(found)} inputs: give a folder"
        )
    trained = args.as_trained or how.multiple is None
    if how.multiple is None and not args.as_trained and any(o.size != how.size for o in found):
        height, width = how.size
        say(f"this recipe makes {width}x{height} alone: pictures are brought to that first")
    look = {"seed": args.seed, "tile": args.tile, "beside": args.side_by_side}
    for path in translate_files(how, found, out, report, trained=trained, **look):
        if len(found) <= 4:
            say(escape(str(path)))
    if report.written:
        say(f"{len(report.written)} translated by step {model.steps}: [b]{escape(str(out))}[/]")
    if report.bad:
        names = "; ".join(f"{name}: {reason}" for name, reason in report.bad[:3])
        total = len(report.bad) + len(report.written)
        raise UserError(f"{len(report.bad)} of {total} could not be translated: {names}")


def _places(said: tuple[str, ...]) -> list[str]:
    """Inputs by name; `-` stands for the lines of standard input."""
    places = []
    for place in said:
        places += [line.strip() for line in sys.stdin] if place == "-" else [place]
    places = [place for place in places if place]
    if not places:
        raise UserError("no inputs: name pictures or folders, or - for a list on standard input")
    return places
