"""Classes on demand: cgan, acgan and infogan on MNIST, and whether the class is the one asked for.

    python benchmarks/conditional.py --minutes 20 --cpu --threads 1

A network trained on real digits says which digit a sample shows (agreement); the same network
trained on samples alone is tried on real digits (GAN-train); of infogan, Q's categories are matched
one to one with the digits. Every cell resumes where it stopped, and is not made again.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from common import (
    IMAGES,
    WORK,
    Results,
    arguments,
    as_images,
    digits,
    parse,
    recipe_of,
    slug,
    table,
    train_for,
    unseen_digits,
)
from gansaku.core.capabilities import Sweeps
from gansaku.core.sampling import by_class, in_shares
from gansaku.metrics.classifier import gan_train
from gansaku.metrics.digits import DigitClassifier, digit_classifier
from gansaku.metrics.estimate import of_mean
from gansaku.tools.interpolate import generate, latents

FAST = "batch_size=64, g_optimizer=Adam(1e-3, (0.0, 0.99)), d_optimizer=Adam(2e-3, (0.0, 0.99))"
HELD = f"objective=Hinge(), d_norm='spectral', ema=10000.0, {FAST}"  # as the quick recipe is
RECIPES = (  # the papers' systems at a width, and with rates, that a CPU's minutes suffice for
    f"CGAN(net='conv', told='projection', up='nearest', prior='normal', width=32, {HELD})",
    f"ACGAN(width=32, d_width=8, dropout=0.0, {HELD})",
    "InfoGAN(width=32)",
)
FOREVER = 10**9  # steps: the budget ends the run


def labelled() -> Path:
    """The training digits with their labels, as a file: a run can be resumed on it."""
    known = digits()
    path = WORK / f"labelled-{known.name}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft.npz")
        np.savez(draft, x=known.train, y=known.labels)
        draft.replace(path)
    return path


@functools.cache
def reader() -> DigitClassifier:
    """Who says which digit a picture shows: trained for longer than the one that measures."""
    known = digits()
    y = torch.tensor(known.labels)
    return digit_classifier(as_images(known.train), y, WORK / "features", steps=4000)


def judge() -> dict[str, Any]:
    """The network that says which digit a picture shows, and how it does on the test digits."""
    classifier, (x, y) = reader(), unseen_digits()
    right = of_mean((classifier.logits(x).argmax(1) == y).double())
    return {"classifier": classifier.name, "accuracy": right.value, "error": right.error}


def real(n: int) -> dict[str, Any]:
    """What GAN-train comes to with as many real digits in place of samples."""
    known = digits()
    x, y = as_images(known.train[:n]), torch.tensor(known.labels[:n])
    found = gan_train(x, y, *unseen_digits())
    return {"gan_train": found.value, "gan_train_error": found.error, "samples": len(x)}


def cell(recipe: str, minutes: float, seed: int, cpu: bool, n: int) -> dict[str, Any]:
    """Train one recipe for its minutes; ask for classes, and see what comes."""
    made = recipe_of(recipe, steps=FOREVER)
    out = WORK / f"conditional-{slug(recipe)}-{digits().name}-{minutes:g}min-seed{seed}"
    trained = train_for(made, labelled(), out, 60 * minutes, seed=seed, cpu=cpu)
    model = trained.model
    y = in_shares(range(10), n)
    x = model.sample(n, seed=1, y=y)
    shown = reader().logits(x).argmax(1)
    by_itself = isinstance(made, Sweeps)
    found = _codes(model, y, shown) if by_itself else _labels(x, y, shown)
    sheets = _sheets(model, slug(recipe))
    return {**found, "samples": n, "sheets": sheets, "recipe": recipe, **trained.cost()}


def _labels(x: Tensor, y: Tensor, shown: Tensor) -> dict[str, Any]:
    """How many samples show the digit that was asked for, and what a network learns of them."""
    right = (shown == y).double()
    agreement, train = of_mean(right), gan_train(x, y, *unseen_digits())
    return {
        "agreement": agreement.value,
        "agreement_error": agreement.error,
        "by_class": [round(float(right[y == k].mean()), 4) for k in range(10)],
        "gan_train": train.value,
        "gan_train_error": train.error,
    }


def _codes(model: Any, y: Tensor, shown: Tensor) -> dict[str, Any]:
    """Errors of the best one-to-one match of categories with digits: of Q on real, of samples."""
    x, labels = unseen_digits()
    with torch.no_grad():
        parts = [model.recipe.classify(model.nets, part) for part in x.split(500)]
    told = torch.cat(parts).argmax(1)
    error, match = matched(told, labels)
    return {
        "code_error": error,
        "code_error_error": (error * (1 - error) / len(x)) ** 0.5,
        "match": match,
        "sample_error": matched(y, shown)[0],
    }


def matched(codes: Tensor, labels: Tensor, k: int = 10) -> tuple[float, list[int]]:
    """The share that the best one-to-one match of `codes [N]` with `labels [N]` gets wrong.

    And the label of each code.
    """
    counts = torch.zeros(k, k, dtype=torch.long)
    counts.index_put_((codes, labels), torch.ones_like(codes), accumulate=True)
    rows, columns = linear_sum_assignment(counts.numpy(), maximize=True)
    return 1.0 - int(counts[rows, columns].sum()) / len(codes), columns.tolist()


def _sheets(model: Any, name: str) -> list[str]:
    """A row a class; of a recipe with codes, a sheet for each code as well."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    y = in_shares(range(10), 100)
    rows, columns = by_class(model.sample(100, seed=7, y=y), y)
    drawn = {f"conditional_{name}.png": (rows, columns)}
    if isinstance(model.recipe, Sweeps):
        for code, z in model.recipe.sweeps(latents(model, 10, 7), 10).items():
            x = generate(model, z.flatten(0, 1))
            drawn[f"conditional_{name}_{code}.png"] = (x, z.shape[1])
    for file, (x, across) in drawn.items():
        model.preview(x, IMAGES / file, columns=across)
    return [f"images/{file}" for file in drawn]


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--minutes", type=float, default=20, help="of training, each recipe")
    parser.add_argument("--cpu", action="store_true", help="minutes of the processor, not clock")
    parser.add_argument("--recipes", nargs="+", default=RECIPES, help="names or config texts")
    parser.add_argument("--samples", type=int, default=10_000, help="that are judged")
    parser.add_argument("--seed", type=int, default=0)
    args = parse(parser)
    results = Results("conditional")
    results.cell(f"judge {digits().name}", judge)
    results.cell(f"real {digits().name} {args.samples}", functools.partial(real, args.samples))
    for recipe in args.recipes:
        make: Callable[[], dict[str, Any]] = functools.partial(
            cell, recipe, args.minutes, args.seed, args.cpu, args.samples
        )
        results.cell(_key(recipe, args), make)
        results.publish("Classes on demand", _body(results, args))


