"""Two uniforms that drift apart: Jensen-Shannon stops at log 2, Wasserstein goes on."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from gansaku.core.optim import Adam
from gansaku.losses import GradientPenalty, Minimax, Wasserstein
from gansaku.theory import style
from gansaku.theory.exact import LOG4, Uniform, jsd_of_shift, jsd_slope, line, value
from gansaku.theory.judging import judged, logits, sigmoid, slopes

P = Uniform()
SHIFTS = (0.3, 0.7, 1.0, 1.5, 2.0, 3.0)
STEPS = 300


def by_minimax(shift: float, steps: int = STEPS) -> float:
    """The divergence that a trained discriminator sees: (V + log 4) / 2."""
    run = judged(P.draw, Uniform(shift).draw, steps=steps, objective=Minimax())
    ends = [line(low, low + 1, 401) for low in (0.0, shift)]
    one, other = (sigmoid(logits(run, x)) for x in ends)
    ones, noughts = np.ones(401), np.zeros(401)
    found = value(ones, noughts, one, ends[0]) + value(noughts, ones, other, ends[1])
    return (found + LOG4) / 2


def by_wasserstein(shift: float, steps: int = STEPS) -> float:
    """E_p f - E_g f of a trained critic over its steepest slope: at most W1, by duality."""
    run = judged(
        P.draw,
        Uniform(shift).draw,
        steps=steps,
        objective=Wasserstein(),
        penalties=(GradientPenalty(10.0),),
        d_optimizer=Adam(2e-3, (0.5, 0.9)),
    )
    means = [float(logits(run, line(low, low + 1, 401)).mean()) for low in (0.0, shift)]
    between = torch.linspace(0.0, 1.0 + shift, 801)[:, None]
    return (means[0] - means[1]) / float(slopes(run, between).max())


@style.styled
def draw(path: Path, note: Callable[[str], None]) -> Path:
    seen = []
    for shift in SHIFTS:
        note(f"training two critics at shift {shift:g}")
        seen.append((by_minimax(shift), by_wasserstein(shift)))
    made, (top, below) = style.figure(7.2, 5.0, 2, height_ratios=(2, 1), sharex=True)
    at = np.linspace(0, 3.2, 641)
    names = (r"Jensen–Shannon: $\min(\theta,1)\log 2$", r"Wasserstein: $W_1=\theta$")
    curves, colours = (jsd_of_shift(at), at), (style.FAKE, style.DATA)
    for k, (name, curve, colour) in enumerate(zip(names, curves, colours, strict=True)):
        top.plot(at, curve, color=colour, label=name)
        values = [pair[k] for pair in seen]
        top.plot(SHIFTS, values, "o", color=colour, ms=7, mec="white")
    top.plot([], [], "o", color=style.PALE, ms=7, label="measured by a trained critic")
    top.axvline(1, color=style.PALE, lw=1, ls=(0, (4, 2)))
    style.said(top, 3.18, math.log(2), r"$\log 2$", style.FAKE, ha="right", va="bottom")
    top.set(ylim=(0, 3.2), ylabel="distance")
    top.legend(loc="upper left")
    for curve, colour in ((jsd_slope(at), style.FAKE), (np.ones_like(at), style.DATA)):
        below.plot(at, curve, color=colour)
    style.said(below, 2.1, 0.06, "nothing to follow", style.FAKE)
    below.axvline(1, color=style.PALE, lw=1, ls=(0, (4, 2)))
    below.set(ylim=(-0.08, 1.25), xlim=(0, 3.2), ylabel=r"slope $d/d\theta$")
    below.set_xlabel(
        r"shift $\theta$ between $U[0,1]$ and $U[\theta,1+\theta]$; no overlap beyond 1"
    )
    return style.save(made, path)
