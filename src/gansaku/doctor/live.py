"""The doctor beside a run: new findings the moment that they can be seen."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

from gansaku.doctor.detectors import examine
from gansaku.doctor.findings import Finding
from gansaku.doctor.history import History

MOST = 1000  # lines of each kind that are kept in mind
FIRST = 20  # of them, which stay


AT_ONCE = frozenset(  # what does not pass by itself
    {
        "non-finite",
        "wrong-data-range",
        "constant-images",
        "repeated-data",
        "few-images",
        "exploding",
        "dead-critic",
    }
)
LASTS = 0.15  # of the planned steps, for all else: a game has its ups and downs


class Attention:
    """Which findings are news: each illness once, and a passing one only when it does not pass."""

    def __init__(self) -> None:
        self._since: dict[str, int] = {}
        self._told: set[str] = set()

    def __call__(self, history: History) -> list[Finding]:
        found, step = examine(history), history.step
        names = {finding.illness for finding in found}
        self._since = {name: self._since.get(name, step) for name in names}
        least = LASTS * (history.total or step)
        news = [
            f
            for f in found
            if f.illness not in self._told
            and (f.illness in AT_ONCE or step - self._since[f.illness] >= least)
        ]
        self._told |= {finding.illness for finding in news}
        return news


class Live:
    """Called after every step, with whatever; gives findings, each illness once.

    It reads what was added to metrics.jsonl, and looks again only where something was: a step
    without a new line costs one look at the file's size. It asks nobody to stop.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder)
        self._history = dataclasses.replace(History.of(self.path), records=())
        self._read, self._attention = 0, Attention()

    def __call__(self, run: Any = None) -> list[Finding]:
        """Findings that were not told before."""
        records = self._news()
        if not records:
            return []
        kept = [*self._history.records, *records]
        parts = [[r for r in kept if ("measure" in r) is measured] for measured in (False, True)]
        kept = sorted(itertools.chain(*map(thinned, parts)), key=lambda r: r["step"])
        self._history = dataclasses.replace(self._history, records=tuple(kept))
        return self._attention(self._history)

    def _news(self) -> list[dict[str, Any]]:
        """The whole lines that were added since the last look."""
        path = self.path / "metrics.jsonl"
        if not path.is_file() or path.stat().st_size <= self._read:
            return []
        with path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


def thinned(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most so many: of the older half every second is let go, as often as need be."""
    while len(records) > MOST:
        half = len(records) // 2
        records = records[:FIRST] + records[FIRST:half:2] + records[half:]
    return records
