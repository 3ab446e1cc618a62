"""One picture as a source: what models of a single image learn from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data import arrays
from gansaku.data.finding import items_of
from gansaku.data.fit import Crop, Fit
from gansaku.data.images import ImageSource
from gansaku.data.items import Items
from gansaku.data.opening import Alpha, check_options, fill, part_of
from gansaku.data.statements import shape_statements
from gansaku.data.survey import Survey, survey

LONGEST = 250  # pixels of the longer side, unless a size is asked for (arXiv:1905.01164)
LEAST = 12  # pixels of the shorter side: a patch of 11 is all that a critic sees


def open_single(
    what: Any,
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    alpha: Alpha = "composite",
    flip: bool = False,
    crop: Crop = "center",
    holdout: float = 0.0,
    seed: int = 0,
    labels: Any = None,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ImageSource:
    """Open one picture: `batch` gives it n times, of any proportions and 1 to 4 channels.

    `what` is a file, a folder or zip with one picture, or an array `[H, W]`, `[H, W, C]` or
    `[C, H, W]`. `size` is the longer side in pixels, 250 if not given, and never enlarges; as
    (height, width) it is both, cut or stretched as `crop` says. Raises DataError for more than
    one picture, a side under 12 pixels, damage, and options that belong to many pictures.
    """
    check_options(size, channels, alpha, crop, holdout)
    _check_single(flip, holdout, labels)
    found = _only(survey(_items(what)))
    fit = _fit(found, size, channels, alpha, crop)
    found, place = fill(found, fit, True, 0, progress)
    _only(found)
    source = part_of(found, fit, place, np.ones(1, bool), False)
    source.notes = [*found.items.notes, *found.remarks(), *_statements(found, fit)]
    return source


def _check_single(flip: bool, holdout: float, labels: Any) -> None:
    for name, given in (("flip", flip), ("holdout", holdout), ("labels", labels is not None)):
        if given:
            raise DataError(f"{name} has no meaning for one single picture: leave it out")


def _items(what: Any) -> Items:
    """One picture's array may lack the dimension that counts pictures."""
    if hasattr(what, "__array__") or hasattr(what, "detach"):
        x = arrays.as_array(what)
        what = x[None] if x.ndim == 2 or (x.ndim == 3 and min(x.shape[0], x.shape[2]) <= 4) else x
    return items_of(what)


def _only(found: Survey) -> Survey:
    """The survey of one picture; DataError for none or many."""
    if len(found) == 1:
        return found
    if found.bad and not len(found):
        raise DataError(found.damage("cannot be used"))
    raise DataError(
        f"{found.items.where} holds {len(found)} pictures, and this recipe learns from one: name "
        f"one of them, such as {found.items.names[0]}"
    )


def _fit(
    found: Survey,
    size: int | tuple[int, int] | None,
    channels: int | None,
    alpha: Alpha,
    crop: Crop,
) -> Fit:
    head = found.headers[0]
    if isinstance(size, tuple):
        height, width = size
    else:
        share = min(1.0, (size or LONGEST) / max(head.height, head.width))
        height, width = (math.ceil(side * share - 1e-6) for side in (head.height, head.width))
        crop = "none"  # the proportions are the picture's own
    if min(height, width) < LEAST:
        raise DataError(
            f"{found.items.where} has {head.width}x{head.height} pixels and would be trained at "
            f"{width}x{height}; patches of 11 pixels are learned, so that {LEAST} are needed a side"
        )
    if channels is None:
        channels = (3 if head.channels > 2 else 1) + (alpha == "keep" and head.channels in (2, 4))
    return Fit(height, width, channels, head.bits, crop)


def _statements(found: Survey, fit: Fit) -> list[str]:
    """What was done to the picture; a change of size with both sizes."""
    head, notes = found.headers[0], shape_statements(found, fit)
    notes = [note.replace(": 1 of 1 images", "") for note in notes if "resized" not in note]
    if (head.height, head.width) != (fit.height, fit.width):
        how = {"none": "", "center": ", its middle", "random": ", a part"}[fit.crop]
        before, after = f"{head.width}x{head.height}", f"{fit.width}x{fit.height}"
        notes.append(f"resized from {before} to {after} pixels{how} (--size says otherwise)")
    return notes
