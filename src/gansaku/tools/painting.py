"""Paint to photograph: clip-art or brush strokes in the manner of the one picture."""

from __future__ import annotations

from torch import Tensor

from gansaku.tools.engines import Engine, Trained, check_start, engine_of, entering
from gansaku.tools.palette import in_colours, palette


def paint(
    model: Engine | Trained,
    image: Tensor,
    start: int,
    *,
    seed: int = 0,
    n: int = 1,
    colours: int = 0,
) -> Tensor:
    """Photographs `[n, C, H, W]` in [-1, 1] of a painting `image [C, h, w]`.

    arXiv:1905.01164, section 4: the painting, stretched to the picture's size, enters scale
    `start >= 1`. With `colours` (the paper: 5) it is first brought to so many colours of the
    picture at that scale. The paper then also trains that scale anew on the picture so reduced;
    this function trains nothing, and uses the scale as it is. Raises UserError for a scale that
    is not there, or a run that is not of one picture.
    """
    engine = engine_of(model)
    check_start(engine, start, 1)
    coming = entering(engine, image, start)
    if colours:
        seen = entering(engine, engine.itself(), start)[0]
        coming = in_colours(coming[0], palette(seen, colours))[None]
    return engine.play(n, seed, start=start, image=coming)
