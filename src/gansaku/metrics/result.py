"""A figure with its contract: all that it depends on besides the model, and when two compare."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gansaku.core.errors import UserError
from gansaku.core.files import write_text
from gansaku.metrics.estimate import Estimate

FORMAT = 1
NORMAL = 1.96  # standard errors on each side of a 95 % interval
UNKNOWN = {"error": None, "interval": None}
SAID = {  # how a field of a contract is called where two differ
    "measure": "the measure",
    "features": "the feature network",
    "layer": "the layer",
    "resizer": "the resizer",
    "samples": "the number of samples",
    "reference": "the reference set",
    "reference_samples": "the number of reference samples",
    "split": "the part of the data compared with",
    "seed": "the seed of the samples",
    "average": "the moving average",
    "settings": "the measure's settings",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contract:
    """What a number depends on besides the model: two numbers rank only where all of it agrees.

    `features` is the network with its weights' hash; `reference` the fingerprint of the set as it
    was compared with (its pixels, size and channels); `average` whether samples came from the
    moving average of the generator (None where that is not known: a folder of pictures).
    """

    measure: str
    features: str | None = None
    layer: str | None = None
    resizer: str | None = None
    samples: int = 0
    reference: str | None = None
    reference_samples: int = 0
    split: str | None = None
    seed: int | None = None
    average: bool | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def differences(self, other: Contract) -> list[str]:
        """One sentence for each thing in which the two are not the same measurement."""
        found = []
        for field in dataclasses.fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if mine != theirs:
                found.append(f"{SAID[field.name]}: {_text(mine)} and {_text(theirs)}")
        return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """One figure: its value, standard error (nan: unknown), contract, cost, and its warnings."""

    title: str  # as it is printed: "Frechet distance (efficientnet-lite0-1a2b3c4d)"
    value: float
    error: float
    better: str  # smaller, larger, or neither
    contract: Contract
    seconds: float
    warnings: tuple[str, ...] = ()
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # what else it found

    @property
    def estimate(self) -> Estimate:
        return Estimate(self.value, self.error)

    @property
    def interval(self) -> tuple[float, float]:
        """The normal 95 % interval; nan where the error is not known."""
        return self.value - NORMAL * self.error, self.value + NORMAL * self.error

    def __str__(self) -> str:
        """One line: what, how much, within what, and which way is better."""
        low, high = self.interval
        span = "" if math.isnan(low) else f"95 % {low:.4g} to {high:.4g}"
        way = "" if self.better == "neither" else f"{self.better} is better"
        return f"{self.title:<54} {self.value:>9.4g}   {span:<28} {way}".rstrip()

    def to_json(self) -> dict[str, Any]:
        made = dataclasses.asdict(self) | {"warnings": list(self.warnings)}
        known = math.isfinite(self.error)  # nan is no JSON
        span = {"error": self.error, "interval": list(self.interval)} if known else UNKNOWN
        return made | span

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """The result that `to_json` described; KeyError or TypeError where it is none."""
        told = {f.name: data[f.name] for f in dataclasses.fields(cls)}
        told["error"] = math.nan if data["error"] is None else data["error"]
        told |= {"contract": Contract(**data["contract"]), "warnings": tuple(data["warnings"])}
        return cls(**told)


@dataclasses.dataclass(frozen=True)
class Report:
    """The results of one evaluation, of what, and by what."""

    subject: Mapping[str, Any]  # the run and its step, or the folder
    made: Mapping[str, Any]  # date, command, versions, machine
    results: tuple[Result, ...]

    def write(self, path: str | Path) -> Path:
        """One JSON file, whole or not there; UserError where it cannot be written."""
        path = Path(path)
        results = [result.to_json() for result in self.results]
        data = {"format": FORMAT, "subject": self.subject, "made": self.made, "results": results}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps(data, indent=1) + "\n")
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}") from error
        return path

    @classmethod
    def read(cls, path: str | Path) -> Report:
        """A report from its file; UserError for a file that is none."""
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            results = tuple(Result.from_json(one) for one in data["results"])
            return cls(data["subject"], data["made"], results)
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            asked = f"{path} is no result of `gansaku evaluate`"
            raise UserError(f"{asked} ({type(error).__name__}: {error})") from error

    def of(self, measure: str) -> Result | None:
        """The result of a measure, by its contract's name."""
        return next((r for r in self.results if r.contract.measure == measure), None)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two figures of one measure: how they rank, or why they do not."""

    first: Result
    second: Result
    differences: tuple[str, ...]

    @property
    def margin(self) -> float:
        """The difference in joint standard errors; nan where an error is not known."""
        joint = math.hypot(self.first.error, self.second.error)
        gap = self.second.value - self.first.value
        if gap == 0 or joint == 0:
            return math.copysign(math.inf, gap) if gap else 0.0
        return gap / joint

    @property
    def verdict(self) -> str:
        """`not comparable`, `equal within the error`, `first`, `second`, or `differ`."""
        if self.differences:
            return "not comparable"
        if abs(self.margin) < NORMAL:
            return "equal within the error"
        if self.first.better == "neither":
            return "differ"
        rises = self.second.value > self.first.value
        return "first" if rises == (self.first.better == "smaller") else "second"


def compare(a: Report, b: Report) -> list[Comparison]:
    """The measures that both reports have, in the first one's order; UserError where none."""
    pairs = [(one, b.of(one.contract.measure)) for one in a.results]
    found = [
        Comparison(one, other, tuple(one.contract.differences(other.contract)))
        for one, other in pairs
        if other is not None
    ]
    if not found:
        mine, theirs = (_names(report.results) for report in (a, b))
        raise UserError(f"no measure is in both: the first has {mine}; the second has {theirs}")
    return found


def _names(results: Sequence[Result]) -> str:
    return ", ".join(result.contract.measure for result in results) or "none"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return json.dumps(dict(value), sort_keys=True)
    return "none" if value is None else str(value)
