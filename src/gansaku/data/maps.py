"""Label maps and their pictures: indexed or RGB-coded PNGs, with the names of their classes."""

from __future__ import annotations

import copy
import dataclasses
import functools
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gansaku.core.errors import DataError
from gansaku.core.noise import sent
from gansaku.data import decode, opening, sides
from gansaku.data.decode import Header, Undecodable
from gansaku.data.fit import Fit
from gansaku.data.images import ImageSource
from gansaku.data.items import EncodedItems, Items
from gansaku.data.pairs import Asked, Fits, PairSource, name_of, paired, size_of
from gansaku.data.partners import Couple
from gansaku.data.side_items import HalfItems
from gansaku.data.sides import Sides, Two
from gansaku.data.spec import UNLABELLED, MapSpec

FILES = re.compile(
    r"(palette|classes|labels|label_colou?rs|class_dict|colou?rmap)\.(txt|csv|tsv)", re.IGNORECASE
)
Colour = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Palette:
    """The classes by name and colour, in the order of their numbers."""

    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    where: str = ""  # the file that says so; "": the maps themselves
    blank: Colour | None = None  # the colour of what is unlabelled


class MapItems(Items):
    """Label maps as class numbers, uint8 `[h, w, 1]`."""

    def __init__(self, pictures: EncodedItems, palette: Palette | None = None) -> None:
        super().__init__(pictures.where, pictures.names)
        self.pictures, self.palette = pictures, palette

    def only(self, numbers: Sequence[int]) -> MapItems:
        return MapItems(self.pictures.only(numbers), self.palette)

    def header(self, index: int) -> tuple[Header, int]:
        header, digest = self.pictures.header(index)
        return dataclasses.replace(header, channels=1, bits=8, remarks=()), digest

    def pixels(self, index: int, least: tuple[int, int] | None = None) -> np.ndarray:
        numbers = raw(self.pictures.read(index))
        if numbers.ndim == 3:
            numbers = coded(numbers, self.palette)
        elif self.palette and self.palette.names:
            over = (numbers >= len(self.palette.names)) & (numbers != UNLABELLED)
            if over.any():
                raise Undecodable(
                    f"it holds class {numbers[over].max()}, and there are "
                    f"{len(self.palette.names)}, from 0"
                )
        return numbers[..., None]


class MapSource(ImageSource):
    """Class numbers int64 `[N, 1, H, W]`; `UNLABELLED` is no class."""

    def _tensor(self, rows: np.ndarray, device: torch.device | str, spec: Any) -> Tensor:
        maps = sent(torch.from_numpy(np.ascontiguousarray(rows)), device)
        if maps.shape[2:] != (spec.height, spec.width):
            maps = F.interpolate(maps, (spec.height, spec.width), mode="nearest")
        return maps.long()


def open_maps(what: Any, **options: Any) -> PairSource:
    """Open label maps a and pictures b; `options` are those of `open_source`, for both alike.

    `what`: a folder or zip with labels/ and images/ (or val/ and valannot/, A and B, ...),
    "maps,pictures", or a CSV of two columns. Maps are PNGs of class numbers (255 is unlabelled),
    or of colours that palette.txt names: lines of `number name red green blue`, of which number
    or colours may be missing; class_dict.csv and label_colors.txt are read as well. Raises
    DataError for a colour or number that is no class, by file.
    """
    asked = Asked(**options)
    if asked.direction != "AtoB":
        raise DataError("direction=BtoA: label maps are what pictures are painted from; leave it")
    found = ordered(sides.sides_of(what, sides.MAPS))
    sets = [two for two in (found.fed, found.held) if two is not None]
    palette = palette_beside(found.fed.a) or palette_within([mapped(two, None).a for two in sets])
    fed, *held = (mapped(two, palette) for two in sets)
    note = f"{len(palette.names)} classes, as {palette.where or 'the numbers in the maps'} say"
    found = Sides(fed, next(iter(held), None), (*found.notes, note))
    part = functools.partial(part_of, palette=palette)
    return paired(name_of(what), found, asked, map_fits, part)


