"""What a run will need, said before it starts: parameters and memory, measured on two samples."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from gansaku.core.contract import Recipe
from gansaku.core.loop import Run

PROBE = 4  # samples in the trial step


@dataclasses.dataclass(frozen=True)
class Plan:
    """`parameters` of each player; `memory` in bytes at the widest moment of a step, estimated."""

    recipe: str
    parameters: dict[str, int]
    memory: int
    steps: int
    batch_size: int


def plan(recipe: Recipe, source: Any) -> Plan:
    """Play one step with a batch of a few and count what autograd keeps for it."""
    small = dataclasses.replace(recipe, batch_size=PROBE)
    run = Run(small, source)
    kept = _Kept()
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda tensor: tensor):
        run.advance()
    parameters = {p.name: sum(w.numel() for w in p.parameters()) for p in run.players}
    weights = {w.data_ptr() for w in run.nets.parameters()}
    activations = sum(size for place, size in kept.sizes.items() if place not in weights)
    copies = 4 + bool(run.averages.names)  # weights, gradients, two moments, the average
    memory = copies * 4 * sum(parameters.values()) + activations * recipe.batch_size // PROBE
    return Plan(repr(recipe), parameters, memory, run.total, recipe.batch_size)


class _Kept:
    """Sizes of what is saved for the backward pass, each storage counted once."""

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}

    def pack(self, tensor: Tensor) -> Tensor:
        self.sizes[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor
