"""Editing and harmonising: what was moved or pasted is made to look as if it belonged there."""

from __future__ import annotations

from torch import Tensor

from gansaku.tools.engines import Engine, Trained, check_start, engine_of, entering
from gansaku.tools.masks import soft_mask
from gansaku.tools.patches import resized

EDITED, PASTED = 20, 7  # pixels: radius of the disk by which a mask grows


def edit(
    model: Engine | Trained,
    image: Tensor,
    mask: Tensor | None,
    start: int,
    *,
    seed: int = 0,
    n: int = 1,
) -> Tensor:
    """Pictures `[n, C, H, W]` of `image [C, h, w]`, in which regions were copied or moved.

    arXiv:1905.01164, section 4: the image enters scale `start >= 1`, and what comes out replaces
    it where `mask [1, h, w]` (white: what was changed) says, grown by 20 pixels and softened.
    Outside it the image stays; the authors' code takes the training picture there, which is the
    same where the mask is true. Without a mask all is replaced. Values are in [-1, 1]. Raises
    UserError for a mask of another size, and a scale that is not there.
    """
    return _blended(model, image, mask, start, EDITED, seed, n)


def harmonize(
    model: Engine | Trained,
    image: Tensor,
    mask: Tensor | None,
    start: int,
    *,
    seed: int = 0,
    n: int = 1,
) -> Tensor:
    """Pictures `[n, C, H, W]` of `image [C, h, w]`, into which an object was pasted.

    arXiv:1905.01164, section 4, as `edit`; the mask of the object grows by 7 pixels.
    """
    return _blended(model, image, mask, start, PASTED, seed, n)


def _blended(
    model: Engine | Trained,
    image: Tensor,
    mask: Tensor | None,
    start: int,
    radius: int,
    seed: int,
    n: int,
) -> Tensor:
    engine = engine_of(model)
    check_start(engine, start, 1)
    size = engine.sizes()[-1]
    share = None if mask is None else soft_mask(mask, image, size, radius)
    made = engine.play(n, seed, start=start, image=entering(engine, image, start))
    return made if share is None else resized(image[None], size) * (1 - share) + made * share
