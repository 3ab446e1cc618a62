"""Mode collapse on the ring of eight, and three cures, from four real runs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from gansaku.core import catalog, config
from gansaku.core.contract import Recipe
from gansaku.core.loop import Run
from gansaku.data.points import SIGMA, PointSource, centres
from gansaku.metrics.modes import ModeCoverage, mode_coverage
from gansaku.theory import style

SAMPLES = 2000
REACH = 2.75  # half side of a panel


@dataclasses.dataclass(frozen=True)
class Entry:
    """A run by its config text, and the steps at which it is looked at."""

    title: str
    text: str
    looks: tuple[int, ...]

    def recipe(self) -> Recipe:
        return config.read(self.text)


RING = "UnrolledGAN(points='paper', unrolled={}, d_optimizer=Adam(1e-3, (0.5, 0.999)), steps=4500)"
ENTRIES = (
    Entry("plain", RING.format(0), (500, 1500, 3000, 4500)),
    Entry("unrolled", RING.format(5), (500, 1500, 3000, 4500)),
    Entry(
        "WGAN-GP",
        "WGANGP(width=8, z=2, batch_size=128, penalties=(GradientPenalty(0.1),), d_updates=1, "
        "g_optimizer=Adam(1e-3, (0.5, 0.9)), d_optimizer=Adam(2e-3, (0.5, 0.9)), last_lr=0.02, "
        "ema=10000.0, steps=6000)",
        (300, 1000, 3000, 6000),
    ),
    Entry(
        "RpGAN + R1 + R2",
        "R3GAN(width=8, z=2, batch_size=128, penalties=(R1(0.1), R2(0.1)), ema=10000.0, "
        "g_optimizer=Adam(1e-3, (0.0, 0.9)), d_optimizer=Adam(1e-3, (0.0, 0.9)), last_lr=0.02, "
        "steps=4000)",
        (300, 1000, 2000, 4000),
    ),
)


@dataclasses.dataclass(frozen=True)
class Look:
    """Samples `[N, 2]` after some steps, and the modes that they cover."""

    steps: int
    samples: Tensor
    modes: ModeCoverage


@dataclasses.dataclass(frozen=True)
class Course:
    """What a run showed at its looks, and the processor's seconds it took."""

    entry: Entry
    looks: list[Look]
    seconds: float


def entries() -> tuple[Entry, ...]:
    """Those whose recipes are here."""
    known = {recipe.cls for recipe in catalog.every()}
    return tuple(entry for entry in ENTRIES if entry.text.partition("(")[0] in known)


def follow(entry: Entry, seed: int = 0, note: Callable[[str], None] = lambda text: None) -> Course:
    """Play a run on the ring, and look at its samples."""
    source, looks = PointSource("ring"), []
    began = time.process_time()

    def look(run: Run) -> None:
        if run.steps % 500 == 0:
            note(f"{entry.title}: step {run.steps} of {entry.looks[-1]}")
        if run.steps in entry.looks:
            x = run.sample(SAMPLES, seed=1)
            looks.append(Look(run.steps, x, mode_coverage(x, centres("ring"), SIGMA)))

    Run(entry.recipe(), source, seed=seed, log_every=10**9).play([look])
    return Course(entry, looks, time.process_time() - began)


@style.styled
def draw(path: Path, note: Callable[[str], None]) -> Path:
    courses = [follow(entry, note=note) for entry in entries()]
    columns = max(len(course.looks) for course in courses)
    made, panels = style.figure(8.2, 2.05 * len(courses) + 0.2, len(courses), columns)
    middles = centres("ring")
    for row, course in zip(panels, courses, strict=True):
        for axes, look in zip(row, course.looks, strict=True):
            _panel(axes, look, middles)
        row[0].set_ylabel(course.entry.title, fontsize=11, fontweight="bold")
    return style.save(made, path)


def _panel(axes: Any, look: Look, middles: Tensor) -> None:
    style.bare(axes)
    axes.scatter(*middles.T, s=190, facecolor="none", edgecolor=style.PALE, lw=1)
    axes.scatter(*look.samples.T, s=3, color=style.FAKE, alpha=0.35, lw=0)
    axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH))
    axes.set_title(f"step {look.steps}", fontsize=9, fontweight="normal")
    full = look.modes.covered == look.modes.modes
    colour = style.CRITIC if full else style.INK
    axes.text(0, 0, f"{look.modes.covered}", ha="center", va="center", fontsize=20, color=colour)
