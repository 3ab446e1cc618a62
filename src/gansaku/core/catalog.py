"""The catalogue of recipes, read from their source text: fast, without importing torch."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
import traceback
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from gansaku.core.card import Card
from gansaku.core.errors import UserError, nearest
from gansaku.core.source import PACKAGE, Field, Source


@dataclass(frozen=True)
class Entry:
    """One recipe: `name` is its file's, `cls` its class's."""

    name: str
    cls: str
    card: Card
    doc: str
    path: Path

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        source = Source.read(self.path)
        return tuple(source.fields(source.recipe()).values())


def every() -> list[Entry]:
    """All recipes of the package, oldest paper first."""
    files = (PACKAGE / "recipes").glob("[!_]*.py")
    return sorted(map(_entry, files), key=lambda e: (e.card.year, e.name))


def entry(name: str | os.PathLike[str]) -> Entry:
    """The entry of `dcgan`, `DCGAN` or `./mygan.py`. Raises UserError with the nearest name."""
    if _is_path(name):
        return _entry(_user_file(name))
    word = os.fspath(name).casefold().replace("-", "_")
    path = PACKAGE / "recipes" / f"{word}.py"
    if word.isidentifier() and not word.startswith("_") and path.is_file():
        return _entry(path)
    recipes = every()
    for recipe in recipes:
        if word in (recipe.name.casefold(), recipe.cls.casefold()):
            return recipe
    raise UserError(
        f"no recipe is called {os.fspath(name)!r}{nearest(word, [r.name for r in recipes]) or '.'} "
        "`gansaku recipes` lists them all; a recipe of your own is a path such as ./mygan.py"
    )


def find(name: str | os.PathLike[str]) -> type[Any]:
    """The recipe's class: imports it, and with it torch. Raises UserError as `entry` does."""
    found = entry(name)
    if _is_path(name):
        module = _load(found.path, found.path.stat().st_mtime_ns)
    else:
        module = importlib.import_module(f"gansaku.recipes.{found.name}")
    return getattr(module, found.cls)


def _is_path(name: str | os.PathLike[str]) -> bool:
    text = os.fspath(name)
    return not isinstance(name, str) or text.endswith(".py") or os.sep in text


def _user_file(name: str | os.PathLike[str]) -> Path:
    path = Path(name).expanduser().resolve()
    if path.is_file():
        return path
    raise UserError(f"there is no recipe file {os.fspath(name)}: give the path of a .py file")


@cache
def _load(path: Path, changed: int) -> ModuleType:  # `changed`: an edited file is loaded again
    name = f"gansaku_user_{abs(hash((path, changed)))}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look it up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        lines = [
            at.lineno
            for at in traceback.extract_tb(error.__traceback__)
            if at.filename == str(path)
        ]
        where = f" at line {lines[-1]}" if lines else ""
        raise UserError(f"{path.name} stops{where}: {type(error).__name__}: {error}") from error
    return module


def _entry(path: Path) -> Entry:
    source = Source.read(path)
    node = source.recipe()
    doc = ast.get_docstring(node) or ""
    return Entry(path.stem, node.name, source.card(node), doc, path)
