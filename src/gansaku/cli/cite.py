"""`gansaku cite NAME`: the BibTeX of a recipe's paper."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from gansaku.cli.flags import parse
from gansaku.core import catalog


@dataclass(frozen=True)
class Args:
    """The BibTeX of a recipe's paper.

    Example: gansaku cite dcgan >> paper.bib
    """

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """of a recipe, such as dcgan, or a file such as ./mygan.py"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "cite")
    sys.stdout.write(catalog.entry(args.name).card.bibtex.strip() + "\n")
