"""Set5 coloured by a run of `colorize`, beside what is left grey: figures and a sheet.

    python benchmarks/colours.py RUN --threads 1

The run is that of `translate.py colours`, which has seen faces alone. Pictures are coloured at the
size of its training and, larger, at their own.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import gansaku as gs
from common import IMAGES, Results, arguments, parse, table
from gansaku.core.folder import Folder
from gansaku.data.draw import save_sheet
from gansaku.nets.colour import grey_of, rgb_to_lab
from super_resolution import set5
from translate import against

SHOWN = 128  # pixels a side of the sheet


def cell(run: str, side: int) -> dict[str, Any]:
    """Set5's middle squares with sides of `side` pixels, or of their own for 0: coloured."""
    model, found, rows = gs.load(run), {}, []
    for name, x in set5(1).items():
        x = squared(x, side)
        grey = grey_of(rgb_to_lab(x)[:, :1])
        coloured = model.translate(grey, 0)
        found[name] = against(grey, coloured, x, naive=True)
        rows += [grey.expand_as(x), coloured, x]
    if not side:
        small = [F.interpolate(row, (SHOWN, SHOWN), mode="area") for row in rows]
        columns = [torch.cat(small[i::3]) for i in range(3)]
        save_sheet(torch.cat(columns), IMAGES / "set5-coloured.png", 5)
    return {"pictures": found, "run": Folder.open(run).about["history"][0]["command"]}


def squared(x: Tensor, side: int) -> Tensor:
    """The middle square, whose side is a multiple of 64, or resized to `side`."""
    least = min(x.shape[2:])
    edge = least // 64 * 64
    top, left = ((length - edge) // 2 for length in x.shape[2:])
    x = x[:, :, top : top + edge, left : left + edge]
    if not side:
        return x
    return F.interpolate(x, (side, side), mode="bicubic", antialias=True).clamp(-1, 1)


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("run", metavar="RUN", type=Path)
    args = parse(parser)
    results, parts = Results("colours"), []
    for side in (64, 0):
        title = f"{side} pixels a side" if side else "at their own size"
        cell_of = results.cell(title, functools.partial(cell, str(args.run), side))
        rows = [
            (name, *(f"{one[key]:.1f}" for key in KEYS), f"{one['colourfulness / real']:.0%}")
            for name, one in cell_of["pictures"].items()
        ]
        parts.append(f"## {title}\n\n" + table(HEAD, rows))
    sheet = "![grey, coloured, as they are](../../docs/images/set5-coloured.png)"
    results.publish("Set5 coloured by a run that has seen faces", "\n\n".join([*parts, sheet]))


KEYS = ("psnr", "naive psnr", "colour error", "naive colour error")
HEAD = ("Set5", "PSNR, dB", "left grey", "colour error", "left grey", "colourfulness, of the real")


if __name__ == "__main__":
    main()
