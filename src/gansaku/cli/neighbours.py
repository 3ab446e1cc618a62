"""The sheet of samples with the training pictures that are nearest to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gansaku.data.draw import LARGEST_TILE, MARGIN, to_bytes, write_whole

TALL = 1100  # pixels: about how high the sheet is made
GAP = 64  # pixels between groups, with a number in it
HEAD = 46  # pixels for the headings
FOOT = 52  # pixels for what the numbers mean
NARROWEST = 620  # pixels: the footer must fit
SMALL = 14  # pixels of a letter
INK, PALE, RED = (20, 20, 20), (90, 90, 90), (200, 0, 0)


def save_neighbours(
    samples: Tensor,
    groups: Mapping[str, Tensor],
    times: Sequence[Tensor],
    bounds: Sequence[float],
    path: str | Path,
) -> Path:
    """Write a sheet: a row for each of `samples [R, C, H, W]` in [-1, 1], then its neighbours.

    `groups`: by heading, pictures `[R, K, C, H, W]`; `times [R]` of each is written beside it:
    the sample's distance to the first, as so many times that one's to its own neighbour. It is
    red at or below the group's entry in `bounds`: a copy.
    """
    tile = _tile(*samples.shape[2:], len(samples))
    columns = [1] + [group.shape[1] for group in groups.values()]
    lefts = _lefts(columns, tile[0])
    width = lefts[-1] + columns[-1] * (tile[0] + MARGIN) + MARGIN
    bottom = HEAD + len(samples) * (tile[1] + 2 * MARGIN)
    sheet = Image.new("RGB", (max(width, NARROWEST), bottom + FOOT), "white")
    blocks = [samples[:, None], *groups.values()]
    for left, block in zip(lefts, blocks, strict=True):
        _paste(sheet, block, left, tile)
    pen = ImageDraw.Draw(sheet)
    for name, left in zip(["sample", *groups], lefts, strict=True):
        pen.text((left, HEAD - 8), name, INK, ImageFont.load_default(16), anchor="ls")
    for left, values, bound in zip(lefts[1:], times, bounds, strict=True):
        _numbers(pen, values.tolist(), bound, left - 6, tile[1])
    pen.text((MARGIN, bottom + 8), _footer(bounds), PALE, ImageFont.load_default(SMALL))
    return write_whole(path, lambda unfinished: sheet.save(unfinished))


def _footer(bounds: Sequence[float]) -> str:
    limits = " and ".join(f"{bound:.2f}" for bound in bounds)
    return (
        "Numbers: the distance from the sample to the first picture on the right, in units of\n"
        f"that picture's distance to its own nearest neighbour. A copy: up to {limits}, in red."
    )


def _tile(height: int, width: int, rows: int) -> tuple[int, int]:
    """Width and height of a picture on the sheet: enlarged by a whole factor, or made smaller."""
    factor = min(TALL / (rows * height), LARGEST_TILE / max(height, width))
    factor = max(1, round(factor)) if factor > 0.9 else factor
    return max(round(width * factor), 1), max(round(height * factor), 1)


def _numbers(
    pen: ImageDraw.ImageDraw, values: Sequence[float], bound: float, right: int, height: int
) -> None:
    for row, value in enumerate(values):
        middle = HEAD + row * (height + 2 * MARGIN) + height // 2
        text = f"{value:.2f}" if value < 10 else ">10"
        colour = RED if value <= bound else PALE
        pen.text((right, middle), text, colour, ImageFont.load_default(SMALL), anchor="rm")


def _lefts(columns: Sequence[int], width: int) -> list[int]:
    """Where each group of columns begins, with room for a label before all but the first."""
    lefts = [MARGIN]
    for count in columns[:-1]:
        lefts.append(lefts[-1] + count * (width + MARGIN) + GAP)
    return lefts


def _paste(sheet: Image.Image, block: Tensor, left: int, tile: tuple[int, int]) -> None:
    """The pictures `[R, K, C, H, W]` of a group, enlarged by whole pixels."""
    width, height = tile
    larger = height >= block.shape[-2]
    how = Image.Resampling.NEAREST if larger else Image.Resampling.LANCZOS
    for row, pictures in enumerate(block):
        for column, picture in enumerate(to_bytes(pictures)):
            small = Image.fromarray(picture.contiguous().numpy())
            where = (left + column * (width + MARGIN), HEAD + row * (height + 2 * MARGIN))
            sheet.paste(small.resize(tile, how), where)
