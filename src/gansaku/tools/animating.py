"""Films from one picture: a random walk around the noise that the picture is made of."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.tools.engines import PyramidEngine, Trained, check_start

AT_ONCE = 8  # frames that are rendered together


def walk(
    fixed: list[Tensor], steps: Iterator[list[Tensor]], alpha: float, beta: float, start: int
) -> Iterator[list[Tensor]]:
    """Endless maps of all scales along a walk from the `fixed` ones, `[1, c, h, w]` each.

    arXiv:1905.01164, supplement, as the authors' code has it: z(t+1) = alpha z* + (1 - alpha)
    (z(t) + beta (z(t) - z(t-1)) + (1 - beta) e), with e from `steps`; z(0) = z* and z(1) = .95
    z* + .05 e. Below `start` the maps stay as they are.
    """
    before, now = fixed, [0.95 * z + 0.05 * e for z, e in zip(fixed, next(steps), strict=True)]
    for drawn in steps:
        speeds = [
            beta * (z - y) + (1 - beta) * e for y, z, e in zip(before, now, drawn, strict=True)
        ]
        moved = zip(fixed, now, speeds, strict=True)
        before, now = now, [alpha * z0 + (1 - alpha) * (z + v) for z0, z, v in moved]
        yield [*fixed[:start], *now[start:]]


@torch.no_grad()
def animate(
    model: Trained,
    start: int = 0,
    *,
    frames: int = 100,
    alpha: float = 0.1,
    beta: float = 0.9,
    seed: int = 0,
) -> Tensor:
    """A film of the picture, `[frames, C, H, W]` in [-1, 1]: a walk through its noise.

    `alpha`: how much each frame returns to the picture; `beta`: how much of its movement goes
    on. Scales below `start` stand still. The paper trains for it with noise that reaches over
    the edges and a coarsest side of 20 pixels. Raises UserError for a run that is not of one
    picture, a scale that is not there, or alpha or beta outside [0, 1].
    """
    engine = PyramidEngine(model)
    check_start(engine, start)
    for name, value in (("alpha", alpha), ("beta", beta)):
        if not 0 <= value <= 1:
            raise UserError(f"{name} is a share between 0 and 1, not {value:g}")
    if frames < 2:
        raise UserError(f"a film has 2 frames or more, not {frames}")
    recipe, nets = engine.recipe, model.nets
    path = walk(recipe.fixed(nets), _steps(engine, seed), alpha, beta, start)
    made, waiting = [], []
    for frame in range(frames):
        waiting.append(next(path))
        if len(waiting) == AT_ONCE or frame == frames - 1:
            made.append(recipe.render(nets, [torch.cat(z) for z in zip(*waiting, strict=True)]))
            waiting = []
    return torch.cat([part.cpu() for part in made])


def _steps(engine: PyramidEngine, seed: int) -> Iterator[list[Tensor]]:
    """Endless fresh maps of all scales; the i-th is a function of (seed, i)."""
    frame = 0
    while True:
        noise = Noise(seed, ("walk", frame), device=engine.model.device)
        yield engine.recipe.maps(engine.model.nets, noise, 1)
        frame += 1
