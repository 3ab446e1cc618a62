"""`gansaku evaluate RUN|FOLDER`: figures of quality, each under its contract."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.show import console, escape, grid, say

if TYPE_CHECKING:
    from gansaku.metrics.measures import Measure
    from gansaku.metrics.result import Report, Result


@dataclass(frozen=True)
class Args:
    """How good are the samples of a run, or the pictures in a folder? Figures with intervals.

    Examples:
      gansaku evaluate runs/quick-mnist5k
      gansaku evaluate runs/dcgan-photos --against photos/ -n 10000
      gansaku evaluate generated/ --against photos/ --measures frechet_distance,recall
      gansaku evaluate runs/singan-balloons --against balloons.png
      gansaku evaluate --measures list

    Without --against: with what the run held out (--holdout 0.1), or else with its
    training data.

    `gansaku compare-results A B` ranks two of its files, where they may be ranked.
    """

    subject: Annotated[str, tyro.conf.Positional, may(metavar="[RUN|FOLDER]")] = ""
    """a run's folder, or pictures that were made elsewhere"""
    against: Annotated[str | None, may(metavar="DATA")] = None
    """real data to compare with: a folder, zip, IDX, npz or npy, a built-in, or one picture"""
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 10_000
    """samples, and at most so many pictures of a folder; of a run of one picture at most 100"""
    measures: Annotated[str | None, may(metavar="NAME,...")] = None
    """which; 'all'; 'list' to see them; none: all that is usual"""
    features: Annotated[str | None, may(metavar="NAME[:FILE]")] = None
    """backbone, random-conv, digits[:DATA], inception[:FILE], dinov2:FILE; none: the best here"""
    valid: Annotated[str | None, may(metavar="DATA")] = None
    """other real pictures, which choose the width of Parzen windows"""
    paired: bool = False
    """two folders of a translator: each picture beside its partner, in order of their names"""
    size: Annotated[int | None, may(metavar="PIXELS")] = None
    """of a folder's pictures, where they differ"""
    seed: int = 1
    """of the samples"""
    checkpoint: Annotated[str, tyro.conf.arg(metavar="last|best|STEP")] = "last"
    """which state of the run"""
    average: bool = True
    """samples of the moving average, where the recipe keeps one; or of the weights trained"""
    out: Annotated[str | None, may(metavar="FILE")] = None
    """the JSON file; none: a new one in the run's folder, evaluations/"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "evaluate")
    if args.measures == "list":
        from gansaku.metrics.measures import everything

        _list(everything().values())
        return
    from gansaku.core.errors import UserError
    from gansaku.evaluation import evaluate

    if not args.subject:
        raise UserError("say what to evaluate: a run's folder, or a folder of pictures")
    given = {k: v for k, v in vars(args).items() if k not in ("subject", "out")}
    with console().status("samples and features ...") as status:
        report = evaluate(
            args.subject,
            note=lambda text: say(f"[yellow]{escape(text)}[/]"),
            on_measure=lambda measure: status.update(f"{measure.title} ..."),
            on_result=_show,
            **given,
        )
    _close(report, Path(args.out) if args.out else _place(args.subject, report))


def _list(every: Iterable[Measure]) -> None:
    """Each in two lines: what it tells, then which way is better and where it is from."""
    rows: list[tuple[str, str]] = []
    for m in every:
        way = "" if m.better == "neither" else f"{m.better} is better; "
        rows += [(f"[b]{m.name}[/]", m.line), ("", f"[dim]{way}{m.paper}[/]")]
    say(grid(rows, indent=0))


def _show(result: Result) -> None:
    say(escape(str(result)))


def _close(report: Report, path: Path) -> None:
    """What to be careful about, and where it is all written down."""
    for warning in dict.fromkeys(w for found in report.results for w in found.warnings):
        say(f"[yellow]{escape(warning)}[/]")
    report.write(path)
    say(f"\nwith the contract of every figure: [b]{escape(str(path))}[/]")


def _place(subject: str, report: Report) -> Path:
    """A new file: in the run's folder, or in evaluations/ here for a folder of pictures."""
    about: Any = report.subject
    run = "run" in about
    folder = Path(about["run"] if run else ".") / "evaluations"
    name = f"step-{about['step']:08d}" if run else Path(subject).resolve().name
    paths = [folder / f"{name}.json", *(folder / f"{name}-{i}.json" for i in range(2, 10_000))]
    return next(path for path in paths if not path.exists())
