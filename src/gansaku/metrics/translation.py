"""How a translator gets on while it trains: a figure, and a sheet of the same inputs each time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from gansaku.core.capabilities import Translates, directions_of
from gansaku.core.contract import Batch, Nets
from gansaku.core.loop import Run
from gansaku.core.translating import inputs_of, translations
from gansaku.data.draw import save_table
from gansaku.metrics.estimate import of_mean
from gansaku.metrics.progress import Progress, ProgressMeasure, spread

ROWS = (8, 4)  # of a sheet of small and of large pictures
MOST = (64, 24)  # translations that are measured, small and large
SMALL = 128  # pixels of a side
NAME = "mean absolute error against targets"


def some(source: Any, counts: tuple[int, int]) -> Batch:
    """The same samples each time, held out where anything is: fewer of large pictures."""
    part = source.held or source
    most = counts[max(source.spec.shape[1:]) > SMALL]
    return part.take(spread(len(part), most))


def shown(run: Run, batch: Batch, direction: str = "AtoB") -> dict[str, Tensor]:
    """Input, output and, where the data knows it, target of a batch, each `[N, ...]`."""
    recipe, given = cast(Translates, run.recipe), {"direction": direction}

    def make(nets: Nets) -> dict[str, Tensor]:
        a = inputs_of(recipe, nets, batch, run.seed, direction, run.device)
        out = torch.cat(list(translations(recipe, nets, a, run.seed, given, run.device)))
        there = {name: value.to(run.device) for name, value in batch.items()}
        target = recipe.targets(nets, there) if direction == "AtoB" else None
        told = {} if target is None else {"target": target.cpu()}
        return {"input": a, "output": out, **told}

    return run.generated(make)


def draw(run: Run, path: Path) -> Path:
    """The sheet of this moment: a row an input; of two directions, both."""
    batch, columns = some(run.source, ROWS), {}
    for direction in (both := directions_of(run.recipe)):
        names = shown(run, batch, direction)
        said = f" {direction}" if len(both) > 1 else ""
        columns |= {f"{name}{said}": visible(run.source.spec, x) for name, x in names.items()}
    return save_table(columns, path)


def visible(spec: Any, x: Tensor) -> Tensor:
    """Pictures as they are, class numbers in their colours."""
    return x if x.is_floating_point() else spec.a.painted(x)


class TranslationMeasure:
    """The progress of a translator on the same inputs each time; smaller is better.

    Against targets, where the data knows them: the mean absolute error, pixels in [-1, 1]. Else
    `ProgressMeasure` between translations and real pictures; of two directions, the mean.
    """

    def __init__(self, run: Run) -> None:
        self.run, self.batch = run, some(run.source, MOST)
        self.directions = directions_of(run.recipe)
        self.references: dict[str, ProgressMeasure] = {}
        self.count = len(next(iter(self.batch.values())))

    def samples(self, run: Run) -> Tensor:
        """Translations of the fixed inputs, `[n, C, H, W]`; `error` belongs to the last of them."""
        first, *others = (shown(run, self.batch, direction) for direction in self.directions)
        if "target" in first:
            self.found = self._against(first["output"], first["target"])
        else:
            pairs = zip(self.directions, (first, *others), strict=True)
            self.found = joined([self._among(d, made["output"]) for d, made in pairs])
        return first["output"]

    def __call__(self, samples: Tensor) -> Progress:
        return self.found

    def _against(self, out: Tensor, target: Tensor) -> Progress:
        if not out.isfinite().all():
            return {"value": math.inf, "error": math.nan, "name": NAME}
        found = of_mean((out.double() - target.double()).abs().flatten(1).mean(1))
        return {"value": found.value, "error": found.error, "name": NAME}

    def _among(self, direction: str, out: Tensor) -> Progress:
        """The distance to real pictures of the side that is translated to."""
        if direction not in self.references:
            side = "b" if direction == "AtoB" else "a"
            spec = getattr(self.run.source.spec, side)
            self.references[direction] = ProgressMeasure(self.batch[side], spec)
        return self.references[direction](out)


def joined(parts: list[Progress]) -> Progress:
    """The mean of figures of one kind, with its standard error."""
    value = sum(part["value"] for part in parts) / len(parts)
    error = math.hypot(*(part["error"] for part in parts)) / len(parts)
    return {"value": value, "error": error, "name": parts[0]["name"]}
