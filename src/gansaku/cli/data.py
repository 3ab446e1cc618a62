"""`gansaku data PATH`: what is there, what would be fed, and what cannot be used and why."""

from __future__ import annotations

from pathlib import Path

from gansaku.cli import flags
from gansaku.cli.show import escape, say
from gansaku.core.choices import FED
from gansaku.core.errors import UserError, nearest

DOC = """\
What is there, what would be fed (with a sheet of it), and every file that cannot be used.

Examples:
  gansaku data photos/ --size 64
  gansaku data mnist5k
  gansaku data facades.zip --feeds pairs --direction BtoA
  gansaku data ann/ --feeds clip
  gansaku data shards/ --size 64

Data may be:
  a folder (its subfolders become classes), a zip, IDX (plain or .gz), .npy or .npz
  shards: a folder of .tar files, or 's-{000..099}.tar'
  a stream: hf://OWNER/NAME
  a built-in: mnist5k, digits (pictures), ring, grid, spiral (points)"""
KINDS = ("images", "pairs", "unpaired", "maps", "clip")
OWN = (
    flags.Field("feeds", "STR", "images", f"as what it would be fed: {', '.join(KINDS)}", ""),
    flags.Field("sheet", "FILE", "preview-NAME.png", "where to draw samples", ""),
)


def main(argv: list[str]) -> None:
    fields = (*flags.options(FED), *OWN)
    where = {"path": "a path, or the name of a built-in"}
    kind = flags.kind(DOC, where, {"feeding": fields})
    args = flags.parse(kind, flags.switches(argv, fields), "data")
    given = flags.said(args.feeding)
    sheet = given.pop("sheet", None) or f"preview-{Path(args.path).resolve().stem}.png"
    feeds = given.pop("feeds", "images")
    if feeds not in KINDS:
        raise UserError(f"--feeds is {feeds!r}{nearest(feeds, KINDS)} ({', '.join(KINDS)})")
    options = flags.chosen(given)
    if feeds in ("images", "clip") and options.pop("direction", "AtoB") != "AtoB":
        raise UserError("--direction belongs to two sides: --feeds pairs or unpaired")
    from gansaku.data.inspect import inspect

    report = inspect(args.path, sheet=sheet, feeds=feeds, **options)
    say(escape(report.text()))
    if report.refusal:  # a script that trains next must not
        raise UserError(f"{args.path} cannot be fed as it is: see above")
