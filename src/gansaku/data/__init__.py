"""Data: what a sample is (`ImageSpec`, `PointSpec`), and where samples come from.

`open_source("photos/", size=64)` opens anything that can be trained on; and `gansaku.data.inspect`
says what is there. Names are looked up on first use, so that a spec alone costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gansaku.data.images import ImageSource
    from gansaku.data.inspect import Report
    from gansaku.data.opening import open_source
    from gansaku.data.points import PointSource
    from gansaku.data.source import Source
    from gansaku.data.spec import ImageSpec, PointSpec, Spec, spec_from_json

_HOMES = {
    "ImageSource": "images",
    "ImageSpec": "spec",
    "PointSource": "points",
    "PointSpec": "spec",
    "Report": "inspect",
    "Source": "source",
    "Spec": "spec",
    "open_source": "opening",
    "spec_from_json": "spec",
}

__all__ = [
    "ImageSource",
    "ImageSpec",
    "PointSource",
    "PointSpec",
    "Report",
    "Source",
    "Spec",
    "open_source",
    "spec_from_json",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
