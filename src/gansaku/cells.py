"""A cell of a comparison: one recipe with one seed, trained for a budget, measured, examined."""

from __future__ import annotations

import dataclasses
import json
import math
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gansaku import api
from gansaku.core import catalog, config
from gansaku.core.budget import Amount, Budget
from gansaku.core.contract import Recipe
from gansaku.core.errors import Diverged, UserError
from gansaku.core.files import read_json, write_text
from gansaku.core.loop import Watch
from gansaku.doctor.detectors import examine
from gansaku.doctor.history import History
from gansaku.doctor.probes import Probes
from gansaku.evaluation import evaluate
from gansaku.metrics.standings import Cell
from gansaku.model import begun, reopened
from gansaku.options import Options, open_data, pick_device, stored

MISFIT = (UserError, ValueError, RuntimeError, LookupError, TypeError, AttributeError)
LINES = 200  # logged steps of a run
TRIAL = 0.02  # of the budget, to find out how many steps it is worth
LONGEST = 10.0  # seconds of such a trial
FULL = 0.97  # of the budget: a run that ends before is made longer
DATA_ALONE = {"few-images", "repeated-data", "constant-images", "wrong-data-range"}


@dataclasses.dataclass(frozen=True)
class Entrant:
    """A recipe that takes part, by the text that it was asked for with."""

    text: str
    recipe: Recipe
    own_length: bool  # its text names its steps, or it has none to name

    @property
    def slug(self) -> str:
        """Part of a folder's name: `wgan_gp`, `mygan`, or `wgangp-1a2b` for a config text."""
        name, _, rest = self.text.partition("(")
        mark = f"-{zlib.crc32(rest.encode()) % 65536:04x}" if rest else ""
        return Path(name).stem.lower() + mark


def entrant(recipe: str | Recipe) -> Entrant:
    """A name (`dcgan`), a file (`./mygan.py`), a config text, or a recipe."""
    if isinstance(recipe, Recipe):
        return Entrant(config.short(recipe), recipe, "steps" not in type(recipe).length)
    text = recipe.strip()
    made = config.read(text) if "(" in text else catalog.find(text)()
    if not isinstance(made, Recipe):
        raise UserError(f"{text} is no recipe: `gansaku recipes` lists them")
    named = "(" in text and "steps=" in text.replace(" ", "").replace("(", ",").replace("\n", "")
    return Entrant(text, made, named or "steps" not in type(made).length)


@dataclasses.dataclass(frozen=True)
class Contest:
    """The terms: every cell of a comparison is trained and measured under the same."""

    amount: Amount
    options: Options
    measure: str
    measures: tuple[str, ...]
    n: int  # samples that are measured
    features: str | None
    against: Any

    def terms(self) -> dict[str, Any]:
        """What a second call must agree on to go on with the first one's cells."""
        told = dataclasses.asdict(dataclasses.replace(self, against=str(self.against)))
        options = {k: v for k, v in told.pop("options").items() if k not in ("device", "seed")}
        amount = {f"budget in {self.amount.unit}": self.amount.most}
        del told["amount"]
        return json.loads(json.dumps(told | amount | options))


# --- how long ---


def length_of(one: Entrant, source: Any, contest: Contest) -> int | None:
    """The steps that the budget is worth by a trial; None where the recipe keeps its own.

    Raises what the recipe raises where it does not fit the data.
    """
    options = contest.options
    run = api.run_of(one.recipe, source, options, pick_device(options.device))
    run.play(steps=1)  # the first is slow, and finds out whether the recipe fits the data
    if one.own_length:
        return None
    most, began, images = contest.amount.most, time.monotonic(), run.images
    seconds = contest.amount.unit == "seconds"
    bound = min(LONGEST, TRIAL * most) if seconds else LONGEST
    enough = 3 if seconds else 2
    while not run.over and (run.steps <= enough or (seconds and time.monotonic() - began < bound)):
        run.play(steps=1)
    steps = max(run.steps - 1, 1)
    used = time.monotonic() - began if seconds else run.images - images
    return max(1, round(most * steps / max(used, 1e-9)))


# --- training ---


