"""Samples of a recipe's networks, each a function of its seed and number alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gansaku.core.contract import Nets, Recipe
from gansaku.core.noise import Noise


def sample(
    recipe: Recipe,
    nets: Nets,
    n: int,
    seed: int,
    given: Mapping[str, Any] | None = None,
    device: torch.device | str = "cpu",
    chunk: int = 64,
) -> Tensor:
    """`n` samples; the i-th is a function of (seed, i), however many are asked for."""
    made = []
    for first in range(0, n, chunk):
        noise = Noise(seed, ("sample", first // chunk), least=chunk, device=device)
        made.append(recipe.sample(nets, min(chunk, n - first), noise, given or {}))
    return torch.cat(made)
