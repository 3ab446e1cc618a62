"""A game in which the critic alone moves: the generator is held, and the critic comes to its best.

It is played by the project's own loop, with its own losses, penalties and networks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from gansaku.core.card import Card
from gansaku.core.contract import Batch, Clock, Nets, Stage
from gansaku.core.duel import Duel, Objective
from gansaku.core.loop import Run, Watch
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.data.spec import PointSpec
from gansaku.losses import Minimax
from gansaku.nets import PointCritic

Draw = Callable[[int, Noise], Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judge(Duel):
    """D alone plays against fakes `made(x, noise) [N, dims]` that no training changes."""

    card: ClassVar[Card] = Card("A critic alone", "arXiv:1406.2661", 2014, "points", "", "")

    made: Callable[[Tensor, Noise], Tensor]
    steps: int = 1000  # critic updates
    batch_size: int = 512
    objective: Objective = Minimax()
    d_optimizer: Callable = Adam(2e-3, (0.5, 0.999))
    width: int = 64
    layers: int = 3
    fade: bool = True  # the learning rate falls to nought

    def schedule(self, clock: Clock) -> float:
        return 1.0 - clock.progress if self.fade else 1.0

    def generator(self, spec: Any) -> nn.Module:
        return nn.Identity()

    def critic(self, spec: Any) -> nn.Module:
        return PointCritic(spec.shape[0], self.width, self.layers)

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        (stage,) = super().stages(nets)
        return (dataclasses.replace(stage, phases=stage.phases[:1], share=None),)

    def with_fakes(self, nets: Nets, batch: Batch, clock: Clock, times: int = 1) -> Batch:
        return {**batch, "fake": self.made(batch["x"], clock).detach()}

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, width=4, made=lambda x, noise: noise.normal(*x.shape))


@dataclasses.dataclass(frozen=True)
class Points:
    """Data for a run: `draw(n, noise)` gives `[n, dims]`, a function of seed and position."""

    draw: Draw
    dims: int = 1

    @property
    def spec(self) -> PointSpec:
        return PointSpec(self.dims)

    def batch(self, start: int, n: int, seed: int, **options: Any) -> dict[str, Tensor]:
        return {"x": self.draw(n, Noise(seed, ("points", start)))}


def judged(
    data: Draw, fakes: Draw, dims: int = 1, watches: Sequence[Watch] = (), **fields: Any
) -> Run:
    """A critic that has been trained on two distributions."""
    recipe = Judge(made=lambda x, noise: fakes(len(x), noise), **fields)
    run = Run(recipe, Points(data, dims), log_every=10**9)
    run.play(watches)
    return run


@torch.no_grad()
def logits(run: Run, x: np.ndarray) -> np.ndarray:
    """The critic at places `x [N]` on the line, or `[N, dims]`."""
    at = torch.tensor(x, dtype=torch.float32).reshape(len(x), -1)
    return run.nets.D(at).double().numpy()


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def slopes(run: Run, x: Tensor) -> Tensor:
    """|grad D| at `x [N, dims]`: `[N]`."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(run.nets.D(x).sum(), x)
    return torch.linalg.vector_norm(gradient, dim=1)
