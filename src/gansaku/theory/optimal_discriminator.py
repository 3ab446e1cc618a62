"""The optimal discriminator p / (p + g), and a trained one on its way there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gansaku.core.loop import Run
from gansaku.theory import style
from gansaku.theory.exact import Mixture, best, integral, line
from gansaku.theory.judging import judged, logits, sigmoid

P = Mixture((0.5, 0.5), (-1.6, 1.2), (0.45, 0.65))
G = Mixture.gaussian(0.2, 1.1)
STEPS = 1500
SHOWN = (20, 100, STEPS)  # updates after which D is drawn


@dataclasses.dataclass(frozen=True)
class Found:
    """Densities, the best D, and D after some updates, at places `x`."""

    x: np.ndarray
    p: np.ndarray
    g: np.ndarray
    best: np.ndarray
    trained: dict[int, np.ndarray]

    def gap(self, steps: int) -> float:
        """Mean |D - D*| over data and fakes."""
        return integral((self.p + self.g) / 2 * np.abs(self.trained[steps] - self.best), self.x)


def find(steps: int = STEPS, shown: tuple[int, ...] = SHOWN) -> Found:
    """Train D on `P` and `G`, and look at it on the way."""
    x, seen = line(-4, 4, 801), {}

    def look(run: Run) -> None:
        if run.steps in shown:
            seen[run.steps] = sigmoid(logits(run, x))

    judged(P.draw, G.draw, steps=steps, watches=[look])
    return Found(x, P(x), G(x), best(P(x), G(x)), seen)


@style.styled
def draw(path: Path, note: Callable[[str], None]) -> Path:
    note(f"training a discriminator for {STEPS} updates")
    found = find()
    made, (top, below) = style.figure(7.6, 5.2, 2, height_ratios=(1, 1.5), sharex=True)
    for density, colour, name, at in (
        (found.p, style.DATA, r"$p_\mathrm{data}$", (-2.5, 0.36)),
        (found.g, style.FAKE, r"$p_g$", (0.02, 0.385)),
    ):
        top.fill_between(found.x, density, color=colour, alpha=0.18, lw=0)
        top.plot(found.x, density, color=colour)
        style.said(top, *at, name, colour, fontsize=13)
    top.set(ylim=(0, 0.5), yticks=[0, 0.25, 0.5], ylabel="density")
    for colour, (steps, d) in zip(style.SHADES, found.trained.items(), strict=True):
        label = f"trained, {steps} updates: mean gap {found.gap(steps):.3f}"
        below.plot(found.x, d, color=colour, lw=3.2 if steps == STEPS else 2, label=label)
    exact = r"$D^*=p_\mathrm{data}\,/\,(p_\mathrm{data}+p_g)$"
    below.plot(found.x, found.best, color=style.INK, lw=1.4, ls=(0, (4, 2)), label=exact)
    below.axhline(0.5, color=style.PALE, lw=1)
    below.set(ylim=(-0.03, 1.03), xlim=(-4, 4), xlabel="$x$", ylabel="$D(x)$")
    below.legend(loc="lower center", ncols=2, bbox_to_anchor=(0.5, -0.46))
    return style.save(made, path)
