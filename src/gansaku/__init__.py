"""Gansaku: the canon of generative adversarial networks, with one loop and one command line.

    import gansaku as gs
    run = gs.train(gs.DCGAN(), data="photos/")
    run.sample(64)

Names are looked up on first use, so that importing this package imports no torch: what runs are
(`train`, `resume`, `load`), every recipe by its class, and all that a config text may say.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "train": "gansaku.api",
    "resume": "gansaku.api",
    "evaluate": "gansaku.evaluation",
    "load": "gansaku.model",
    "compare": "gansaku.comparison",
    "import_singan": "gansaku.importing",
    "Model": "gansaku.model",
    "open_source": "gansaku.data",
    "UserError": "gansaku.core.errors",
}
_SHELVES = ("gansaku.losses", "gansaku.augment", "gansaku.core.optim")


def _recipes() -> dict[str, str]:
    from gansaku.core import catalog

    return {entry.cls: f"gansaku.recipes.{entry.name}" for entry in catalog.every()}


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'gansaku' has no attribute {name!r}")
    homes = _HOMES | _recipes()
    if name in homes:
        return getattr(importlib.import_module(homes[name]), name)
    for shelf in map(importlib.import_module, _SHELVES):
        if name in vars(shelf):
            return getattr(shelf, name)
    from gansaku.core.errors import nearest

    raise AttributeError(f"module 'gansaku' has no attribute {name!r}{nearest(name, __dir__())}")


def __dir__() -> list[str]:
    shelves = [importlib.import_module(shelf) for shelf in _SHELVES[:2]]
    named = [name for shelf in shelves for name in shelf.__all__]
    return sorted({"__version__", *_HOMES, *_recipes(), *named})
