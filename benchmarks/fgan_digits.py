"""f-GAN on MNIST: what every divergence draws after the same time, with its Parzen figure.

    python benchmarks/fgan_digits.py --minutes 2 --threads 1

The networks and rates of the paper's MNIST runs (arXiv:1606.00709, section 4.1), its table 2 and
figure 2; batches are smaller, so that there are more of them. Minutes are of the processor. Every
cell resumes where it stopped, and is not made again.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import gansaku as gs
from common import (
    IMAGES,
    WORK,
    Results,
    arguments,
    as_images,
    digit_features,
    digits,
    distances,
    parse,
    recipe_of,
    slug,
    table,
    train_for,
)
from gansaku.data.draw import save_rows
from gansaku.losses.divergences import NAMES
from parzen_2014 import evaluate, split

RECIPE = "FGAN(batch_size=128, objective=FDivergence({!r}))"
PAPER = {  # table 2, from memory: nats and standard error
    "kl": (416, 5.62),
    "reverse_kl": (319, 8.36),
    "pearson": (429, 5.53),
    "neyman": (300, 8.33),
    "squared_hellinger": (-708, 18.1),
    "jeffreys": (-2101, 29.9),
    "jensen_shannon": (367, 8.19),
    "gan": (305, 8.97),
}


def cell(divergence: str, minutes: float, seed: int, samples: int) -> dict[str, Any]:
    """Train by one divergence for its minutes, and measure."""
    recipe, out = recipe_of(RECIPE.format(divergence)), folder(divergence, minutes, seed)
    trained = train_for(recipe, split()[0], out, 60 * minutes, cpu=True, seed=seed)
    drawn = trained.model.sample(samples, seed=1)
    found = distances(digit_features().features, drawn, as_images(digits().test))
    return evaluate(trained.model, samples) | found | trained.cost()


def folder(divergence: str, minutes: float, seed: int) -> Path:
    text = RECIPE.format(divergence)
    return WORK / f"fgan-digits-{divergence}-{slug(text)}-{minutes:g}min-seed{seed}"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=2, help="of training, each divergence")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parse(parser)
    results, rows = Results("fgan_digits"), []
    for divergence in NAMES:
        make = functools.partial(cell, divergence, args.minutes, args.seed, args.samples)
        found = results.cell(f"{divergence} {args.minutes:g} min seed {args.seed}", make)
        rows.append(_row(divergence, found))
    said = (
        f"{digits().name}, `{RECIPE.format('...')}`, {args.minutes:g} minutes of one core each, "
        f"seed {args.seed}, {args.samples} samples. Parzen: by the protocol of 2014, on the test "
        "digits; the paper's table 2 is of 1,000 epochs. Spread: of samples, to that of digits."
    )
    drawn = {d: gs.load(folder(d, args.minutes, args.seed)).sample(16, seed=7) for d in NAMES}
    save_rows(drawn, IMAGES / "fgan-digits.png")
    picture = "![samples of each](../../docs/images/fgan-digits.png)"
    body = f"{said}\n\n{table(_HEADER, rows)}\n\n{picture}"
    results.publish("Digits by every f-divergence", body)


_HEADER = ("divergence", "Parzen, nats", "the paper's", "Frechet distance", "spread", "steps")


def _row(divergence: str, found: dict[str, Any]) -> tuple[Any, ...]:
    paper = "{} +- {}".format(*PAPER[divergence]) if divergence in PAPER else ""
    return (
        divergence.replace("_", " "),
        f"{found['log_likelihood']:.1f} +- {found['error']:.1f}",
        paper,
        f"{found['frechet']:.2f}",
        f"{found['spread']:.2f}",
        found["steps"],
    )


if __name__ == "__main__":
    main()
