"""A run folder: everything that a run was, is, and needs to go on.

recipe.txt      the config text           metrics.jsonl   a line on every logging step
run.json        versions, seed, data ...  tensorboard/    the same numbers as events
log.txt         what was said             samples/        a sheet every so many steps
checkpoints/    the last few and the best measure.png     the measure's curve
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from gansaku.core.errors import CheckpointError, UserError
from gansaku.core.files import SUFFIX, read_json, replacing, write_text

TIMINGS = ("seconds", "images_per_s")  # the only numbers that differ between equal runs


class Folder:
    """Paths of one run, and the few ways in which they are read and written."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoints, self.samples = self.path / "checkpoints", self.path / "samples"
        self.metrics, self.log = self.path / "metrics.jsonl", self.path / "log.txt"
        self.tensorboard = self.path / "tensorboard"

    @classmethod
    def create(cls, path: str | Path, recipe: str, about: dict[str, Any]) -> Folder:
        """A new folder; one that holds a run is refused."""
        folder = cls(path)
        if (folder.path / "run.json").exists():
            raise UserError(
                f"{folder.path} holds a run already: continue it with "
                f"'gansaku resume {folder.path}', or give another --out"
            )
        with folder.writing():
            for part in (folder.checkpoints, folder.samples):
                part.mkdir(parents=True, exist_ok=True)
            folder.describe(recipe, about)
        return folder

    @classmethod
    def open(cls, path: str | Path) -> Folder:
        """An existing run; raises UserError where there is none."""
        folder = cls(path)
        if not (folder.path / "run.json").is_file():
            near = sorted(p.parent.name for p in folder.path.parent.glob("*/run.json"))[-5:]
            runs = f"; runs beside it: {', '.join(near)}" if near else ""
            state = "is no run folder (no run.json)" if folder.path.exists() else "does not exist"
            raise UserError(f"{folder.path} {state}{runs}")
        return folder

    def describe(self, recipe: str, about: dict[str, Any]) -> None:
        """Write recipe.txt and run.json anew."""
        write_text(self.path / "recipe.txt", recipe + "\n")
        write_text(self.path / "run.json", json.dumps(about, indent=2) + "\n")

    @property
    def recipe(self) -> str:
        return (self.path / "recipe.txt").read_text(encoding="utf-8").strip()

    @property
    def about(self) -> dict[str, Any]:
        remedy = "a run cannot be read without it; train it anew"
        return read_json(self.path / "run.json", remedy, ("name", "options", "data", "history"))

    def records(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; those that a crash or a disk has damaged are left out."""
        if not self.metrics.exists():
            return []
        found = []
        for line in (
            self.metrics.read_text(encoding="utf-8", errors="replace")
            .rpartition("\n")[0]
            .splitlines()
        ):
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return [record for record in found if isinstance(record, dict)]

    def append(self, record: dict[str, Any]) -> None:
        with self.writing(), open(self.metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def say(self, text: str) -> None:
        """A line in log.txt, with the time."""
        with self.writing(), open(self.log, "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    def sheet(self, step: int, suffix: str = ".png") -> Path:
        return self.samples / f"step-{step:08d}{suffix}"

    def sheets(self) -> list[Path]:
        return sorted(self.samples.glob("step-*"))

    def checkpoint(self, which: str = "last") -> Path:
        """The file of `last`, `best` or a step; damaged last ones are passed over, and said."""
        if which == "last":
            from gansaku.core import checkpoint  # torch: who lists runs does not wait for it

            return checkpoint.newest_good(self.checkpoints, self._warn)
        path = self.checkpoints / f"best{SUFFIX}"
        if which != "best":
            path = step_path(self.checkpoints, int(which) if which.isdigit() else -1)
        if not path.exists():
            held = ", ".join(str(int(p.stem.split("-")[1])) for p in self.saved()) or "none"
            raise CheckpointError(f"{self.path} has no checkpoint {which!r}; steps held: {held}")
        return path

    def _warn(self, text: str) -> None:
        """Said in the log and, by Python's logging, to whoever is there."""
        self.say(text)
        logging.getLogger("gansaku").warning(text)

    def saved(self) -> list[Path]:
        return sorted(self.checkpoints.glob(f"step-*{SUFFIX}"))

    def rewind(self, step: int) -> None:
        """Forget what came after `step`: a resumed run makes it again."""
        kept = [record for record in self.records() if record["step"] <= step]
        write_text(self.metrics, "".join(json.dumps(r) + "\n" for r in kept))
        for path in [*self.sheets(), *self.saved()]:
            if int(path.stem.split("-")[1]) > step:
                path.unlink()
        for draft in self.path.rglob(".*.tmp"):  # left by a process that was killed
            draft.unlink()

    @contextlib.contextmanager
    def writing(self) -> Generator[None, None, None]:
        """Turns what the operating system refuses into one sentence."""
        try:
            yield
        except OSError as error:
            free = shutil.disk_usage(_existing(self.path)).free
            hint = f" ({free // 2**20} MB are free there)" if error.errno == 28 else ""
            raise UserError(
                f"cannot write to the run folder {self.path}: {error.strerror}{hint}; "
                "what was saved before is untouched"
            ) from error


def step_path(checkpoints: Path, step: int) -> Path:
    return checkpoints / f"step-{step:08d}{SUFFIX}"


def _existing(path: Path) -> Path:
    return path if path.exists() or path == path.parent else _existing(path.parent)


def link(source: Path, target: Path) -> None:
    """`target` becomes another name of `source`, at once; a copy where links are not possible."""
    with replacing(target) as draft:
        try:
            os.link(source, draft)
        except OSError:
            shutil.copyfile(source, draft)
