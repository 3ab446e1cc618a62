"""Pairs of pictures, a and b, that belong together: what was, and what it should become."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gansaku.core.errors import DataError, nearest
from gansaku.core.noise import seed_of
from gansaku.data import opening, order, sides
from gansaku.data.fit import Crop, Fit
from gansaku.data.images import ImageSource
from gansaku.data.partners import Couple, matched
from gansaku.data.sides import Sides, Two
from gansaku.data.source import Source
from gansaku.data.spec import PairSpec
from gansaku.data.statements import mixed_sizes, statements
from gansaku.data.store import Store
from gansaku.data.survey import few, survey

DIRECTIONS = ("AtoB", "BtoA")


class PairSource(Source):
    """Batches `{"a": [N, Ca, H, W], "b": [N, Cb, H, W]}`, both in [-1, 1].

    Paired, both sides have the same order, crops and flips, for all these are functions of
    position and seed; unpaired, each has its own. `open_pairs`, `open_unpaired` and `open_maps`
    make it.
    """

    spec: PairSpec

    def __init__(self, name: str, a: ImageSource, b: ImageSource, paired: bool = True) -> None:
        super().__init__()
        self.name, self.a, self.b, self.paired = name, a, b, paired
        self.spec = PairSpec(a.spec, b.spec)

    def __len__(self) -> int:
        return max(len(self.a), len(self.b))

    def fingerprint(self) -> str:
        both = f"{self.a.fingerprint()} {self.b.fingerprint()} {self.paired}"
        return hashlib.blake2b(both.encode(), digest_size=8).hexdigest()

    def batch(
        self,
        start: int,
        n: int,
        seed: int,
        *,
        spec: Any = None,
        device: torch.device | str = "cpu",
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> dict[str, Tensor]:
        where: dict[str, Any] = {"device": device, "memory_format": memory_format}
        spec = spec or self.spec
        other = seed if self.paired else seed_of(seed, "b")
        a = self.a.batch(start, n, seed, spec=spec.a, **where)
        return {"a": a["x"], "b": self.b.batch(start, n, other, spec=spec.b, **where)["x"]}

    def take(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """The pairs of those numbers; unpaired, the smaller side begins anew at its end."""
        a, b = (side.take([i % len(side) for i in indices])["x"] for side in (self.a, self.b))
        return {"a": a, "b": b}

    def images(self, chunk: int = 256) -> Iterator[Tensor]:
        """All pictures of b once: what samples are to be like."""
        yield from self.b.images(chunk)

    def close(self) -> None:
        self.a.close()
        self.b.close()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """The options of an opener of two sides: those of `open_source`, in one value."""

    size: int | tuple[int, int] | None = None
    channels: int | None = None
    alpha: opening.Alpha = "composite"
    flip: bool = False
    crop: Crop = "center"
    holdout: float = 0.0
    seed: int = 0
    labels: None = None
    workers: int = 2
    memory_limit: int | None = None
    minimum: int = 1
    tolerate: float = 0.05
    progress: Callable[[int, int], None] | None = None
    direction: str = "AtoB"

    def __post_init__(self) -> None:
        opening.check_options(self.size, self.channels, self.alpha, self.crop, self.holdout)
        if self.labels is not None:
            raise DataError("labels= belongs to single pictures; here b says what a should be")
        if self.direction not in DIRECTIONS:
            raise DataError(
                f"direction={self.direction!r}; use 'AtoB' or 'BtoA'"
                f"{nearest(self.direction, DIRECTIONS)}"
            )


def open_pairs(what: Any, **options: Any) -> PairSource:
    """Open pairs; `options` are those of `open_source` and act on both sides of a pair alike.

    `what`: a folder or zip of pictures with a on their left and b on their right, or with folders
    A and B of equal names (train, val or test beside them is understood: the latter two are held
    out); "dirA,dirB"; a CSV of two columns of paths; two arrays. `direction="BtoA"` exchanges the
    sides. Raises DataError for partners that are missing or of another size, by name.
    """
    asked = Asked(**options)
    found = turned(sides.sides_of(what, sides.PAIRS), asked.direction)
    return paired(name_of(what), found, asked, picture_fits, opening.part_of)


def name_of(what: Any) -> str:
    """What the user gave, as a name."""
    return "two arrays" if isinstance(what, (tuple, list)) else str(what)


def turned(found: Sides, direction: str) -> Sides:
    """The sides in the direction that is asked for, and the note that says so."""
    if direction == "AtoB":
        return found
    held = None if found.held is None else found.held.swapped()
    note = "direction BtoA: a and b of the files are exchanged"
    return Sides(found.fed.swapped(), held, (*found.notes, note))


# --- from both sides to a source ---

Fits = tuple[Fit, Fit]


def picture_fits(couple: Couple, asked: Asked) -> Fits:
    """The common size of both sides, and the channels of each."""
    height, width = size_of(couple, asked)
    fits = (
        opening.choose_fit(side, (height, width), asked.channels, asked.alpha, asked.crop)
        for side in (couple.a, couple.b)
    )
    return next(fits), next(fits)


def size_of(couple: Couple, asked: Asked) -> tuple[int, int]:
    """The size that is asked for, or the one of all pictures; else DataError suggests one."""
    if asked.size is not None:
        return opening.pair(asked.size)
    if len(couple.a.sizes) > 1:
        raise DataError(mixed_sizes(couple.a))
    return next(iter(couple.a.sizes))


@dataclasses.dataclass(frozen=True)
class Stored:
    """Both sides decoded once, and where their pictures are kept."""

    couple: Couple
    fits: Fits
    places: tuple[Store, Store]
    in_memory: bool
    part_a: Callable[..., ImageSource]

    def source(self, name: str, numbers: np.ndarray, flip: bool) -> PairSource:
        """The pairs of those numbers."""
        sides = (self.couple.a, self.couple.b)
        a, b = (
            part_of(side, fit, place, np.isin(side.numbers, numbers), flip)
            for part_of, side, fit, place in zip(
                (self.part_a, opening.part_of), sides, self.fits, self.places, strict=True
            )
        )
        return PairSource(name, a, b)

    def digests(self) -> np.ndarray:
        """64 bits for the content of each pair."""
        a, b = (
            s.digests[np.isin(s.numbers, self.couple.numbers)]
            for s in (self.couple.a, self.couple.b)
        )
        return order.scrambled(a, "pair") ^ b

    def notes(self, workers: int) -> list[str]:
        """What was done to the pictures of each side; said once where it is the same."""
        said = [
            statements(dataclasses.replace(side, bad=()), fit, self.in_memory, workers)
            for side, fit in zip((self.couple.a, self.couple.b), self.fits, strict=True)
        ]
        both = [note for note in said[0] if note in said[1]]
        own = [
            f"{s}: {note}"
            for s, notes in zip("ab", said, strict=True)
            for note in notes
            if note not in both
        ]
        lost = (
            [f"left out: {few(f'{name} ({why})' for name, why in self.couple.bad)}"]
            if self.couple.bad
            else []
        )
        return [*both, *own, *lost]


def stored(
    name: str, two: Two, asked: Asked, fits: Callable[[Couple, Asked], Fits], part_a: Callable
) -> Stored:
    """Match, survey and decode both sides; raises DataError where they do not make pairs."""
    whole, lone = matched(two)
    couple = Couple(survey(whole.a), survey(whole.b), tuple(lone))
    couple.require(name, asked.minimum, asked.tolerate)
    chosen = fits(couple, asked)
    needed = sum(map(opening.needed_memory, (couple.a, couple.b), chosen))
    in_memory = needed <= opening.memory_bound(asked.memory_limit)
    kept = [
        opening.fill(side, fit, in_memory, asked.workers, asked.progress)
        for side, fit in zip((couple.a, couple.b), chosen, strict=True)
    ]
    couple = dataclasses.replace(couple, a=kept[0][0], b=kept[1][0])
    couple.require(name, asked.minimum, asked.tolerate)
    return Stored(couple, chosen, (kept[0][1], kept[1][1]), in_memory, part_a)


def refuse_twice(name: str, found: Sides, holdout: float) -> None:
    """Raise DataError where the data and `holdout` both keep a part from training."""
    if found.held is not None and holdout:
        part = next(note for note in found.notes if "is held out" in note)
        raise DataError(f"of {name} {part}: leave holdout out")


def paired(
    name: str,
    found: Sides,
    asked: Asked,
    fits: Callable[[Couple, Asked], Fits],
    part_a: Callable[..., ImageSource],
) -> PairSource:
    """The source of partners; a part is held out by the data itself or by `holdout`."""
    refuse_twice(name, found, asked.holdout)
    fed = stored(name, found.fed, asked, fits, part_a)
    numbers = fed.couple.numbers
    held = order.held_out(fed.digests(), asked.holdout, asked.seed)
    if len(numbers) - held.sum() < asked.minimum:
        raise DataError(
            f"holdout={asked.holdout:g} leaves {len(numbers) - held.sum()} of {len(numbers)} pairs "
            "to train on; hold a smaller share out"
        )
    source = fed.source(name, numbers[~held], asked.flip)
    source.notes, source.bad = [*found.notes, *fed.notes(asked.workers)], list(fed.couple.bad)
    if held.any():
        source.held = fed.source(name, numbers[held], False)
    if found.held is not None:
        apart = stored(name, found.held, asked, lambda *_: fed.fits, part_a)
        source.held = apart.source(name, apart.couple.numbers, False)
    return source
