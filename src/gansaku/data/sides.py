"""The two sides of a data set, a and b: in folders, a zip, two places, or a table of paths."""

from __future__ import annotations

import collections
import csv
import dataclasses
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from gansaku.core.errors import DataError
from gansaku.data.finding import items_of
from gansaku.data.items import EncodedItems, Items, without_common_root
from gansaku.data.side_items import HalfItems, ListedItems
from gansaku.data.survey import few

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
PAIRS = {
    **dict.fromkeys(("a", "input", "inputs", "source", "before"), "a"),
    **dict.fromkeys(("b", "target", "targets", "output", "outputs", "after"), "b"),
}
MAPS = {
    **dict.fromkeys(("a", "label", "labels", "annot", "annotation", "annotations"), "a"),
    **dict.fromkeys(("mask", "masks", "map", "maps", "labelmap", "labelmaps", "gt"), "a"),
    **dict.fromkeys(("seg", "segmentation", "segmentations", "segmentationclass"), "a"),
    **dict.fromkeys(("b", "image", "images", "img", "imgs", "photo", "photos"), "b"),
    **dict.fromkeys(("picture", "pictures", "frame", "frames", "jpegimages"), "b"),
}


@dataclasses.dataclass(frozen=True)
class Two:
    """The items of a and of b, and the keys by which partners find each other."""

    a: Items
    b: Items
    a_keys: tuple[str, ...]
    b_keys: tuple[str, ...]

    def swapped(self) -> Two:
        """The same from b to a."""
        return Two(self.b, self.a, self.b_keys, self.a_keys)


@dataclasses.dataclass(frozen=True)
class Sides:
    """What is fed, what the data itself keeps apart from training, and what is stated of it."""

    fed: Two
    held: Two | None = None
    notes: tuple[str, ...] = ()


def sides_of(what: Any, words: Mapping[str, str]) -> Sides:
    """The sides of a folder, a zip, "dirA,dirB", a table of paths, or of two arrays.

    `words` say which folder names mean which side. Raises DataError where no sides are found.
    """
    if isinstance(what, (tuple, list)):
        if len(what) != 2:
            raise DataError(f"{len(what)} things were given: two sides are two, (a, b)")
        return Sides(apart(items_of(what[0]), items_of(what[1])))
    if isinstance(what, (str, Path)) and Path(what).suffix.lower() in (".csv", ".tsv"):
        return Sides(of_table(Path(what).expanduser()))
    if two := two_places(what):
        return Sides(apart(*map(items_of, two)))
    return of_tree(items_of(what), words)


def two_places(what: Any) -> tuple[str, str] | None:
    """Both places of "dirA,dirB"; a path that has a comma itself stays whole."""
    text = str(what)
    if not isinstance(what, str) or Path(text).expanduser().exists():
        return None
    cuts = [(text[:i].strip(), text[i + 1 :].strip()) for i, c in enumerate(text) if c == ","]
    there = [cut for cut in cuts if all(Path(p).expanduser().exists() for p in cut)]
    return next(iter(there or cuts), None)


def apart(a: Items, b: Items) -> Two:
    """Two sets of items, partners by their names."""
    for items in (a, b):
        plain(items)
    return Two(a, b, keys(a), keys(b))


def keys(items: Items) -> tuple[str, ...]:
    """Names without what all of them share and without what the format adds."""
    return tuple(str(PurePosixPath(name).with_suffix("")) for name in named(items))


def named(items: Items) -> list[str]:
    """Relative names; numbers for what has none."""
    if isinstance(items, EncodedItems):
        return without_common_root(items.names)
    return [str(number) for number in range(len(items))]


def plain(items: Items) -> Items:
    """Without the classes that subfolders would make."""
    items.labels, items.classes = None, ()
    items.notes = [note for note in items.notes if "folders are nested" not in note]
    return items


def of_table(path: Path) -> Two:
    """Two columns of paths, relative to the table's folder; a first line of names is passed."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from None
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter(path, text)) if row]
    if rows and all(PurePosixPath(cell.strip()).suffix == "" for cell in rows[0]):
        rows = rows[1:]  # the columns' names
    odd = [number for number, row in enumerate(rows) if len(row) < 2]
    if odd or not rows:
        found = f"a row of one cell: {rows[odd[0]][0]!r}" if odd else "no rows"
        raise DataError(f"{path} must hold two columns of paths, a and b; it has {found}")
    a, b = ([row[column].strip() for row in rows] for column in (0, 1))
    numbers = tuple(map(str, range(len(rows))))
    made = (ListedItems(str(path), path.parent, names) for names in (a, b))
    return Two(*made, numbers, numbers)


def delimiter(path: Path, text: str) -> str:
    """A tab in a .tsv; else whichever of comma, semicolon and tab the first line has."""
    first = text.partition("\n")[0]
    return "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=first.count)


# --- folders whose names say which side and which part ---


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a file's folders put it: `split` and `side` may be "" where they say nothing."""

    split: str
    side: str
    key: str


def place_of(name: str, words: Mapping[str, str]) -> Place:
    """What the folders of a relative name say: trainA/x.png is train, a, and x."""
    split, side, rest = "", "", []
    for part in PurePosixPath(name).parent.parts:
        said = read_word(part, words)
        split, side = (said[0] or split, said[1] or side) if said else (split, side)
        rest += [] if said else [part]
    return Place(split, side, "/".join([*rest, PurePosixPath(name).stem]))


