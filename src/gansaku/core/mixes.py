"""Points between samples, as what they are made of: what is linear need not see them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class Between:
    """The points `share real + (1 - share) fake`: `real, fake [N, ...]`, `share [N, 1]`."""

    real: Tensor
    fake: Tensor
    share: Tensor

    def __len__(self) -> int:
        return len(self.real)

    @property
    def shape(self) -> torch.Size:
        return self.real.shape

    @property
    def dtype(self) -> torch.dtype:
        return self.real.dtype

    def made(self) -> Tensor:
        return mixed(self.real.detach(), self.fake.detach(), self.share)


Points = Tensor | Between


def mixed(real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """`share real + (1 - share) fake`."""
    share = share.view(-1, *[1] * (real.ndim - 1))
    return torch.addcmul(fake, share, real - fake)  # lerp broadcasts its weight slowly on a CPU


def made(points: Points) -> Tensor:
    """Mixes made, and samples as they are: a critic may know them."""
    return points.made() if isinstance(points, Between) else points


def sources(groups: Sequence[Points]) -> tuple[list[Tensor], list[tuple[int, int, Tensor]]]:
    """The samples in `groups`, in order, and of each mix behind them what it is between.

    Mixes are told as they are only where they stand last, and both their sides before them.
    """
    samples = [x for x in groups if isinstance(x, Tensor)]
    places = {id(x): number for number, x in enumerate(samples)}
    mixes = [x for x in groups[len(samples) :] if isinstance(x, Between)]
    known = all(id(x.real) in places and id(x.fake) in places for x in mixes)
    if len(samples) + len(mixes) < len(groups) or not known:
        return [made(x) for x in groups], []
    return samples, [(places[id(x.real)], places[id(x.fake)], x.share) for x in mixes]
