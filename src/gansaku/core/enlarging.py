"""Super-resolution as a game: an enlarger alone, by squared error, and then against a critic."""

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
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.core.translating import Translator


@dataclasses.dataclass(frozen=True, kw_only=True)
class Enlarger(Translator):
    """Two stages over crops of pictures, whose small versions are made on the fly."""

    ties: ClassVar[str] = "the perceptual term is relative to the features of a part's pictures"
    length: ClassVar[tuple[str, ...]] = ("steps", "mse_steps")

    mse_steps: int = 1_000_000  # of the generator alone, by squared error
    steps: int = 200_000  # of the game after it; 0: none
    batch_size: int = 16  # crops
    scale: int = 4  # 2, 4 or 8
    patch: int = 96  # side of the large crops, pixels; the picture's where that is less
    objective: Objective  # what G and D minimise
    game_weight: float = 1e-3  # of the game in G's loss
    pixel_weight: float = 1.0  # of the squared error, while the game is on
    g_optimizer: Adam = Adam(1e-4, (0.9, 0.999))  # of the generator, alone and in the game
    d_optimizer: Adam = Adam(1e-4, (0.9, 0.999))  # of the critic

    def __post_init__(self) -> None:
        at_least(self, mse_steps=0, steps=0, batch_size=1, scale=2, patch=8)
        if self.mse_steps + self.steps == 0:
            raise UserError("mse_steps and steps are both 0: nothing would be trained")

    @abc.abstractmethod
    def small(self, x: Tensor, noise: Noise) -> Tensor:
        """`[N, C, H / scale, W / scale]` of pictures `x [N, C, H, W]`."""

    @abc.abstractmethod
    def likeness(self, nets: Nets, real: Tensor, fake: Tensor) -> Terms:
        """What G minimises in the game besides the squared error."""

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        alone = Player("alone", nets.G, self.g_optimizer)
        later = lambda clock: 1.0 if clock.progress < 0.5 else 0.1  # noqa: E731
        g = Player("G", nets.G, self.g_optimizer, later)
        d = Player("D", nets.D, self.d_optimizer, later)
        game = (Phase(d, self.d_loss), Phase(g, self.g_loss))
        stages = (
            Stage("squared error", (Phase(alone, self.error),), self.mse_steps),
            Stage("game", game, self.steps, share=Share(g, self.made)),
        )
        return tuple(stage for stage in stages if stage.steps)

    def crop(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Height and width of the crops from pictures of a shape: multiples of the scale."""
        height, width = (min(self.patch, side) // self.scale * self.scale for side in shape[-2:])
        if min(height, width) == 0:
            raise UserError(
                f"pictures of {shape[-2]}x{shape[-1]} are too small for {self.scale}x: give a "
                f"--size of {self.scale} or more"
            )
        return height, width

    def made(self, nets: Nets, batch: Batch, clock: Clock) -> Batch:
        """The batch with crops, `real`, and `fake` of their small versions, if they are not there.

        Where a crop lies is a function of the sample's place in the run.
        """
        if "fake" in batch:
            return batch
        height, width = self.crop(batch["x"].shape)
        tops, lefts = (
            clock.places(len(batch["x"]), below=whole - part + 1)
            for whole, part in zip(batch["x"].shape[2:], (height, width), strict=True)
        )
        real = torch.stack(
            [
                x[:, top : top + height, left : left + width]
                for x, top, left in zip(batch["x"], tops, lefts, strict=True)
            ]
        )
        return {**batch, "real": real, "fake": nets.G(self.small(real, clock))}

    def error(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch = self.made(nets, batch, clock)
        return {"squared error": (batch["fake"] - batch["real"]).square().mean()}

    def d_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch = self.made(nets, batch, clock)
        at_real, at_fake = nets.D(batch["real"]), nets.D(batch["fake"].detach())
        clock.note(**{"D(real)": at_real.mean(), "D(fake)": at_fake.mean()})
        return {"objective": self.objective.d(at_real, at_fake)}

    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch = self.made(nets, batch, clock)
        real, fake = batch["real"], batch["fake"]
        at_real = nets.D(real) if self.objective.paired else None
        terms = {"objective": self.game_weight * self.objective.g(at_real, nets.D(fake))}
        terms |= self.likeness(nets, real, fake)
        if self.pixel_weight:
            terms["squared error"] = self.pixel_weight * (fake - real).square().mean()
        return terms

    def inputs(self, nets: Nets, batch: Batch, noise: Noise) -> Tensor:
        """The small versions of the batch's pictures."""
        return self.small(self.targets(nets, batch), noise)

    def targets(self, nets: Nets, batch: Batch) -> Tensor:
        """The pictures, without rows and columns that the scale does not divide."""
        height, width = (side // self.scale * self.scale for side in batch["x"].shape[2:])
        return batch["x"][:, :, :height, :width]

    def translate(self, nets: Nets, a: Tensor, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        """Pictures `scale` times as large as `a [N, C, h, w]`, of any size."""
        return nets.G(a).clamp(-1, 1)

    def multiple(self, nets: Nets) -> int:
        return 1
