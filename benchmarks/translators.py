"""What translators make of pictures that were held out, a row each: the README's picture.

    python benchmarks/translators.py RUN...

Runs are those of `translate.py` and `resegment.py`. Inputs stand left of what becomes of them.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import gansaku as gs
from common import IMAGES, arguments, parse
from gansaku.core.capabilities import directions_of
from gansaku.core.folder import Folder
from gansaku.core.translating import inputs_of
from gansaku.data.draw import save_rows
from gansaku.data.spec import MapSpec
from gansaku.options import open_data, options_of

SIDE, WIDE = 96, 1072  # pixels of a row


def rows(path: str) -> dict[str, Tensor]:
    """By recipe, data and way: input, output, input, output ... `[N, 3, SIDE, width]`."""
    model, about = gs.load(path), Folder.open(path).about
    held = open_data(options_of(model.folder)).held
    name = f"{about['name']}, {Path(about['data']['name']).stem.partition('_')[0]}"
    side = getattr(model.spec, "a", model.spec)
    shown = WIDE // (2 * round(SIDE * side.width / side.height))
    batch = held.take(range(0, len(held), len(held) // shown)[:shown])
    made = {}
    for way in directions_of(model.recipe):
        a = inputs_of(model.recipe, model.nets, batch, 0, way)
        out = model.translate(a, 0, direction=way)
        a = side.painted(a) if isinstance(side, MapSpec) else a
        both = torch.stack([large(a), large(out)], 1).flatten(0, 1)
        made[name if way == "AtoB" else f"{name}, back"] = both
    return made


def large(x: Tensor) -> Tensor:
    """Colour pictures of the height that all rows have."""
    width = round(SIDE * x.shape[3] / x.shape[2])
    return F.interpolate(x.expand(-1, 3, -1, -1), (SIDE, width), mode="nearest-exact")


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("runs", nargs="+", metavar="RUN")
    args = parse(parser)
    found: dict[str, Tensor] = {}
    for path in args.runs:
        found |= rows(path)
    print(save_rows(found, IMAGES / "translators.png"))


if __name__ == "__main__":
    main()
