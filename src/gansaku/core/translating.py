"""What translators have in common: an input for each output, from a batch or from a user."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from gansaku.core.capabilities import Translates
from gansaku.core.contract import Batch, Nets, Recipe
from gansaku.core.errors import UserError
from gansaku.core.noise import EachNoise, Noise


@dataclasses.dataclass(frozen=True, kw_only=True)
class Translator(Recipe):
    """A recipe whose samples are translations of `given["a"]`, from a to b of a pair."""

    def inputs(self, nets: Nets, batch: Batch, noise: Noise) -> Tensor:
        """What is translated of a batch: its `a`."""
        return batch["a"]

    @abc.abstractmethod
    def translate(
        self, nets: Nets, a: Tensor, noise: Noise, given: Mapping[str, Any]
    ) -> Tensor: ...

    def targets(self, nets: Nets, batch: Batch) -> Tensor | None:
        """What translations should be: the batch's `b`."""
        return batch["b"]

    def sample(self, nets: Nets, n: int, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        """Translations of `given["a"] [n, ...]`; raises UserError without it."""
        if "a" not in given:
            raise UserError(
                f"{type(self).__name__} draws nothing of its own, it translates pictures: "
                "gansaku translate RUN PICTURES"
            )
        return self.translate(nets, given["a"].to(noise.device), noise, given)


def translations(
    recipe: Translates,
    nets: Nets,
    a: Tensor,
    seed: int,
    given: Mapping[str, Any] | None = None,
    device: torch.device | str = "cpu",
    chunk: int = 8,
    first: int = 0,
) -> Iterator[Tensor]:
    """Translations of `a [N, ...]`, a chunk at a time, on the CPU.

    The noise of the i-th is a function of (seed, first + i), however many are made at once.
    """
    for start in range(0, len(a), chunk):
        part = a[start : start + chunk]
        numbers = range(first + start, first + start + len(part))
        noise = EachNoise(seed, numbers, ("translate",), device)
        yield recipe.translate(nets, part.to(device), noise, given or {}).cpu()


def inputs_of(
    recipe: Translates,
    nets: Nets,
    batch: Batch,
    seed: int,
    direction: str = "AtoB",
    device: torch.device | str = "cpu",
) -> Tensor:
    """What a translator is given of a batch `[N, ...]`, on the CPU; back, it is given the b."""
    if direction == "BtoA":
        return batch["b"].cpu()
    batch = {name: value.to(device) for name, value in batch.items()}
    return recipe.inputs(nets, batch, Noise(seed, ("inputs",), device=device)).cpu()
