"""`gansaku runs`: list runs, compare them, free their disk space."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.show import count, duration, escape, memory, say, table
from gansaku.core.errors import UserError

if TYPE_CHECKING:
    from gansaku.core.contract import Recipe
    from gansaku.core.folder import Folder


@dataclass(frozen=True)
class Args:
    """List the runs in a folder, compare some of them, or free the space of old checkpoints.

    Examples:
      gansaku runs
      gansaku runs --compare runs/quick-mnist5k runs/dcgan-mnist5k
      gansaku runs --prune --yes
    """

    folder: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[DIR]")] = "runs"
    """where runs are"""
    compare: Annotated[tuple[str, ...], may(metavar="RUN ...")] = ()
    """show where these runs differ, and how they fare"""
    prune: Annotated[bool, tyro.conf.FlagCreatePairsOff, may()] = False
    """of each finished run keep the newest and the best checkpoint; says what would go"""
    yes: Annotated[bool, tyro.conf.FlagCreatePairsOff, may()] = False
    """with --prune: delete it"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "runs")
    from gansaku.core.folder import Folder

    if args.compare:
        _compare([Folder.open(path) for path in args.compare])
        return
    folders = _folders(Path(args.folder))
    if args.prune:
        _prune(folders, args.yes)
    else:
        _list(folders)
        if deeper := _within(Path(args.folder)):
            say(f"More are one folder deeper: {deeper}")


def _folders(where: Path) -> list[Folder]:
    """The runs in a folder, the newest last; a run's own folder stands for itself."""
    from gansaku.core.folder import Folder

    marks = [where / "run.json", *where.glob("*/run.json")]
    found = [Folder(mark.parent) for mark in marks if mark.is_file()]
    if not found:
        state = "there are no runs in" if where.is_dir() else "there is no folder"
        if deeper := _within(where):
            raise UserError(f"{state} {where}; some are one folder deeper: {deeper}")
        raise UserError(f"{state} {where}; `gansaku train` makes the first, in runs/")
    begun = {}
    for folder in found:
        try:
            begun[folder] = folder.about["history"][0]["at"]
        except UserError as error:
            say(f"Left out: {escape(str(error))}")
    if not begun:
        raise UserError(f"none of the runs in {where} can be read")
    return sorted(begun, key=begun.__getitem__)


def _within(where: Path) -> str:
    """What lists the runs that lie one folder deeper, as those of a comparison do, if any do."""
    deeper = sorted({mark.parent.parent for mark in where.glob("*/*/run.json")})
    return ", ".join(f"`gansaku runs {folder}`" for folder in deeper)


def _list(folders: list[Folder]) -> None:
    columns = ("run", "recipe", "data", "step", "measure", "time", "on disk", "last change")
    rows = [
        (
            escape(str(folder.path)),
            escape(folder.about["name"]),
            escape(folder.about["data"]["name"]),
            _progress(folder),
            _best(folder),
            duration(_last(folder, "seconds") or 0),
            memory(_size(folder)),
            _changed(folder),
        )
        for folder in folders
    ]
    say(table(columns, rows, right=("step", "measure", "time", "on disk")))
    say("The measure is better the smaller it is; `gansaku runs --compare RUN RUN` says more.")


def _compare(folders: list[Folder]) -> None:
    """What is set otherwise, then how each fares; what is the same everywhere is left out."""
    columns = ["", *(escape(folder.path.name) for folder in folders)]
    settings = [_settings(folder) for folder in folders]
    every = dict.fromkeys(name for one in settings for name in one)
    rows = [[name, *(escape(one.get(name, "-")) for one in settings)] for name in every]
    rows = [row for row in rows if len(set(row[1:])) > 1]
    say(table(columns, rows) if rows else "The settings are the same.")
    lines: list[list[str]] = [
        ["step", *map(_progress, folders)],
        ["best measure", *map(_best, folders)],
        ["time", *(duration(_last(folder, "seconds") or 0) for folder in folders)],
        ["images/s", *(count(_rate(folder)) for folder in folders)],
    ]
    terms = dict.fromkeys(name for f in folders for record in f.records()[-3:] for name in record)
    told = ("step", "stage", "images", "seconds", "images_per_s", "measure", "error", "of")
    lines += [
        [escape(name), *(_number(_last(folder, name)) for folder in folders)]
        for name in terms
        if name not in told
    ]
    say(table(columns, lines, right=columns[1:]))


def _prune(folders: list[Folder], really: bool) -> None:
    """Checkpoints of finished runs other than the newest (the best is a file of its own)."""
    total = 0
    for folder in filter(_finished, folders):
        old = folder.saved()[:-1]
        size = sum(path.stat().st_size for path in old)
        total += size
        if old:
            say(f"{escape(str(folder.path))}: {len(old)} old checkpoints, {memory(size)}")
        for path in old if really else ():
            path.unlink()
    if not total:
        say("There is nothing to prune: each finished run has one checkpoint, and its best.")
    else:
        say(f"{memory(total)} {'freed' if really else 'could be freed: add --yes to delete them'}")


def _settings(folder: Folder) -> dict[str, str]:
    about = folder.about
    recipe = _recipe(folder)
    named = (
        {} if recipe is None else {f.name: repr(getattr(recipe, f.name)) for f in fields(recipe)}
    )
    options = {name: str(value) for name, value in about["options"].items()}
    kept = {"recipe": about["name"], "samples": str(about["data"]["samples"])}
    return kept | named | options | {"torch": about["machine"]["torch"]}


def _recipe(folder: Folder) -> Recipe | None:
    """None where its file is gone: the rest can still be told."""
    from gansaku.model import recipe_of

    try:
        return recipe_of(folder)
    except UserError:
        return None


def _finished(folder: Folder) -> bool:
    return (_last(folder, "step") or 0) >= (_total(folder) or float("inf"))


def _total(folder: Folder) -> int | None:
    """Steps that are planned; older runs say it in their recipe alone."""
    return folder.about.get("total") or getattr(_recipe(folder), "steps", None)


def _changed(folder: Folder) -> str:
    """When something was last written in it, in local time."""
    latest = max(path.stat().st_mtime for path in folder.path.rglob("*"))
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(latest))


def _progress(folder: Folder) -> str:
    total, done = _total(folder), _last(folder, "step") or 0
    return f"{done:.0f}/{total}" if total else f"{done:.0f}"


def _best(folder: Folder) -> str:
    values = [(r["measure"], r["of"]) for r in folder.records() if "measure" in r]
    return f"{min(values)[0]:.3g}" if values else "-"


def _last(folder: Folder, name: str) -> float | None:
    return next((r[name] for r in reversed(folder.records()) if name in r), None)


def _rate(folder: Folder) -> float:
    """Images a second, as a rule: the median of what was logged."""
    rates = [r["images_per_s"] for r in folder.records() if r.get("images_per_s")]
    return statistics.median(rates) if rates else 0.0


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "-"


def _size(folder: Folder) -> int:
    return sum(path.stat().st_size for path in folder.path.rglob("*") if path.is_file())
