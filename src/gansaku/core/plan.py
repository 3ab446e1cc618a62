"""What a run will need, said before it starts: parameters and memory, measured on two samples."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from gansaku.core import ranks
from gansaku.core.contract import Batch, Clock, Loss, Nets, Recipe, Stage, Terms
from gansaku.core.loop import Run

PROBE = 4  # samples in the trial step


@runtime_checkable
class Foresees(Protocol):
    """A recipe whose first step does not tell what its largest one will need."""

    def activations(self, nets: Nets) -> int:
        """Bytes that autograd keeps at the widest moment of the whole run."""
        ...


@dataclasses.dataclass(frozen=True)
class Plan:
    """`parameters` of each player; `memory` in bytes at the widest moment of a step, estimated."""

    recipe: str
    parameters: dict[str, int]
    memory: int
    steps: int
    batch_size: int
    remarks: tuple[str, ...] = ()  # what the recipe has to say of its own settings

    def remarking(self, *more: str) -> Plan:
        """The plan with more remarks."""
        return dataclasses.replace(self, remarks=(*self.remarks, *more))


def plan(recipe: Recipe, source: Any) -> Plan:
    """Play one step with a batch of a few and count what autograd keeps for it."""
    run = Run(dataclasses.replace(recipe, batch_size=PROBE * ranks.world()), source)
    said = recipe.remarks(run.nets)
    kept = _Kept({weight.data_ptr() for weight in run.nets.parameters()})
    total = run.total
    run.stages = tuple(kept.watching(stage) for stage in run.stages if stage.phases)
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda tensor: tensor):
        run.play(steps=1)
    parameters = {p.name: sum(w.numel() for w in p.parameters()) for p in run.players}
    activations = kept.peak() * recipe.batch_size // (PROBE * ranks.world())
    if isinstance(recipe, Foresees):
        activations = recipe.activations(run.nets)
    copies = 4 + bool(run.averages.names)  # weights, gradients, two moments, the average
    memory = copies * 4 * sum(parameters.values()) + activations
    return Plan(repr(recipe), parameters, memory, total, recipe.batch_size, said)


class _Kept:
    """Bytes saved for the backward pass by each move, each storage counted once."""

    def __init__(self, weights: set[int]) -> None:
        self.weights = weights
        self.moves: list[dict[int, int]] = [{}]

    def pack(self, tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in self.weights:
            self.moves[-1][tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    def watching(self, stage: Stage) -> Stage:
        """The stage with every turn played once, and counted on its own."""
        phases = (
            dataclasses.replace(p, loss=self._counted(p.loss), repeat=1) for p in stage.phases
        )
        return dataclasses.replace(stage, phases=tuple(phases))

    def _counted(self, loss: Loss) -> Loss:
        def counted(nets: Nets, batch: Batch, clock: Clock) -> Terms:
            self.moves.append({})
            return loss(nets, batch, clock)

        return counted

    def peak(self) -> int:
        """What is shared, made before the first move, lives as long as any of them."""
        shared, *moves = (sum(move.values()) for move in self.moves)
        return shared + max(moves, default=0)