@dataclasses.dataclass(frozen=True)
class Bout:
    """What becomes of one recipe with one seed; its folder is an ordinary run's."""

    folder: Path
    contest: Contest
    one: Entrant
    seed: int
    length: int | None
    array: Any = None  # data that has no place
    watches: Sequence[Watch] = ()
    say: Callable[[str], None] = lambda text: None

    def cell(self) -> Cell:
        """From its file if it is there; KeyboardInterrupt where training was interrupted."""
        path = self.folder / "cell.json"
        if path.is_file():
            again = "remove it, and the run is measured again"
            try:
                return Cell.from_json(read_json(path, again))
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(f"{path} is no result of compare ({error}): {again}") from None
        budget, ended = self.train()
        figures, titles = ({}, {}) if ended == "diverged" else self.measured()
        cell = Cell(
            recipe=self.one.text,
            seed=self.seed,
            steps=max(budget.step, 0),
            images=budget.images,
            seconds=round(budget.seconds, 3),
            ended=ended if figures else "diverged",
            findings=self.findings(),
            figures=figures,
            titles=titles,
            folder=self.folder.name,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(dataclasses.asdict(cell)) + "\n")
        return cell

    def train(self) -> tuple[Budget, str]:
        """Train until the budget is spent: the watch that counted, and how it ended."""
        amount = self.contest.amount
        save = min(60.0, amount.most / 4) if amount.unit == "seconds" else 60.0
        budget = Budget(self.folder, amount, save)
        while not (ended := self.ended(budget)):
            try:
                self.go_on(budget)
            except UserError as error:
                if not isinstance(error, Diverged) and "not finite" not in str(error):
                    raise
                return budget, "diverged"
            budget.note()
            if not budget.spent and not budget.over:
                raise KeyboardInterrupt
        return budget, ended

    def ended(self, budget: Budget) -> str:
        """`budget` or `length` where the run in the folder has come to its end."""
        if not begun(self.folder):
            return ""
        run = reopened(self.folder)
        budget.take_up(run)
        if budget.spent or (run.over and budget.used >= FULL * budget.amount.most):
            return "budget"
        return "length" if run.over and self.one.own_length else ""

    def go_on(self, budget: Budget) -> None:
        """Begin the run; or resume it, made longer where its steps were too few."""
        options, seen = self.contest.options, (*self.watches, budget)
        given = {} if self.array is None else {"data": self.array}
        if budget.step < 0:
            self.begin(seen)
        elif budget.over:
            more = math.ceil(budget.step * budget.amount.most / max(budget.used, 1e-3)) + 1
            api.resume(self.folder, watches=seen, steps=more, device=options.device, **given)
        else:
            api.resume(self.folder, watches=seen, device=options.device, **given)

    def begin(self, seen: Sequence[Watch]) -> None:
        """A new run; what a run left that was killed before its first checkpoint is put away."""
        for name in ("run.json", "metrics.jsonl", "log.txt"):
            (self.folder / name).unlink(missing_ok=True)
        recipe = self.one.recipe
        if self.length is not None:
            recipe = dataclasses.replace(recipe, steps=self.length)
        every = min(max(getattr(recipe, "steps", 10_000) // LINES, 1), 50)
        told = {f.name: getattr(self.contest.options, f.name) for f in dataclasses.fields(Options)}
        data = told.pop("data") if self.array is None else self.array
        told |= {"seed": self.seed, "log_every": every}
        api.train(recipe, data, out=self.folder, watches=seen, **told)

    # --- what came of it ---

    def measured(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Figures and their titles; none where the samples are not finite."""
        contest = self.contest
        try:
            report = evaluate(
                self.folder,
                contest.against,
                n=contest.n,
                features=contest.features,
                measures=",".join(contest.measures),
                device=contest.options.device,
                note=self.say,
            )
        except UserError as error:
            if "has diverged" in str(error):
                return {}, {}
            raise
        report.write(self.folder / "evaluations" / "compare.json")
        named = {found.contract.measure: found for found in report.results}
        figures = {
            name: (found.value, found.error if math.isfinite(found.error) else None)
            for name, found in named.items()
        }
        return figures, {name: found.title for name, found in named.items()}

    def findings(self) -> tuple[str, ...]:
        """What the doctor says of the run and of its last samples; of the data alone, nothing."""
        if not (self.folder / "run.json").is_file():  # it broke in the trial step of its plan
            return ("non-finite",)
        history = History.of(self.folder)
        if begun(self.folder):
            source = open_data(stored(history.option), self.array)
            run = reopened(self.folder, source)
            seen = Probes(source)(run, run.sample(256, seed=run.seed + 1))
            last = {"step": max(run.steps, history.step), **seen}
            history = dataclasses.replace(history, records=(*history.records, last), once=True)
        found = (finding.illness for finding in examine(history))
        return tuple(illness for illness in found if illness not in DATA_ALONE)
