"""The curve of a run's measure with its error bars, beside the critic's estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gansaku.data.draw import write_whole

INK, PALE = "#1f4e79", "#c26a1b"


def draw(records: Sequence[Mapping[str, Any]], path: str | Path) -> Path | None:
    """Draw the lines of metrics.jsonl that have a `measure`; None where fewer than two do.

    The best is marked. Where the run logs `wasserstein`, the critic's estimate of the distance,
    it is drawn beside: it should fall as the measure does (arXiv:1701.07875, figure 3).
    """
    measured = [record for record in records if "measure" in record]
    if len(measured) < 2:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), dpi=120, layout="tight")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _measure(axes, measured)
    estimate = [(r["step"], r["wasserstein"]) for r in records if "wasserstein" in r]
    if estimate:
        _estimate(axes.twinx(), estimate)
    return write_whole(path, lambda draft: figure.savefig(draft, format="png"))


def _measure(axes: Any, measured: Sequence[Mapping[str, Any]]) -> None:
    steps = [record["step"] for record in measured]
    values = [record["measure"] for record in measured]
    errors = [record["error"] for record in measured]
    axes.errorbar(steps, values, errors, color=INK, lw=1.4, elinewidth=0.8, marker=".", ms=4)
    best = min(range(len(values)), key=values.__getitem__)
    axes.plot(steps[best], values[best], "o", mfc="none", mec=INK, ms=9)
    told = f"best (circled): {values[best]:.3g} ± {errors[best]:.2g} at step {steps[best]}"
    axes.set_title(told, loc="right", fontsize=9, color=INK)
    if min(values) > 0 and max(values) > 20 * min(values):
        axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel(measured[-1]["of"].partition(" (")[0], color=INK)
    axes.grid(alpha=0.25)
    axes.spines[["top"]].set_visible(False)


def _estimate(axes: Any, points: Sequence[tuple[int, float]]) -> None:
    axes.plot(*zip(*points, strict=True), color=PALE, lw=1)
    axes.set_ylabel("critic's estimate", color=PALE)
    axes.spines[["top"]].set_visible(False)
