"""Pictures of samples: sheets of images, and scatters of points over a critic's surface."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

COMFORTABLE = 640  # pixels: about how wide a sheet of small pictures is made
LARGEST_TILE = 256  # pixels: a small picture is never enlarged beyond it
MARGIN = 2  # pixels between the pictures of a sheet
HEADING = 18  # pixels above a table, for the names of its columns
SURFACE = 120  # points a side at which the critic's surface is evaluated


def write_whole(path: str | Path, write: Callable[[Path], Any]) -> Path:
    """Have `write` make the file under a temporary name beside `path`, then rename it."""
    path = Path(path)
    if not path.suffix:
        path = path.with_suffix(".png")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def save_sheet(samples: Tensor, path: str | Path, columns: int | None = None) -> Path:
    """Write `samples [N, C, H, W]` in [-1, 1] as one picture; the suffix names the format."""
    tiles = to_bytes(samples)
    columns = columns or near_square(*tiles.shape[:3])
    picture = Image.fromarray(layout(tiles, columns).numpy())
    return write_whole(path, lambda unfinished: picture.save(unfinished))


def save_table(columns: Mapping[str, Tensor], path: str | Path) -> Path:
    """Write a row a sample, a named column for each of `columns`, `[N, C, H, W]` in [-1, 1].

    What is smaller than the largest column is enlarged by copying pixels. Many rows go on beside
    the first ones.
    """
    tall, wide = (max(x.shape[axis] for x in columns.values()) for axis in (2, 3))
    pictures = [torch.nn.functional.interpolate(x, (tall, wide)) for x in columns.values()]
    tiles = torch.stack([to_bytes(x) for x in pictures], 1)
    count = len(tiles)
    blocks = max(1, min(count, round(math.sqrt(0.8 * count * tall / (len(columns) * wide)))))
    rows = math.ceil(count / blocks)
    blank = tiles.new_full((rows * blocks - count, *tiles.shape[1:]), 255)
    tiles = torch.cat([tiles, blank]).unflatten(0, (blocks, rows)).transpose(0, 1).flatten(0, 2)
    picture = Image.fromarray(layout(tiles, blocks * len(columns)).numpy())
    sheet = headed(picture, list(columns) * blocks)
    return write_whole(path, lambda unfinished: sheet.save(unfinished))


def save_rows(rows: Mapping[str, Tensor], path: str | Path) -> Path:
    """Write a row of pictures `[N, C, H, W]` in [-1, 1] for each name, which stands above it."""
    made = [layout(to_bytes(x), len(x)).numpy() for x in rows.values()]
    blocks = [headed(Image.fromarray(row), [name]) for name, row in zip(rows, made, strict=True)]
    wide, tall = max(block.width for block in blocks), sum(block.height for block in blocks)
    sheet, top = Image.new("RGB", (wide, tall), "white"), 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height
    return write_whole(path, lambda unfinished: sheet.save(unfinished))


def headed(picture: Image.Image, names: Sequence[str]) -> Image.Image:
    """With the names of its columns above, all of one width."""
    sheet = Image.new("RGB", (picture.width, picture.height + HEADING), "white")
    sheet.paste(picture, (0, HEADING))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    across = (picture.width - MARGIN) / len(names)
    for number, name in enumerate(names):
        pen.text((number * across + 2 * MARGIN, 2), name, (60, 60, 60), font)
    return sheet


def to_bytes(samples: Tensor) -> Tensor:
    """Floats `[N, C, H, W]` in [-1, 1] -> uint8 `[N, H, W, 3]`, alpha laid over a checkerboard.

    What is not a number is drawn grey: the sheet of a run that diverged must still be written.
    """
    x = samples.detach().float().cpu().nan_to_num(0.0).clamp(-1, 1) * 0.5 + 0.5
    if x.shape[1] in (2, 4):
        alpha, x = x[:, -1:], x[:, :-1]
        x = x * alpha + checkerboard(*x.shape[2:]) * (1 - alpha)
    if x.shape[1] not in (1, 3):
        raise ValueError(f"pictures have 1 to 4 channels, not {x.shape[1]}")
    x = (x * 255).round().to(torch.uint8)
    return x.permute(0, 2, 3, 1).expand(-1, -1, -1, 3)


def checkerboard(height: int, width: int, square: int = 8) -> Tensor:
    """The pale squares that show through where a picture is transparent: `[height, width]`."""
    rows, columns = torch.arange(height) // square, torch.arange(width) // square
    return 0.8 + 0.2 * ((rows[:, None] + columns[None, :]) % 2)


def painted(maps: Tensor, palette: Sequence[tuple[int, int, int]]) -> Tensor:
    """Class numbers `[N, 1, H, W]` -> pictures `[N, 3, H, W]` in [-1, 1]; what has none black."""
    colours = torch.zeros(256, 3)
    colours[: len(palette)] = torch.tensor(palette, dtype=torch.float32).reshape(-1, 3)
    return colours[maps[:, 0].cpu().long()].permute(0, 3, 1, 2) / 127.5 - 1


def near_square(count: int, height: int, width: int) -> int:
    """How many columns make a sheet of `count` pictures as square as can be."""
    return max(1, min(count, round(math.sqrt(count * height / width))))


def layout(tiles: Tensor, columns: int) -> Tensor:
    """Arrange uint8 `[N, H, W, 3]` row by row, on white: `[rows, columns, 3]` of pixels."""
    count, height, width, _ = tiles.shape
    rows = max(1, math.ceil(count / columns))
    scale = enlargement(rows * height, columns * width, max(height, width))
    height, width = height * scale, width * scale
    sheet = torch.full((rows, height + MARGIN, columns, width + MARGIN, 3), 255, dtype=torch.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        large = tile.repeat_interleave(scale, 0).repeat_interleave(scale, 1)
        sheet[row, :height, column, :width] = large
    flat = sheet.reshape(rows * (height + MARGIN), columns * (width + MARGIN), 3)
    return torch.nn.functional.pad(flat, (0, 0, MARGIN, 0, MARGIN, 0), value=255)


def enlargement(height: int, width: int, tile: int) -> int:
    """The whole factor that brings a sheet near a comfortable size; 1 where it is large enough."""
    return max(1, min(round(COMFORTABLE / max(height, width)), LARGEST_TILE // tile))


def save_scatter(
    samples: Tensor,
    path: str | Path,
    reference: Tensor | None = None,
    score: Callable[[Tensor], Tensor] | None = None,
) -> Path:
    """Write `samples [N, D]` over `reference [M, D]`, on filled contours of `score`.

    The frame follows the reference where there is one, so that the sheets of a run can be
    flipped through.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), dpi=120, layout="tight")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    centre, reach = frame(samples if reference is None else reference)
    if score is not None and samples.shape[1] == 2:
        draw_surface(axes, score, centre, reach, samples.device)
    if reference is not None:
        axes.scatter(*planar(reference), s=3, color="0.25", alpha=0.35, linewidths=0, label="data")
    axes.scatter(*planar(samples), s=6, color="tab:red", alpha=0.7, linewidths=0, label="samples")
    axes.set(
        xlim=(centre[0] - reach, centre[0] + reach), ylim=(centre[1] - reach, centre[1] + reach)
    )
    axes.set_aspect("equal")
    axes.legend(loc="upper right", markerscale=3)
    return write_whole(path, lambda unfinished: figure.savefig(unfinished))


