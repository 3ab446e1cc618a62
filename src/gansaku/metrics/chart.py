"""The chart of a comparison: a line for each recipe, a dot a seed, the mean and its error."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import Any

from gansaku.data.draw import write_whole
from gansaku.metrics.measures import everything
from gansaku.metrics.standings import Row, Standings

INK, ILL, PALE = "#1f4e79", "#c26a1b", "#9aa5b1"
LONG, LINES = 34, 3  # letters and lines of a recipe's name


def draw(found: Standings, path: str | Path) -> Path:
    """The measure that ranks on the left, what each run costs or covers on the right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [row for row in found.rows if row.cells]
    tall = sum(1 + 0.35 * short(row.recipe).count("\n") for row in rows)
    high = 1.35 + 0.42 * max(tall, 1)
    figure = Figure(figsize=(9, high), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(2.2, 1), sharey=True)
    _measure(left, found, rows)
    if "modes" in found.measures and found.measure != "modes":
        _bars(right, "modes covered", [row.figure("modes") for row in rows])
    else:
        _bars(right, "images a second", [row.speed for row in rows])
    left.set_yticks(range(len(rows)), [short(row.recipe) for row in rows], size=8.5)
    left.set_ylim(len(rows) - 0.4, -0.6)
    return write_whole(path, lambda draft: figure.savefig(draft, format="png"))


def _measure(axes: Any, found: Standings, rows: list[Row]) -> None:
    values = [value for row in rows for value in row.values(found.measure)]
    logarithmic = bool(values) and min(values) > 0 and max(values) > 20 * min(values)
    if logarithmic:
        axes.set_xscale("log")
    for at, row in enumerate(rows):
        _seeds(axes, at, row, found.measure)
        figure = row.figure(found.measure)
        if math.isnan(figure.value):
            look = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 9}
            axes.text(0.02, at, "diverged", color=ILL, **look)
            continue
        error = 0.0 if math.isnan(figure.error) else figure.error
        low = min(error, figure.value * 0.99) if logarithmic else error
        axes.errorbar(
            figure.value, at, xerr=[[low], [error]], color=INK, fmt="|", ms=13, mew=2, capsize=3
        )
    better = everything()[found.measure].better
    arrow = {"smaller": "  (← better)", "larger": "  (better →)", "neither": ""}[better]
    axes.set_xlabel(found.title(found.measure) + arrow, fontsize=9)
    _clean(axes)
    _legend(axes, rows)


def _seeds(axes: Any, at: int, row: Row, measure: str) -> None:
    """A dot for each run, hollow where the doctor found something."""
    for cell in row.cells:
        value = cell.figures.get(measure, (math.nan, None))[0]
        colour = INK if cell.healthy else ILL
        face = colour if cell.healthy else "none"
        axes.plot(value, at, "o", ms=6, mec=colour, mfc=face, alpha=0.75, zorder=3)


def _legend(axes: Any, rows: list[Row]) -> None:
    from matplotlib.lines import Line2D

    many = max((len(row.cells) for row in rows), default=0) > 1
    look = {"linestyle": "", "ms": 6}
    marks = [Line2D([], [], marker="o", color=INK, label="a seed", **look)]
    if any(cell.figures and not cell.healthy for row in rows for cell in row.cells):
        marks += [Line2D([], [], marker="o", color=ILL, mfc="none", label="a sick run", **look)]
    if many:
        marks += [Line2D([], [], marker="|", color=INK, mew=2, label="mean ± error", ls="", ms=11)]
    axes.figure.legend(
        handles=marks, loc="outside upper left", ncols=3, frameon=False, fontsize=8.5
    )


def _bars(axes: Any, title: str, figures: list[Any]) -> None:
    known = {at: f.value for at, f in enumerate(figures) if not math.isnan(f.value)}
    axes.barh(list(known), list(known.values()), height=0.5, color=PALE)
    for at in range(len(figures)):
        value = known.get(at, 0.0)
        text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if at in known else "–"
        axes.annotate(text, (value, at), (4, 0), textcoords="offset points", va="center", size=8)
    axes.set_xlim(0, 1.25 * max(known.values(), default=0.0) or 1.0)
    axes.set_xlabel(title, fontsize=9)
    _clean(axes)
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([])


def _clean(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9)


def short(text: str) -> str:
    """A config text over a few lines, the rest cut off."""
    lines = textwrap.wrap(text, LONG)
    cut = " …" if len(lines) > LINES else ""
    return "\n".join(lines[:LINES]) + cut