def map_fits(couple: Couple, asked: Asked) -> Fits:
    """Maps are brought to size without mixing numbers."""
    height, width = size_of(couple, asked)
    picture = opening.choose_fit(couple.b, (height, width), asked.channels, asked.alpha, asked.crop)
    return Fit(height, width, 1, 8, asked.crop, nearest=True), picture


def part_of(
    found: Any, fit: Fit, place: Any, part: np.ndarray, flip: bool, palette: Palette
) -> MapSource:
    """The maps of a part `[N]` of True and False."""
    spec = MapSpec(fit.height, fit.width, palette.names, palette.colours)
    members = np.flatnonzero(part)
    return MapSource(found.items.where, spec, fit, place, members, None, found.digests, flip)


def mapped(two: Two, palette: Palette | None) -> Two:
    """The same with the maps read as class numbers."""
    if not isinstance(two.a, EncodedItems):
        raise DataError(f"{two.a.where}: label maps are picture files, PNGs of class numbers")
    return dataclasses.replace(two, a=MapItems(two.a, palette))


def ordered(found: Sides) -> Sides:
    """Maps are a; where folders do not say which they are, indexed PNGs do."""
    if isinstance(found.fed.a, HalfItems):
        raise DataError(
            f"{found.fed.a.where} holds no label maps beside pictures: put maps in labels/ and "
            "pictures of equal names in images/"
        )
    looks = [looks_like_map(items) for items in (found.fed.a, found.fed.b)]
    if looks[1] and not looks[0]:
        held = None if found.held is None else found.held.swapped()
        notes = [note for note in found.notes if not note.startswith("a is ")]
        found = Sides(found.fed.swapped(), held, tuple(notes))
        found = dataclasses.replace(found, notes=(sides.stated(found.fed), *notes))
    return found


def looks_like_map(items: Items) -> bool:
    """Whether the first picture is a PNG without colours of its own."""
    try:
        header = items.header(0)[0]
    except Undecodable:
        return False
    return header.form == "PNG" and header.mode in ("palette", "grey", "black and white")


# --- what a pixel says ---


def raw(data: bytes) -> np.ndarray:
    """Class numbers uint8 `[h, w]` of an indexed or grey picture, or colours `[h, w, 3]`."""
    with decode.opened(data) as image:
        if image.mode == "1":
            return np.asarray(image).astype(np.uint8)
        if image.mode in ("P", "L"):
            return np.asarray(image)
        if image.mode in decode.SIXTEEN:
            numbers = np.asarray(image)
            if numbers.min() < 0 or numbers.max() > UNLABELLED:
                raise Undecodable(f"it holds class {numbers.max()}, and 254 is the largest")
            return numbers.astype(np.uint8)
        return np.asarray(image.convert("RGB"))


def coded(colours: np.ndarray, palette: Palette | None) -> np.ndarray:
    """Colours `[h, w, 3]` as class numbers `[h, w]`; raises Undecodable for one that is none."""
    if palette is None or not palette.colours:
        raise Undecodable(
            "it is RGB-coded, and no palette says which colour is which class: put palette.txt "
            "beside it, lines of 'name red green blue'"
        )
    known = {code(colour): number for number, colour in enumerate(palette.colours)}
    if palette.blank is not None:
        known[code(palette.blank)] = UNLABELLED
    found, at = np.unique(colours.astype(np.int64) @ [65536, 256, 1], return_inverse=True)
    for odd in [value for value in found.tolist() if value not in known][:1]:
        raise Undecodable(
            f"its colour {odd >> 16} {odd >> 8 & 255} {odd & 255} is none of {palette.where} (a "
            "JPEG or a resized map has colours between those of classes: keep maps as PNG)"
        )
    table = np.array([known[value] for value in found.tolist()], np.uint8)
    return table[at].reshape(colours.shape[:2])


def code(colour: Colour) -> int:
    """A colour as one number."""
    return colour[0] << 16 | colour[1] << 8 | colour[2]


# --- the classes ---


