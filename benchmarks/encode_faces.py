"""Encoders on faces: pictures made again, samples, and what can be added to a face.

    python benchmarks/encode_faces.py --minutes 15 --threads 1

1,350 faces of 64 x 64 to learn from, 150 that are kept. Three attributes of the first 120 were
noted by eye (`MARKED`): a direction of the code for each (arXiv:1512.09300, section 4.2), and
whether the nearest other of the 120 has it too. Minutes are of the processor. Cells resume.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import torch
from torch import Tensor

from common import (
    IMAGES,
    WORK,
    Results,
    arguments,
    distances,
    halved,
    parse,
    recipe_of,
    sheet,
    slug,
    table,
    train_for,
)
from gansaku.metrics.features import backbone
from gansaku.metrics.neighbours import nearest
from gansaku.tools.attributes import directions, save_attributes
from gansaku.tools.reconstruct import reconstruct, save_pairs
from planted import pictures

RECIPES = (
    (
        "ALI(width=16, batch_size=32, d_std=0.0, g_optimizer=Adam(1e-3, (0.5, 0.999)), "
        "d_optimizer=Adam(5e-4, (0.5, 0.999)))"
    ),
    "AGE(width=32)",
    "VAEGAN(width=16, units=512, batch_size=32, objective=NonSaturating())",
)
SIZE, TEST, SEEN = 64, 150, 120
MARKED = {
    "long hair": "0 1 3 5 7 8 13 14 18 19 23 24 26 28 30 33 34 37 38 51 52 56 57 58 59 64 65 66 67 "
    "71 72 74 75 76 83 85 86 87 90 95 100 101 102 108 109 115 118",
    "fair hair": "7 19 23 30 33 34 37 44 47 51 53 59 60 63 67 71 75 86 95 101 103 113",
    "laughing": "3 12 14 15 17 22 24 27 28 29 30 34 35 38 45 49 52 56 58 61 67 71 74 75 79 82 88 "
    "100 101 102 109 118",
}


@functools.cache
def faces() -> tuple[Tensor, Tensor]:
    """Those to learn from, the marked first, and those that are kept, as bytes `[N, 3, H, W]`."""
    found = torch.from_numpy(pictures(SIZE)).permute(0, 3, 1, 2).contiguous()
    return found[:-TEST], found[-TEST:]


def scaled(x: Tensor) -> Tensor:
    return x / 127.5 - 1


def marks() -> dict[str, Tensor]:
    """Whether each of the first faces has an attribute."""
    table = {name: torch.zeros(SEEN, dtype=torch.bool) for name in MARKED}
    for name, numbers in MARKED.items():
        table[name][[int(number) for number in numbers.split()]] = True
    return table


def alike(codes: Tensor) -> dict[str, float]:
    """Of the nearest other's attributes, the share that is right, both answers equal, percent."""
    rows = codes.flatten(1)
    other, found = nearest(rows, rows, skip=torch.arange(len(rows)))[1][:, 0], {}
    for name, has in marks().items():
        right = has[other] == has
        found[name] = 50 * float(right[has].double().mean() + right[~has].double().mean())
    return found


def cell(recipe: str, minutes: float, seed: int, precision: str) -> dict[str, Any]:
    """Train one recipe for its minutes; measure, and draw what came of it."""
    train, test = faces()
    name = f"faces-{slug(recipe)}-{minutes:g}min-seed{seed}{halved(precision, '-')}"
    budget = {"cpu": True, "seed": seed, "flip": True, "precision": precision}
    trained = train_for(recipe_of(recipe), train, WORK / name, 60 * minutes, **budget)
    model, kept, real = trained.model, scaled(test), scaled(torch.cat([train, test]))
    again = reconstruct(model, kept)
    found = distances(backbone(), model.sample(len(real), seed=1), real)
    found |= {"reconstruction": again.error, "reconstruction_of_mean": again.of_mean}
    marked = scaled(train[:SEEN])
    found |= {"alike": alike(model.encode(marked)), "alike_pixels": alike(marked)}
    save_pairs(reconstruct(model, kept[:16]), IMAGES / f"{name}-pairs.png")
    vectors = directions(model, marked, marks())
    save_attributes(model, kept[:6], vectors, IMAGES / f"{name}-added.png", strength=1.5)
    drawn = {"sheet": sheet(model, f"{name}.png", 24)}
    drawn |= {kind: f"images/{name}-{kind}.png" for kind in ("pairs", "added")}
    return found | drawn | {"recipe": repr(recipe_of(recipe)), **trained.cost()}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=15, help="of training, each recipe")
    parser.add_argument("--recipes", nargs="+", default=RECIPES, help="names or config texts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="fp32", help="fp32, bf16 or fp16")
    args = parse(parser)
    results = Results("encode_faces")
    for recipe in args.recipes:
        make = functools.partial(cell, recipe, args.minutes, args.seed, args.precision)
        key = f"{recipe} {args.minutes:g} min seed {args.seed}{halved(args.precision, ' ')}"
        results.cell(key, make)
        results.publish("Encoders on faces", _body(results.cells))


CELL = re.compile(r"(.*) (\S+) min seed \d+(?: (\w+))?")  # recipe, minutes, precision
_HEADER = (
    *("recipe", "minutes", "steps", "reconstruction"),
    *("Frechet distance", "the nearest is alike: codes"),
)


def _body(cells: dict[str, dict[str, Any]]) -> str:
    """All that was ever measured."""
    rows, sheets = [], []
    for key, found in cells.items():
        text, minutes, precision = CELL.findall(key)[0]
        recipe = f"`{text}`" + (f", {precision}" if precision else "")
        values = [f"{found['reconstruction']:.3f}", f"{found['frechet']:.1f}"]
        rows.append((recipe, minutes, found["steps"], *values, _attributes(found["alike"])))
        links = " ".join(f"![{k}](../../docs/{found[k]})" for k in ("sheet", "pairs", "added"))
        sheets.append(f"{recipe}: samples; kept faces made again; attributes added\n\n{links}")
    said = (
        f"{len(faces()[0])} faces of {SIZE} x {SIZE}, flipped, one core "
        f"each. Reconstruction: root mean squared difference on {TEST} kept faces, in [-1, 1], of "
        f"which the mean picture has {found['reconstruction_of_mean']:.3f}. Frechet distance by "
        f"`{found['features']}`. The nearest other of {SEEN} marked faces is alike, balanced over "
        f"both answers, in percent (a coin: 50); by pixels: {_attributes(found['alike_pixels'])}."
    )
    return f"{said}\n\n{table(_HEADER, rows)}\n\n" + "\n\n".join(sheets)


def _attributes(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.0f}" for name, value in found.items())


if __name__ == "__main__":
    main()
