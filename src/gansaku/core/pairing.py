"""The game of pairs: a translator against a critic that sees input and output together."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from gansaku.core.bounds import none_negative
from gansaku.core.contract import Batch, Clock, Nets, Phase, Player, Share, Stage, Terms
from gansaku.core.duel import Objective, mean
from gansaku.core.errors import UserError
from gansaku.core.optim import Adam
from gansaku.core.translating import Translator

COUNTS = ("steps", "batch_size", "width", "d_width")  # none may be nought


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairGame(Translator):
    """pix2pix's game (arXiv:1611.07004, equations 1 to 4); subclasses name the networks.

    D minimises half its objective on (a, b) against (a, G(a)); G its own, and l1_weight times the
    mean of |b - G(a)|. Rates stay for a share of the steps, then fall to 0 in a straight line.
    """

    steps: int = 80_000  # of both players: 100 + 100 epochs of 400 pairs
    batch_size: int = 1  # pairs
    objective: Objective  # what G and D minimise
    l1_weight: float = 100.0  # of the mean absolute difference
    g_optimizer: Callable = Adam(2e-4, (0.5, 0.999))  # of the translator
    d_optimizer: Callable = Adam(2e-4, (0.5, 0.999))  # of the critic
    steady: float = 0.5  # share of the steps before rates begin to fall
    width: int = 64  # channels of the translator's first layer
    d_width: int = 64  # channels of the critic's first layer

    def __post_init__(self) -> None:
        none_negative(self, COUNTS)
        if self.steady > 1:
            raise UserError(f"steady is a share of the steps, up to 1, not {self.steady}")

    @abc.abstractmethod
    def sides(self, nets: Nets, batch: Batch, clock: Clock) -> tuple[Tensor, Tensor]:
        """What G is given of a batch, and what it should make of it: `[N, C, H, W]` each."""

    def schedule(self, clock: Clock) -> float:
        """1, and in the last part of the run a straight line to 0."""
        if clock.progress < self.steady:
            return 1.0
        return (1 - clock.progress) / (1 - self.steady)

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        d = Player("D", nets.D, self.d_optimizer, self.schedule)
        g = Player("G", nets.G, self.g_optimizer, self.schedule)
        phases = (Phase(d, self.d_loss), Phase(g, self.g_loss))
        return (Stage("train", phases, self.steps, share=Share(g, self.with_fakes)),)

    def with_fakes(self, nets: Nets, batch: Batch, clock: Clock) -> Batch:
        """The batch with the sides as they are fed, and G's translations as `fake`."""
        a, b = self.sides(nets, batch, clock)
        return {**batch, "a": a, "b": b, "fake": nets.G(a, clock)}

    def d_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        real, fake = (nets.D(torch.cat([batch["a"], batch[side]], 1)) for side in ("b", "fake"))
        clock.note(**{"D(real)": mean(real), "D(fake)": mean(fake)})
        return {"objective": 0.5 * self.objective.d(real, fake)}

    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        fake = nets.D(torch.cat([batch["a"], batch["fake"]], 1))
        real = nets.D(torch.cat([batch["a"], batch["b"]], 1)) if self.objective.paired else fake
        distance = (batch["fake"] - batch["b"]).abs().mean()
        return {"objective": self.objective.g(real, fake), "l1": self.l1_weight * distance}
