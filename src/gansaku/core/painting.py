"""Pictures of label maps as a game: a painter, perhaps with styles, against a critic of pairs."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from gansaku.core.bounds import at_least
from gansaku.core.contract import Batch, Clock, Nets, Phase, Player, Share, Stage, Terms
from gansaku.core.duel import Objective
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.core.translating import Translator

Features = list[list[Tensor]]  # of a critic: for each scale its layers' maps, the logits last


@dataclasses.dataclass(frozen=True, kw_only=True)
class Painter(Translator):
    """G paints class numbers, in the style of a picture where `z` is above 0; D sees both sides.

    The critic is shown the fakes of the generator's turn.
    """

    feeds: ClassVar[str] = "maps"

    steps: int = 125_000  # of both players: 200 epochs of 20,000 pictures
    batch_size: int = 32  # maps with their pictures
    z: int = 0  # dimensions of the style; 0: none
    objective: Objective  # what G and D minimise
    g_optimizer: Adam = Adam(1e-4, (0.0, 0.9))  # of the generator and the style encoder
    d_optimizer: Adam = Adam(4e-4, (0.0, 0.9))  # of the critics

    def __post_init__(self) -> None:
        at_least(self, steps=1, batch_size=1, z=0)

    @abc.abstractmethod
    def style(self, mean: Tensor, log_variance: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """A draw `[N, z]` from the encoder's Gaussian, and its divergence from the prior `[N]`."""

    @abc.abstractmethod
    def likeness(self, nets: Nets, batch: Batch, real: Features, fake: Features) -> Terms:
        """What G minimises besides the game."""

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        later = lambda clock: min(1.0, 2 * (1 - clock.progress))  # noqa: E731
        makers = (nets.G, nets.E) if self.z else (nets.G,)
        g = Player("G", makers, self.g_optimizer, later)
        d = Player("D", nets.D, self.d_optimizer, later)
        phases = (Phase(g, self.g_loss), Phase(d, self.d_loss))
        return (Stage("train", phases, self.steps, share=Share(g, self.painted)),)

    def painted(self, nets: Nets, batch: Batch, clock: Clock) -> Batch:
        """The batch with maps one-hot, `seen`, and their `fake`, unless they are there."""
        if "fake" in batch:
            return batch
        seen = nets.G.seen(batch["a"])
        if not self.z:
            return {**batch, "seen": seen, "fake": nets.G(seen)}
        z, apart = self.style(*nets.E(batch["b"]), clock)
        return {**batch, "seen": seen, "fake": nets.G(seen, z), "apart": apart}

    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch = self.painted(nets, batch, clock)
        with torch.no_grad():
            real = nets.D(torch.cat([batch["seen"], batch["b"]], 1))
        fake = nets.D(torch.cat([batch["seen"], batch["fake"]], 1))
        game = self.objective.g([maps[-1] for maps in real], [maps[-1] for maps in fake])
        return {"objective": game, **self.likeness(nets, batch, real, fake)}

    def d_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch = self.painted(nets, batch, clock)
        real, fake = (
            [maps[-1] for maps in nets.D(torch.cat([batch["seen"], x], 1))]
            for x in (batch["b"], batch["fake"].detach())
        )
        clock.note(**{"D(real)": real[0].mean(), "D(fake)": fake[0].mean()})
        return {"objective": self.objective.d(real, fake)}

    def translate(self, nets: Nets, a: Tensor, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        """Pictures of class numbers `a [N, 1, H, W]`, of any size.

        Their styles are drawn; `given["style"]`, pictures `[N or 1, C, H, W]`, lends theirs, and
        `given["deterministic"]` takes the prior's middle.
        """
        seen = nets.G.seen(a)
        if not self.z:
            return nets.G(seen)
        if (picture := given.get("style")) is not None:
            return nets.G(seen, nets.E(picture)[0].expand(len(a), -1))
        z = noise.normal(len(a), self.z)
        return nets.G(seen, torch.zeros_like(z) if given.get("deterministic") else z)

    def multiple(self, nets: Nets) -> int:
        return 1
