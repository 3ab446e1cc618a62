"""How the figures look: a few colours with fixed meanings, few words, nothing for decoration."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gansaku.data.draw import write_whole

INK = "#22303c"  # text, and what is exact
DATA = "#2f6f9f"  # the data, p
FAKE = "#d9722e"  # the generator, g or q
CRITIC = "#3f8f68"  # what was trained
WARN = "#a8324a"
PALE = "#b9c2cb"
SHADES = ("#b7dcc7", "#78bd98", CRITIC)  # the same, from early to late
SURFACE = "RdBu_r"

LOOK = {
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.labelsize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dfe4e9",
    "grid.linewidth": 0.7,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "mathtext.fontset": "dejavuserif",
}


Drawing = Callable[[Path, Callable[[str], None]], Path]


def styled(draw: Drawing) -> Drawing:
    """All that is drawn and saved inside looks alike."""

    @functools.wraps(draw)
    def drawn(path: Path, note: Callable[[str], None]) -> Path:
        from matplotlib import rc_context

        with rc_context(LOOK):
            return draw(path, note)

    return drawn


def figure(wide: float, high: float, rows: int = 1, columns: int = 1, **options: Any) -> Any:
    """A figure and its axes, in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(wide, high), dpi=110, layout="constrained")
    FigureCanvasAgg(made)
    return made, made.subplots(rows, columns, **options)


def save(made: Any, path: Path) -> Path:
    """One PNG of 256 colours, whole or not there: a third of the size, and nobody sees it."""
    from PIL import Image

    drawn = io.BytesIO()
    made.savefig(drawn, format="png")
    picture = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    return write_whole(path, lambda draft: picture.save(draft, format="png", optimize=True))


def bare(axes: Any) -> None:
    """No ticks, no frame, equal units: a map."""
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)


def said(axes: Any, x: float, y: float, text: str, colour: str = INK, **look: Any) -> None:
    """A word beside a curve, instead of a legend."""
    axes.annotate(text, (x, y), color=colour, fontsize=look.pop("fontsize", 9.5), **look)
