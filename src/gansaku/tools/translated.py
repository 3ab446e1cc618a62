"""Files and folders of pictures through a translator: read, translated by size, written."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from gansaku.core.errors import DataError, UserError
from gansaku.data.arrays import ArrayItems
from gansaku.data.decode import Undecodable, quiet_bombs
from gansaku.data.draw import write_whole
from gansaku.data.finding import items_of
from gansaku.data.fit import Fit, on_white, resize, with_bits, with_channels
from gansaku.data.images import to_float
from gansaku.data.items import EncodedItems, FileItem, Items
from gansaku.data.maps import MapItems, Palette
from gansaku.data.spec import MapSpec
from gansaku.tools.translate import Means, translate

KEPT = (".png", ".webp", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")  # formats that stay
NO_ALPHA = (".jpg", ".jpeg", ".bmp")


@dataclasses.dataclass(frozen=True)
class Input:
    """One picture: where it lies, what its output is called, and its (height, width)."""

    items: Items
    number: int
    name: str
    size: tuple[int, int]


@dataclasses.dataclass
class Report:
    """What was written, and what could not be read, with the reason."""

    written: list[Path] = dataclasses.field(default_factory=list)
    bad: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def inputs(places: Sequence[str | Path], report: Report) -> list[Input]:
    """All pictures of files, folders and zips, in order; what cannot be read goes to the report.

    Raises UserError where a place does not exist.
    """
    found: list[Input] = []
    names: set[str] = set()
    for place in places:
        items = items_of(place)
        if isinstance(items, ArrayItems):
            raise DataError(f"{place} is an array; pictures are translated from picture files")
        for number, name in enumerate(items.names):
            name = PurePosixPath(name).name if isinstance(items, FileItem) else name
            try:
                with quiet_bombs():
                    header = items.header(number)[0]
            except Undecodable as reason:
                report.bad.append((name, str(reason)))
                continue
            name = free(name, names)
            found.append(Input(items, number, name, (header.height, header.width)))
    return found


def free(name: str, taken: set[str]) -> str:
    """The name, with a number where another picture's output has it."""
    path, count = PurePosixPath(name), 1
    while str(path.with_suffix("")) in taken:
        count += 1
        path = PurePosixPath(name).with_stem(f"{PurePosixPath(name).stem}-{count}")
    taken.add(str(path.with_suffix("")))
    return str(path)


