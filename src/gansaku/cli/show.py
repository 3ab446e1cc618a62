"""How things look on the terminal: tables, sizes, durations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

__all__ = ["console", "count", "duration", "escape", "grid", "memory", "say", "table"]


@cache
def console() -> Console:
    """The one that writes to standard output; 100 columns wide where that is no terminal."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=100)


def say(what: RenderableType | Group = "") -> None:
    """Print markup or a table; text is not wrapped, so that it can be copied whole."""
    console().print(what, soft_wrap=isinstance(what, str))


def grid(rows: Iterable[Sequence[RenderableType]], indent: int = 2) -> Table:
    """Columns without lines; the last one wraps."""
    made = Table.grid(padding=(0, 3, 0, 0))
    for i, row in enumerate(rows):
        if i == 0:
            made.add_column(width=indent - 1)
            for k in range(len(row)):
                made.add_column(no_wrap=k < len(row) - 1, overflow="fold")
        made.add_row("", *row)
    return made


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    right: Sequence[str] = (),
    wide: str = "",
) -> Table:
    """A table with a rule below its head; `right` are numbers, `wide` is wrapped last."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        side = "right" if name in right else "left"
        least = console().width * 9 // 25 if name == wide else None
        made.add_column(name, justify=side, overflow="fold", min_width=least)
    for row in rows:
        made.add_row(*(cell if isinstance(cell, str) else str(cell) for cell in row))
    return made


def count(number: float) -> str:
    """1234567 as `1.2 M`."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.3g}"


def memory(size: float) -> str:
    """Bytes as `12 MB`."""
    return f"{count(size)}B" if size >= 1e3 else f"{size:.0f} B"


def duration(seconds: float) -> str:
    """Seconds as `2:05` or `1:02:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
