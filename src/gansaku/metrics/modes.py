"""Modes covered: how many of a mixture's known modes the samples reach."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from gansaku.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class ModeCoverage:
    """Modes `covered` of `modes`, and the share of all samples `within` reach of some mode."""

    covered: int
    modes: int
    within: float
    shares: tuple[float, ...]  # of all samples, within reach of each mode

    def __str__(self) -> str:
        return f"{self.covered} of {self.modes} modes, {self.within:.1%} of the samples at a mode"


def mode_coverage(
    samples: Tensor, modes: Tensor, sigma: float, share: float = 0.01, reach: float = 3.0
) -> ModeCoverage:
    """Which of `modes [K, D]` hold at least `share` of `samples [N, D]` within `reach` sigmas.

    The counting of arXiv:1705.07761 and arXiv:1712.04086, with a least share so that a few stray
    samples do not cover a mode: 1 % is usual for the ring of 8, 0.5 % for the grid of 25. A
    sample belongs to its nearest mode only. Raises UserError where there is nothing to count.
    """
    if samples.ndim != 2 or modes.ndim != 2 or samples.shape[1] != modes.shape[1]:
        found = f"samples {list(samples.shape)} and modes {list(modes.shape)}"
        raise UserError(f"modes are counted on samples [N, D] and modes [K, D]; found {found}")
    if len(samples) == 0 or len(modes) == 0:
        raise UserError(f"found {len(samples)} samples and {len(modes)} modes: nothing to count")
    distance, nearest = torch.cdist(samples.double(), modes.double()).min(1)
    reached = nearest[distance <= reach * sigma]
    shares = torch.bincount(reached, minlength=len(modes)).double() / len(samples)
    covered = int((shares >= share).sum())
    return ModeCoverage(covered, len(modes), float(shares.sum()), tuple(shares.tolist()))
