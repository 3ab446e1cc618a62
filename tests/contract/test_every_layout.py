"""A step of one sample is the same whatever the layout of its maps, for every recipe, in float64.

Torch has kernels of its own for maps whose channels come last: one of them had a wrong gradient.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from sources import source_of
from test_every_part import NAMES, Exact, at_rest, exact, exactly, gradients  # noqa: F401 (a fixture)

from gansaku.core import catalog
from gansaku.core.errors import UserError
from gansaku.core.loop import Run


def after_a_step(recipe: Any, name: str, stage: int, layout: torch.memory_format) -> dict:
    run = exactly(recipe, name, stage)
    run.format = layout
    run.nets.to(memory_format=layout)
    return gradients(at_rest(run))


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
