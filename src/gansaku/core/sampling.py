"""Samples of a recipe's networks, each a function of its seed and number alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


def _column(name: str, value: Any, n: int) -> Any:
    """A list as a tensor of `n` rows; anything else as it is. UserError for another length."""
    value = torch.as_tensor(value) if isinstance(value, list | tuple) else value
    if _lists(value) and len(value) != n:
        raise UserError(f"{name} has {len(value)} entries for {n} samples: give one, or {n}")
    return value


def _lists(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim > 0
