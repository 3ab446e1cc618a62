"""A step is the same whichever way its layers are computed, for every recipe, in float64."""

from __future__ import annotations

import pytest
import torch
from test_every_part import NAMES, assert_alike, exact, exactly, gradients, stages  # noqa: F401 (a fixture)

from gansaku.core import catalog, convolutions, products


@pytest.fixture(autouse=True)
def whatever_the_size(monkeypatch):
    """Every layer goes another way than the library's where there is one."""
    convolutions.ways_of.cache_clear()
    monkeypatch.setattr(products, "available", lambda: True)
    monkeypatch.setattr(products, "LEAST", 0)
    monkeypatch.setattr(products, "TYPE", torch.float64)
    monkeypatch.setattr(products, "_onednn", torch.nn.functional.linear)  # it knows no float64
    monkeypatch.setattr(convolutions, "MANY", 1)
    monkeypatch.setattr(convolutions, "AHEAD", 1e9)
    yield
    convolutions.ways_of.cache_clear()


def after_a_step(name: str, stage: int, wanted: bool) -> dict[str, torch.Tensor]:
    run = exactly(catalog.find(name).tiny(), name, stage)
    run.format = torch.channels_last
    run.nets.to(memory_format=run.format)
    run.quick_layers = wanted
    return gradients(run)


@pytest.mark.parametrize("name", NAMES)
def test_all_ways_agree(name):
    for stage in stages(catalog.find(name).tiny(), name):
        assert_alike(*(after_a_step(name, stage, wanted) for wanted in (False, True)))
