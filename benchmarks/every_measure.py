"""Every measure on one trained model, with its interval and its cost in seconds.

    python benchmarks/every_measure.py RUN --against test-images.gz --valid train-images.gz

Trains the default recipe on MNIST first where no run is given.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from common import WORK, Results, arguments, parse, recipe_of, shared, table, train_for
from gansaku.evaluation import evaluate
from gansaku.metrics.measures import everything

TRAIN, TEST = "train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"


def cell(run: Path, against: str, valid: str, features: str, n: int) -> dict[str, Any]:
    """One evaluation with one feature network: all figures, and the seconds of everything."""
    began = time.perf_counter()
    report = evaluate(run, against, n=n, measures="all", features=features, valid=valid, seed=1)
    seconds = time.perf_counter() - began
    results = [result.to_json() for result in report.results]
    return {"seconds": round(seconds, 1), "subject": dict(report.subject), "results": results}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("run", nargs="?", type=Path, help="a run's folder")
    parser.add_argument("--against", help="real pictures that it was not trained on")
    parser.add_argument("--valid", help="real pictures that choose the width of Parzen windows")
    parser.add_argument("--features", nargs="+", default=["backbone", "digits", "random-conv"])
    parser.add_argument("--steps", type=int, default=3000, help="of the run that is made here")
    parser.add_argument("-n", type=int, default=10_000)
    args = parse(parser)
    run = args.run or made(args.steps)
    against = args.against or str(shared("mnist", TEST))
    valid = args.valid or str(shared("mnist", TRAIN))
    results = Results("every_measure")
    cells = {}
    for features in args.features:
        key = f"{run.name} {features} {args.n}"
        cells[features] = results.cell(
            key, lambda features=features: cell(run, against, valid, features, args.n)
        )
    results.publish("Every measure on one model", _body(cells, args.n))


def made(steps: int) -> Path:
    """The default recipe on all of MNIST's training digits at 32 x 32."""
    recipe = recipe_of("quick", steps=steps)
    out = WORK / f"measured-quick-{steps}"
    train_for(recipe, str(shared("mnist", TRAIN)), out, size=32)
    return out


def _body(cells: dict[str, dict[str, Any]], n: int) -> str:
    subject = next(iter(cells.values()))["subject"]
    parts = [f"`{subject['recipe']}` at step {subject['step']}, {n} samples."]
    seen: set[str] = set()
    for features, found in cells.items():
        rows = [
            _row(one)
            for one in found["results"]
            if everything()[one["contract"]["measure"]].featured or one["title"] not in seen
        ]
        seen |= {one["title"] for one in found["results"]}
        head = f"## {features}: {found['seconds']:.0f} s, samples and features included"
        parts += [head, table(("measure", "value", "95 %", "better", "samples", "s"), rows)]
    return "\n\n".join(parts)


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    low, high = one["interval"] or (math.nan, math.nan)
    span = "" if math.isnan(low) else f"{low:.4g} to {high:.4g}"
    samples = one["contract"]["samples"]
    return one["title"], f"{one['value']:.4g}", span, one["better"], samples, one["seconds"]


if __name__ == "__main__":
    main()
