"""The game of one translator whose outputs must keep what was where, against one critic."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from gansaku.core.bounds import at_least
from gansaku.core.contract import Batch, Clock, Nets, Phase, Player, Share, Stage, Terms
from gansaku.core.duel import Critic, Objective, Penalty, mean, mixing
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.core.precision import exactly, full
from gansaku.core.translating import Translator

FAST = 10.0  # times the weight of the contrast, without an identity


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneSided(Translator):
    """`Nets` has the translator `G`, the heads `F` that compare its features, the critic `D`.

    D moves first, then G and F, on the same fakes.
    """

    feeds: ClassVar[str] = "unpaired"

    steps: int = 400_000  # of all players: 400 epochs of 1,000 pictures
    batch_size: int = 1  # pictures of each set
    objective: Objective  # what G and D minimise
    penalties: tuple[Penalty, ...] = ()  # added to D's loss; of the sum of a picture's logits
    game_weight: float = 1.0  # of the game in G's loss
    contrast_weight: float = 1.0  # of finding places again, in all
    identity: bool = True  # of b in its translation as well: half the weight for each
    fast: bool = False  # FastCUT: of a alone, ten times the weight, half of the pictures mirrored
    g_optimizer: Adam = Adam(2e-4, (0.5, 0.999))  # of the translator and the heads
    d_optimizer: Adam = Adam(2e-4, (0.5, 0.999))  # of the critic
    ema: float = 0.0  # half-life of the translator's moving average in images; 0: none

    def __post_init__(self) -> None:
        at_least(self, steps=1, batch_size=1, ema=0)

    @property
    def averaged(self) -> tuple[str, ...]:
        return ("G",) if self.ema else ()

    def halflife(self, clock: Clock) -> float:
        return self.ema

    def remarks(self, nets: Nets) -> tuple[str, ...]:
        return mixing(self.penalties, nets.D, "norm instance or none")

    @abc.abstractmethod
    def contrast(
        self, nets: Nets, x: Tensor, y: Tensor, noise: Noise, mirrored: Tensor | None = None
    ) -> Tensor:
        """How far places of `y [N, ...]` are from being found at the same places of `x`.

        Features of y are mirrored back where `mirrored [N, 1, 1, 1]` says that y is.
        """

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        later = lambda clock: min(1.0, 2 * (1 - clock.progress))  # noqa: E731
        g = Player("G", (nets.G, nets.F), self.g_optimizer, later)
        d = Player("D", nets.D, self.d_optimizer, later)
        phases = (Phase(d, self.d_loss), Phase(g, self.g_loss))
        return (Stage("train", phases, self.steps, share=Share(g, self.translated)),)

    def translated(self, nets: Nets, batch: Batch, clock: Clock) -> Batch:
        """The batch with its `fake`, unless it is there; a, if `fast`, mirrored by chance."""
        if "fake" in batch:
            return batch
        a = batch["a"]
        if self.fast:
            mirrored = (clock.uniform(len(a)) > 0.5).view(-1, 1, 1, 1)
            batch = {**batch, "mirrored": mirrored}
            a = torch.where(mirrored, a.flip(3), a)
        return {**batch, "fake": nets.G(a)}

    def d_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch = self.translated(nets, batch, clock)
        b, fake = full((batch["b"].detach(), batch["fake"].detach()))
        critic = Critic(nets.D)
        with exactly():
            held = {type(p).__name__: p(critic, b, fake, clock) for p in self.penalties}
        at_real, at_fake = critic(b), critic(fake)
        clock.note(**{"D(real)": mean(at_real), "D(fake)": mean(at_fake)})
        return {"objective": self.objective.d(at_real, at_fake), **held}

    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch = self.translated(nets, batch, clock)
        a, b, fake = batch["a"], batch["b"], batch["fake"]
        real = nets.D(b) if self.objective.paired else None
        terms = {"game": self.game_weight * self.objective.g(real, nets.D(fake))}
        if self.fast:
            found = self.contrast(nets, a, fake, clock, batch["mirrored"])
            return terms | {"contrast": FAST * self.contrast_weight * found}
        weight = self.contrast_weight * (0.5 if self.identity else 1.0)
        terms["contrast"] = weight * self.contrast(nets, a, fake, clock)
        if self.identity:
            terms["contrast of b"] = weight * self.contrast(nets, b, nets.G(b), clock)
        return terms

    def targets(self, nets: Nets, batch: Batch) -> None:
        """Nothing says what a picture without a partner should become."""

    def translate(self, nets: Nets, a: Tensor, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        """Pictures of the other side `[N, C, H, W]`; raises UserError for the way back."""
        if given.get("direction", "AtoB") != "AtoB":
            raise UserError(
                f"{type(self).__name__} translates one way, a to b: for the way back train a model "
                "with --direction BtoA"
            )
        return nets.G(a)
