"""`gansaku compare RECIPE RECIPE ...`: the same data, the same budget, several seeds, one table."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.show import console, count, escape, say, table
from gansaku.core import catalog
from gansaku.core.errors import UserError

if TYPE_CHECKING:
    from gansaku.core.loop import Run
    from gansaku.metrics.standings import Cell, Standings

LONG = 32  # letters of a cell of the table
EVERY = 20.0  # seconds between two lines where there is no terminal
Text = str | None


@dataclass(frozen=True)
class Args:
    """Which GAN is best on this data? The same budget for each, several seeds, one table and chart.

    Examples:
      gansaku compare dcgan wgan_gp r3gan --data mnist5k --budget 5m --seeds 3
      gansaku compare wgan_gp 'WGANGP(width=16, d_updates=1)' --data ring --budget 60s
      gansaku compare dcgan lsgan --data photos/ --size 64 --images 500000 --measure recall

    The budget counts training alone: no measure, no picture, no start-up.

    Lengths are set to what it is worth, by a short trial; a config text with steps keeps them.

    Ctrl-C stops; the same command goes on, and with more recipes or seeds makes only those.
    """

    recipes: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RECIPE")]
    """names, files such as ./mygan.py, or config texts such as 'DCGAN(width=32)'"""
    data: Annotated[str, tyro.conf.arg(metavar="PATH")] = "mnist5k"
    """a folder, zip, IDX, npz or npy, or a built-in: mnist5k, digits, ring, grid, spiral"""
    budget: Annotated[str, tyro.conf.arg(metavar="TIME")] = "5m"
    """training time of each run: 90s, 5m, 1h30m"""
    images: Annotated[int | None, may(metavar="INT")] = None
    """real images that each run is fed, instead of a time"""
    seeds: int = 3
    """runs of each recipe"""
    measure: Annotated[Text, may(metavar="NAME")] = None
    """what ranks them; none: kernel distance, or sliced Wasserstein of points"""
    n: Annotated[int | None, may(metavar="INT")] = None
    """samples that are measured; none: 5000 pictures, 10000 points"""
    features: Annotated[Text, may(metavar="NAME[:FILE]")] = None
    """of what network, as in gansaku evaluate; none: the best that is installed"""
    against: Annotated[Text, may(metavar="DATA")] = None
    """real data to measure against; none: a part of the data that is held out"""
    holdout: Annotated[float | None, may(metavar="SHARE")] = None
    """of the data, kept from training; none: 0.1 unless --against is given"""
    size: Annotated[int | None, may(metavar="PIXELS")] = None
    """of pictures; none: as they are"""
    channels: Annotated[int | None, may(metavar="INT")] = None
    """1 grey, 3 colour; none: as they are"""
    flip: Annotated[bool, tyro.conf.FlagCreatePairsOff, may()] = False
    """mirror half of the pictures"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""
    precision: str = "fp32"
    """of the training: fp32, bf16 or fp16"""
    out: Annotated[str, tyro.conf.arg(metavar="FOLDER")] = "runs/compare"
    """table, chart, samples, and a run folder for each recipe and seed"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "compare")
    for text in args.recipes:
        if "(" not in text:
            catalog.entry(text)  # a misspelt name is said before torch is awake
    from gansaku.comparison import compare

    given = {k: v for k, v in vars(args).items() if v is not None and k not in ("recipes", "flip")}
    given |= {"flip": True} if args.flip else {}
    if args.images is not None:
        del given["budget"]
    shown = _Shown()
    try:
        with shown.status:
            found = compare(
                args.recipes,
                say=_once(),
                watches=(shown,),
                on_cell=shown.cell,
                **given,
            )
    except KeyboardInterrupt:
        say(
            f"\nstopped; the same command goes on from there. So far: {escape(args.out)}/compare.md"
        )
        raise
    _table(found)
    _close(args, found)


class _Shown:
    """What is seen while cells are made: a line for each, and how it goes."""

    def __init__(self) -> None:
        self.status = console().status("opening the data, trying each recipe ...")
        self.name, self._began, self._told = "", 0.0, 0.0

    def cell(self, recipe: str, seed: int, cell: Cell | None) -> None:
        """A cell begins (None), or is finished."""
        self.name = f"{recipe} seed {seed}"
        if cell is None:
            self._began = self._told = time.monotonic()
            self.status.update(escape(f"{self.name} ..."))
            return
        figures = ", ".join(f"{n} {value:.4g}" for n, (value, _) in cell.figures.items())
        ill = ", ".join(cell.findings)
        ends = f"  [yellow]{escape(ill)}[/]" if ill else ""
        ends = f"  [red]diverged[/] {ends}" if cell.ended == "diverged" else ends
        say(f"{escape(self.name)}: {cell.steps} steps, {cell.seconds:.0f} s  {figures}{ends}")

    def __call__(self, run: Run) -> None:
        """A watch of the loop."""
        now = time.monotonic()
        if run.record is None:
            return
        rate = run.record.get("images_per_s", 0.0)
        text = f"{self.name}: step {run.steps} of about {run.total}, {count(rate)} images/s"
        if run.over:
            text = f"{self.name}: measuring"
        self.status.update(escape(text))
        if not console().is_terminal and now - self._told > EVERY:
            self._told = now
            say(escape(text))


def _once() -> Any:
    """Says each sentence a single time, however many cells have it to say."""
    told: set[str] = set()

    def tell(text: str) -> None:
        if text not in told:
            told.add(text)
            say(f"[yellow]{escape(text)}[/]")

    return tell


def _table(found: Standings) -> None:
    """What fits on a terminal; compare.md has all columns."""
    head, lines = found.table()
    kept = [i for i, name in enumerate(head) if name not in ("images", "training s")]
    shown = [head[i].replace(" distance", "") for i in kept]
    rows = [[escape(shortened(line[i])) for i in kept] for line in lines]
    say(table(shown, rows, right=shown[1:-1]))


def shortened(text: str) -> str:
    return text if len(text) <= LONG else text[: LONG - 1] + "…"


def _close(args: Args, found: Standings) -> None:
    out = Path(args.out)
    for name, what in (
        ("compare.md", "table"),
        ("compare.json", "figures"),
        ("compare.png", "chart"),
        ("samples.png", "samples"),
    ):
        if (out / name).is_file():  # points have no samples to show
            say(f"{what:<8}[b]{escape(str(out / name))}[/]")
    if not any(row.cells for row in found.rows):
        raise UserError("no recipe here fits the data")
