"""Super-resolution from one picture: the finest scale, applied again and again."""

from __future__ import annotations

import math

from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.tools.engines import Engine, Trained, engine_of

STEP = 2 ** (1 / 3)  # about how much larger each step makes the picture


def steps_of(factor: float) -> tuple[int, float]:
    """How many steps make `factor`, and the factor of each: 6 of 1.26 for 4."""
    count = max(1, round(math.log(factor) / math.log(STEP)))
    return count, factor ** (1 / count)


def upscale(
    model: Engine | Trained, image: Tensor | None = None, factor: float = 4.0, *, seed: int = 0
) -> Tensor:
    """`image [C, h, w]` in [-1, 1] at `factor` times its size: `[1, C, H, W]`.

    arXiv:1905.01164, section 4: the picture is enlarged by r = factor^(1/n), n = round(log
    factor / log 2^(1/3)), and enters the finest scale with its noise, n times. The model is to
    be trained on this picture, or on one alike, with r between its scales and 100 as the weight
    of reconstruction; the patch engine has a way of its own (`Patches.enlarge`). Without
    `image`, the training picture as the model knows it. Raises UserError for a factor of 1 or
    less.
    """
    if not factor > 1:
        raise UserError(f"the factor must be above 1, as in 4, not {factor:g}")
    engine = engine_of(model)
    x = (engine.itself() if image is None else image)[None]
    first, (height, width) = x, x.shape[2:]
    count, step = steps_of(factor)
    for k in range(1, count + 1):
        size = (round(height * step**k), round(width * step**k))
        x = engine.enlarge(x, size, seed + k - 1, first)
    return x
