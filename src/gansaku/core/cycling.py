"""The game of two translators that undo one another, each against a critic of its side."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor
from torch.nn.functional import l1_loss

from gansaku.core.bounds import at_least
from gansaku.core.contract import Batch, Clock, Nets, Phase, Player, Share, Stage, Terms
from gansaku.core.duel import Objective
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.core.translating import Translator

WAYS = {"AtoB": ("a", "b"), "BtoA": ("b", "a")}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cycle(Translator):
    """`Nets` has the translators `AtoB` and `BtoA`, the critics `D_a` and `D_b`, and two pools.

    Both translators move at once, then both critics, which see fakes by way of the pools.
    """

    feeds: ClassVar[str] = "unpaired"
    directions: ClassVar[tuple[str, ...]] = tuple(WAYS)

    steps: int = 200_000  # of all players: 200 epochs of 1,000 pictures
    batch_size: int = 1  # pictures of each set
    objective: Objective  # what translators and critics minimise
    game_weight: float = 1.0  # of the game in the translators' loss
    cycle_weight: float = 10.0  # of the distance to what went there and back
    identity_weight: float = 0.5  # of leaving the other side as it is; in cycle_weights
    pool: int = 50  # older fakes of each side that its critic may see; 0: none
    g_optimizer: Adam = Adam(2e-4, (0.5, 0.999))  # of the translators
    d_optimizer: Adam = Adam(2e-4, (0.5, 0.999))  # of the critics
    ema: float = 0.0  # half-life of the translators' moving average in images; 0: none

    def __post_init__(self) -> None:
        at_least(self, steps=1, batch_size=1, ema=0, pool=0, cycle_weight=0, identity_weight=0)

    @property
    def averaged(self) -> tuple[str, ...]:
        return tuple(WAYS) if self.ema else ()

    def halflife(self, clock: Clock) -> float:
        return self.ema

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        later = lambda clock: min(1.0, 2 * (1 - clock.progress))  # noqa: E731
        g = Player("G", (nets.AtoB, nets.BtoA), self.g_optimizer, later)
        d = Player("D", (nets.D_a, nets.D_b), self.d_optimizer, later)
        phases = (Phase(g, self.g_loss), Phase(d, self.d_loss, after=self.after_d))
        return (Stage("train", phases, self.steps, share=Share(g, self.translated)),)

    def translated(self, nets: Nets, batch: Batch, clock: Clock) -> Batch:
        """The batch with `fake_b` of a and `fake_a` of b, unless they are there."""
        if "fake_a" in batch:
            return batch
        return {**batch, "fake_b": nets.AtoB(batch["a"]), "fake_a": nets.BtoA(batch["b"])}

    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        """Three terms a direction: its game, the way there and back, and staying as one is."""
        batch, terms = self.translated(nets, batch, clock), Terms()
        for way, (x, y) in WAYS.items():
            there, back = getattr(nets, way), getattr(nets, f"{y.upper()}to{x.upper()}")
            critic, fake = getattr(nets, f"D_{y}"), batch[f"fake_{y}"]
            real = critic(batch[y]) if self.objective.paired else None
            game = self.objective.g(real, critic(fake))
            terms[f"game {way}"] = self.game_weight * game
            terms[f"cycle {way}"] = self.cycle_weight * l1_loss(back(fake), batch[x])
            if self.identity_weight:
                weight = self.cycle_weight * self.identity_weight
                terms[f"identity {way}"] = weight * l1_loss(there(batch[y]), batch[y])
        return terms

    def d_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch, terms = self.translated(nets, batch, clock), Terms()
        for side in ("a", "b"):
            critic, pool = getattr(nets, f"D_{side}"), getattr(nets, f"pool_{side}")
            shown = pool.shown(batch[f"fake_{side}"].detach(), clock)
            real, fake = critic(batch[side]), critic(shown)
            clock.note(**{f"D({side})": real.mean(), f"D(fake {side})": fake.mean()})
            terms[f"objective {side}"] = self.objective.d(real, fake)
        return terms

    def after_d(self, nets: Nets, stats: Mapping[str, Tensor], clock: Clock) -> None:
        nets.pool_a.keep()
        nets.pool_b.keep()

    def targets(self, nets: Nets, batch: Batch) -> None:
        """Nothing says what a picture without a partner should become."""

    def translate(self, nets: Nets, a: Tensor, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        """Pictures of the other side; `given["direction"]` says which way, AtoB unless said."""
        way = given.get("direction", "AtoB")
        if way not in WAYS:
            raise UserError(f"direction must be AtoB or BtoA, not {way!r}")
        return getattr(nets, way)(a)
