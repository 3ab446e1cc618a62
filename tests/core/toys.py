"""A game small enough to be solved by hand: numbers instead of pictures, and three stages."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from gansaku.core.card import Card
from gansaku.core.contract import Clock, Nets, Phase, Player, Recipe, Share, Stage
from gansaku.core.noise import Noise, seed_of
from gansaku.core.optim import SGD, Adam


@dataclasses.dataclass(frozen=True)
class Flat:
    """The spec of vectors."""

    dims: int = 3

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.dims,)


class Vectors:
    """Vectors in place of pictures; sample p of a seed is always the same."""

    spec = Flat()

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict[str, Tensor]:
        def one(place: int) -> Tensor:
            return torch.randn(3, generator=torch.Generator().manual_seed(seed_of(seed, place)))

        return {"x": torch.stack([one(start + i) for i in range(n)])}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toy(Recipe):
    """Two linear players; no statistics over the batch (cites nothing: a test's own)."""

    card: ClassVar[Card] = Card("Toy", "https://example.org", 2026, "points", "a toy", "@misc{toy}")
    steps: int = 6
    batch_size: int = 8
    optimizer: Any = Adam(0.05)
    share: bool = True
    moves: int = 1
    repeat: int = 1
    ema: float = 20.0
    poison: int = -1  # the step at which the critic's loss becomes nan
    simultaneous: bool = False
    first: int = 0  # steps of a stage before, in which the critic alone plays

    @property
    def averaged(self) -> tuple[str, ...]:
        return ("G",)

    def halflife(self, clock: Clock) -> float:
        return self.ema

    def networks(self, spec: Any) -> Nets:
        return Nets(
            G=nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3)),
            D=nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)),
            count=torch.zeros((), dtype=torch.int64),
        )

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        d, g = Player("D", nets.D, self.optimizer), Player("G", nets.G, self.optimizer)
        phases = (
            Phase(d, self.d_loss, repeat=self.repeat, after=self.counts),
            Phase(g, self.g_loss, moves=self.moves),
        )
        share = Share(g, self.fakes) if self.share else None
        game = Stage(
            "game", phases, self.steps, share=share, enter=self.zero, simultaneous=self.simultaneous
        )
        alone = Stage("alone", phases[:1], self.first, done=lambda nets, clock: nets.count >= 3)
        return (alone, game) if self.first else (game,)

    def zero(self, nets: Nets, batch: Mapping[str, Tensor]) -> None:
        nets.G[2].bias.copy_(batch["x"].mean(0) + torch.rand(3))

    def fakes(self, nets: Nets, batch: Mapping[str, Tensor], clock: Clock) -> dict[str, Tensor]:
        return {**batch, "fake": nets.G(clock.normal(len(batch["x"]), 2))}

    def d_loss(self, nets: Nets, batch: Mapping[str, Tensor], clock: Clock) -> dict[str, Tensor]:
        batch = batch if "fake" in batch else self.fakes(nets, batch, clock)
        loss = (nets.D(batch["fake"]) - nets.D(batch["x"])).mean() + nets.D(batch["x"]).pow(
            2
        ).mean()
        clock.note(real=batch["x"].mean())
        return {"loss": loss * float("nan") if clock.step == self.poison else loss}

    def g_loss(self, nets: Nets, batch: Mapping[str, Tensor], clock: Clock) -> dict[str, Tensor]:
        batch = batch if "fake" in batch else self.fakes(nets, batch, clock)
        return {"loss": -nets.D(batch["fake"]).mean(), "size": batch["fake"].pow(2).mean()}

    def counts(self, nets: Nets, stats: Mapping[str, Tensor], clock: Clock) -> None:
        assert {"D/loss", "real"} <= stats.keys()
        nets.count += 1

    def sample(self, nets: Nets, n: int, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        return nets.G(noise.normal(n, 2))

    @classmethod
    def tiny(cls) -> Self:
        return cls()


PLAIN = SGD(0.1)
