"""What `--remedy` adds to a duel: three rules that act on the critic and say what they do."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from gansaku.augment.ada import ADA

Logits = Tensor | list[Tensor]


@dataclasses.dataclass(frozen=True)
class Remedy:
    """Keeps the two players in balance by rules whose whole state is in buffers.

    1. Against an overfitting critic: `augment`, on pictures, where the recipe has none itself.
    2. Against a critic that is too strong or too weak: `ordered` is the share of pairs (real,
       fake) of a batch that the critic puts in the right order, averaged over `memory` images.
       While it is above `strong`, a pressure rises by one in `horizon` images; while below
       `weak` it falls; between the two it goes back to 0. A pressure below 0 multiplies the
       critic's updates by 2^-pressure.
    3. A pressure above 0 multiplies the penalties by 2^pressure; where there are none, it
       divides the critic's updates instead.

    It is no published method but a feedback in the manner of arXiv:2006.06676. With a Wasserstein
    objective, whose critic ought to be near its optimum, nothing counts as too strong. Steps log
    `ordered` and `pressure`. Raises ValueError at numbers out of range.
    """

    ties: ClassVar[str] = "Remedy counts the ordered pairs within a part, not within the batch"

    strong: float = 0.995
    weak: float = 0.6
    memory: int = 10_000  # images, half-life
    horizon: int = 50_000  # images in which the pressure moves by 1
    most: float = 3.0  # the pressure stays within +-most: a factor of 8
    augment: ADA | None = ADA()

    def __post_init__(self) -> None:
        if not 0.0 <= self.weak < self.strong <= 1.0:
            raise ValueError("Remedy needs 0 <= weak < strong <= 1")
        if self.memory < 1 or self.horizon < 1 or self.most < 0:
            raise ValueError("Remedy.memory and .horizon are at least 1 image, .most at least 0")

    def build(self, penalties: bool, wasserstein: bool) -> Balance:
        return Balance(self, penalties, wasserstein)


class Balance(nn.Module):
    """The state of `Remedy`: how well the critic orders its pairs, and the pressure on it."""

    ordered: Tensor
    pressure: Tensor

    def __init__(self, config: Remedy, penalties: bool, wasserstein: bool) -> None:
        super().__init__()
        self.config, self.penalties = config, penalties
        self.strong = math.inf if wasserstein else config.strong
        middle = (config.strong + config.weak) / 2
        self.register_buffer("ordered", torch.tensor(middle, dtype=torch.float64))
        self.register_buffer("pressure", torch.tensor(0.0, dtype=torch.float64))

    def watch(self, real: Logits, fake: Logits) -> dict[str, Tensor]:
        """What `adapt` wants to see, and what it decided before: for the log."""
        share = ordered(_rows(real), _rows(fake))
        return {"ordered": share, "pressure": self.pressure.float()}

    @torch.no_grad()
    def adapt(self, stats: Mapping[str, Tensor], images: int) -> None:
        """After a critic's update on `images` real samples."""
        keep = 0.5 ** (images / self.config.memory)
        self.ordered.mul_(keep).add_((1 - keep) * stats["ordered"].to(self.ordered))
        way = (self.ordered > self.strong).double() - (self.ordered < self.config.weak).double()
        step = images / self.config.horizon
        back = -self.pressure.clamp(-step, step)  # to 0, and no further
        self.pressure += torch.where(way == 0, back, way * step)
        self.pressure.clamp_(-self.config.most, self.config.most)

    def updates(self, base: int, step: int) -> int:
        """Critic updates of this step, `base` being the recipe's own; may be 0 now and then."""
        pressure = float(self.pressure)
        rate = base * 2.0**-pressure if pressure < 0 or not self.penalties else float(base)
        return math.floor((step + 1) * rate) - math.floor(step * rate)

    def factor(self) -> Tensor:
        """What the penalties are multiplied by."""
        return (2.0 ** self.pressure.clamp(min=0)).float()


def ordered(real: Tensor, fake: Tensor) -> Tensor:
    """The share of pairs of `real [N]`, `fake [M]` logits with real above fake; ties count half."""
    gap = real.detach()[:, None] - fake.detach()[None]
    return (gap.sign().float().mean() + 1) / 2


def _rows(out: Logits) -> Tensor:
    """One logit a sample: patches are averaged, scales count alike."""
    scales = [out] if isinstance(out, Tensor) else out
    return torch.stack([s.reshape(len(s), -1).mean(1) for s in scales]).mean(0)
