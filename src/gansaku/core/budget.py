"""A budget of training: seconds or images, counted honestly over every interruption."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from gansaku.core.errors import UserError
from gansaku.core.files import read_json, write_text
from gansaku.core.folder import Folder
from gansaku.core.loop import Run
from gansaku.core.sinks import Checkpoints

FILE = "budget.json"
KEPT = 8  # moments whose time is remembered: more than there are checkpoints
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}


@dataclasses.dataclass(frozen=True)
class Amount:
    """So many `seconds` of training, or so many real `images` that the critic was fed."""

    most: float
    unit: str = "seconds"

    def __str__(self) -> str:
        if self.unit == "images":
            return f"{self.most:,.0f} images"
        hours, rest = divmod(self.most, 3600)
        minutes, seconds = divmod(rest, 60)
        parts = (f"{hours:.0f} h" * (hours > 0), f"{minutes:.0f} min" * (minutes > 0))
        return " ".join(filter(None, (*parts, f"{seconds:g} s" * (seconds > 0))))


def seconds_of(text: str) -> float:
    """`90s`, `5m`, `1h30m`, or a bare number of seconds; UserError for anything else."""
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([hms])", text)
    whole = "".join(f"{number}{unit}" for number, unit in parts)
    if parts and whole == re.sub(r"\s", "", text):
        found = sum(float(number) * UNITS[unit] for number, unit in parts)
    elif re.fullmatch(r"\d+(\.\d+)?", text):
        found = float(text)
    else:
        found = 0.0
    if not found > 0:
        raise UserError(f"a budget is a time such as 90s, 5m or 1h30m, not {text!r}")
    return found


class Budget:
    """A watch that ends a run when it has used its amount; a killed run goes on where it was.

    What counts are the seconds of the steps that led to the present weights: not starting up, not
    writing checkpoints, not measuring, and not work that a crash took and that is done again. The
    time of a checkpoint is written down before the checkpoint is; it saves one every `save`
    seconds, and the run should save none by itself. The first step after a start has the start-up
    in it: it is charged what the second one takes.
    """

    def __init__(
        self,
        folder: str | Path,
        amount: Amount,
        save: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self.amount, self.save, self.clock = Path(folder), amount, save, clock
        self.known = _read(self.path)
        self.seconds, self.images, self.step, self.over = 0.0, 0, -1, False
        self._began = self._mark = self._saved = clock()
        self._fresh, self._owed = True, False
        self.keeper = Checkpoints(Folder(self.path), 10**9, 2, 1e9, None)

    @property
    def used(self) -> float:
        return float(self.images) if self.amount.unit == "images" else self.seconds

    @property
    def spent(self) -> bool:
        return self.used >= self.amount.most

    def __call__(self, run: Run) -> bool:
        now = self.clock()
        self._charge(run, now)
        if self.spent or run.over or now - self._saved >= self.save:
            self.note()
            self.keeper.save(run)
            self._saved = self.clock()
        self._mark = self.clock()
        return self.spent

    def take_up(self, run: Run) -> None:
        """Where a run stands that is about to go on; its next step has a start-up in it."""
        self.seconds, self._began = at(self.known, run.steps), self.clock()
        self.step, self.images, self.over = run.steps, run.images, run.over
        self._fresh, self._owed = True, False

    def _charge(self, run: Run, now: float) -> None:
        if self._fresh:
            self._fresh, self._owed = False, True
        else:
            self.seconds += (now - self._mark) * (1 + self._owed)
            self._owed = False
        self.step, self.images, self.over = run.steps, run.images, run.over
        if self._owed and (run.over or self.spent):  # a run of one step
            self.seconds, self._owed = self.seconds + now - self._began, False

    def note(self) -> None:
        """Write down the time of the present step; nothing where there was none."""
        if self.step < 0:
            return
        now = {self.step: round(self.seconds, 3)}
        self.known = dict(sorted((self.known | now).items())[-KEPT:])
        write_text(self.path / FILE, json.dumps(self.known) + "\n")


def at(known: dict[int, float], step: int) -> float:
    """Seconds of training up to a step; between moments that are known, in proportion."""
    if step in known:
        return known[step]
    before = max((s for s in known if 0 < s < step), default=0)
    return known[before] * step / before if before else 0.0


def _read(folder: Path) -> dict[int, float]:
    path = folder / FILE
    if not path.is_file():
        return {}
    known = read_json(path, "remove it, and the time that is used is counted from here")
    return {int(step): float(spent) for step, spent in known.items()}
