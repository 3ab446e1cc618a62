"""The well-known tutorial against the default recipe, on MNIST, for the same wall time.

python benchmarks/tutorial_vs_default.py
"""

from __future__ import annotations

import argparse
from typing import Any

import torch

from common import (
    WORK,
    Results,
    arguments,
    as_images,
    digit_features,
    digits,
    distances,
    mean_and_error,
    parse,
    recipe_of,
    sheet,
    slug,
    table,
    train_for,
)


def score(
    label: str, text: str, seed: int, seconds: float, args: argparse.Namespace, **fields: Any
) -> dict[str, Any]:
    """One recipe, one seed, one budget: its distances to the test digits."""
    recipe = recipe_of(text, **fields)
    out = WORK / f"{label}-{slug(text)}-{digits().name}-{args.steps}-seed{seed}"
    trained = train_for(recipe, digits().train, out, seconds, cpu=args.cpu, seed=seed)
    features, real = digit_features().features, as_images(digits().test)
    samples = trained.model.sample(args.samples, seed=1)
    if seed == 0:
        sheet(trained.model, f"{label}_{digits().name}.png")
    return {**distances(features, samples, real), "recipe": repr(recipe), **trained.cost()}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--recipe", default="quick", help="the default recipe")
    parser.add_argument(
        "--cpu", action="store_true", help="the same processor time: fair where others compute too"
    )
    parser.add_argument("--steps", type=int, default=3000, help="of the tutorial")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=10_000)
    args = parse(parser)
    results = Results("tutorial_vs_default")
    found: dict[str, list[dict[str, Any]]] = {"tutorial_mnist": [], args.recipe: []}
    for seed in range(args.seeds):
        key = f"{{}} {digits().name} {args.steps} steps, {args.samples} samples, seed {seed}"
        tutorial = results.cell(
            key.format("tutorial_mnist"),
            lambda seed=seed: score(
                "tutorial_mnist", "tutorial_mnist", seed, float("inf"), args, steps=args.steps
            ),
        )
        ours = results.cell(  # the same seconds, in turn: the machine's load is shared fairly
            key.format(args.recipe),
            lambda seed=seed, most=tutorial["cpu_seconds" if args.cpu else "seconds"]: score(
                "default_recipe", args.recipe, seed, most, args
            ),
        )
        found["tutorial_mnist"].append(tutorial)
        found[args.recipe].append(ours)
    rows = [_row(name, cells, args.cpu) for name, cells in found.items()]
    first = found["tutorial_mnist"][0]
    time = f"processor time of {torch.get_num_threads()} threads" if args.cpu else "wall time"
    protocol = (
        f"Frechet distance on the features `{first['features']}` (a classifier trained on the "
        f"spot, {digit_features().accuracy:.1%} right on digits it has not seen), "
        f"{first['samples']} samples against the {first['real']} test digits of {digits().name}; "
        f"mean and standard error over {args.seeds} seeds; each pair of runs has the same {time}. "
        f"Below: real training digits against the same test digits: {_floor():.2f}."
    )
    header = (
        "recipe",
        "Frechet distance",
        "kernel distance",
        "each seed",
        "steps",
        "CPU s" if args.cpu else "s",
    )
    sheets = "".join(
        f"\n![{label}](../../docs/images/{label}_{digits().name}.png)"
        for label in ("tutorial_mnist", "default_recipe")
    )
    body = f"{table(header, rows)}\n\n{protocol}\n{sheets}"
    results.publish("The tutorial and the default recipe, for the same time", body)


def _row(name: str, cells: list[dict[str, Any]], cpu: bool) -> tuple[Any, ...]:
    frechet, kernel = ([cell[key] for cell in cells] for key in ("frechet", "kernel"))
    each = ", ".join(f"{value:.2f}" for value in frechet)
    steps = ", ".join(str(cell["steps"]) for cell in cells)
    seconds = ", ".join(f"{cell['cpu_seconds' if cpu else 'seconds']:.0f}" for cell in cells)
    return name, mean_and_error(frechet), mean_and_error(kernel), each, steps, seconds


def _floor() -> float:
    """What as many real digits score: no recipe can be expected to go below."""
    known, features = digits(), digit_features().features
    real = as_images(known.train[: len(known.test)])
    return distances(features, real, as_images(known.test))["frechet"]


if __name__ == "__main__":
    main()
