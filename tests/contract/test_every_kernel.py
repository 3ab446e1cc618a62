"""A step is the same whichever way its layers are computed, for every recipe, in float64."""

from __future__ import annotations

import pytest
import torch
from sources import source_of
from test_every_part import NAMES, STEP, Exact, exact  # noqa: F401 (a fixture)

from gansaku.core import catalog, convolutions, kernels, products
from gansaku.core.loop import Run


@pytest.fixture(autouse=True)
def whatever_the_size(monkeypatch):
    """Every layer goes another way than the library's where there is one."""
    convolutions.ways.cache_clear()
    monkeypatch.setattr(products, "available", lambda: True)
    monkeypatch.setattr(products, "LEAST", 0)
    monkeypatch.setattr(products, "TYPE", torch.float64)
    monkeypatch.setattr(products, "_onednn", torch.nn.functional.linear)  # it knows no float64
    monkeypatch.setattr(convolutions, "MANY", 1)
    monkeypatch.setattr(convolutions, "AHEAD", 1e9)
    yield
    convolutions.ways.cache_clear()


def after_a_step(name: str, stage: int, wanted: bool) -> dict[str, torch.Tensor]:
    """Gradients of every player's last turn."""
    recipe = catalog.find(name).tiny()
    run = Run(recipe, Exact(source_of(name, type(recipe))), seed=3)
    run.format = torch.channels_last
    run.nets.double().to(memory_format=run.format)
    for player in run.players:
        run.optimizers[player.name] = STEP(player.parameters())
        run.rates[player.name] = [0.01]
    run.stage_number = stage
    with kernels.quick(wanted):
        run.advance()
    return {n: p.grad for n, p in run.nets.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", NAMES)
def test_all_ways_agree(name):
    recipe = catalog.find(name).tiny()
    stages = len(Run(recipe, Exact(source_of(name, type(recipe)))).stages)
    for stage in range(min(stages, 2)):
        plain, other = (after_a_step(name, stage, wanted) for wanted in (False, True))
        assert plain.keys() == other.keys()
        assert plain, "nobody learned"
        largest = max(float(gradient.abs().max()) for gradient in plain.values())
        for parameter, gradient in plain.items():
            apart = float((gradient - other[parameter]).abs().max())
            assert apart <= 1e-9 * largest, parameter
