"""When a scale of a pyramid has learnt what it can: from its reconstruction and its patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gansaku.core.noise import Noise

LOOK = 5  # iterations from one look to the next
KEEP = 0.8  # of the running means, at each look
BETTER = 0.97  # a running mean below so much of its best one is an improvement
DIRECTIONS = 16  # of the patches' distance
MUCH = 1e9  # worse than any figure
PATCH = 7  # pixels a side


class Pace(nn.Module):
    """For each scale: running means of two figures, their best, when they last improved.

    `calm [S]` is the iteration at which neither had improved for long, -1 before. All of it is
    saved with the run, so that a resumed run ends a scale where an undisturbed one does.
    """

    def __init__(self, scales: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.full((scales, 2), -1.0))
        self.register_buffer("best", torch.full((scales, 2), MUCH))
        self.register_buffer("since", torch.zeros(scales, dtype=torch.int64))
        self.register_buffer("calm", torch.full((scales,), -1, dtype=torch.int64))

    def look(self, k: int, figures: Tensor, step: int, patience: int) -> None:
        """Take in `figures [2]` of scale `k` at `step`; it is calm after `patience` iterations."""
        means, best = self.get_buffer("means"), self.get_buffer("best")
        old = torch.where(means[k] < 0, figures, means[k])
        means[k] = KEEP * old + (1 - KEEP) * figures
        better = means[k] < BETTER * best[k]
        best[k] = torch.where(better, means[k], best[k])
        if better.any():
            self.get_buffer("since")[k] = step
        elif self.calmed(k) is None and step - int(self.get_buffer("since")[k]) >= patience:
            self.get_buffer("calm")[k] = step

    def calmed(self, k: int) -> int | None:
        """The iteration at which scale `k` stopped improving, if it has."""
        step = int(self.get_buffer("calm")[k])
        return None if step < 0 else step


@torch.no_grad()
def unlike(fake: Tensor, real: Tensor) -> Tensor:
    """W1 of the 7 x 7 patches of two pictures `[1, C, h, w]`, sliced in a few fixed directions."""
    shape = (DIRECTIONS, real.shape[1], PATCH, PATCH)
    theta = Noise(0, ("patches",)).normal(*shape).to(real)
    theta = theta / theta.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    a, b = (F.conv2d(x[:1], theta).flatten(2).sort(2).values for x in (fake, real))
    return (a - b).abs().mean()
