"""Modes covered: unrolled_gan on the ring, k = 5 against k = 0; three GANs on stacked MNIST.

    python benchmarks/modes.py ring
    python benchmarks/modes.py ring --steps 7500 --recipe "UnrolledGAN(points='paper',
        d_optimizer=Adam(1e-3, (0.5, 0.999)))"
    python benchmarks/modes.py stacked --minutes 30
    python benchmarks/modes.py stacked --pictures 240000

Stacked MNIST (arXiv:1611.02163, section 3.3.1) is an array given to `gs.train(data=...)`: three
random training digits as the channels of one picture, 1,000 modes. Recipes have the same time, or
the same number of real pictures, as in the papers; then they end there. Every cell resumes.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import itertools
import math
import re
from typing import Any

import torch

from common import (
    WORK,
    Results,
    arguments,
    as_images,
    digit_features,
    digits,
    mean_and_error,
    parse,
    recipe_of,
    sheet,
    slug,
    table,
    train_for,
)
from gansaku.data import open_source
from gansaku.metrics.modes import mode_coverage
from gansaku.metrics.sliced import sliced_wasserstein
from gansaku.metrics.stacked import PROTOCOL, stack, stacked_modes

STACKED = 60_000  # pictures; every digit is in three of them on average
SIZE = 32  # of the pictures: a power of two, for networks that halve
RECIPES = (
    "UnrolledGAN(batch_size=64, d_share=0.5, width=32)",
    "MRGAN(width=32)",
    (  # narrow, quick and short: as those of seven.py that draw faces
        "R3GAN(width=256, batch_size=16, g_optimizer=Adam(1e-3, (0.0, 0.9)), "
        "d_optimizer=Adam(1e-3, (0.0, 0.9)), penalties=(R1(2.0), R2(2.0)), ema=10000.0, steps=2400)"
    ),
)


def ring_cell(recipe: str, k: int, seed: int, steps: int) -> dict[str, Any]:
    """Train on the 8-mode ring to the end; count the modes of 10,000 samples."""
    source = open_source("ring", seed=0)
    made = recipe_of(recipe, unrolled=k, steps=steps)
    out = WORK / f"modes-{slug(recipe)}-k{k}-{steps}-seed{seed}"
    trained = train_for(made, "ring", out, seed=seed)
    samples = trained.model.sample(10_000, seed=1)
    found = mode_coverage(samples, source.modes, source.sigma)
    picture = sheet(trained.model, f"modes_ring_{slug(recipe)}_k{k}_seed{seed}.png", 2000)
    return {
        "covered": found.covered,
        "within": found.within,
        "shares": found.shares,
        "sliced": sliced_wasserstein(samples, source.take(range(10_000))["x"]),
        "sheet": picture,
        "recipe": repr(made),
        **trained.cost(),
    }


@functools.cache
def stacked_digits() -> torch.Tensor:
    """`[STACKED, 3, SIZE, SIZE]` bytes of the training digits, padded with black."""
    known = digits()
    images = torch.nn.functional.pad(as_images(known.train), (2, 2, 2, 2), value=-1.0)
    stacked, _ = stack(images, torch.as_tensor(known.labels), STACKED)
    return ((stacked + 1) * 127.5).round().to(torch.uint8)


def stacked_cell(
    recipe: str, seed: int, cpu: bool, minutes: float = math.inf, pictures: int | None = None
) -> dict[str, Any]:
    """Train for its minutes or pictures; count the modes of as many samples as the papers take."""
    made = recipe_of(recipe)
    if pictures is not None:
        made = dataclasses.replace(made, steps=pictures // a_step(made))
    name = f"{slug(recipe)}-{_amount(minutes, pictures).replace(' ', '')}"
    out = WORK / f"modes-stacked-{name}-seed{seed}"
    trained = train_for(made, stacked_digits(), out, 60 * minutes, cpu=cpu, seed=seed)
    samples = torch.cat([x[:, :, 2:-2, 2:-2] for x in trained.model.stream(PROTOCOL, seed=1)])
    found = stacked_modes(samples, digit_features().logits)
    return {
        "covered": found.covered,
        "reverse_kl": found.reverse_kl.value,
        "reverse_kl_error": found.reverse_kl.error,
        "samples": found.samples,
        "ideal_covered": found.ideal_covered,
        "ideal_kl": found.ideal_kl,
        "sheet": sheet(trained.model, f"modes_stacked_{name}.png", 36),
        "recipe": repr(made),
        **trained.cost(),
    }


def a_step(recipe: Any) -> int:
    """Real pictures that a step of a duel takes."""
    return recipe.batch_size * recipe.d_updates


def _amount(minutes: float, pictures: int | None) -> str:
    return f"{minutes:g} min" if pictures is None else f"{pictures} pictures"


def ring(results: Results, args: argparse.Namespace) -> str:
    """What is asked for is made; the tables have all that was ever measured."""
    for k, seed in itertools.product(args.k, range(args.seeds)):
        key = f"{args.recipe} ring k={k}, {args.steps} steps, seed {seed}"
        results.cell(key, functools.partial(ring_cell, args.recipe, k, seed, args.steps))
    groups: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = {}
    for key, cell in results.cells.items():
        recipe, k, steps = CELL.findall(key)[0]
        groups.setdefault((recipe, steps), {}).setdefault(k, []).append(cell)
    tables = (
        f"`{recipe}`, {steps} steps\n\n{table(_RING, [_ring_row(k, by[k]) for k in by])}"
        for (recipe, steps), by in groups.items()
    )
    covered = "A mode is covered when at least 1 % of 10,000 samples lie within 3 sigma of it."
    return "\n\n".join([covered, *tables])


CELL = re.compile(r"(.*) ring k=(\d+), (\d+) steps, seed \d+")
_RING = ("k", "modes of 8, a seed each", "samples within 3 sigma", "CPU s a run")


def _ring_row(k: str, cells: list[dict[str, Any]]) -> tuple[Any, ...]:
    covered = ", ".join(str(cell["covered"]) for cell in cells)
    within = [cell["within"] for cell in cells]
    spread = f" +- {mean_and_error(within).error:.1%}" if len(cells) > 1 else ""
    spent = sum(cell["cpu_seconds"] for cell in cells) / len(cells)
    return k, covered, f"{sum(within) / len(within):.1%}{spread}", f"{spent:.0f}"


def stacked(results: Results, args: argparse.Namespace) -> str:
    """What is asked for is made; the tables have all that was ever measured."""
    for recipe in args.recipes:
        minutes = math.inf if args.pictures else args.minutes
        key = f"{recipe} stacked, {_amount(minutes, args.pictures)}, seed {args.seed}"
        make = functools.partial(
            stacked_cell, recipe, args.seed, args.cpu, minutes, pictures=args.pictures
        )
        results.cell(key, make)
    groups: dict[str, list[tuple[Any, ...]]] = {}
    for key, cell in results.cells.items():
        recipe, amount = STACK.findall(key)[0]
        groups.setdefault(amount, []).append(_stacked_row(recipe, cell))
    tables = (f"{amount} each\n\n{table(_STACKED, groups[amount])}" for amount in groups)
    known = next(iter(results.cells.values()))
    said = (
        f"Stacked MNIST, {digits().name}, {PROTOCOL:,} samples, channels read by the digit "
        "classifier. A perfect generator would show "
        f"{known['ideal_covered']:.1f} modes and {known['ideal_kl']:.3f} nats."
    )
    return "\n\n".join([said, *tables])


STACK = re.compile(r"(.*) stacked, (\S+ min|\S+ pictures), seed \d+")
_STACKED = (
    *("recipe", "modes of 1,000", "reverse KL [nats]"),
    *("pictures", "steps", "CPU s", "s", "sheet"),
)


def _stacked_row(recipe: str, cell: dict[str, Any]) -> tuple[Any, ...]:
    kl = f"{cell['reverse_kl']:.3f} +- {cell['reverse_kl_error']:.3f}"
    picture = f"![{slug(recipe)}](../../docs/{cell['sheet']})"
    seen = cell["steps"] * a_step(recipe_of(recipe))
    spent = (f"{seen:,}", cell["steps"], f"{cell['cpu_seconds']:.0f}", f"{cell['seconds']:.0f}")
    return (f"`{recipe}`", cell["covered"], kl, *spent, picture)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("what", choices=("ring", "stacked"))
    parser.add_argument("--recipe", default="unrolled_gan", help="of the ring")
    parser.add_argument("--k", type=int, nargs="+", default=[5, 0], help="critic updates ahead")
    parser.add_argument("--seeds", type=int, default=5, help="of the ring")
    parser.add_argument("--steps", type=int, default=25_000, help="of the ring")
    parser.add_argument("--recipes", nargs="+", default=RECIPES, help="of stacked MNIST")
    parser.add_argument("--minutes", type=float, default=30, help="of training on stacked MNIST")
    parser.add_argument("--pictures", type=int, help="real pictures, in place of minutes")
    parser.add_argument("--cpu", action="store_true", help="minutes of the processor, not clock")
    parser.add_argument("--seed", type=int, default=0, help="of stacked MNIST")
    args = parse(parser)
    results = Results(f"modes_{args.what}")
    body = ring(results, args) if args.what == "ring" else stacked(results, args)
    results.publish("Modes covered", body)


if __name__ == "__main__":
    main()
