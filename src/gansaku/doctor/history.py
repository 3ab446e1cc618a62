"""What a run has said of itself: its numbers, measures and probes, its settings, its log.

Reading needs no torch: a history is text.
"""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gansaku.doctor.settings import Settings

LATE = 1 / 3  # of a run: what its present state is read from
PROBE = "probe/"


@dataclasses.dataclass(frozen=True)
class Series:
    """One number over time: `steps` rise, `values` are finite."""

    steps: tuple[int, ...] = ()
    values: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    def __bool__(self) -> bool:
        return bool(self.values)

    @property
    def last(self) -> float:
        return self.values[-1]

    def since(self, step: float) -> Series:
        """What was said after `step`."""
        pairs = [(s, v) for s, v in zip(self.steps, self.values, strict=True) if s > step]
        return Series(tuple(s for s, _ in pairs), tuple(v for _, v in pairs))

    def until(self, step: float) -> Series:
        """What was said up to `step`."""
        pairs = [(s, v) for s, v in zip(self.steps, self.values, strict=True) if s <= step]
        return Series(tuple(s for s, _ in pairs), tuple(v for _, v in pairs))

    def late(self, share: float = LATE) -> Series:
        """The last share of the time, and never fewer than the last three values."""
        if len(self) <= 3:
            return self
        found = self.since(self.steps[-1] * (1 - share))
        return found if len(found) >= 3 else Series(self.steps[-3:], self.values[-3:])

    def median(self) -> float:
        """nan of nothing."""
        return statistics.median(self.values) if self else math.nan

    def top(self) -> float:
        return max(self.values, default=math.nan)

    def bottom(self) -> float:
        return min(self.values, default=math.nan)

    def began(self, above: float = math.inf, below: float = -math.inf) -> int:
        """The first step from which on all values are above (or below) a bound."""
        step = self.steps[-1] if self else 0
        for at, value in zip(reversed(self.steps), reversed(self.values), strict=True):
            if not (value > above or value < below):
                break
            step = at
        return step


@dataclasses.dataclass(frozen=True)
class History:
    """All that the doctor reads of a run; missing things are empty, never an error."""

    settings: Settings
    records: tuple[Mapping[str, Any], ...] = ()
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    log: tuple[str, ...] = ()
    once: bool = False  # samples were looked at once, at the end

    @classmethod
    def of(cls, folder: str | Path) -> History:
        """The history in a run folder; lines that a crash cut short are passed over."""
        path = Path(folder)
        about = _json(_text(path / "run.json")) or {}
        records = [_json(line) for line in _text(path / "metrics.jsonl").splitlines()]
        return cls(
            Settings.read(_text(path / "recipe.txt")),
            tuple(r for r in records if isinstance(r, dict) and "step" in r),
            about if isinstance(about, dict) else {},
            tuple(_text(path / "log.txt").splitlines()),
        )

    def until(self, step: float) -> History:
        """The history as it was at a step."""
        kept = tuple(r for r in self.records if r["step"] <= step)
        return dataclasses.replace(self, records=kept, log=())

    def series(self, name: str) -> Series:
        """A number of the log or of the measure's lines, without what is not finite."""
        pairs = [(r["step"], r[name]) for r in self.records if _finite(r.get(name))]
        return Series(tuple(int(s) for s, _ in pairs), tuple(float(v) for _, v in pairs))

    def probe(self, name: str) -> Series:
        return self.series(PROBE + name)

    def late(self, name: str) -> float:
        """The median of a probe over the last part of the run; nan where it was not taken."""
        return self.probe(name).late().median()

    def least(self, n: int) -> int:
        """How many looks at the samples a verdict needs; of a single one, that one."""
        return 1 if self.once else n

    def names(self) -> list[str]:
        return list(dict.fromkeys(name for record in self.records for name in record))

    @property
    def step(self) -> int:
        return int(self.records[-1]["step"]) if self.records else 0

    @property
    def total(self) -> int | None:
        """Steps that were planned, of all stages together, where the run says."""
        steps = self.about.get("total", self.settings.get("steps"))
        return int(steps) if isinstance(steps, int | float) else None

    @property
    def measures(self) -> int:
        return sum("measure" in record for record in self.records)

    @property
    def probed(self) -> bool:
        return any(name.startswith(PROBE) for name in self.names())

    @property
    def option(self) -> Mapping[str, Any]:
        """The run's options, as run.json has them."""
        found = self.about.get("options", {})
        return found if isinstance(found, dict) else {}

    def kinds_of_data(self) -> tuple[float, ...]:
        """Which share of the data is of each kind; empty where it was not looked at."""
        found = (_shares(record, f"{PROBE}data/kind/") for record in reversed(self.records))
        return next((shares for shares in found if shares), ())

    def kinds(self) -> list[tuple[int, tuple[float, ...]]]:
        """By step, which share of the samples is of each kind of data."""
        found: list[tuple[int, tuple[float, ...]]] = []
        for record in self.records:
            shares = _shares(record)
            if shares:
                found.append((int(record["step"]), shares))
        return found


def _shares(record: Mapping[str, Any], prefix: str = f"{PROBE}kind/") -> tuple[float, ...]:
    numbers = sorted(
        (int(name.removeprefix(prefix)), float(value))
        for name, value in record.items()
        if name.startswith(prefix)
    )
    return tuple(value for _, value in numbers)


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def total_variation(a: Sequence[float], b: Sequence[float]) -> float:
    """Half the sum of |a - b|: which share must move to make one distribution the other."""
    return sum(abs(x - y) for x, y in zip(a, b, strict=True)) / 2
