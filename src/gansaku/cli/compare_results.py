"""`gansaku compare-results A B`: two evaluations, ranked where their contracts agree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gansaku.cli.flags import parse
from gansaku.cli.show import escape, say, table
from gansaku.core.errors import UserError

if TYPE_CHECKING:
    from gansaku.metrics.result import Comparison, Report


@dataclass(frozen=True)
class Args:
    """Which of two evaluations is better, measure by measure.

    Numbers of unlike contracts do not rank, and it is said in what they differ.

    Examples:
      gansaku compare-results runs/a runs/b
      gansaku compare-results runs/a/evaluations/step-00003000.json old.json
    """

    first: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="A")]
    """a file of `gansaku evaluate`, or a run's folder: its newest"""
    second: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="B")]
    """another"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "compare-results")
    from gansaku.metrics.result import Report, compare

    reports = [Report.read(_file(where)) for where in (args.first, args.second)]
    found = compare(*reports)
    names = _names(reports, args)
    fair = [one for one in found if not one.differences]
    if fair:
        rows = [_row(one, names) for one in fair]
        say(table(("measure", *map(escape, names), "better"), rows, right=names))
    for one in found:
        if one.differences:
            say(f"[yellow]{escape(one.first.title)}: not ranked, for the two differ in[/]")
            say(escape("\n".join(f"    {line}" for line in one.differences)))
    if not fair:
        raise UserError(
            "nothing here may be ranked: evaluate both under one contract (the same --against, "
            "--features, -n and --seed)"
        )


def _file(where: str) -> Path:
    """A file, or the newest evaluation of a run."""
    path = Path(where)
    if not path.is_dir():
        return path
    made = sorted(path.glob("evaluations/*.json"), key=lambda file: file.stat().st_mtime)
    if not made:
        raise UserError(f"{where} has no evaluations; `gansaku evaluate {where}` makes one")
    return made[-1]


def _names(reports: list[Report], args: Args) -> list[str]:
    """What the columns are called: the run and its step, or the folder."""
    found = []
    for report, where in zip(reports, (args.first, args.second), strict=True):
        name = report.subject.get("run") or report.subject.get("folder") or where
        step = report.subject.get("step")
        found.append(Path(name).name + (f", step {step}" if step is not None else ""))
    return found if found[0] != found[1] else [f"{found[0]} (A)", f"{found[1]} (B)"]


def _row(one: Comparison, names: list[str]) -> tuple[str, ...]:
    verdict = {"first": f"[b]{escape(names[0])}[/]", "second": f"[b]{escape(names[1])}[/]"}
    said = verdict.get(one.verdict, one.verdict)
    if one.verdict in verdict and math.isnan(one.margin):
        said += " (its error is not known)"
    figures = (_figure(result.value, result.error) for result in (one.first, one.second))
    return escape(one.first.title), *figures, said


def _figure(value: float, error: float) -> str:
    return f"{value:.4g}" + ("" if math.isnan(error) else f" ± {error:.2g}")
