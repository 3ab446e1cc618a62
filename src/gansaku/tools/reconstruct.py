"""Pictures beside what a recipe makes of its codes of them, with the error of each."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.data.draw import LARGEST_TILE, MARGIN, to_bytes, write_whole

WIDE = 900  # pixels: about how wide a sheet is made
BELOW = 18  # pixels under a pair, for its error


class Reconstructs(Protocol):
    """What is needed of `gansaku.load(...)`."""

    def reconstruct(self, x: Tensor, seed: int | None = None) -> Tensor: ...


@dataclasses.dataclass(frozen=True)
class Reconstruction:
    """Samples `x [N, ...]`, what was made of them, and the error of each `[N]`."""

    x: Tensor
    again: Tensor
    errors: Tensor

    @property
    def error(self) -> float:
        """Root of the mean squared difference of all values of all samples."""
        return float(self.errors.square().mean().sqrt())

    @property
    def of_mean(self) -> float:
        """The same of the samples' own mean in the place of reconstructions: what says nothing."""
        return float(rmse(self.x, self.x.mean(0).expand_as(self.x)).square().mean().sqrt())


def reconstruct(model: Reconstructs, x: Tensor, seed: int | None = None) -> Reconstruction:
    """Reconstructions of samples `x [N, *spec.shape]`; from draws of the codes with a `seed`.

    Raises UserError for a model whose recipe has no encoder.
    """
    again = model.reconstruct(x, seed)
    return Reconstruction(x.cpu(), again, rmse(x.cpu(), again))


def rmse(x: Tensor, again: Tensor) -> Tensor:
    """Per sample the root of the mean squared difference of a value: `[N]`, in units of x.

    For images in [-1, 1] between 0 and 2. In float64.
    """
    return (x.double() - again.double()).square().flatten(1).mean(1).sqrt()


def save_pairs(found: Reconstruction, path: str | Path, columns: int | None = None) -> Path:
    """Write a sheet of pairs, picture and reconstruction, with the error of each below.

    Raises UserError for samples that are no pictures.
    """
    if found.x.ndim != 4:
        raise UserError("points have no pixels to draw side by side: compare the numbers")
    height, width = found.x.shape[2:]
    columns = columns or max(1, min(len(found.x), 4, WIDE // (2 * width)))
    factor = max(1, min(WIDE // (2 * columns * width), LARGEST_TILE // max(height, width)))
    pair = torch.cat([to_bytes(found.x), to_bytes(found.again)], 2)
    across, down = 2 * width * factor + 4 * MARGIN, height * factor + BELOW + MARGIN
    rows = -(-len(pair) // columns)
    sheet = Image.new("RGB", (columns * across + MARGIN, rows * down + MARGIN), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for number, (picture, error) in enumerate(zip(pair, found.errors.tolist(), strict=True)):
        row, column = divmod(number, columns)
        left, top = column * across + MARGIN, row * down + MARGIN
        large = Image.fromarray(picture.contiguous().numpy())
        size = (2 * width * factor, height * factor)
        sheet.paste(large.resize(size, Image.Resampling.NEAREST), (left, top))
        pen.text((left, top + size[1] + 2), f"{error:.3f}", (90, 90, 90), font)
    return write_whole(path, lambda unfinished: sheet.save(unfinished))
