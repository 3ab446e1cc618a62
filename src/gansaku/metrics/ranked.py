"""Moments over several processes: each takes its share of the images, all get one answer."""

from __future__ import annotations

import dataclasses

import torch

from gansaku.core import ranks
from gansaku.metrics.frechet import Moments


def share(length: int) -> range:
    """Which of `length` items this process takes: every world-th, from its rank on."""
    return range(ranks.rank(), length, ranks.world())


def moments_over_ranks(own: Moments) -> Moments:
    """The moments of all processes' rows together, equal to the bit on each of them.

    Two all-reduces: of counts and sums, then of scatters about the common mean, so that no large
    numbers cancel. Each process must bring at least one row; a single one gets its own back.
    """
    if ranks.world() == 1:
        return own
    count = torch.tensor([float(own.count)], dtype=torch.float64, device=own.mean.device)
    weighted = own.mean * own.count
    ranks.average([count, weighted])
    mean = weighted / count
    step = own.mean - mean
    scatter = own.scatter + torch.outer(step, step) * own.count
    ranks.average([scatter])
    total = dataclasses.replace(own, count=round(float(count) * ranks.world()), mean=mean)
    return dataclasses.replace(total, scatter=scatter * ranks.world())
