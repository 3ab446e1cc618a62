"""The duel over pairs: a critic of samples together with their latents, and an encoder in it."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any

from torch import Tensor, nn

from gansaku.core.contract import Batch, Clock, Nets, Terms
from gansaku.core.duel import Critic, Duel, rows
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairDuel(Duel):
    """D tells (x, E(x)) from (G(z), z); G and E together minimise D's loss, sides exchanged.

    arXiv:1605.09782, equation 2 and section 3.4 ("inverse" objective); arXiv:1606.00704, algorithm
    1, where all move at once. Penalties see pairs; augmentation sees their pictures.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.g_batches != 1:
            raise UserError(f"pairs need g_batches 1, not {self.g_batches}")

    @abc.abstractmethod
    def encoder(self, spec: Any) -> nn.Module:
        """`x [N, *spec.shape]` -> what `code` makes latents of."""

    @abc.abstractmethod
    def code(self, nets: Nets, x: Tensor, noise: Noise | None) -> Tensor:
        """`[N, z]`: E's latents of `x`; a draw where E is stochastic and there is noise."""

    @abc.abstractmethod
    def critic(self, spec: Any) -> nn.Module:
        """`x [N, *spec.shape], z [N, z] -> logits [N, ...]`."""

    @property
    def averaged(self) -> tuple[str, ...]:
        return ("G", "E") if self.ema else ()

    def networks(self, spec: Any) -> Nets:
        nets = super().networks(spec)
        nets.add_module("E", self.encoder(spec))
        return nets

    def makers(self, nets: Nets) -> tuple[nn.Module, ...]:
        return nets.G, nets.E

    def shared(self, nets: Nets, batch: Batch, clock: Clock) -> Batch:
        """The batch with `fake` and its `z`, and with E's `code` of x, unless they are there."""
        if "code" in batch:
            return batch
        return {**self.with_fakes(nets, batch, clock), "code": self.code(nets, batch["x"], clock)}

    def sides(self, batch: Batch) -> tuple[Any, Any]:
        real, fake = (batch["x"], batch["code"]), (batch["fake"], batch["z"])
        return tuple(t.detach() for t in real), tuple(t.detach() for t in fake)

    def judge(self, nets: Nets, clock: Clock, **told: Tensor) -> Critic:
        if "augment" not in nets:
            return Critic(lambda pair: nets.D(*pair, **told), self.logits)
        seen = lambda pair: nets.D(nets.augment(pair[0], clock), pair[1], **told)  # noqa: E731
        return Critic(seen, self.logits)

    def d_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        return super().d_loss(nets, self.shared(nets, batch, clock), clock)

    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch = self.shared(nets, batch, clock)
        critic = self.judge(nets, clock)
        at_real, at_fake = critic((batch["x"], batch["code"])), critic((batch["fake"], batch["z"]))
        return {"objective": self.objective.d(at_fake, at_real)}

    def encode(self, nets: Nets, x: Tensor, noise: Noise | None = None) -> Tensor:
        """Latents `[N, z]` of `x [N, *spec.shape]`; the mean where E is stochastic, or a draw."""
        return self.code(nets, x, noise)

    def score(self, nets: Nets, x: Tensor) -> Tensor:
        """The critic's logits `[N]` of samples with E's latents of them."""
        return rows(self.logits(nets.D(x, self.encode(nets, x))))
