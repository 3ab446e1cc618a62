"""Pictures that a user hands to a tool: read from a file, in the channels that are needed."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gansaku.core.errors import DataError
from gansaku.data import decode
from gansaku.data.decode import Undecodable
from gansaku.data.fit import resize, with_bits, with_channels


def read_picture(path: str | Path, channels: int = 3, longest: int | None = None) -> Tensor:
    """The picture in a file, `[channels, h, w]` in [-1, 1], at most `longest` pixels a side.

    Alpha is laid on white where it is not among the channels. Raises DataError, one sentence,
    for a file that is not there or no picture.
    """
    path = Path(path)
    try:
        with decode.quiet_bombs():
            pixels = decode.pixels(path.read_bytes(), longest and (longest, longest))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except Undecodable as error:
        raise DataError(f"{path} is not usable as a picture: {error}") from error
    pixels = with_channels(with_bits(pixels, 8), channels)
    height, width = pixels.shape[:2]
    if longest is not None and max(height, width) > longest:
        share = longest / max(height, width)
        pixels = resize(pixels, max(1, round(height * share)), max(1, round(width * share)))
    return torch.tensor(pixels).permute(2, 0, 1).float() / 127.5 - 1
