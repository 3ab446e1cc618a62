"""Bringing decoded pictures of any shape to the one shape that a source feeds."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
from PIL import Image

Crop = Literal["center", "random", "none"]


@dataclasses.dataclass(frozen=True)
class Fit:
    """How pictures `[h, w, c]` become `[channels, height, width]`, in `bits` 8 or 16.

    `crop`: "center" keeps the middle of the longer side, "random" keeps all of it (the window
    is chosen for each position later), "none" stretches. Resizing is Lanczos with antialias.
    """

    height: int
    width: int
    channels: int = 3
    bits: int = 8
    crop: Crop = "center"
    # Class numbers are never mixed. (Not in the text, which runs of old know the data by.)
    nearest: bool = dataclasses.field(default=False, repr=False)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """uint8 or uint16 `[h, w, c]` -> the same kind of numbers, `[channels, >=H, >=W]`."""
        picture = with_channels(with_bits(picture, self.bits), self.channels)
        if self.crop == "center":
            picture = self._centered(picture)
        elif self.crop == "random":
            picture = resize(picture, *self.covering(*picture.shape[:2]), nearest=self.nearest)
        else:
            picture = resize(picture, self.height, self.width, nearest=self.nearest)
        return np.ascontiguousarray(picture.transpose(2, 0, 1))

    def covering(self, height: int, width: int) -> tuple[int, int]:
        """The smallest size of a picture's own proportions that covers the target."""
        scale = max(self.height / height, self.width / width)
        return max(self.height, round(height * scale)), max(self.width, round(width * scale))

    def _centered(self, picture: np.ndarray) -> np.ndarray:
        """The largest centred part that has the target's proportions, resized to the target."""
        height, width = picture.shape[:2]
        scale = min(height / self.height, width / self.width)
        if scale == 1:  # nothing to resize: cut whole pixels, and change none
            top, left = (height - self.height) // 2, (width - self.width) // 2
            return picture[top : top + self.height, left : left + self.width]
        tall, wide = self.height * scale, self.width * scale
        left, top = max(0.0, (width - wide) / 2), max(0.0, (height - tall) / 2)
        box = (left, top, min(width, left + wide), min(height, top + tall))
        return resize(picture, self.height, self.width, box, self.nearest)


def resize(
    picture: np.ndarray,
    height: int,
    width: int,
    box: tuple[float, float, float, float] | None = None,
    nearest: bool = False,
) -> np.ndarray:
    """`picture [h, w, c]`, or its part `box` (left, top, right, bottom), at `height` x `width`."""
    if picture.shape[:2] == (height, width) and box is None:
        return picture
    how = Image.Resampling.NEAREST if nearest else Image.Resampling.LANCZOS
    if picture.dtype == np.uint8:
        image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
        small = np.asarray(image.resize((width, height), how, box))
        return small.reshape(height, width, -1)
    planes = [Image.fromarray(plane) for plane in np.moveaxis(picture.astype(np.float32), 2, 0)]
    planes = [np.asarray(p.resize((width, height), how, box)) for p in planes]
    return np.stack(planes, 2).round().clip(0, 65535).astype(np.uint16)


def with_bits(picture: np.ndarray, bits: int) -> np.ndarray:
    """The picture in uint8 or uint16; white stays white."""
    if picture.dtype == np.uint8 and bits == 16:
        return picture.astype(np.uint16) * np.uint16(257)
    if picture.dtype == np.uint16 and bits == 8:
        return ((picture.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return picture


def with_channels(picture: np.ndarray, channels: int) -> np.ndarray:
    """`[h, w, 1..4]` -> `[h, w, channels]`: alpha laid on white or added, grey and colour."""
    has_alpha, wants_alpha = picture.shape[2] in (2, 4), channels in (2, 4)
    alpha = picture[..., -1:] if has_alpha else np.full_like(picture[..., :1], white(picture))
    if has_alpha:
        picture = picture[..., :-1] if wants_alpha else on_white(picture[..., :-1], alpha)
    colours = 3 if channels > 2 else 1
    if picture.shape[2] < colours:
        picture = np.repeat(picture, 3, axis=2)
    elif picture.shape[2] > colours:
        picture = luma(picture)
    return np.concatenate([picture, alpha], axis=2) if wants_alpha else picture


def white(picture: np.ndarray) -> int:
    """The largest number that a pixel of this picture can hold."""
    return int(np.iinfo(picture.dtype).max)


def on_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """`colours` laid over white where `alpha` lets it through, rounded."""
    top, alpha = white(colours), alpha.astype(np.uint64)
    mixed = colours.astype(np.uint64) * alpha + top * (top - alpha) + top // 2
    return (mixed // top).astype(colours.dtype)


def luma(colours: np.ndarray) -> np.ndarray:
    """RGB -> grey by the weights of ITU-R BT.601, rounded: `[h, w, 1]`."""
    weighted = colours.astype(np.uint32) @ np.array([299, 587, 114], np.uint32)
    return ((weighted + 500) // 1000).astype(colours.dtype)[..., None]
