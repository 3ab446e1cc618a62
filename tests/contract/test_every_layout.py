"""A step of one sample is the same whatever the layout of its maps, for every recipe, in float64.

Torch has kernels of its own for maps whose channels come last: one of them had a wrong gradient.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from test_every_part import (  # noqa: F401 (a fixture)
    NAMES,
    assert_alike,
    at_rest,
    exact,
    exactly,
    gradients,
    stages,
)

from gansaku.core import catalog
from gansaku.core.errors import UserError


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
    recipe, layouts = of_one(name), (torch.contiguous_format, torch.channels_last)
    for stage in stages(recipe, name):
        assert_alike(*(after_a_step(recipe, name, stage, layout) for layout in layouts))
