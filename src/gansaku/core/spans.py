"""Names for the parts of a step, which a profiler sees; nothing where none is looking.

Any `torch.profiler` around a run finds them, that of `gansaku.core.profiling` first of all.
"""

from __future__ import annotations

import contextlib
from typing import Any

from torch.autograd import profiler

PREFIX = "gansaku/"
_NOTHING = contextlib.nullcontext()


def span(what: str, who: str = "") -> contextlib.AbstractContextManager[Any]:
    """A range called `what` of player `who`, or of the loop itself."""
    if not profiler._is_profiler_enabled:  # what torch's own optimizers ask
        return _NOTHING
    return profiler.record_function(f"{PREFIX}{who}/{what}")


def named(name: str) -> tuple[str, str] | None:
    """(who, what) of a range that `span` made, or None for another's."""
    if not name.startswith(PREFIX):
        return None
    who, _, what = name.removeprefix(PREFIX).rpartition("/")
    return who, what
