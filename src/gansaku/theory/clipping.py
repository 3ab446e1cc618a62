"""The surface of a Wasserstein critic: weights clipped, or slopes penalised."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gansaku.core.loop import Run
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam, RMSprop
from gansaku.data import open_source
from gansaku.losses import GradientPenalty, Wasserstein, WeightClip
from gansaku.theory import style
from gansaku.theory.judging import Judge, logits, slopes

STEPS = 1200
CLIP = 0.01
REACH = 3.4  # half side of the picture


@dataclasses.dataclass(frozen=True)
class Surface:
    """A trained critic: its heights on a square grid, its weights, its slope between the sets."""

    heights: np.ndarray
    weights: np.ndarray
    slope: float
    estimate: float  # E f(real) - E f(fake)


def noisy(x: Tensor, noise: Noise) -> Tensor:
    """Fakes: the data with noise of unit variance, as in arXiv:1704.00028, figure 1."""
    return x + noise.normal(*x.shape)


def find(clipped: bool, steps: int = STEPS, width: int = 128, side: int = 121) -> Surface:
    """Train a critic to tell the ring from the noisy ring."""
    bound: dict[str, Any] = {"penalties": (GradientPenalty(10.0),)}
    optimizer: Any = Adam(1e-3, (0.5, 0.9))
    if clipped:
        bound, optimizer = {"constraint": WeightClip(CLIP)}, RMSprop(1e-3)
    recipe = Judge(
        made=noisy, steps=steps, batch_size=256, objective=Wasserstein(), width=width,
        d_optimizer=optimizer, **bound,
    )  # fmt: skip
    source = open_source("ring")
    run = Run(recipe, source, log_every=10**9)
    run.play()
    axis = np.linspace(-REACH, REACH, side)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    real = source.take(range(2000))["x"]
    noise = Noise(0, ("between",))
    fake = noisy(real, noise)
    share = noise.uniform(len(real), 1)
    weights = torch.cat(
        [p.detach().flatten() for n, p in run.nets.D.named_parameters() if "weight" in n]
    )
    return Surface(
        logits(run, grid).reshape(side, side),
        weights.numpy(),
        float(slopes(run, fake + share * (real - fake)).mean()),
        float((run.nets.D(real).mean() - run.nets.D(fake).mean()).detach()),
    )


@style.styled
def draw(path: Path, note: Callable[[str], None]) -> Path:
    note("training a critic with clipped weights")
    clipped = find(True)
    note("training a critic with a gradient penalty")
    smooth = find(False)
    made, panels = style.figure(9.6, 3.6, 1, 3, width_ratios=(1, 1, 1.15))
    real = open_source("ring").take(range(400))["x"]
    names = (f"clipped to ±{CLIP}", "gradient penalty")
    for axes, name, found in zip(panels, names, (clipped, smooth), strict=False):
        axis = np.linspace(-REACH, REACH, len(found.heights))
        axes.contourf(axis, axis, found.heights, levels=14, cmap="Greens")
        axes.contour(
            axis, axis, found.heights, levels=14, colors="white", linewidths=0.5, linestyles="solid"
        )
        axes.scatter(*real.T, s=7, color=style.FAKE, lw=0)
        style.bare(axes)
        axes.set_title(name)
        style.said(
            axes, 0, -0.02, f"mean slope {found.slope:.2g}", xycoords="axes fraction", va="top"
        )
    _weights(panels[2], clipped, smooth)
    return style.save(made, path)


def _weights(axes: Any, clipped: Surface, smooth: Surface) -> None:
    """Both in units of the clipping's bound and of their own width."""
    top = float(np.quantile(np.abs(smooth.weights), 0.995))
    bins = np.linspace(-1.05, 1.05, 64)
    for found, unit, colour, name in (
        (clipped, CLIP, style.WARN, f"clipped (1 = {CLIP})"),
        (smooth, top, style.CRITIC, f"penalty (1 = {top:.2g})"),
    ):
        share, _ = np.histogram(found.weights / unit, bins)
        axes.stairs(share / share.sum(), bins, color=colour, fill=True, alpha=0.35)
        axes.stairs(share / share.sum(), bins, color=colour, lw=1.4, label=name)
    axes.set_yscale("log")
    axes.set(
        xlabel="weight, in units of the legend", ylabel="share of the weights", xlim=(-1.06, 1.06)
    )
    axes.legend(loc="upper center", fontsize=8.5)
    axes.set_title("the critics' weights")
