"""Directions in the latent space that stand for an attribute, and pictures moved along them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gansaku.core.capabilities import Encodes, able
from gansaku.core.contract import Nets, Recipe
from gansaku.core.errors import UserError
from gansaku.data.draw import LARGEST_TILE, MARGIN, to_bytes, write_whole

CHUNK = 64  # pictures that are made at once
HEAD = 22  # pixels above the sheet, for the attributes' names
WIDE = 900  # pixels: about how wide a sheet is made


class Encoding(Protocol):
    """What is needed of `gansaku.load(...)`."""

    @property
    def recipe(self) -> Recipe: ...
    @property
    def nets(self) -> Nets: ...
    @property
    def device(self) -> torch.device: ...
    def encode(self, x: Tensor, seed: int | None = None) -> Tensor: ...


def direction(model: Encoding, x: Tensor, has: Tensor) -> Tensor:
    """The mean code of the samples that have an attribute, minus that of those that have not.

    arXiv:1512.09300, section 4.2 (visual attribute vectors). `x [N, *spec.shape]`, `has [N]` of
    True and False -> a latent without its batch dimension. Raises UserError where all samples have
    the attribute, or none, and for a recipe without an encoder.
    """
    return directions(model, x, {"the attribute": has})["the attribute"]


def directions(model: Encoding, x: Tensor, attributes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A `direction` for each attribute by name; the samples are encoded once."""
    codes = model.encode(x).double()
    return {name: _between(codes, has.bool().cpu(), name) for name, has in attributes.items()}


def of_classes(model: Encoding, x: Tensor, y: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """The direction from all others to each class that is there: `y [N]` numbers the `names`."""
    there = {name: y == k for k, name in enumerate(names) if bool((y == k).any())}
    return directions(model, x, there)


def _between(codes: Tensor, has: Tensor, name: str) -> Tensor:
    if has.shape != (len(codes),):
        raise UserError(f"{name}: {len(codes)} samples but {list(has.shape)} values")
    if has.all() or not has.any():
        all_or_none = "all" if has.all() else "none"
        raise UserError(f"{name}: {all_or_none} of {len(has)} samples have it; give both kinds")
    return (codes[has].mean(0) - codes[~has].mean(0)).float()


@torch.no_grad()
def moved(model: Encoding, x: Tensor, vector: Tensor, strengths: Sequence[float]) -> Tensor:
    """Reconstructions of `x [N, ...]` whose codes are moved: `[N, T, ...]`, a column a strength."""
    recipe, codes = able(model.recipe, Encodes, "move along an attribute"), model.encode(x)
    steps = torch.tensor(list(strengths)).reshape(1, -1, *[1] * (codes.ndim - 1))
    path = (codes[:, None] + steps * vector).flatten(0, 1).to(model.device)
    made = [recipe.generate(model.nets, part).cpu() for part in path.split(CHUNK)]
    return torch.cat(made).unflatten(0, (len(x), -1))


def save_attributes(
    model: Encoding,
    x: Tensor,
    vectors: Mapping[str, Tensor],
    path: str | Path,
    strength: float = 1.0,
) -> Path:
    """Write a sheet: a row for each picture of `x [N, C, H, W]` with its reconstruction, and then
    the reconstruction with each attribute of `vectors` added `strength` times.
    """
    if x.ndim != 4:
        raise UserError("points have no pictures to draw")
    added = [moved(model, x, vector, [strength]) for vector in vectors.values()]
    first = moved(model, x, torch.zeros_like(model.encode(x[:1])[0]), [0.0])
    rows = torch.cat([x[:, None].cpu(), first, *added], 1)
    height, width = x.shape[2:]
    fits = min(WIDE // (rows.shape[1] * width), LARGEST_TILE // max(height, width))
    return _write(rows, ["picture", "again", *vectors], max(fits, -(-48 // width)), path)


def _write(rows: Tensor, names: Sequence[str], factor: int, path: str | Path) -> Path:
    height, width = rows.shape[3] * factor, rows.shape[4] * factor
    size = (rows.shape[1] * (width + MARGIN) + MARGIN, HEAD + len(rows) * (height + MARGIN))
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for column, name in enumerate(names):
        left = MARGIN + column * (width + MARGIN)
        pen.text((left, 4), name[: max(width // 7, 1)], (20, 20, 20), font)
        for row, picture in enumerate(to_bytes(rows[:, column])):
            large = Image.fromarray(picture.contiguous().numpy())
            place = (left, HEAD + row * (height + MARGIN))
            sheet.paste(large.resize((width, height), Image.Resampling.NEAREST), place)
    return write_whole(path, lambda unfinished: sheet.save(unfinished))
