"""Two sets of pictures, a and b, that belong to each other as a whole and in no pairs."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data import opening, order, sides
from gansaku.data.fit import Fit
from gansaku.data.items import Items
from gansaku.data.pairs import Asked, PairSource, name_of, refuse_twice, turned
from gansaku.data.side_items import HalfItems
from gansaku.data.statements import statements
from gansaku.data.survey import Survey, survey


def open_unpaired(what: Any, **options: Any) -> PairSource:
    """Open two sets of pictures; `options` are those of `open_source`, for each side alone.

    `what`: a folder or zip with trainA and trainB (testA and testB beside them are held out), A
    and B, or any two folders; "dirA,dirB"; two arrays. Each side has its own order, crops and
    flips, and an epoch is as long as the longer one. Raises DataError where one is missing.
    """
    asked = Asked(**options)
    found = turned(sides.sides_of(what, sides.PAIRS), asked.direction)
    name = name_of(what)
    if isinstance(found.fed.a, HalfItems):
        raise DataError(
            f"{name} is one set of pictures; two are needed: folders trainA and trainB (or A and "
            'B) in it, or --data "dirA,dirB"'
        )
    refuse_twice(name, found, asked.holdout)
    a, b = (Set.opened(items, asked) for items in (found.fed.a, found.fed.b))
    if asked.size is None and a.shape != b.shape:
        sizes = " and ".join(f"{s.fit.width}x{s.fit.height}" for s in (a, b))
        raise DataError(f"the sides of {name} are of {sizes} (width x height): give --size")
    source = PairSource(name, a.part(~a.held, asked.flip), b.part(~b.held, asked.flip), False)
    notes = [f"{s}: {note}" for s, own in (("a", a), ("b", b)) for note in own.notes(asked.workers)]
    source.notes, source.bad = [*found.notes, *notes], [*a.found.bad, *b.found.bad]
    if a.held.any() and b.held.any():
        source.held = PairSource(name, a.part(a.held, False), b.part(b.held, False), False)
    if found.held is not None:
        apart = (Set.opened(i, asked, s.fit) for i, s in ((found.held.a, a), (found.held.b, b)))
        source.held = PairSource(name, *(s.part(~s.held, False) for s in apart), paired=False)
    return source


@dataclasses.dataclass(frozen=True)
class Set:
    """One side: what it holds, how it is fitted and kept, and what of it is held out."""

    found: Survey
    fit: Fit
    place: Any
    in_memory: bool
    held: np.ndarray

    @classmethod
    def opened(cls, items: Items, asked: Asked, fit: Fit | None = None) -> Set:
        """Survey and decode a side; raises DataError where it cannot be used."""
        found = survey(items)
        opening.require(found, max(1, asked.minimum), asked.tolerate)
        if fit is None:
            fit = opening.choose_fit(found, asked.size, asked.channels, asked.alpha, asked.crop)
        bound = opening.memory_bound(asked.memory_limit) // 2
        in_memory = opening.needed_memory(found, fit) <= bound
        found, place = opening.fill(found, fit, in_memory, asked.workers, asked.progress)
        opening.require(found, max(1, asked.minimum), asked.tolerate)
        held = order.held_out(found.digests, asked.holdout, asked.seed)
        if len(found) - held.sum() < 1:
            raise DataError(f"holdout={asked.holdout:g} leaves nothing of {items.where}")
        return cls(found, fit, place, in_memory, held)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of what is fed."""
        return self.fit.height, self.fit.width

    def part(self, of: np.ndarray, flip: bool) -> Any:
        """The pictures of a part `[N]` of True and False."""
        return opening.part_of(self.found, self.fit, self.place, of, flip)

    def notes(self, workers: int) -> list[str]:
        """What was done to the pictures."""
        done = statements(self.found, self.fit, self.in_memory, workers)
        return [f"{len(self.found)} pictures, as {self.found.items.names[0]}", *done]
