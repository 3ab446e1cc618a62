"""Samples of a recipe's networks, each a function of its seed and number alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gansaku.core.contract import Nets, Recipe
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise


def samples(
    recipe: Recipe,
    nets: Nets,
    n: int,
    seed: int,
    given: Mapping[str, Any] | None = None,
    device: torch.device | str = "cpu",
    chunk: int = 64,
) -> Iterator[Tensor]:
    """`n` samples, a chunk at a time; the i-th is a function of (seed, i), however many there are.

    Made as they are asked for, so that a million of them need the memory of a chunk. A list or
    tensor in `given` has an entry for each sample; what is no list is for all of them.
    """
    given = {name: _column(name, value, n) for name, value in (given or {}).items()}
    for first in range(0, n, chunk):
        noise = Noise(seed, ("sample", first // chunk), least=chunk, device=device)
        last = min(first + chunk, n)
        part = {k: v[first:last] if _lists(v) else v for k, v in given.items()}
        yield recipe.sample(nets, last - first, noise, part)


def sample(
    recipe: Recipe,
    nets: Nets,
    n: int,
    seed: int,
    given: Mapping[str, Any] | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """The same at once: `[n, *spec.shape]`."""
    return torch.cat(list(samples(recipe, nets, n, seed, given, device)))


def in_shares(classes: Sequence[int], n: int) -> Tensor:
    """The classes of `n` samples, `[n]`: one after the other, in shares as equal as can be."""
    return torch.tensor(classes)[torch.arange(n) * len(classes) // max(n, 1)]


def by_class(x: Tensor, y: Tensor) -> tuple[Tensor, int]:
    """Pictures `x [N, C, H, W]` with a row for each run of one class in `y [N]`, and its length.

    Rows that are short end with white.
    """
    rows = x.split(y.unique_consecutive(return_counts=True)[1].tolist())
    longest = max(map(len, rows))
    full = [torch.cat([row, row.new_ones(longest - len(row), *x.shape[1:])]) for row in rows]
    return torch.cat(full), longest


def _column(name: str, value: Any, n: int) -> Any:
    """A list as a tensor of `n` rows; anything else as it is. UserError for another length."""
    value = torch.as_tensor(value) if isinstance(value, list | tuple) else value
    if _lists(value) and len(value) != n:
        raise UserError(f"{name} has {len(value)} entries for {n} samples: give one, or {n}")
    return value


def _lists(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim > 0
