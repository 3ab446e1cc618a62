"""The duel with an encoder that shows the generator where the data's modes are."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from gansaku.core.contract import Batch, Clock, Nets, Phase, Player, Stage, Terms
from gansaku.core.duel import Critic, Duel
from gansaku.core.errors import UserError, nearest
from gansaku.core.noise import Noise
from gansaku.core.precision import exactly, full
from gansaku.core.still import still

FORMS = ("regularised", "manifold")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModeDuel(Duel):
    """G against D, with E beside G (arXiv:1612.02136, section 3).

    `regularised`: G and E minimise, besides G's game, the distance of G(E(x)) from x and the game
    on G(E(x)). `manifold`, then diffusion (algorithm 1): D1 tells x from G(E(x)), D tells G(E(x))
    from G(z).
    """

    form: str = "regularised"  # regularised; manifold: MDGAN, in two steps with two critics
    match_weight: float = 0.2  # of the distance, form regularised
    mode_weight: float = 0.4  # of the game on reconstructions, form regularised
    manifold_weight: float = 0.01  # of the game on reconstructions, form manifold

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.form not in FORMS:
            known = f"form must be one of {', '.join(FORMS)}"
            raise UserError(f"{known}, not {self.form!r}{nearest(self.form, FORMS)}")

    @abc.abstractmethod
    def encoder(self, spec: Any) -> nn.Module:
        """`x [N, *spec.shape] -> [N, z]`."""

    @property
    def averaged(self) -> tuple[str, ...]:
        return ("G", "E") if self.ema else ()

    def networks(self, spec: Any) -> Nets:
        nets = super().networks(spec)
        nets.add_module("E", self.encoder(spec))
        if self.form == "manifold":
            nets.add_module("D1", self.critic(spec))
        return nets

    def makers(self, nets: Nets) -> tuple[nn.Module, ...]:
        return nets.G, nets.E

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        if self.form == "regularised":
            return super().stages(nets)
        pace, enter = self.pace(nets), self.entry(nets)
        d = Player("D", nets.D, self.d_optimizer, pace)
        d1 = Player("D1", nets.D1, self.d_optimizer, pace)
        # a player of its own: beside the game's, the distance's gradients are too small to be heard
        m = Player("M", self.makers(nets), self.g_optimizer, pace)
        g = Player("G", nets.G, self.g_optimizer, pace)
        phases = (
            Phase(d1, self.manifold_d),
            Phase(m, self.manifold_g),
            Phase(d, self.d_loss, repeat=self.critic_turns, after=self.after_d),
            Phase(g, self.g_loss),
        )
        return (Stage("train", phases, self.steps, enter=enter, simultaneous=self.simultaneous),)

    def with_fakes(self, nets: Nets, batch: Batch, clock: Clock, times: int = 1) -> Batch:
        """The batch with `fake` and with `again`, G(E(x)), unless they are there."""
        if "again" in batch:
            return batch
        made = super().with_fakes(nets, batch, clock, times)
        return {**made, "again": self.again(nets, batch["x"])}

    def again(self, nets: Nets, x: Tensor) -> Tensor:
        """G(E(x)); G's batch norms remember what it makes of the prior."""
        with still(nets.G):
            return nets.G(nets.E(x))

    def sides(self, batch: Batch) -> tuple[Any, Any]:
        if self.form == "manifold":
            return batch["again"].detach(), batch["fake"].detach()
        return super().sides(batch)

    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch = self.with_fakes(nets, batch, clock, self.g_batches)
        if self.form == "manifold":
            return super().g_loss(nets, {**batch, "x": batch["again"].detach()}, clock)
        return super().g_loss(nets, batch, clock)

    def g_extra(self, nets: Nets, critic: Critic, batch: Batch, clock: Clock) -> Terms:
        if self.form == "manifold":
            return {}
        mode = self.objective.g(critic(batch["x"]), critic(batch["again"]))
        match = (batch["again"] - batch["x"]).square().mean()
        return {"match": self.match_weight * match, "mode": self.mode_weight * mode}

    def manifold_d(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        real, again = full((batch["x"].detach(), self.again(nets, batch["x"]).detach()))
        critic = self.first_critic(nets, clock)
        factor = clock.number(self.penalty_factor)
        with exactly():
            terms = {
                type(penalty).__name__: factor * penalty(critic, real, again, clock)
                for penalty in self.penalties
            }
        return {"objective": self.objective.d(critic(real), critic(again)), **terms}

    def manifold_g(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        x, critic = batch["x"], self.first_critic(nets, clock)
        again = self.again(nets, x)
        mode = self.objective.g(critic(x), critic(again))
        return {"match": (again - x).square().mean(), "mode": self.manifold_weight * mode}

    def first_critic(self, nets: Nets, clock: Clock) -> Critic:
        """D1, before which all is augmented as before D."""
        if "augment" not in nets:
            return Critic(nets.D1)
        return Critic(lambda x: nets.D1(nets.augment(x, clock)))

    def encode(self, nets: Nets, x: Tensor, noise: Noise | None = None) -> Tensor:
        """Latents `[N, z]` of `x [N, *spec.shape]`."""
        return nets.E(x)

    def generate(self, nets: Nets, z: Tensor, given: Mapping[str, Any] | None = None) -> Tensor:
        return nets.G(z)
