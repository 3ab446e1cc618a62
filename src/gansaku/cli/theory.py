"""`gansaku theory [NAME]`: a figure from real computation, with a paragraph of explanation."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.show import console, escape, grid, say
from gansaku.core.errors import UserError, nearest
from gansaku.theory.topics import LANGUAGES, TOPICS, Topic, gallery, page, paragraph, topic

ALL = "all"


@dataclass(frozen=True)
class Args:
    """The theory of GANs, to see with one's own eyes: a figure and a paragraph each.

    Examples:
      gansaku theory
      gansaku theory plateau
      gansaku theory mode-collapse --lang ja --out figures/
      gansaku theory all --out docs/images/theory --page docs/theory

    Everything is computed on the spot, in a minute or less (mode-collapse: some minutes).
    """

    name: Annotated[str, tyro.conf.Positional, may(metavar="[NAME|all]")] = ""
    """of a figure; without one they are listed"""
    lang: Annotated[str, tyro.conf.arg(metavar="en|ja")] = "en"
    """language of the paragraph; labels in the figure are English"""
    out: Annotated[str, tyro.conf.arg(metavar="FOLDER")] = "theory"
    """where NAME.png and NAME.md go"""
    page: Annotated[str | None, may(metavar="FILE")] = None
    """write all figures of FOLDER onto one page in both languages, FILE.md and FILE.ja.md"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "theory")
    if args.lang not in LANGUAGES:
        raise UserError(f"--lang is en or ja, not {args.lang!r}{nearest(args.lang, LANGUAGES)}")
    if not args.name:
        say("\nFigures, each drawn from real computation by [b]gansaku theory NAME[/]:\n")
        say(grid([(f"[b]{one.name}[/]", escape(one.line)) for one in TOPICS]))
        return
    for one in TOPICS if args.name == ALL else (topic(args.name),):
        _one(one, args)
    if args.page:
        _pages(args)


def _one(one: Topic, args: Args) -> None:
    """Draw a figure; say its paragraph, and write it beside it."""
    draw = importlib.import_module(one.module).draw
    folder = Path(args.out)
    with console().status(f"{one.name} ...") as status:
        path = draw(folder / f"{one.name}.png", lambda text: _note(status, one, text))
    if not args.page:
        say(f"\n[b]{one.title[args.lang]}[/]\n")
        say(grid([(escape(paragraph(one, args.lang)),)]))
        say(f"\n    {one.paper}")
        _write(folder / f"{one.name}.md", page(one, args.lang, f"{one.name}.png"))
    say(f"[b]{escape(str(path))}[/]")


def _note(status: object, one: Topic, text: str) -> None:
    """Progress: on a terminal in one line, elsewhere as lines."""
    if console().is_terminal:
        status.update(f"{one.name}: {escape(text)}")  # ty: ignore[missing-attribute]
    else:
        say(f"{one.name}: {escape(text)}")


def _pages(args: Args) -> None:
    base = Path(args.page or "")
    pictures = os.path.relpath(args.out, base.parent)
    command = f"gansaku theory all --out {args.out} --page {args.page}"
    there = {one.name for one in TOPICS if (Path(args.out) / f"{one.name}.png").is_file()}
    for lang in LANGUAGES:
        path = base.with_name(base.name + (".md" if lang == "en" else f".{lang}.md"))
        _write(path, gallery(lang, pictures, command, base.name, there))
        say(f"[b]{escape(str(path))}[/]")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
