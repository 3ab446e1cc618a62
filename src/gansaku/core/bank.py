"""A few labelled samples that a run keeps beside the stream of those without labels."""

from __future__ import annotations

import torch
from torch import Tensor

from gansaku.core.contract import Batch, Nets, Stage
from gansaku.core.noise import Noise

POOL = 10  # samples that are looked through, for each that is kept


def empty(n: int, shape: tuple[int, ...]) -> dict[str, Tensor]:
    """Members of `Nets` with room for `n` samples and their classes."""
    return {"bank_x": torch.zeros(n, *shape), "bank_y": torch.zeros(n, dtype=torch.int64)}


def filling(n: int) -> Stage:
    """A stage of one step in which nobody plays: the bank is filled from the stream's beginning."""
    return Stage("labels", (), 1, batch_size=POOL * n, enter=fill)


def fill(nets: Nets, batch: Batch) -> None:
    """Keep as many of each class as can be, those that come first."""
    rows = balanced(batch["y"], len(nets.bank_y))
    nets.bank_x.copy_(batch["x"][rows])
    nets.bank_y.copy_(batch["y"][rows])


def balanced(y: Tensor, n: int) -> Tensor:
    """Row numbers `[n]` of classes `y [N]`: the first of each class, then the second, ..."""
    same = y[:, None] == y[None, :]
    place = same.tril(-1).sum(1)  # how many of its class come before a row
    return (place * (int(y.max()) + 1) + y).argsort(stable=True)[:n]


def drawn(nets: Nets, n: int, noise: Noise) -> tuple[Tensor, Tensor]:
    """`n` of the kept samples with their classes, drawn with replacement."""
    rows = noise.integers(n, below=len(nets.bank_y))
    return nets.bank_x[rows], nets.bank_y[rows]
