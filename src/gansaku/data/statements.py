"""What was done to the data, and what is asked of the user, in sentences."""

from __future__ import annotations

import math

import numpy as np

from gansaku.data.fit import Fit
from gansaku.data.survey import Survey, few

SIZES = (256, 128, 64, 32)  # suggested where pictures do not agree on one


def statements(found: Survey, fit: Fit, in_memory: bool, workers: int) -> list[str]:
    """All that was done to the data, as sentences for the user."""
    notes = [*found.items.notes, *found.remarks()]
    notes += shape_statements(found, fit)
    if found.items.ignored:
        names = few(found.items.ignored)
        notes.append(f"no pictures, and ignored ({len(found.items.ignored)}): {names}")
    if not in_memory:
        how = "from disk" if found.items.resident else f"by {workers} worker processes"
        notes.append(f"too large to keep decoded in memory: read {how} as the run goes")
    if found.bad:
        notes.append(found.damage("skipped"))
    return notes


def shape_statements(found: Survey, fit: Fit) -> list[str]:
    """What happens to alpha, colours, depth and size."""
    total, notes = len(found), []
    transparent = sum(h.channels in (2, 4) for h in found.headers)
    if transparent:
        kept = "kept as a channel" if fit.channels in (2, 4) else "composited on white"
        notes.append(f"alpha {kept}: {transparent} of {total} images")
    grey = sum(h.channels < 3 for h in found.headers)
    if fit.channels > 2 and grey:
        notes.append(f"grey used as RGB: {grey} of {total} images")
    if fit.channels < 3 and grey < total:
        notes.append(f"colours turned grey: {total - grey} of {total} images")
    if fit.bits == 16:
        notes.append("16-bit pixels kept as 16-bit")
    other = total - found.sizes[(fit.height, fit.width)]
    if other:
        how = {"center": "the middle", "random": "a random part", "none": "stretched"}[fit.crop]
        notes.append(f"resized to {fit.width}x{fit.height} ({how}): {other} of {total} images")
    return notes


def mixed_sizes(found: Survey) -> str:
    """The sentence that asks for a size, and suggests one."""
    small = min(found.sizes, key=math.prod)
    large = max(found.sizes, key=math.prod)
    shorter = np.quantile([min(h.height, h.width) for h in found.headers], 0.1)
    best = next((side for side in SIZES if side <= shorter), max(1, int(shorter)))
    smaller = f" (or --size {min(64, best // 2)} to train faster)" if best > 32 else ""
    return (
        f"{found.items.where} holds images of {len(found.sizes)} sizes, from {small[1]}x{small[0]}"
        f" to {large[1]}x{large[0]} (width x height); say which to train at: "
        f"--size {best} suits them{smaller}"
    )
