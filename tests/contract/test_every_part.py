"""A batch in parts is the whole batch, for every recipe, in float64; what is not says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from sources import Exact, source_of
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from gansaku.augment.remedy import Remedy, ordered
from gansaku.core import catalog, config, parts
from gansaku.core.capabilities import Pyramid
from gansaku.core.loop import Run
from gansaku.core.optim import SGD

NAMES = [entry.name for entry in catalog.every()]
STEP = SGD(0.01)  # in proportion to the gradient: a rounding error stays one
PENALISED = {  # recipes with what may be added to them, of which no sample knows another
    "wgan_gp, with penalties": "WGANGP(steps=4, batch_size=8, z=4, width=4)",
    "R1 and R2": "DCGAN(steps=4, batch_size=8, z=4, width=4, penalties=(R1(0.5), R2(0.5)))",
    "relativistic": "DCGAN(steps=4, batch_size=8, z=4, width=4, objective=Relativistic())",
    "ADA": "DCGAN(steps=4, batch_size=8, z=4, width=4, augment=ADA(p=0.9))",
    "spectral": "DCGAN(steps=4, batch_size=8, z=4, width=4, d_norm='spectral', d_updates=2)",
}
TIED = {
    "RelativisticAverage": "DCGAN(batch_size=8, z=4, width=4, objective=RelativisticAverage())",
    "DRAGAN": "DCGAN(batch_size=8, z=4, width=4, penalties=(DRAGAN(),))",
}


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def alone(module: nn.Module) -> bool:
    """Layers whose rows know one another, or draw: they are put at rest."""
    return isinstance(module, (_BatchNorm, _DropoutNd))


def exactly(recipe: Any, name: str, stage: int, accumulate: int = 1) -> Run:
    """A run in float64 at the beginning of a stage, its steps plain."""
    run = Run(recipe, Exact(source_of(name, type(recipe))), seed=3, accumulate=accumulate)
    run.nets.double()
    for player in run.players:
        run.optimizers[player.name] = STEP(player.parameters())
        run.rates[player.name] = [0.01]
    run.stage_number = stage
    return run


def at_rest(run: Run) -> Run:
    run._begin()
    for module in filter(alone, run.nets.modules()):
        module.eval()
    return run


def gradients(run: Run) -> dict[str, torch.Tensor]:
    """Of every player's last turn in a step."""
    run.advance()
    return {n: p.grad for n, p in run.nets.named_parameters() if p.grad is not None}


def stages(recipe: Any, name: str) -> range:
    """The first two stages of a run."""
    run = Run(recipe, Exact(source_of(name, type(recipe))))
    return range(min(len(run.stages), 2))


def assert_alike(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    """Gradients are the same up to the rounding of float64, beside the largest."""
    assert one.keys() == other.keys()
    assert one, "nobody learned"
    largest = max(float(gradient.abs().max()) for gradient in one.values())
    for parameter, gradient in one.items():
        assert float((gradient - other[parameter]).abs().max()) <= 1e-9 * largest, parameter


def after_a_step(recipe: Any, name: str, stage: int, cut: int) -> dict[str, torch.Tensor]:
    """Gradients of every player's last turn, and all buffers, after a step in `cut` parts."""
    run = at_rest(exactly(recipe, name, stage, cut))
    return gradients(run) | {n: b.double() for n, b in run.nets.named_buffers()}


def gap(recipe: Any, name: str, stage: int = 0) -> float:
    whole, cut = (after_a_step(recipe, name, stage, k) for k in (1, 2))
    assert whole.keys() == cut.keys()
    return max(float((whole[k] - cut[k]).abs().max()) for k in whole if whole[k].numel())


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_the_whole_or_the_recipe_says_what_is_not(name):
    cls = catalog.find(name)
    recipe = dataclasses.replace(cls.tiny(), batch_size=4)
    run = Run(recipe, source_of(name, cls))
    if isinstance(recipe, Pyramid):
        pytest.skip("one picture is a batch of one")
    stages = [i for i, stage in enumerate(run.stages) if stage.phases]
    gaps = [gap(recipe, name, stage) for stage in stages]
    assert (max(gaps) > 1e-10) == bool(parts.ties(recipe, run.nets)), gaps


@pytest.mark.parametrize("text", PENALISED.values(), ids=PENALISED)
def test_penalties_and_augmentation_in_parts_are_those_of_the_whole(text):
    recipe = config.read(text)
    assert gap(recipe, type(recipe).__module__.rpartition(".")[2]) < 1e-10
    assert not parts.ties(recipe, recipe.networks(source_of("dcgan", type(recipe)).spec))


@pytest.mark.parametrize("text", TIED.values(), ids=TIED)
def test_what_knows_the_batch_says_so(text):
    recipe = config.read(text)
    run = Run(recipe, source_of("dcgan", type(recipe)), accumulate=2)
    assert gap(recipe, "dcgan") > 1e-10
    said = parts.remarks(run)
    assert said[0].startswith("every batch is taken in 2 parts")
    assert any("batch norm takes and remembers" in line and "G.start.0" in line for line in said)
    assert said[-1].startswith("but ")
    assert type(recipe).__name__ not in said[-1]
    assert parts.remarks(Run(recipe, source_of("dcgan", type(recipe)))) == ()


def test_a_remedy_counts_pairs_within_a_part_and_says_so():
    real, fake = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 3.0])
    assert float(ordered(real, fake)) == 0.25
    assert [float(ordered(real[i : i + 1], fake[i : i + 1])) for i in range(2)] == [0.0, 0.0]
    recipe = config.read("DCGAN(remedy=Remedy())")
    assert parts.ties(recipe, nn.Module()) == [Remedy.ties]
