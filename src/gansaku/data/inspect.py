"""What is in a data set and what of it would be fed: the answer of `gansaku data PATH`."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data.draw import save_table
from gansaku.data.feeds import opener
from gansaku.data.finding import items_of
from gansaku.data.points import LINES
from gansaku.data.sides import MAPS, PAIRS, Sides, sides_of
from gansaku.data.source import Source
from gansaku.data.spec import ImageSpec, MapSpec, PairSpec, Spec
from gansaku.data.survey import Survey, few, survey

SHOWN = 64  # samples on the preview sheet
PAIRS_SHOWN = 12
WORDS = {"pairs": PAIRS, "unpaired": PAIRS, "maps": MAPS}  # of data that has two sides
ROWS = 12  # lines of a histogram


@dataclasses.dataclass(frozen=True)
class Report:
    """What is there, what would be fed, and what cannot be used.

    `forms`, `modes`, `sizes` (height, width) and `labels` count the usable items. `duplicates`
    are groups of names with the same content. `refusal` is the sentence that training would
    stop with; it is empty, and `spec` known, where the data can be fed.
    """

    where: str
    count: int = 0
    forms: Mapping[str, int] = dataclasses.field(default_factory=dict)
    modes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    sizes: Mapping[tuple[int, int], int] = dataclasses.field(default_factory=dict)
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)
    duplicates: tuple[tuple[str, ...], ...] = ()
    bad: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    spec: Spec | None = None
    fed: int = 0
    held: int = 0
    refusal: str = ""
    sheet: Path | None = None

    def text(self) -> str:
        """The report as lines for the terminal."""
        return "\n".join([*self._there(), *self._fed(), *self._unusable()])

    def _there(self) -> list[str]:
        if not self.count and not self.bad:  # points: nothing lies anywhere
            return [self.where]
        lines = [self.where, f"  {self.count} usable items"]
        lines += [f"  {name}: {counted(some)}" for name, some in self._counts() if some]
        if self.duplicates:
            copies = sum(len(group) - 1 for group in self.duplicates)
            lines.append(f"  exact copies: {copies}, for one {few(self.duplicates[0])}")
        return lines

    def _counts(self) -> list[tuple[str, Mapping[str, int]]]:
        sizes = {f"{width}x{height}": n for (height, width), n in self.sizes.items()}
        named = ("formats", self.forms), ("pixels", self.modes), ("sizes (w x h)", sizes)
        return [*named, ("classes", self.labels)]

    def _fed(self) -> list[str]:
        if self.refusal:
            return ["cannot be fed as it is:", f"  {self.refusal}"]
        lines = ["would be fed:", f"  {self.fed} samples of {described(self.spec)}"]
        lines += [f"  {self.held} more held out for measuring"] if self.held else []
        lines += [f"  {note}" for note in self.notes]
        return lines + ([f"  preview: {self.sheet}"] if self.sheet else [])

    def _unusable(self) -> list[str]:
        lines = [f"cannot be used ({len(self.bad)}):"] if self.bad else []
        lines += [f"  {name}: {reason}" for name, reason in self.bad]
        if self.ignored and self.refusal:  # else the notes have said it
            lines.append(f"no pictures, and ignored ({len(self.ignored)}): {few(self.ignored)}")
        return lines


def inspect(
    what: Any, *, sheet: str | Path | None = None, feeds: str = "images", **options: Any
) -> Report:
    """Report on data without training; `options` are those of `open_source`.

    `feeds` is the kind of data, a key of `gansaku.data.feeds.OPENERS`. `sheet` names a picture
    file to write the first samples to, as they would be fed. Data that cannot be fed is reported
    as such, by name and reason; DataError is raised only where there is nothing to report on (no
    such path, no pictures, an unreadable file).
    """
    report = Report(str(what))
    if feeds in WORDS:
        report = both(sides_of(what, WORDS[feeds]), report)
    elif feeds != "clip" and not (isinstance(what, str) and (what in LINES or "://" in what)):
        report = there(survey(items_of(what, options.get("labels"))))
    try:
        source = opener(feeds)(what, **options)
    except DataError as refusal:
        return dataclasses.replace(report, refusal=str(refusal))
    with source:
        return dataclasses.replace(report, **fed(source), sheet=sheet and preview(source, sheet))


def there(found: Survey) -> Report:
    """The part of the report that needs no decoding."""
    items, headers = found.items, found.headers
    numbers = (
        [] if items.labels is None else np.bincount(items.labels, minlength=len(items.classes))
    )
    return Report(
        where=items.where,
        count=len(found),
        forms=collections.Counter(header.form for header in headers),
        modes=collections.Counter(header.mode for header in headers),
        sizes=found.sizes,
        labels={name: int(n) for name, n in zip(items.classes, numbers, strict=True)},
        duplicates=duplicates(found),
        bad=found.bad,
        ignored=tuple(items.ignored),
        notes=tuple(items.notes),
    )


def both(sides: Sides, report: Report) -> Report:
    """The part of the report that tells what lies on both sides."""
    a, b = (there(survey(side)) for side in (sides.fed.a, sides.fed.b))
    sums = {
        name: collections.Counter(getattr(a, name)) + collections.Counter(getattr(b, name))
        for name in ("forms", "modes", "sizes")
    }
    bad = tuple(dict([*a.bad, *b.bad]).items())
    return dataclasses.replace(report, count=a.count + b.count, bad=bad, **sums)


def duplicates(found: Survey) -> tuple[tuple[str, ...], ...]:
    """Groups of names whose content is the same to the byte."""
    _, places, counts = np.unique(found.digests, return_inverse=True, return_counts=True)
    groups: dict[int, list[str]] = {}
    for number in np.flatnonzero(counts[places] > 1):
        groups.setdefault(int(places[number]), []).append(found.items.names[number])
    return tuple(tuple(group) for group in groups.values())


def fed(source: Source) -> dict[str, Any]:
    """The fields of the report that say what training would see."""
    held = 0 if source.held is None else len(source.held)
    told = {"spec": source.spec, "fed": len(source), "held": held, "notes": tuple(source.notes)}
    return {**told, **({"bad": tuple(source.bad)} if source.bad else {})}


def preview(source: Source, sheet: str | Path) -> Path:
    """Write evenly spaced samples of the source to a picture file; both sides of pairs."""
    if isinstance(source.spec, PairSpec):
        return preview_sides(source, source.spec, sheet)
    count = min(SHOWN if isinstance(source.spec, ImageSpec) else 2000, len(source))
    chosen = np.linspace(0, len(source) - 1, count).astype(int).tolist()
    return source.spec.preview(source.take(chosen)["x"], sheet)


def preview_sides(source: Source, spec: PairSpec, sheet: str | Path) -> Path:
    """A row a pair: a, and b beside it."""
    chosen = np.linspace(0, len(source) - 1, min(PAIRS_SHOWN, len(source))).astype(int).tolist()
    sides = source.take(chosen)
    a = spec.a.painted(sides["a"]) if isinstance(spec.a, MapSpec) else sides["a"]
    return save_table({"a": a, "b": sides["b"]}, sheet)


def counted(counts: Mapping[str, int]) -> str:
    """`PNG (300), JPEG (12)`, the most frequent first, and how many kinds more there are."""
    ranked = sorted(counts.items(), key=lambda kind: -kind[1])
    more = f" and {len(ranked) - ROWS} more kinds" if len(ranked) > ROWS else ""
    return ", ".join(f"{name} ({n})" for name, n in ranked[:ROWS]) + more


def described(spec: Spec | None) -> str:
    """The shape of one sample in words."""
    if isinstance(spec, PairSpec):
        return f"{described(spec.a)} and what they become, {described(spec.b)}"
    if isinstance(spec, MapSpec):
        return f"{spec.width}x{spec.height} label maps of {spec.classes} classes"
    if not isinstance(spec, ImageSpec):
        return f"{spec.dims} numbers" if spec else "unknown shape"
    colours = ("grey", "grey + alpha", "RGB", "RGB + alpha")[spec.channels - 1]
    classes = f", {spec.classes} classes" if spec.classes else ""
    return f"{spec.width}x{spec.height} {colours}{classes}"