def read_word(part: str, words: Mapping[str, str]) -> tuple[str, str] | None:
    """`("val", "a")` of "valA" or "val_a"; None of a folder that says neither."""
    word = part.lower().translate({ord("_"): None, ord("-"): None})
    for said in ("", *sorted(SPLITS, key=len, reverse=True)):
        rest = word.removeprefix(said) if word.startswith(said) else None
        if rest in words or (rest == "" and said):
            return SPLITS.get(said, ""), words.get(rest, "")
    return None


def of_tree(items: Items, words: Mapping[str, str]) -> Sides:
    """Sides by the names of folders; pictures of no side are pairs that lie side by side."""
    plain(items)
    places = [place_of(name, words) for name in items.names]
    if words is MAPS and any(p.side == "a" for p in places):  # val/ and valannot/
        places = [dataclasses.replace(p, side=p.side or "b") for p in places]
    if not any(p.side for p in places):
        places = by_two_folders(items, places)
    if any(p.side for p in places):
        return by_side(items, places)
    return halves(items, places)


def by_two_folders(items: Items, places: list[Place]) -> list[Place]:
    """Where all lies in two folders, the first by name is a; else nothing changes."""
    names = without_common_root(items.names)
    tops = {PurePosixPath(name).parts[0] for name in names if len(PurePosixPath(name).parts) > 1}
    whole = all(len(PurePosixPath(name).parts) > 1 for name in names)
    if len(tops) != 2 or not whole or any(place.split for place in places):
        return places
    first = min(tops)
    return [
        Place("", "a" if parts[0] == first else "b", "/".join([*parts[1:-1], Path(parts[-1]).stem]))
        for parts in (PurePosixPath(name).parts for name in names)
    ]


def by_side(items: Items, places: list[Place]) -> Sides:
    """The items of each side, in the parts that the folders name."""
    groups: dict[tuple[str, str], list[int]] = collections.defaultdict(list)
    for number, place in enumerate(places):
        groups[place.split, place.side].append(number)
    missing = {"a", "b"} - {side for _, side in groups}
    if missing:
        other = next(items.names[n] for (_, side), ns in groups.items() if side for n in ns)
        raise DataError(f"{items.where} holds one side alone ({other}): {missing.pop()} is missing")
    parts = {split for split, side in groups if side}
    fed, held = splits(parts)
    two = {split: made(items, places, groups, split) for split in (fed, held) if split is not None}
    notes = [stated(two[fed])]
    if loose := [n for (_, side), ns in groups.items() if not side for n in ns]:
        names = few(items.names[n] for n in loose)
        notes.append(f"of neither side, and ignored ({len(loose)}): {names}")
    return Sides(two[fed], two.get(held), (*notes, *part_note(fed, held, parts)))


def made(
    items: Items, places: list[Place], groups: Mapping[tuple[str, str], list[int]], split: str
) -> Two:
    """Both sides of one part."""
    a, b = (groups.get((split, side), []) for side in "ab")
    if not a or not b:
        raise DataError(f"{items.where}: {split or 'it'} has one side alone, {'b' if b else 'a'}")
    a_keys, b_keys = (tuple(places[n].key for n in numbers) for numbers in (a, b))
    return Two(items.only(a), items.only(b), a_keys, b_keys)


def splits(found: set[str]) -> tuple[str, str | None]:
    """Which part is fed and which is held out: train and val, train and test, or the only one."""
    ranked = [part for part in ("train", "", "val", "test") if part in found]
    apart = [part for part in ("val", "test") if part in found]
    return ranked[0], (apart[0] if apart and "train" in found else None)


def part_note(fed: str, held: str | None, found: set[str]) -> list[str]:
    """What the parts are used for, as sentences."""
    notes = [f"{held}/ is held out, as the data has it"] if held is not None else []
    notes += [f"{fed}/ is fed: there is no train/"] if fed in ("val", "test") else []
    rest = [f"{part}/" if part else "what lies beside them" for part in found - {fed, held}]
    return notes + ([f"not used: {', '.join(sorted(rest))}"] if rest else [])


def stated(two: Two) -> str:
    """Which file is what, for one pair."""
    return f"a is {two.a.names[0]} and its like, b is {two.b.names[0]}"


def halves(items: Items, places: list[Place]) -> Sides:
    """Pictures that hold a on their left and b on their right; DataError for an array."""
    if not isinstance(items, EncodedItems):
        raise DataError(
            f"{items.where} is one set of pictures, and two sides are needed: a folder or zip of "
            'pairs side by side, folders A and B in it, or --data "dirA,dirB"'
        )
    groups: dict[str, list[int]] = collections.defaultdict(list)
    for number, place in enumerate(places):
        groups[place.split].append(number)
    fed, held = splits(set(groups))

    def two(split: str) -> Two:
        part, names = items.only(groups[split]), tuple(items.names[n] for n in groups[split])
        return Two(HalfItems(part, False), HalfItems(part, True), names, names)

    first = two(fed)
    note = f"pairs lie side by side: a is the left half of {first.a.names[0]}, b the right one"
    return Sides(
        first, None if held is None else two(held), (note, *part_note(fed, held, set(groups)))
    )