def palette_beside(maps: Items) -> Palette | None:
    """What a palette file among the data says; None where there is none."""
    names = [name for name in maps.ignored if FILES.fullmatch(PurePosixPath(name).name)]
    if not names or not isinstance(maps, EncodedItems):
        return None
    one = copy.copy(maps)
    one.names = (min(names, key=len),)
    return read_palette(one.read(0).decode("utf-8", "replace"), one.names[0])


def read_palette(text: str, where: str) -> Palette:
    """Classes of lines such as `3 road 128 64 128`; raises DataError for a line that is none.

    Three numbers are a colour, one is the class's number, four are both; lines without a number
    of their own count from 0. The number 255 is the colour of what is unlabelled.
    """
    rows: dict[int, tuple[str, Colour | None]] = {}
    for line in filter(None, (line.split("#")[0].strip() for line in text.splitlines())):
        cells = [cell for cell in re.split(r"[,;\t ]+", line) if cell]
        numbers = [int(cell) for cell in cells if cell.isascii() and cell.isdigit()]
        name = " ".join(cell for cell in cells if not cell.isdigit())
        if len(numbers) == 0 and not rows and set(cells) & {"r", "red", "name", "class", "id"}:
            continue  # a header
        if len(numbers) not in (0, 1, 3, 4) or any(number > 255 for number in numbers):
            raise DataError(f"{where}: {line!r} is no class; write 'number name red green blue'")
        own = numbers[0] if len(numbers) in (1, 4) else len(rows)
        colour = tuple(numbers[-3:]) if len(numbers) > 2 else None
        if own in rows:
            raise DataError(f"{where} names class {own} twice: {rows[own][0]!r} and {name!r}")
        rows[own] = (name or f"class {own}", colour)  # ty: ignore[invalid-assignment]
    blank = rows.pop(UNLABELLED, ("", None))[1]
    if not rows:
        raise DataError(f"{where} names no classes")
    return filled(rows, where, blank)


def filled(rows: dict[int, tuple[str, Colour | None]], where: str, blank: Colour | None) -> Palette:
    """Every number up to the largest has a name and a colour."""
    names, colours = [], []
    for number in range(max(rows) + 1):
        name, colour = rows.get(number, (f"class {number}", None))
        names.append(name)
        colours.append(colour or distinct(number))
    return Palette(tuple(names), tuple(colours), where, blank)


def palette_within(sets: list[Items]) -> Palette:
    """The classes that indexed maps themselves hold: 0 to the largest number, and its colours.

    Raises DataError for RGB-coded maps: their colours have no order.
    """
    largest, colours = -1, {}
    for items in sets:
        assert isinstance(items, MapItems)
        for index in range(len(items)):
            try:
                numbers = items.pixels(index)
            except Undecodable as reason:
                if "RGB-coded" in str(reason):
                    raise DataError(f"{items.names[index]} in {items.where}: {reason}") from None
                continue  # said when the pictures are decoded
            largest = max(largest, top(numbers))
            colours = colours or own_colours(items.pictures.read(index))
    if largest < 0:
        raise DataError(f"{sets[0].where}: every pixel of the label maps is unlabelled")
    rows = {n: (f"class {n}", colours.get(n)) for n in range(largest + 1)}
    return filled(rows, "", None)


def top(numbers: np.ndarray) -> int:
    """The largest class number; -1 where all is unlabelled."""
    labelled = numbers[numbers != UNLABELLED]
    return int(labelled.max()) if labelled.size else -1


def own_colours(data: bytes) -> dict[int, Colour]:
    """The palette inside an indexed PNG."""
    with decode.opened(data) as image:
        flat = image.getpalette() if image.mode == "P" else None
    flat = flat or []
    return {n: (flat[3 * n], flat[3 * n + 1], flat[3 * n + 2]) for n in range(len(flat) // 3)}


def distinct(number: int) -> Colour:
    """A colour for a class that has none: PASCAL VOC's, whose neighbours differ much."""
    channels = [0, 0, 0]
    number += 1  # VOC's first is black, as what is unlabelled
    for shift in range(7, -1, -1):
        for c in range(3):
            channels[c] |= (number >> c & 1) << shift
        number >>= 3
    return channels[0], channels[1], channels[2]
