"""From what a user names to a source: a folder, a zip, an array file, a tensor or a built-in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data import order, store
from gansaku.data.finding import items_of
from gansaku.data.fit import Crop, Fit
from gansaku.data.images import ImageSource
from gansaku.data.points import LINES, PointSource
from gansaku.data.source import Source
from gansaku.data.spec import ImageSpec
from gansaku.data.statements import mixed_sizes, statements
from gansaku.data.survey import Survey, refuse_damage, survey

Alpha = Literal["composite", "keep"]


def open_source(
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
    workers: int = 2,
    memory_limit: int | None = None,
    minimum: int = 2,
    tolerate: float = 0.05,
    progress: Callable[[int, int], None] | None = None,
) -> Source:
    """Open data for training or measuring; what was done to it is stated in `notes`.

    `what`: a path, a pattern of shards (`s-{000..099}.tar`), an array or tensor (with `labels`),
    a stream (`hf://owner/name`), or a built-in name (mnist5k, digits; ring, grid, spiral). `size`
    is (height, width) or one number for a square, and may be left out where all images agree.
    `alpha`: laid on white, or kept as a channel. `flip` mirrors half of the positions. `holdout`
    is the share kept from training, chosen by `seed` and content.

    Up to `memory_limit` bytes (by default a quarter of what is free) are kept decoded; beyond it
    `workers` processes decode as the run goes, with the same results to the bit. `progress` is
    called with (decoded, total). Raises DataError where nothing can be used, where there are
    fewer than `minimum` images, or where more than the share `tolerate` of the files is damaged.
    """
    check_options(size, channels, alpha, crop, holdout)
    if isinstance(what, str) and what in LINES:
        return open_points(what, size, channels, holdout, seed)
    if isinstance(what, str) and what.startswith("hf://"):
        from gansaku.data.streams import open_stream  # which opens by what is defined here

        return open_stream(what, size, channels, alpha, flip, crop, holdout, workers)
    found = survey(items_of(what, labels))
    require(found, minimum, tolerate)
    fit = choose_fit(found, size, channels, alpha, crop)
    in_memory = needed_memory(found, fit) <= memory_bound(memory_limit)
    found, place = fill(found, fit, in_memory, workers, progress)
    require(found, minimum, tolerate)
    held = order.held_out(found.digests, holdout, seed)
    if len(found) - held.sum() < minimum:
        raise DataError(
            f"holdout={holdout:g} leaves {len(found) - held.sum()} of {len(found)} images to "
            "train on; hold a smaller share out"
        )
    source = part_of(found, fit, place, ~held, flip)
    source.held = part_of(found, fit, place, held, False) if held.any() else None
    source.notes, source.bad = statements(found, fit, in_memory, workers), list(found.bad)
    return source


def check_options(
    size: int | tuple[int, int] | None, channels: int | None, alpha: str, crop: str, holdout: float
) -> None:
    """Raise DataError for an option that has no meaning."""
    if size is not None and min(pair(size)) < 1:
        raise DataError(f"size={size} is not a size; give pixels, as in 64 or (109, 89)")
    if channels not in (None, 1, 2, 3, 4):
        raise DataError(f"channels={channels}; use 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA)")
    if alpha not in ("composite", "keep"):
        raise DataError(f"alpha={alpha!r}; use 'composite' (on white) or 'keep'")
    if crop not in ("center", "random", "none"):
        raise DataError(f"crop={crop!r}; use 'center', 'random' or 'none' (stretch)")
    if not 0 <= holdout < 1:
        raise DataError(f"holdout={holdout}; it is a share, as in 0.1")


def pair(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a size that may be one number."""
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def open_points(
    name: str, size: Any, channels: int | None, holdout: float, seed: int
) -> PointSource:
    """The named point set; image options have no meaning for it."""
    if size is not None or channels is not None:
        raise DataError(f"{name} is a set of points: size and channels belong to images")
    source = PointSource(name, seed=seed)
    if holdout:
        source.held = PointSource(name, max(1, round(len(source) * holdout)), seed + 1)
    return source


def require(found: Survey, minimum: int, tolerate: float) -> None:
    """Raise DataError where too much is damaged or too little is left."""
    refuse_damage(found, tolerate)
    if len(found) >= minimum:
        return
    where = found.items.where
    if len(found) == 1:
        raise DataError(
            f"{where} holds a single image, and a distribution cannot be learned from one; give "
            "more, or use a recipe that learns from one image (they come separately)"
        )
    raise DataError(f"{where} holds {len(found)} images; at least {minimum} are needed")


def choose_fit(
    found: Survey,
    size: int | tuple[int, int] | None,
    channels: int | None,
    alpha: Alpha,
    crop: Crop,
) -> Fit:
    """The common shape of all images; raises DataError where sizes are mixed and none is given."""
    if size is None and len(found.sizes) > 1:
        raise DataError(mixed_sizes(found))
    height, width = next(iter(found.sizes)) if size is None else pair(size)
    if channels is None:
        channels = 3 if any(h.channels > 2 for h in found.headers) else 1
        channels += alpha == "keep" and any(h.channels in (2, 4) for h in found.headers)
    bits = max(header.bits for header in found.headers)
    return Fit(height, width, channels, bits, crop)


def needed_memory(found: Survey, fit: Fit) -> int:
    """Bytes of all images once they are prepared."""
    shapes = [(fit.height, fit.width)] * len(found)
    if fit.crop == "random":
        shapes = [fit.covering(header.height, header.width) for header in found.headers]
    return sum(map(math.prod, shapes)) * fit.channels * fit.bits // 8


def memory_bound(memory_limit: int | None) -> int:
    """How many bytes may be kept: the user's word, or a quarter of what is free."""
    return store.available_memory() // 4 if memory_limit is None else memory_limit


def fill(
    found: Survey,
    fit: Fit,
    in_memory: bool,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[Survey, store.Store]:
    """Decode everything once: the survey of what is whole, and where its pictures are kept."""
    whole = found.items.whole(fit) if in_memory else None
    if whole is not None:
        return found, store.MemoryStore(whole)
    rows, bad = [], {}
    if in_memory or not found.items.checked:
        rows, bad = store.load(found.items, fit, in_memory, progress)
    found = found.without(bad)
    if in_memory:
        return found, store.MemoryStore(store.together(rows))
    if found.items.resident or workers < 1:
        return found, store.DirectStore(found.items, fit)
    return found, store.WorkerStore(found.items, fit, workers)


def part_of(
    found: Survey, fit: Fit, place: store.Store, part: np.ndarray, flip: bool
) -> ImageSource:
    """The images of a part `[N]` of True and False, as a source."""
    items = found.items
    spec = ImageSpec(fit.height, fit.width, fit.channels, items.classes)
    members = np.flatnonzero(part)
    labels, digests = items.labels, found.digests
    return ImageSource(items.where, spec, fit, place, members, labels, digests, flip)
