"""One Gaussian for two peaks: KL covers, reverse KL seeks a peak."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from gansaku.theory import style
from gansaku.theory.exact import Mixture, jsd, kl, line

P = Mixture((0.5, 0.5), (-1.6, 1.6), (0.5, 0.5))
X = line(-9, 9, 3001)
STARTS = ((-1.5, 0.6), (1.5, 0.6), (0.1, 1.8))
Divergence = Callable[[np.ndarray, np.ndarray, np.ndarray], float]

DIVERGENCES: dict[str, Divergence] = {
    "KL": kl,  # p, q -> KL(p | q)
    "reverse KL": lambda p, q, x: kl(q, p, x),
    "JSD": jsd,
}


def fit(name: str, start: tuple[float, float]) -> tuple[float, float, float]:
    """Mean and width of the Gaussian of least divergence from `P` that is found from a start, and
    the divergence."""
    divergence, p = DIVERGENCES[name], P(X)

    def cost(at: np.ndarray) -> float:
        return divergence(p, Mixture.gaussian(at[0], float(np.exp(at[1])))(X), X)

    begin = (start[0], float(np.log(start[1])))
    found = minimize(cost, begin, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10})
    return float(found.x[0]), float(np.exp(found.x[1])), float(found.fun)


def fits(name: str) -> list[tuple[float, float, float]]:
    """The best ones, each once: those within 1e-6 of the least divergence."""
    found = sorted((fit(name, start) for start in STARTS), key=lambda f: f[2])
    best = [f for f in found if f[2] < found[0][2] + 1e-6]
    return [f for i, f in enumerate(best) if all(abs(f[0] - g[0]) > 1e-2 for g in best[:i])]


@style.styled
def draw(path: Path, note: Callable[[str], None]) -> Path:
    made, panels = style.figure(9.2, 3.1, 1, 3, sharey=True)
    titles = {
        "KL": r"$\min_q\ \mathrm{KL}(p\,\|\,q)$: covers",
        "reverse KL": r"$\min_q\ \mathrm{KL}(q\,\|\,p)$: seeks one",
        "JSD": r"$\min_q\ \mathrm{JSD}(p,q)$",
    }
    for axes, (name, title) in zip(panels, titles.items(), strict=True):
        note(f"fitting a Gaussian by {name}")
        axes.fill_between(X, P(X), color=style.DATA, alpha=0.2, lw=0)
        axes.plot(X, P(X), color=style.DATA, lw=1.6)
        for k, (mean, width, cost) in enumerate(fits(name)):
            q = Mixture.gaussian(mean, width)(X)
            axes.plot(
                X, q, color=style.FAKE, ls="-" if k == 0 else (0, (3, 2)), lw=2.4 - 0.8 * (k > 0)
            )
            if k == 0:
                style.said(axes, 0.97, 0.95, f"least: {cost:.3f}", ha="right", va="top",
                           xycoords="axes fraction")  # fmt: skip
        axes.set_title(title, fontsize=11)
        axes.set(xlim=(-4.5, 4.5), ylim=(0, 0.9), xlabel="$x$")
    panels[0].set_ylabel("density")
    style.said(panels[0], -2.2, 0.43, "$p$", style.DATA, fontsize=13)
    style.said(panels[0], 0.55, 0.235, "$q$", style.FAKE, fontsize=13)
    return style.save(made, path)