def planar(points: Tensor) -> tuple[Any, Any]:
    """The first two coordinates of `[N, D]`, for drawing; a lone coordinate lies on a line."""
    points = points.detach().float().cpu().nan_to_num(0.0)
    other = points[:, 1] if points.shape[1] > 1 else torch.zeros(len(points))
    return points[:, 0].numpy(), other.numpy()


def frame(points: Tensor) -> tuple[tuple[float, float], float]:
    """The centre and half side of a square that holds nearly all points, with some air."""
    if len(points) == 0:
        return (0.0, 0.0), 1.0
    plane = torch.stack([torch.from_numpy(axis) for axis in planar(points)])
    low, high = torch.quantile(plane[:, :100_000], torch.tensor([0.005, 0.995]), dim=1)
    centre = ((low + high) / 2).tolist()
    return (centre[0], centre[1]), 0.65 * float((high - low).max()) + 0.05


def draw_surface(
    axes: Any,
    score: Callable[[Tensor], Tensor],
    centre: tuple[float, float],
    reach: float,
    device: torch.device,
) -> None:
    """Filled contours of `score` over the square of half side `reach` around `centre`."""
    side = torch.linspace(-reach, reach, SURFACE)
    xs, ys = side + centre[0], side + centre[1]
    points = torch.cartesian_prod(ys, xs).flip(1).to(device)
    with torch.no_grad():
        height = score(points).detach().float().cpu().reshape(SURFACE, SURFACE).nan_to_num(0.0)
    axes.contourf(xs.numpy(), ys.numpy(), height.numpy(), levels=24, cmap="viridis", alpha=0.8)
