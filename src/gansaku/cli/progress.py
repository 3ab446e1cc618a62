"""What is seen while a run trains: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Generator
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from gansaku.cli.show import console, count, duration, escape, grid, memory, say
from gansaku.core import config, ranks
from gansaku.core.capabilities import Pyramid, Translates
from gansaku.core.files import SUFFIX
from gansaku.core.folder import Folder
from gansaku.core.loop import Run
from gansaku.core.plan import Plan
from gansaku.data.inspect import described
from gansaku.data.spec import ClipSpec
from gansaku.doctor.findings import Finding
from gansaku.metrics.estimate import Estimate
from gansaku.model import Model, recipe_of

PROMISE = 5.0  # seconds of training after which the time it takes can be told


class Progress:
    """A watch of the loop: says what will be done, how it goes, and what can be done next."""

    def __init__(self) -> None:
        self.total = 0
        self._began: tuple[float, int] | None = None  # time and step, after the first step
        self._told = False
        self._bar: Bar | None = None
        self._ails = False  # whether the doctor had something to say

    @contextlib.contextmanager
    def showing(self) -> Generator[None]:
        """The bar is drawn inside this block, on a terminal."""
        try:
            yield
        finally:
            if self._bar:
                self._bar.stop()

    def plan(self, plan: Plan, folder: Folder, source: Any) -> None:
        """What will be done, before the first step."""
        self.total = plan.steps
        sizes = ", ".join(f"{name} {count(n)}" for name, n in plan.parameters.items())
        epochs = plan.steps * plan.batch_size / max(len(source), 1)
        rows = [
            ("recipe", escape(config.short(recipe_of(folder)))),
            ("data", f"{escape(source.name)}: {len(source)} samples of {described(source.spec)}"),
            *(("", escape(note)) for note in source.notes),
            *(("note", escape(remark)) for remark in plan.remarks),
            ("parameters", sizes),
            ("memory", f"about {memory(plan.memory)} while training"),
            ("length", f"{plan.steps} steps, batches of {plan.batch_size}; {count(epochs)} epochs"),
            ("folder", escape(str(folder.path))),
        ]
        say(grid(rows, indent=0))
        say()

    def __call__(self, run: Run) -> None:
        if ranks.rank():
            return
        now, self.total = time.monotonic(), run.total  # a stage may end before its time
        if self._began is None:
            self._began = now, run.steps  # the first step is slow, and no measure of the others
        self._promise(run, now - self._began[0])
        if not console().is_terminal:
            if run.record:
                say(escape(f"step {run.steps}/{self.total}  {self.numbers(run, now)}"))
            return
        if self._bar is None:
            self._bar = _bar()
            self._task = self._bar.add_task("", total=self.total, numbers="")
            self._bar.start()
        self._bar.update(self._task, completed=run.steps, total=self.total)
        if run.record:
            self._numbers = losses(run.record)
            self._bar.update(self._task, numbers=self.numbers(run, now))

    def numbers(self, run: Run, now: float) -> str:
        """Losses, images a second, time left."""
        record = run.record or {}
        parts = [*(f"{name} {value:.3g}" for name, value in losses(record).items())]
        if rate := record.get("images_per_s"):
            parts.append(f"{count(rate)} images/s")
        if left := self._left(run, now):
            parts.append(f"{duration(left)} left")
        return "  ".join(parts)

    def _left(self, run: Run, now: float) -> float:
        then, step = self._began or (now, run.steps)
        done = run.steps - step
        return (now - then) / done * (self.total - run.steps) if done else 0.0

    def _promise(self, run: Run, elapsed: float) -> None:
        if not self._told and elapsed > PROMISE:
            self._told = True
            say(f"it will take about {duration(elapsed + self._left(run, time.monotonic()))}")

    def finding(self, finding: Finding) -> None:
        """What the doctor sees, the moment that it does."""
        say(f"[yellow]doctor: {escape(finding.title)}[/]: {escape(finding.evidence)}")
        say(f"        {escape(finding.remedy)}")
        self._ails = True

    def profile(self, text: str) -> None:
        """Where a step's time goes."""
        say(escape(text))

    def close(self, model: Model) -> None:
        """Where the pictures are, and three commands to go on with."""
        if ranks.rank():
            return
        folder, run = Folder(model.folder), shlex.quote(str(model.folder))
        finished = model.steps >= self.total
        say(f"\n{'finished' if finished else 'stopped'} at step {model.steps} of {self.total}")
        if sheets := folder.sheets():
            say(f"samples: [b]{escape(str(sheets[-1]))}[/]")
        _best(folder)
        if self._ails:
            say(f"doctor:  [b]gansaku doctor {escape(run)}[/] says more of what ails this run")
        longer = f" {model.recipe.longer()}" if finished else ""
        uses = [
            (f"gansaku sample {run} -n 64 --seed 7", "new samples"),
            (f"gansaku interpolate {run}", "a walk between samples"),
        ]
        if isinstance(model.recipe, Pyramid):
            uses = [
                (f"gansaku sample {run} -n 4 --size 200x600", "new pictures of any size"),
                (f"gansaku animate {run}", "the picture, moving"),
            ]
        if isinstance(model.recipe, Translates):
            uses = [(f"gansaku translate {run} PICTURES", "pictures of yours, translated")]
        if isinstance(model.spec, ClipSpec):
            uses = [(f"gansaku dance {run} --pose partner", "another's dance")]
        rows = [
            *uses,
            (f"gansaku resume {run}{longer}", "train longer" if finished else "go on from here"),
        ]
        rows = rows if finished else rows[::-1]
        say("\nNext:")
        wide = max(len(command) for command, _ in rows)
        for command, line in rows:  # no table: however long, a command stays on its line
            say(f"    [b]{escape(command)}[/]{' ' * (wide - len(command))}   {line}")


def _best(folder: Folder) -> None:
    """Which checkpoint `--checkpoint best` is, and by what."""
    measured = [r for r in folder.records() if "measure" in r]
    path = folder.checkpoints / f"best{SUFFIX}"
    if measured and path.exists():
        found = min(measured, key=lambda r: r["measure"])
        name, figure = found["of"].partition(" (")[0], f"{found['measure']:.3g}"
        why = (
            f"smallest {name} so far, {figure} ± {found['error']:.2g}{_beside(found, measured[-1])}"
        )
        say(f"best:    [b]{escape(str(path))}[/] (step {found['step']}: {why})")


def _beside(best: dict[str, Any], last: dict[str, Any]) -> str:
    """How the last state compares: whether it matters which of the two is taken."""
    if last["step"] == best["step"]:
        return ", and the last"
    worse = Estimate(last["measure"], last["error"]).worse_than(
        Estimate(best["measure"], best["error"])
    )
    how = "worse" if worse else "no worse within the error"
    return f"; the last, {last['measure']:.3g}, is {how}"


def losses(record: dict[str, Any]) -> dict[str, float]:
    """What each player minimises, and the Wasserstein estimate where there is one."""
    found: dict[str, float] = {}
    for name, value in record.items():
        player, slash, term = name.partition("/")
        if slash and term != "gradient":
            found[player] = found.get(player, 0.0) + value
    return found | {k: v for k, v in record.items() if k in ("D(real)", "D(fake)", "wasserstein")}


def _bar() -> Bar:
    columns = BarColumn(bar_width=16), MofNCompleteColumn(), TextColumn("{task.fields[numbers]}")
    return Bar(*columns, console=console(), refresh_per_second=5)
