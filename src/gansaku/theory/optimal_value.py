"""The value of the game at the optimal discriminator: 2 JSD - log 4."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from gansaku.theory import style
from gansaku.theory.exact import LOG4, Mixture, jsd, line, value
from gansaku.theory.judging import judged, logits, sigmoid

P = Mixture.gaussian()
SHIFTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0)
STEPS = 400
X = line(-7, 13)


def exact(shift: float) -> float:
    """2 JSD(p, g) - log 4 for N(0, 1) and N(shift, 1)."""
    return 2 * jsd(P(X), Mixture.gaussian(shift)(X), X) - LOG4


def trained(shift: float, steps: int = STEPS) -> float:
    """V of a discriminator trained on the two, its expectations by quadrature."""
    g = Mixture.gaussian(shift)
    run = judged(P.draw, g.draw, steps=steps, width=32)
    return value(P(X), g(X), sigmoid(logits(run, X)), X)


@style.styled
def draw(path: Path, note: Callable[[str], None]) -> Path:
    reached = []
    for shift in SHIFTS:
        note(f"training a discriminator at distance {shift:g}")
        reached.append(trained(shift))
    made, axes = style.figure(7.2, 4.2)
    at = np.linspace(0, 6, 121)
    curve = [exact(float(shift)) for shift in at]
    axes.axhspan(-LOG4 - 0.09, -LOG4, color=style.PALE, alpha=0.25, lw=0)
    axes.plot(at, curve, color=style.INK, label=r"$V(D^*,G)=2\,\mathrm{JSD}-\log 4$, exact")
    axes.plot(SHIFTS, reached, "o", color=style.CRITIC, ms=8, label="$V(D,G)$ of a trained $D$")
    for level, text in (
        (0.0, r"$0$: told apart for sure"),
        (-LOG4, r"$-\log 4$: $p_g=p_\mathrm{data}$"),
    ):
        axes.axhline(level, color=style.PALE, lw=1.2, ls=(0, (4, 2)), zorder=0)
        style.said(axes, 5.98, level, text, ha="right", va="bottom", xytext=(0, 3),
                   textcoords="offset points")  # fmt: skip
    axes.annotate(
        "",
        (3, exact(3)),
        (3, -LOG4),
        arrowprops={"arrowstyle": "<->", "color": style.FAKE, "lw": 1.6},
    )
    style.said(axes, 3.08, (exact(3) - LOG4) / 2, r"$2\,\mathrm{JSD}$", style.FAKE, fontsize=12)
    axes.set(xlim=(-0.1, 6), ylim=(-LOG4 - 0.09, 0.14))
    axes.set(
        xlabel=r"distance of the means of $p_\mathrm{data}$ and $p_g$", ylabel="value of the game"
    )
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.1))
    return style.save(made, path)
