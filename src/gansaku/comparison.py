"""Recipes beside one another: the same data, the same budget, several seeds, one table.

What is trained is an ordinary run folder; what is measured is `gansaku.evaluation.evaluate`; who
is healthy is the doctor's word. All of it resumes: a run goes on from its last checkpoint, and a
run that was measured is not touched again.
"""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from gansaku.cells import MISFIT, Bout, Contest, Entrant, entrant, length_of
from gansaku.core.budget import Amount, seconds_of
from gansaku.core.contract import Recipe
from gansaku.core.errors import Diverged, UserError
from gansaku.core.files import read_json, write_text
from gansaku.core.loop import Watch
from gansaku.data.draw import save_rows
from gansaku.data.points import centres
from gansaku.metrics import chart, measures
from gansaku.metrics.bench import Bench, Side
from gansaku.metrics.standings import Cell, Row, Standings
from gansaku.model import load
from gansaku.options import ARRAY, Options, open_data
from gansaku.options import chosen as options_of

USUAL = {True: ("kernel_distance", "frechet_distance"), False: ("sliced_wasserstein", "modes")}
SAMPLES = {True: 5000, False: 10_000}  # of pictures, of points
SHOWN = 16  # samples of each recipe
QUIET = {"measure_every": 0, "sheet_every": 10**9, "save_every": 10**9, "save_minutes": 1e6}
Told = Callable[[str, int, Cell | None], None]


def compare(
    recipes: Sequence[str | Recipe],
    data: Any = None,
    *,
    budget: str | float = "5m",
    images: int | None = None,
    seeds: int = 3,
    measure: str | None = None,
    n: int | None = None,
    features: str | None = None,
    against: Any = None,
    out: str | Path = "runs/compare",
    say: Callable[[str], None] = lambda text: None,
    watches: Sequence[Watch] = (),
    on_cell: Told = lambda recipe, seed, cell: None,
    **options: Any,
) -> Standings:
    """Train each recipe on `data` with each seed for one `budget`, measure all, and rank them.

    `budget` is a time of training (`5m`, or seconds), `images` a number of real images instead. It
    counts steps alone: no measure, no picture, no start-up. A recipe's length (`steps`) is set to
    what the budget is worth by a short trial, so that its schedules end with it, unless its
    config text names its steps. `measure` ranks; `n` samples are measured against `against`, or
    else against a tenth of the data that is held out. `options` are fields of `Options`.

    Called again with the same `out` it goes on: finished cells are kept, and recipes or seeds may
    be added; other terms are refused. `on_cell(recipe, seed, cell)` is called before a cell (with
    None) and after. Raises UserError where nothing can be compared, KeyboardInterrupt where it
    was interrupted; all is kept.
    """
    entrants = [entrant(recipe) for recipe in recipes]
    _check(entrants, seeds)
    held = {} if against is not None or "holdout" in options else {"holdout": 0.1}
    chosen = options_of({**QUIET, **held, **options}, data)
    if chosen.data == ARRAY and against is None:
        raise UserError("data that is an array cannot be opened again: give against=..., too")
    array = data if chosen.data == ARRAY else None
    source = open_data(chosen, array)
    amount = Amount(seconds_of(str(budget))) if images is None else Amount(images, "images")
    contest = _contest(amount, chosen, source.spec, measure, n, features, against)
    place = Place(Path(out), contest, source, seeds, {e.text: Row(e.text, ()) for e in entrants})
    place.check()
    fit = place.lengths(entrants, say)
    for seed in range(seeds):
        for one in (e for e in entrants if e.text in fit):
            on_cell(one.text, seed, None)
            folder = place.folder(one, seed)
            bout = Bout(folder, contest, one, seed, fit[one.text], array, watches, say)
            cell = bout.cell()
            place.add(cell)
            on_cell(one.text, seed, cell)
    found = place.write()
    if len(source.spec.shape) == 3:
        _draw(found, place.out / "samples.png", chosen.device)
    return found


def _check(entrants: Sequence[Entrant], seeds: int) -> None:
    if not entrants:
        raise UserError("name the recipes to compare: gansaku compare dcgan wgan_gp --budget 5m")
    slugs = [e.slug for e in entrants]
    if twice := next((e for e in entrants if slugs.count(e.slug) > 1), None):
        raise UserError(f"{twice.text} takes part twice: name each recipe once")
    if seeds < 1:
        raise UserError(f"seeds must be at least 1, not {seeds}")
    for one in entrants:
        if type(one.recipe).feeds != "images":
            raise UserError(
                f"{one.text} is fed {type(one.recipe).feeds}: compare ranks recipes that make "
                "samples of a set of images"
            )


def _contest(
    amount: Amount,
    options: Options,
    spec: Any,
    measure: str | None,
    n: int | None,
    features: str | None,
    against: Any,
) -> Contest:
    if amount.most < 1 and amount.unit == "images":
        raise UserError(f"images must be 1 or more, not {amount.most}")
    pictures = len(spec.shape) == 3
    usual = USUAL[pictures] if pictures or centres(options.data) is not None else USUAL[False][:1]
    ranks = measure or usual[0]
    found = measures.chosen(",".join((ranks, *(name for name in usual if name != ranks))))
    if found[0].better == "neither":
        raise UserError(f"{ranks} ranks nobody: neither more nor less of it is better")
    _fitting(found, spec)
    names = tuple(m.name for m in found)
    return Contest(amount, options, ranks, names, n or SAMPLES[pictures], features, against)


