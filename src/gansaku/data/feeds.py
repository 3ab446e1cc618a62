"""The kinds of data that recipes are fed, and what opens each."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from gansaku.core.errors import UserError, nearest
from gansaku.data.source import Source

OPENERS = {
    "images": "opening.open_source",  # many pictures, or points
    "single": "single.open_single",  # one picture
    "pairs": "pairs.open_pairs",  # a and b, which belong together
    "unpaired": "unpaired.open_unpaired",  # two sets of pictures
    "maps": "maps.open_maps",  # label maps and their pictures
    "clip": "clip.open_clip",  # key points and frames, in order
}
DEFAULTS = {"clip": "puppet"}  # what a recipe is fed where nothing is named; else digits


def opener(feeds: str) -> Callable[..., Source]:
    """What opens the kind of data that `Recipe.feeds` names; UserError for an unknown kind."""
    if feeds not in OPENERS:
        known = ", ".join(OPENERS)
        raise UserError(f"no kind of data is called {feeds!r}{nearest(feeds, OPENERS)} ({known})")
    module, name = OPENERS[feeds].split(".")
    return getattr(importlib.import_module(f"gansaku.data.{module}"), name)
