"""From a bench to results: every measure that can be taken, timed, under its contract."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gansaku.core.errors import UserError
from gansaku.metrics.bench import Bench
from gansaku.metrics.measures import Measure
from gansaku.metrics.result import Contract, Result
from gansaku.metrics.taking import Found


@dataclasses.dataclass(frozen=True)
class Origin:
    """What the two sides are, for the contract."""

    reference: str  # fingerprint
    split: str
    seed: int | None
    average: bool | None


def takeable(
    bench: Bench, measures: Sequence[Measure], asked: bool
) -> tuple[list[Measure], list[tuple[Measure, str]]]:
    """The measures that the bench has all for, and the others with the reason.

    With `asked` (the user named them) one that cannot be taken raises UserError instead.
    """
    lacking = [(measure, why) for measure in measures if (why := measure.lacks(bench))]
    if asked and lacking:
        measure, why = lacking[0]
        raise UserError(f"{measure.name} cannot be measured here: {why}")
    left = {measure.name for measure, _ in lacking}
    return [measure for measure in measures if measure.name not in left], lacking


def measured(
    bench: Bench,
    measures: Sequence[Measure],
    origin: Origin,
    told: Callable[[Measure], None] = lambda measure: None,
) -> Iterator[Result]:
    """Each result as soon as it is there; `told(measure)` is called before it is taken."""
    for measure in measures:
        told(measure)
        began = time.perf_counter()
        found = measure.take(bench)
        yield result(measure, found, bench, origin, time.perf_counter() - began)


def result(measure: Measure, found: Found, bench: Bench, origin: Origin, seconds: float) -> Result:
    """A finding under its contract, with the warnings that its numbers call for."""
    network: dict[str, Any] = {}
    title = measure.title
    if measure.featured and bench.features is not None:
        features = bench.features
        network = {"features": features.name, "layer": features.layer, "resizer": features.resizer}
        title = features.title(measure.title)
    contract = Contract(
        measure=measure.name,
        samples=found.samples,
        reference=origin.reference,
        reference_samples=found.reference,
        split=origin.split,
        seed=origin.seed,
        average=origin.average,
        settings=dict(found.settings),
        **network,
    )
    return Result(
        title=title,
        value=found.figure.value,
        error=found.figure.error,
        better=measure.better,
        contract=contract,
        seconds=round(seconds, 2),
        warnings=(*found.warnings, *_small(measure, found)),
        about=dict(found.about),
    )


def _small(measure: Measure, found: Found) -> list[str]:
    """Too few on either side: said, never hidden."""
    sides = (("samples", found.samples), ("reference samples", found.reference))
    return [
        f"{measure.title}: {count} {side} are few, {measure.least} or more are usual"
        for side, count in sides
        if 0 < count < measure.least
    ]
