"""A step of one sample is the same whatever the layout of its maps, for every recipe, in float64.

Torch has kernels of its own for maps whose channels come last: one of them had a wrong gradient.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from sources import source_of
from test_every_part import NAMES, STEP, Exact, alone, exact  # noqa: F401 (a fixture)

from gansaku.core import catalog
from gansaku.core.errors import UserError
from gansaku.core.loop import Run


def after_a_step(recipe: Any, name: str, stage: int, layout: torch.memory_format) -> dict:
    """Gradients of every player's last turn."""
    run = Run(recipe, Exact(source_of(name, type(recipe))), seed=3)
    run.format = layout
    run.nets.double().to(memory_format=layout)
    for player in run.players:
        run.optimizers[player.name] = STEP(player.parameters())
        run.rates[player.name] = [0.01]
    run.stage_number = stage
    run._begin()
    for module in filter(alone, run.nets.modules()):
        module.eval()
    run.advance()
    return {n: p.grad for n, p in run.nets.named_parameters() if p.grad is not None}


def of_one(name: str) -> Any:
    recipe = catalog.find(name).tiny()
    try:
        return dataclasses.replace(recipe, batch_size=1)
    except (TypeError, UserError):
        return recipe


@pytest.mark.parametrize("name", NAMES)
def test_layouts_agree(name):
    recipe = of_one(name)
    stages = len(Run(recipe, Exact(source_of(name, type(recipe)))).stages)
    for stage in range(min(stages, 2)):
        layouts = torch.contiguous_format, torch.channels_last
        one, other = (after_a_step(recipe, name, stage, layout) for layout in layouts)
        assert one.keys() == other.keys()
        assert one, "nobody learned"
        largest = max(float(gradient.abs().max()) for gradient in one.values())
        for parameter, gradient in one.items():
            apart = float((gradient - other[parameter]).abs().max())
            assert apart <= 1e-9 * largest, parameter
