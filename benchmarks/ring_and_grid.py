"""WGAN-GP on the ring and the grid: modes covered; and WGAN's estimate against the distance.

python benchmarks/ring_and_grid.py
"""

from __future__ import annotations

import argparse
from typing import Any

from torch import Tensor

from common import (
    IMAGES,
    WORK,
    Results,
    arguments,
    as_images,
    digit_features,
    digits,
    parse,
    recipe_of,
    slug,
    spearman,
    table,
    train_for,
)
from gansaku.core.loop import Run
from gansaku.data import open_source
from gansaku.metrics.frechet import Moments, frechet_distance
from gansaku.metrics.modes import mode_coverage
from gansaku.metrics.sliced import sliced_wasserstein

SHARES = {"ring": 0.01, "grid": 0.005}  # of the samples: what covers a mode


class Follow:
    """A watch that notes the critic's estimate beside a distance of samples to the data.

    The estimate is the mean over the logged steps since the last distance.
    """

    def __init__(self, every: int, distance: Any, n: int) -> None:
        self.every, self.distance, self.n = every, distance, n
        self.estimates: list[float] = []
        self.rows: list[dict[str, float]] = []

    def __call__(self, run: Run) -> None:
        if run.record is not None:
            self.estimates.append(run.record["wasserstein"])
        if run.steps % self.every == 0 and self.estimates:
            distance = self.distance(run.sample(self.n, seed=1))
            estimate = sum(self.estimates) / len(self.estimates)
            self.rows.append({"step": run.steps, "estimate": estimate, "distance": distance})
            self.estimates.clear()


def modes_of(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Train wgan_gp on a mixture with known modes; count them."""
    source = open_source(name, seed=0)
    trained = train_for(
        recipe_of(args.recipe),
        name,
        WORK / f"{slug(args.recipe)}-{name}-{args.seconds:g}s",
        args.seconds,
        cpu=True,
    )
    samples = trained.model.sample(10_000, seed=1)
    found = mode_coverage(samples, source.modes, source.sigma, SHARES[name])
    IMAGES.mkdir(parents=True, exist_ok=True)
    real = source.take(range(2000))["x"]

    def score(x: Tensor) -> Tensor:
        return trained.model.recipe.score(trained.model.nets, x).detach()

    picture = IMAGES / f"{slug(args.recipe)}_{name}.png"
    trained.model.preview(samples[:2000], picture, reference=real, score=score)
    return {
        "covered": found.covered,
        "modes": found.modes,
        "within_3_sigma": found.within,
        "least_share": min(found.shares),
        "sliced": sliced_wasserstein(samples, source.take(range(10_000))["x"]),
        **trained.cost(),
    }


def estimate_on_points(name: str, args: argparse.Namespace) -> dict[str, Any]:
    source = open_source(name, seed=0)
    real = source.take(range(5000))["x"]
    follow = Follow(args.every, lambda x: sliced_wasserstein(x, real), 5000)
    return _followed(name, name, "sliced Wasserstein distance", follow, args)


def estimate_on_digits(args: argparse.Namespace) -> dict[str, Any]:
    features = digit_features().features
    real = Moments.of(features(as_images(digits().test)))
    follow = Follow(args.every, lambda x: frechet_distance(Moments.of(features(x)), real), 2000)
    label = f"Frechet distance ({features.name})"
    return _followed(digits().name, digits().train, label, follow, args)


def _followed(
    name: str, data: Any, label: str, follow: Follow, args: argparse.Namespace
) -> dict[str, Any]:
    out = WORK / f"{slug(args.wgan)}-{name}-{args.wgan_seconds:g}s-{args.every}"
    if (out / "run.json").exists():  # what was followed lives in memory: begin again
        out = out.with_name(f"{out.name}-{len(list(out.parent.glob(out.name + '*')))}")
    trained = train_for(
        recipe_of(args.wgan), data, out, args.wgan_seconds, watches=[follow], log_every=10
    )
    rows = follow.rows
    columns = [[row[key] for row in rows] for key in ("estimate", "distance")]
    correlation = spearman(*columns) if len(rows) > 2 else float("nan")
    _plot(rows, label, correlation, f"wgan_estimate_{name}.png")
    return {"spearman": correlation, "distance": label, "rows": rows, **trained.cost()}


def _plot(rows: list[dict[str, float]], label: str, correlation: float, name: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, left = plt.subplots(figsize=(6, 3.4), dpi=110, layout="constrained")
    steps = [row["step"] for row in rows]
    left.plot(steps, [row["estimate"] for row in rows], "C0", label="the critic's estimate")
    left.set_xlabel("generator updates")
    left.set_ylabel("estimate", color="C0")
    right = left.twinx()
    right.plot(steps, [row["distance"] for row in rows], "C1")
    right.set_ylabel(label, color="C1")
    left.set_title(f"wgan: rank correlation {correlation:.2f}", fontsize=10)
    IMAGES.mkdir(parents=True, exist_ok=True)
    figure.savefig(IMAGES / name)
    plt.close(figure)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--recipe", default="wgan_gp", help="what covers the modes")
    parser.add_argument("--seconds", type=float, default=115, help="of CPU for each mixture")
    parser.add_argument("--wgan", default="wgan", help="whose estimate is followed")
    parser.add_argument("--wgan-seconds", type=float, default=600, help="of the clock, each")
    parser.add_argument("--follow", nargs="*", help="on what: ring, grid; digits by default")
    parser.add_argument("--every", type=int, default=100, help="steps between two distances")
    args = parse(parser)
    results = Results("ring_and_grid")
    rows = []
    for name in SHARES:
        key = f"{args.recipe} {name} {args.seconds:g} s"
        cell = results.cell(key, lambda name=name: modes_of(name, args))
        covered = f"{cell['covered']} of {cell['modes']}"
        within = f"{cell['within_3_sigma']:.1%}"
        spent = (cell["steps"], f"{cell['cpu_seconds']:.0f}", f"{cell['seconds']:.0f}")
        rows.append((args.recipe, name, covered, within, f"{cell['sliced']:.4f}", *spent))
    followed = []
    for name in args.follow or [digits().name]:
        key = f"{args.wgan} estimate {name} {args.wgan_seconds:g} s every {args.every}"
        make = estimate_on_digits if name == digits().name else None
        cell = results.cell(
            key, lambda name=name, make=make: make(args) if make else estimate_on_points(name, args)
        )
        ends = [f"{cell['rows'][i]['estimate']:.4g}" for i in (0, -1)] if cell["rows"] else ["", ""]
        followed.append(
            (name, cell["distance"], len(cell["rows"]), f"{cell['spearman']:.2f}", *ends)
        )
    header = (
        "recipe",
        "data",
        "modes",
        "within 3 sigma",
        "sliced Wasserstein",
        "steps",
        "CPU s",
        "s",
    )
    body = table(header, rows) + (
        "\n\nA mode is covered when at least 1 % (ring) or 0.5 % (grid) of 10,000 samples lie "
        "within 3 sigma of it.\n\n"
    )
    header = ("data", "distance", "points", "Spearman", "estimate at first", "at last")
    body += f"`{args.wgan}`: the critic's estimate against the distance of samples to the data.\n\n"
    results.publish("Modes covered, and an estimate that falls", body + table(header, followed))


if __name__ == "__main__":
    main()