def translate_files(
    how: Means,
    found: Sequence[Input],
    out: Path,
    report: Report,
    *,
    seed: int = 0,
    tile: int | None = None,
    trained: bool = False,
    beside: bool = False,
) -> Iterator[Path]:
    """Translate pictures, those of one size together, and write each under its own name.

    Orientation is as the EXIF says, alpha is kept. `trained`: pictures are first brought to the
    size of training; `beside`: input and output in one file. The i-th input has the noise of
    (seed, i). What cannot be decoded goes to the report. Yields what was written.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for i, one in enumerate(found):
        groups.setdefault(how.size if trained else one.size, []).append(i)
    for size, members in groups.items():
        many = max(1, min(8, how.room() // (size[0] * size[1])))
        for start in range(0, len(members), many):
            part = members[start : start + many]
            read = [(i, one) for i in part if (one := pixels(how, found[i], size, report))]
            for (i, (a, alpha)), y in zip(read, made(how, read, seed, tile), strict=True):
                both = side_by_side(visible(how, a), y) if beside else y
                wide = [alpha, alpha] if beside else [alpha]
                path = write(
                    both, None if alpha is None else np.concatenate(wide, 1), out, found[i]
                )
                report.written.append(path)
                yield path


Read = tuple[Tensor, np.ndarray | None]  # an input [1, C, H, W], and its alpha uint8 [H, W, 1]


def made(
    how: Means, read: Sequence[tuple[int, Read]], seed: int, tile: int | None
) -> Iterable[Tensor]:
    """Translations `[C, H, W]` of inputs of one size; each with the noise of its own number."""
    numbers = [i for i, _ in read]
    if numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        a = torch.cat([a for _, (a, _) in read])
        return translate(how, a, seed, numbers[0], tile)
    return [translate(how, a, seed, i, tile)[0] for i, (a, _) in read]


def pixels(how: Means, one: Input, size: tuple[int, int], report: Report) -> Read | None:
    """An input as the translator takes it, and its alpha; None, and reported, where damaged."""
    try:
        if isinstance(how.taken, MapSpec):
            return map_pixels(one, how.taken, size), None
        picture = with_bits(one.items.pixels(one.number), 8)
    except Undecodable as reason:
        report.bad.append((one.name, str(reason)))
        return None
    channels = how.taken.channels
    alpha = None
    if picture.shape[2] in (2, 4) and channels in (1, 3):
        alpha = resize(picture[..., -1:], *size)
    picture = resize(with_channels(picture, channels), *size)
    return to_float(picture.transpose(2, 0, 1)[None].copy(), "cpu"), alpha


def map_pixels(one: Input, spec: MapSpec, size: tuple[int, int]) -> Tensor:
    """A label map as class numbers int64 `[1, 1, H, W]`, by the palette of the run."""
    if not isinstance(one.items, EncodedItems):
        raise Undecodable("label maps are picture files")
    maps = MapItems(one.items, Palette(spec.labels, spec.palette, "the run's palette"))
    rows = Fit(*size, 1, 8, "none", nearest=True)(maps.pixels(one.number))
    return torch.from_numpy(rows.copy())[None].long()


def visible(how: Means, a: Tensor) -> Tensor:
    """An input as a picture `[1, C, H, W]`."""
    return how.taken.painted(a) if isinstance(how.taken, MapSpec) else a


def side_by_side(a: Tensor, y: Tensor) -> Tensor:
    """Input `[1, C, H, W]` and output `[C', sH, sW]` in one picture: `[C'', sH, 2 sW]`."""
    a = F.interpolate(a, y.shape[1:])[0]
    if len(a) != len(y):
        a, y = (x.expand(3, -1, -1) if len(x) == 1 else x[:3] for x in (a, y))
    return torch.cat([a, y], 2)


def write(y: Tensor, alpha: np.ndarray | None, out: Path, one: Input) -> Path:
    """Write a picture `[C, H, W]` under the input's name; UserError where that is the input."""
    array = ((y.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    if alpha is not None and array.shape[2] in (1, 3):
        alpha = resize(alpha, *array.shape[:2])
        opaque = out.suffix.lower() in NO_ALPHA
        array = on_white(array, alpha) if opaque else np.concatenate([array, alpha], 2)
    path = target(out, one.name, array.shape[2] in (2, 4))
    root = getattr(one.items, "root", None) or getattr(one.items, "path", Path()).parent
    if path.resolve() == (Path(root) / one.items.names[one.number]).resolve():
        raise UserError(f"{path} is the input itself: give another --out")
    image = Image.fromarray(array[..., 0] if array.shape[2] == 1 else np.ascontiguousarray(array))
    try:
        return write_whole(path, lambda unfinished: image.save(unfinished, **settings(path)))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {path}: {error}") from error


def target(out: Path, name: str, transparent: bool) -> Path:
    """The file for an output: `out` itself where it names one; formats stay where they can."""
    if out.suffix.lower() in KEPT:
        return out
    path = out / name
    suffix = path.suffix.lower()
    stays = suffix in KEPT and not (transparent and suffix in NO_ALPHA)
    return path if stays else path.with_suffix(".png")


def settings(path: Path) -> dict[str, Any]:
    """How a format is written: with little loss where it has any."""
    suffix = path.suffix.lower()
    if suffix in (".jpg", ".jpeg"):
        return {"quality": 95, "subsampling": 0}
    return {"lossless": True} if suffix == ".webp" else {}
