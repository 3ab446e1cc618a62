"""What a comparison found: cells (a recipe with a seed), rows (a recipe), and one table."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import tensor

from gansaku.metrics.estimate import Estimate, of_mean
from gansaku.metrics.measures import everything

DASH = "–"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One run of the comparison, trained and measured."""

    recipe: str  # as it was asked for
    seed: int
    steps: int
    images: int
    seconds: float  # of training
    ended: str  # budget, length (the recipe's own steps), or diverged
    findings: tuple[str, ...] = ()  # illnesses that the doctor saw at the end
    figures: Mapping[str, tuple[float, float | None]] = dataclasses.field(default_factory=dict)
    titles: Mapping[str, str] = dataclasses.field(default_factory=dict)
    folder: str = ""

    @property
    def healthy(self) -> bool:
        return self.ended != "diverged" and not self.findings

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cell:
        figures = {name: (value, error) for name, (value, error) in data["figures"].items()}
        return cls(**{**data, "findings": tuple(data["findings"]), "figures": figures})


@dataclasses.dataclass(frozen=True)
class Row:
    """A recipe's runs; or none, and why."""

    recipe: str
    cells: tuple[Cell, ...]
    reason: str = ""  # why it does not fit the data

    def values(self, measure: str) -> list[float]:
        """The measure of every run that it was taken of."""
        found = [cell.figures[measure][0] for cell in self.cells if measure in cell.figures]
        return [value for value in found if math.isfinite(value)]

    def figure(self, measure: str) -> Estimate:
        """Mean over the seeds and its standard error (nan of a single one; both of none)."""
        return mean(self.values(measure))

    @property
    def healthy(self) -> int:
        return sum(cell.healthy for cell in self.cells)

    @property
    def speed(self) -> Estimate:
        """Real images a second of training."""
        return mean([cell.images / cell.seconds for cell in self.cells if cell.seconds > 0])


@dataclasses.dataclass(frozen=True)
class Standings:
    """All rows, the best by `measure` first, and the words around them."""

    rows: tuple[Row, ...]
    measure: str  # what ranks
    measures: tuple[str, ...]  # all that were taken
    about: Mapping[str, Any]  # the contest's terms and what it was made on

    @classmethod
    def of(
        cls, rows: Sequence[Row], measure: str, measures: Sequence[str], about: Mapping[str, Any]
    ) -> Standings:
        sign = -1 if everything()[measure].better == "larger" else 1

        def place(row: Row) -> tuple[bool, bool, float]:
            value = row.figure(measure).value
            return bool(row.reason), math.isnan(value), 0.0 if math.isnan(value) else sign * value

        return cls(tuple(sorted(rows, key=place)), measure, tuple(measures), about)

    def title(self, measure: str) -> str:
        """As the evaluation calls it, with the feature network."""
        cells = (cell for row in self.rows for cell in row.cells)
        return next((c.titles[measure] for c in cells if measure in c.titles), measure)

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Head and lines of the table, as texts."""
        known = everything()
        names = [known[m].title + ARROW[known[m].better] for m in self.measures]
        head = ["recipe", *names, "steps", "images", "training s", "images/s", "healthy"]
        return head, [self.line(row) for row in self.rows]

    def line(self, row: Row) -> list[str]:
        if not row.cells:
            return [row.recipe, *[DASH] * (len(self.measures) + 4), row.reason or "not yet"]
        figures = [self.said(row, m) for m in self.measures]
        cost = (mean([getattr(c, name) for c in row.cells]) for name in ("steps", "images"))
        seconds = mean([c.seconds for c in row.cells])
        return [
            row.recipe,
            *figures,
            *(f"{one.value:,.0f}" for one in cost),
            f"{seconds.value:.3g}" if seconds.value < 1000 else f"{seconds.value:,.0f}",
            DASH if math.isnan(row.speed.value) else f"{row.speed.value:,.0f}",
            health(row),
        ]

    def said(self, row: Row, measure: str) -> str:
        found = row.figure(measure)
        if math.isnan(found.value):
            return DASH
        if measure == "modes":
            error = "" if math.isnan(found.error) else f" ± {found.error:.1g}"
            return f"{found.value:.3g}{error}"
        return pretty(found)

    def markdown(self) -> str:
        """The table with its terms: a page of its own."""
        head, lines = self.table()
        body = [head, ["---", *["---:"] * (len(head) - 2), "---"], *lines]
        cells = [["`" + line[0] + "`", *line[1:]] if i > 1 else line for i, line in enumerate(body)]
        rows = ["| " + " | ".join(text.replace("|", "\\|") for text in c) + " |" for c in cells]
        terms = [f"- {name}: {text}" for name, text in self.about["terms"].items()]
        return "\n".join(["# Comparison", "", *rows, "", *terms, ""])

    def to_json(self) -> dict[str, Any]:
        rows = [
            {
                "recipe": row.recipe,
                "reason": row.reason,
                "healthy": row.healthy,
                "runs": len(row.cells),
                "figures": {m: _known(row.figure(m)) for m in self.measures},
                "images_per_s": _known(row.speed),
                "cells": [dataclasses.asdict(cell) for cell in row.cells],
            }
            for row in self.rows
        ]
        return {"measure": self.measure, "about": self.about, "rows": rows}


ARROW = {"smaller": " ↓", "larger": " ↑", "neither": ""}


def health(row: Row) -> str:
    """`2 of 3; mode-collapse, diverged`: how many ended well, and what the others had."""
    ills = [
        illness
        for cell in row.cells
        for illness in (["diverged"] if cell.ended == "diverged" else cell.findings)
    ]
    told = ", ".join(dict.fromkeys(ills))
    return f"{row.healthy} of {len(row.cells)}" + (f": {told}" if told else "")


def mean(values: Sequence[float]) -> Estimate:
    """Of nothing, nan; of one value, without an error."""
    if not values:
        return Estimate(math.nan, math.nan)
    return of_mean(tensor(list(values), dtype=float))


def pretty(found: Estimate) -> str:
    """Value and error to the digits that the error leaves: `0.0312 ± 0.0021`."""
    if math.isnan(found.error) or found.error == 0:
        return f"{found.value:.3g}"
    decimals = max(0, 1 - math.floor(math.log10(found.error)))
    if decimals > 6:
        return f"{found.value:.3g} ± {found.error:.2g}"
    return f"{found.value:.{decimals}f} ± {found.error:.{decimals}f}"


def _known(found: Estimate) -> dict[str, float | None]:
    """For JSON, which has no nan."""
    pairs = {"value": found.value, "error": found.error}
    return {name: None if math.isnan(value) else value for name, value in pairs.items()}
