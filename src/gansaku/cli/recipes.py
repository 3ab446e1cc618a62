"""`gansaku recipes [NAME]`: the catalogue, read without importing torch."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated

import tyro

from gansaku.cli.flags import doc, parse, type_of
from gansaku.cli.show import escape, grid, say, table
from gansaku.core import catalog

_NAME = tyro.conf.arg(
    metavar="[NAME]",
    help="of a recipe, such as dcgan, or a file such as ./mygan.py",
    help_behavior_hint="",
)


@dataclass(frozen=True)
class Args:
    """The catalogue: every GAN here; with a name, every number of one.

    Example: gansaku recipes wgan_gp
    """

    name: Annotated[
        str, tyro.conf.Positional, tyro.conf.arg(metavar="[NAME]", help_behavior_hint="")
    ] = ""
    """of a recipe, such as dcgan, or a file such as ./mygan.py"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "recipes")
    if args.name:
        _one(catalog.entry(args.name))
    else:
        _all(catalog.every())


def _all(entries: list[catalog.Entry]) -> None:
    entries = sorted(entries, key=lambda e: e.card.task)
    for task, group in groupby(entries, key=lambda e: e.card.task):
        say(f"\n[b]{escape(task)}[/]")
        rows = [(e.name, e.card.year, e.card.paper, e.card.line) for e in group]
        say(table(("name", "year", "paper", "what it is"), rows))
    say(
        "`gansaku recipes NAME` shows one with all its numbers, "
        "`gansaku train NAME` trains it on the built-in digits."
    )


def _one(entry: catalog.Entry) -> None:
    card = entry.card
    say(f"\n[b]{entry.name}[/]  {escape(card.line)}\n")
    say(grid([("paper", f"{escape(card.title)} ({card.year})"), ("", escape(card.paper))]))
    say()
    say(grid([(escape(inspect.cleandoc(entry.doc)),)]))
    rows = [
        (f.name, escape(f.default or "required"), escape(doc(f)), escape(type_of(f)))
        for f in entry.fields
    ]
    say(table(("field", "default", "what it is", "type"), rows, wide="what it is"))
    name, value = next((f.name, f.default) for f in entry.fields if f.default)
    say(
        f"Each field is a flag: gansaku train {entry.name} --{name} {value}\n"
        f"Cite its paper:      gansaku cite {entry.name}"
    )
