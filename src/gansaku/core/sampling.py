"""Samples of a recipe's networks, each a function of its seed and number alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from gansaku.core.contract import Nets, Recipe
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

    Made as they are asked for, so that a million of them need the memory of a chunk.
    """
    for first in range(0, n, chunk):
        noise = Noise(seed, ("sample", first // chunk), least=chunk, device=device)
        yield recipe.sample(nets, min(chunk, n - first), noise, given or {})


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