def _fitting(found: Sequence[measures.Measure], spec: Any) -> None:
    """UserError for a measure of the other kind of data: better now than after the training."""
    side = Side((), 0)
    bench = Bench(side, side, None, spec)
    kinds = {measures.pictures(bench), measures.points(bench)} - {None}
    for measure in found:
        if (why := measure.lacks(bench)) in kinds:
            raise UserError(f"{measure.name} cannot be measured here: {why}")


@dataclasses.dataclass
class Place:
    """The folder of a comparison: its terms, the lengths of its runs, and what is known so far."""

    out: Path
    contest: Contest
    source: Any
    seeds: int
    rows: dict[str, Row]

    def folder(self, one: Entrant, seed: int) -> Path:
        return self.out / f"{one.slug}-seed{seed}"

    def check(self) -> None:
        """Begin the folder, or see that it has the same terms."""
        path, terms = self.out / "terms.json", self.contest.terms()
        if not path.is_file():
            _write(path, terms)
            return
        found = read_json(path, "remove it, and the terms of this call are taken for its runs'")
        odd = [name for name in {**found, **terms} if terms.get(name) != found.get(name)]
        if odd:
            told = "; ".join(f"{n}: {found.get(n)} then, {terms.get(n)} now" for n in odd)
            raise UserError(
                f"{self.out} holds a comparison on other terms ({told}): give another --out, or "
                "the same terms to go on with it"
            )

    def lengths(
        self, entrants: Sequence[Entrant], say: Callable[[str], None]
    ) -> dict[str, int | None]:
        """The steps of every recipe that fits the data, by a trial or as they were kept."""
        path = self.out / "lengths.json"
        again = "remove it, and the trials are made again"
        known = read_json(path, again) if path.is_file() else {}
        for one in entrants:
            if one.text in known:
                continue
            try:
                known[one.text] = length_of(one, self.source, self.contest)
            except Diverged:  # it fits the data, and will be told among the results
                known[one.text] = None
            except MISFIT as error:
                reason = str(error) if isinstance(error, UserError) else _reason(error)
                self.rows[one.text] = Row(one.text, (), f"does not fit: {reason}")
                say(f"{one.text} does not fit the data: {reason}")
        _write(path, known)
        return known

    def add(self, cell: Cell) -> None:
        row = self.rows[cell.recipe]
        self.rows[cell.recipe] = dataclasses.replace(row, cells=(*row.cells, cell))
        self.write()

    def write(self) -> Standings:
        """Table, JSON and chart, as far as the comparison has come."""
        c = self.contest
        about = {"terms": self.words(), "contest": c.terms(), "machine": _machine()}
        found = Standings.of(list(self.rows.values()), c.measure, c.measures, about)
        write_text(self.out / "compare.md", found.markdown())
        _write(self.out / "compare.json", found.to_json())
        chart.draw(found, self.out / "compare.png")
        return found

    def words(self) -> dict[str, str]:
        """The terms, to stand below the table."""
        c = self.contest
        held = f"the held-out {c.options.holdout:.0%} of it" if c.options.holdout else "it"
        against = held if c.against is None else str(c.against)
        titles = {name: measure.line for name, measure in measures.everything().items()}
        length = (
            "set to what the budget is worth by a short trial, so that schedules end with it; "
            "a config text that names its steps keeps them"
        )
        return {
            "data": f"{Path(c.options.data).name}, {len(self.source)} samples",
            "budget": f"{c.amount} of training each; measures, pictures and start-up not counted",
            "length": length,
            **({} if c.options.precision == "fp32" else {"precision": c.options.precision}),
            "seeds": f"{self.seeds}; figures are the mean ± its standard error over them",
            "measured": f"{c.n:,} samples against {against}",
            **{measures.everything()[m].title: titles[m] for m in c.measures},
            "healthy": "runs that neither diverged nor have a finding of the doctor's",
            "machine": ", ".join(str(v) for v in _machine().values()),
        }


def _draw(found: Standings, path: Path, device: str) -> None:
    """A row of samples of every recipe's first run that can be measured, the best recipe first."""
    rows = {}
    for row in found.rows:
        if first := next((cell.folder for cell in row.cells if cell.figures), ""):
            rows[row.recipe] = load(path.parent / first, device=device).sample(SHOWN, seed=0)
    if rows:
        save_rows(rows, path)


def _reason(error: Exception) -> str:
    """The first line of what a network or a library has to say."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else 'no more is known'}"


def _write(path: Path, what: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(what, indent=1) + "\n")


def _machine() -> dict[str, str]:
    threads = torch.get_num_threads()
    return {
        "processor": platform.machine(),
        "threads": f"{threads} thread{'s' * (threads > 1)}",
        "torch": f"torch {torch.__version__}",
    }
