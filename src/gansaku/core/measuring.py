"""The measure that follows a run: its curve, the best checkpoint, and when to stop."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from gansaku.core.folder import Folder
from gansaku.core.loop import Run

Probes = Callable[[Run, Tensor], dict[str, float]]  # what else samples tell, for the same line
FACTS = "probe/data/"  # what probes say of the data: the same each time, and written once


class Measure:
    """A cheap figure of merit every so many steps (smaller is better), and the best so far.

    `measure(samples)` gives `value`, `error` and `name`; samples are of `n` fixed latents, or what
    `draw(run)` gives, where a recipe draws nothing by itself. With `patience` p it calls `stop`
    after p measures in a row that were not better than the best known by more than their joint
    standard error; 0 is never. All that it remembers is read back from the folder: a resumed run
    stops where an undisturbed one does.
    """

    def __init__(
        self,
        folder: Folder,
        every: int,
        n: int,
        measure: Callable[[Tensor], dict[str, Any]],
        probes: Probes | None = None,
        patience: int = 0,
        stop: Callable[[], None] = lambda: None,
        draw: Callable[[Run], Tensor] | None = None,
    ) -> None:
        self.draw = draw or (lambda run: run.sample(n, seed=run.seed + 1))
        self.folder, self.every, self.n = folder, every, n
        self.measure, self.probes, self.patience, self.stop = measure, probes, patience, stop
        self.best, self.mark, self.waited = math.inf, (math.inf, 0.0), 0
        self.improved, self.found = False, None
        self._facts: dict[str, float] = {}
        for record in folder.records():
            if "measure" in record:
                self._learn(record)

    def __call__(self, run: Run) -> None:
        """Measure where it is time."""
        self.improved, self.found = False, None
        if not run.over and run.steps % self.every:
            return
        samples = self.draw(run)
        found = self.measure(samples)
        names = {"measure": found["value"], "error": found["error"], "of": found["name"]}
        more = self.probes(run, samples) if self.probes else {}
        news = {name: v for name, v in more.items() if self._facts.get(name) != v}
        self.found = {"step": run.steps, **names, **news}
        self.improved = found["value"] < self.best
        self._learn(self.found)
        self.folder.append(self.found)
        if self.patience and self.waited >= self.patience and not run.over:
            self._give_up()

    def _learn(self, record: dict[str, Any]) -> None:
        """Keep the facts and the best; count the measures since one better beyond its error."""
        self._facts |= {name: v for name, v in record.items() if name.startswith(FACTS)}
        value, error = record["measure"], record["error"]
        self.best = min(self.best, value)
        best, its_error = self.mark
        if best - value > math.hypot(*(0.0 if math.isnan(e) else e for e in (error, its_error))):
            self.mark, self.waited = (value, error), 0
        else:
            self.waited += 1

    def _give_up(self) -> None:
        best, error = self.mark
        self.folder.say(
            f"no better for {self.waited} measures (--patience {self.patience}): the last that "
            f"improved beyond its error was {best:.4g} +- {error:.2g}"
        )
        self.stop()
