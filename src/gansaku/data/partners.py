"""Partners: which item of one side belongs to which of the other, and what misses its own."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data.sides import Two
from gansaku.data.survey import Survey, few, refuse_damage


def matched(two: Two) -> tuple[Two, list[tuple[str, str]]]:
    """Partners at equal places, in the order of a, and the items without one, with the reason.

    Raises DataError where a side has two items of one key.
    """
    at_a, at_b = places(two.a.names, two.a_keys), places(two.b.names, two.b_keys)
    both = [key for key in at_a if key in at_b]
    lone = [
        (items.names[at], f"it has no partner in {side}")
        for items, own, other, side in ((two.a, at_a, at_b, "b"), (two.b, at_b, at_a, "a"))
        for key, at in own.items()
        if key not in other
    ]
    a, b = (items.only([at[key] for key in both]) for items, at in ((two.a, at_a), (two.b, at_b)))
    return Two(a, b, tuple(both), tuple(both)), lone


def places(names: Sequence[str], keys: Sequence[str]) -> dict[str, int]:
    """Key to number."""
    found = {key: number for number, key in enumerate(keys)}
    if len(found) < len(keys):
        key = collections.Counter(keys).most_common(1)[0][0]
        same = few(name for name, own in zip(names, keys, strict=True) if own == key)
        raise DataError(f"{same} would all be partners of one picture: keep one of them")
    return found


@dataclasses.dataclass(frozen=True)
class Couple:
    """Both sides, surveyed; pairs are those whose number both still have."""

    a: Survey
    b: Survey
    lone: tuple[tuple[str, str], ...] = ()

    @property
    def numbers(self) -> np.ndarray:
        """The pairs that are whole, int64 `[N]`."""
        return np.intersect1d(self.a.numbers, self.b.numbers)

    @property
    def bad(self) -> tuple[tuple[str, str], ...]:
        """All that cannot be used, each file once."""
        return tuple(dict([*self.lone, *self.a.bad, *self.b.bad]).items())

    def sizes(self) -> Iterator[tuple[str, tuple[int, int], str, tuple[int, int]]]:
        """Of each whole pair the name and (height, width) of both sides."""
        seen = [
            {k: (name, (h.height, h.width)) for k, name, h in zip(*of, strict=True)}
            for of in ((s.numbers, s.items.names, s.headers) for s in (self.a, self.b))
        ]
        for number in self.numbers.tolist():
            yield *seen[0][number], *seen[1][number]

    def require(self, name: str, minimum: int, tolerate: float) -> None:
        """Raise DataError where too much cannot be used, or where sizes differ within a pair."""
        pairs = list(self.sizes())
        whole = dataclasses.replace(self.a, headers=self.a.headers[: len(pairs)], bad=self.bad)
        refuse_damage(whole, tolerate)
        if len(pairs) < minimum:
            raise DataError(f"{name} holds {len(pairs)} pairs; at least {minimum} are needed")
        odd = [f"{a} {of(s)} and {b} {of(t)}" for a, s, b, t in pairs if s != t]
        if odd:
            raise DataError(
                f"both sides of a pair must have one size (width x height), and {len(odd)} of "
                f"{len(pairs)} pairs have two: {few(odd)}"
            )


def of(size: tuple[int, int]) -> str:
    """(height, width) as people write it."""
    return f"{size[1]}x{size[0]}"
