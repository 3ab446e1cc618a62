"""A variational autoencoder that is judged by a critic, in whose layer likeness is learned."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gansaku.core.bounds import at_least
from gansaku.core.contract import Batch, Clock, Nets, Phase, Player, Share, Stage, Terms
from gansaku.core.duel import Objective
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.core.priors import FromLatents, draw


@dataclasses.dataclass(frozen=True, kw_only=True)
class LikenessGame(FromLatents):
    """Encoder E, decoder G, critic D: each minimises its own part (arXiv:1512.09300, algorithm 1).

    E: the divergence from the prior and the likeness; G: the likeness and its game against D; D:
    its game alone. E moves first and says what D's game costs on pictures and on fakes: by that G
    or D pauses in the next step. The losses are the recipe's.
    """

    z: int
    gamma: float
    real_weight: float
    equilibrium: float
    margin: float
    objective: Objective
    e_optimizer: Callable
    g_optimizer: Callable
    d_optimizer: Callable
    steps: int

    def __post_init__(self) -> None:
        for name in ("gamma", "real_weight"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise UserError(f"{name} must lie in [0, 1], not {value}")
        at_least(self, steps=1, batch_size=1, z=1)

    @abc.abstractmethod
    def e_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        """It notes D's `cost of pictures` and `cost of fakes`."""

    @abc.abstractmethod
    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms: ...

    @abc.abstractmethod
    def d_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms: ...

    @abc.abstractmethod
    def encoder(self, spec: Any) -> nn.Module:
        """`x [N, *spec.shape] -> [N, 2 z]`: mean and log variance."""

    @abc.abstractmethod
    def decoder(self, spec: Any) -> nn.Module:
        """`z [N, z] -> x [N, *spec.shape]`."""

    @abc.abstractmethod
    def critic(self, spec: Any) -> nn.Module:
        """`x [N, *spec.shape] -> logits [N], features [N, F]`."""

    def networks(self, spec: Any) -> Nets:
        costs = torch.full((2,), self.equilibrium)  # of the critic, on pictures and on fakes
        parts = {"E": self.encoder(spec), "G": self.decoder(spec), "D": self.critic(spec)}
        return Nets(**parts, costs=costs)

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        e, g, d = (
            Player(name, getattr(nets, name), optimizer)
            for name, optimizer in zip(
                "EGD", (self.e_optimizer, self.g_optimizer, self.d_optimizer), strict=True
            )
        )
        phases = (
            Phase(e, self.e_loss, after=self.remember),
            Phase(g, self.g_loss, repeat=lambda nets, clock: int(self.turns(nets)[0])),
            Phase(d, self.d_loss, repeat=lambda nets, clock: int(self.turns(nets)[1])),
        )
        return (Stage("train", phases, self.steps, share=Share(g, self.with_fakes)),)

    def turns(self, nets: Nets) -> tuple[bool, bool]:
        """Whether G and D play: D pauses where it wins, G where it does; both or one always plays.

        By D's costs in the step before (the authors' `GradientDescent`, theirs are this step's).
        """
        real, fake = nets.costs.tolist()
        low, high = self.equilibrium - self.margin, self.equilibrium + self.margin
        g, d = max(real, fake) <= high, min(real, fake) >= low
        return (g, d) if g or d else (True, True)

    def remember(self, nets: Nets, stats: Mapping[str, Tensor], clock: Clock) -> None:
        nets.costs.copy_(torch.stack([stats["cost of pictures"], stats["cost of fakes"]]))

    def posterior(self, nets: Nets, x: Tensor) -> tuple[Tensor, Tensor]:
        """E's mean and log variance `[N, z]`."""
        mean, log_variance = nets.E(x).chunk(2, 1)
        return mean, log_variance

    def with_fakes(self, nets: Nets, batch: Batch, clock: Clock) -> Batch:
        """The batch with reconstructions `again` and samples `fake`; E gets no gradient by them."""
        if "fake" in batch:
            return batch
        with torch.no_grad():
            code = self.encode(nets, batch["x"], clock)
        z = torch.cat([code, self.latents(len(code), clock)])
        again, fake = nets.G(z).chunk(2)
        return {**batch, "again": again, "fake": fake}

    def latents(self, n: int, noise: Noise, truncate: float | None = None) -> Tensor:
        """`[n, z]` from N(0, I), truncated as `gansaku.core.priors.draw` says."""
        return draw("normal", n, self.z, noise, truncate)

    def encode(self, nets: Nets, x: Tensor, noise: Noise | None = None) -> Tensor:
        """E's mean `[N, z]`, or a draw from its Gaussian."""
        mean, log_variance = self.posterior(nets, x)
        if noise is None:
            return mean
        return mean + (0.5 * log_variance).exp() * noise.normal(*mean.shape)

    def score(self, nets: Nets, x: Tensor) -> Tensor:
        """The critic's logits `[N]` of samples."""
        return nets.D(x)[0]


def costs(logits: Tensor) -> tuple[Tensor, Tensor]:
    """D's cross entropy on pictures, and on both kinds of fakes: `logits [3 N]` in that order."""
    x, again, fake = logits.chunk(3)
    return softplus(-x).mean(), 0.5 * (softplus(again).mean() + softplus(fake).mean())
