"""Seven recipes on MNIST and on faces for the same wall time: one table, one sheet each.

    python benchmarks/seven.py --minutes 10

Every cell resumes where it stopped, and is not made again.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import re
from collections.abc import Callable
from typing import Any

from torch import Tensor

from common import (
    WORK,
    Results,
    arguments,
    as_images,
    digit_features,
    digits,
    distances,
    halved,
    parse,
    recipe_of,
    shared,
    sheet,
    slug,
    table,
    train_for,
)
from gansaku.data import open_source
from gansaku.metrics.features import Features, backbone

RECIPES = ("dcgan", "lsgan", "wgan", "wgan_gp", "wgan_lp", "sngan", "r3gan")
FACES = "faces/celeba_1500_89x109.zip"
CELL = re.compile(r"(.*) (\w+) (\S+) min seed (\d+)(?: (\w+))?")  # recipe, set, ..., precision


@dataclasses.dataclass(frozen=True)
class Task:
    """What to train on, and what to compare with."""

    data: Any
    options: dict[str, Any]
    features: Callable[[], Features]
    real: Callable[[], Tensor]
    samples: int


def mnist_task() -> Task:
    known = digits()

    def features() -> Features:
        return digit_features().features

    def real() -> Tensor:
        return as_images(known.test)

    return Task(known.train, {}, features, real, len(known.test))


def faces_task(size: int = 64) -> Task:
    path = shared(*FACES.split("/"))
    options = {"size": size, "flip": True}

    def real() -> Tensor:
        source = open_source(path, seed=0, size=size)
        return source.take(range(len(source)))["x"]

    return Task(path, options, backbone, real, 1500)


TASKS: dict[str, Callable[[], Task]] = {"mnist": mnist_task, "faces": faces_task}


def cell(name: str, recipe: str, args: argparse.Namespace) -> dict[str, Any]:
    """Train one recipe on one set for its minutes; measure and draw what came of it."""
    task = TASKS[name]()
    made = recipe_of(recipe)
    half = halved(args.precision, "-")
    out = WORK / f"seven-{slug(recipe)}-{name}-{args.minutes:g}min-seed{args.seed}{half}"
    asked = {"seed": args.seed, "cpu": args.cpu, "precision": args.precision}
    trained = train_for(made, task.data, out, 60 * args.minutes, **asked, **task.options)
    samples = trained.model.sample(task.samples, seed=1)
    picture = sheet(trained.model, f"seven_{slug(recipe)}_{name}{half}.png", 36)
    found = distances(task.features(), samples, task.real())
    return {**found, "sheet": picture, "recipe": repr(made), **trained.cost()}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of training, each cell")
    parser.add_argument("--cpu", action="store_true", help="minutes of the processor, not clock")
    parser.add_argument("--recipes", nargs="+", default=RECIPES)
    parser.add_argument("--data", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="fp32", help="fp32, bf16 or fp16")
    args = parse(parser)
    results = Results("seven")
    for name in args.data:
        for recipe in args.recipes:
            key = f"{recipe} {name} {args.minutes:g} min seed {args.seed}"
            key += halved(args.precision, " ")
            results.cell(key, functools.partial(cell, name, recipe, args))
            results.publish("Seven recipes, the same time", _body(results))


def _body(results: Results) -> str:
    """A table for each set, length and classifier, of all cells that were ever made."""
    groups: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = {}
    for key, found in results.cells.items():
        recipe, name, minutes, seed, half = CELL.findall(key)[0]
        clock = "minutes of one core" if "--cpu" in found["command"] else "minutes"
        title = f"{name}, {minutes} {clock} each, seed {seed}{half and f', {half}'}"
        groups.setdefault((title, found["features"]), []).append((recipe, found))
    parts = []
    for (title, _), cells in groups.items():
        first = cells[0][1]
        parts.append(
            f"## {title}\n\nFeatures `{first['features']}` (resizer {first['resizer']}), "
            f"{first['samples']} samples against {first['real']} real images.\n\n"
            + table(_HEADER, [_row(recipe, found) for recipe, found in cells])
        )
    return "\n\n".join(parts)


_HEADER = ("recipe", "Frechet distance", "kernel distance", "spread / data's", "steps", "sheet")


def _row(recipe: str, found: dict[str, Any]) -> tuple[Any, ...]:
    kernel = f"{found['kernel']:.4g} +- {found['kernel_error']:.2g}"
    picture = f"![{recipe.partition('(')[0]}](../../docs/{found['sheet']})"
    spread = f"{found['spread']:.2f}"
    return f"`{recipe}`", f"{found['frechet']:.2f}", kernel, spread, found["steps"], picture


if __name__ == "__main__":
    main()