def _key(recipe: str, args: argparse.Namespace) -> str:
    return f"{slug(recipe)} {digits().name} {args.minutes:g} min seed {args.seed} {args.samples}"


def _body(results: Results, args: argparse.Namespace) -> str:
    name = digits().name
    told, base = results.cells[f"judge {name}"], results.cells[f"real {name} {args.samples}"]
    known = [r for r in args.recipes if _key(r, args) in results.cells]
    rows = [_row(recipe, results.cells[_key(recipe, args)]) for recipe in known]
    clock = "minutes of one core" if args.cpu else "minutes"
    return (
        f"{name}, {args.minutes:g} {clock} of training each, {args.samples} samples. The judge "
        f"`{told['classifier']}` is right on {told['accuracy']:.2%} of the test digits (the target "
        f"wants 99 %; made in {told['cell_seconds']:.0f} s). GAN-train with "
        f"{base['samples']} real digits: {base['gan_train']:.2%}.\n\n{table(_HEADER, rows)}"
    )


_HEADER = ("recipe", "agreement", "GAN-train", "code error, real digits", "steps", "sheets")


def _row(recipe: str, found: dict[str, Any]) -> tuple[Any, ...]:
    def figure(name: str) -> str:
        if name not in found:
            return ""
        return f"{100 * found[name]:.2f} ± {100 * found[f'{name}_error']:.2f} %"

    pictures = " ".join(f"![{Path(p).stem}](../../docs/{p})" for p in found["sheets"])
    figures = map(figure, ("agreement", "gan_train", "code_error"))
    return f"`{recipe}`", *figures, found["steps"], pictures


if __name__ == "__main__":
    main()
