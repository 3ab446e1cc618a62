"""A step that is replayed as a graph is the step that would have been played, bit by bit."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from replays import Emulated, Refusing, everything
from sources import source_of

from gansaku.core import catalog, config
from gansaku.core.graphs import Graphs
from gansaku.core.loop import Run

STEPS = 10
DROPS = "dropout draws on the device"
REFUSED = {  # whose steps are no graphs, and why
    "acgan": DROPS,
    "ali": DROPS,
    "cgan": DROPS,
    "gan": DROPS,
    "cyclegan": "core/pool.py",  # where a picture enters the pool
    "sinkhorn_gan": "losses/transport.py",  # whether the iteration has converged
    "srgan": "Python cuts its batches at random",
    "singan": "its losses read the time",  # a penalty on some steps, a scale that is finished
    "consingan": "its losses read the time",
}
RECIPES = [entry.name for entry in catalog.every()]


def longer(recipe: Any) -> Any:
    """A last stage in which some steps are not logged."""
    return dataclasses.replace(recipe, **{type(recipe).length[0]: STEPS})


def run_of(recipe: Any, name: str, engine: Any, **options: Any) -> Run:
    run = Run(recipe, source_of(name, type(recipe)), seed=3, log_every=1000, **options)
    run.graphs = Graphs(run, engine(run))
    return run


def both(recipe: Any, name: str, **options: Any) -> list[Run]:
    """The same run, played and replayed."""
    runs = [run_of(recipe, name, engine, **options) for engine in (Refusing, Emulated)]
    for run in runs:
        run.play()
    for one, other in zip(everything(runs[0]), everything(runs[1]), strict=True):
        assert torch.equal(one, other)
    return runs


@pytest.mark.parametrize("name", RECIPES)
def test_replayed_steps_are_those_that_are_played(name):
    _, run = both(longer(catalog.find(name).tiny()), name)
    if name in REFUSED:
        assert run.graphs.engine.replayed == 0
        assert REFUSED[name] in run.graphs.told[0]
    else:
        assert run.graphs.engine.replayed > 0
        assert "are replayed as a CUDA graph" in run.graphs.told[0]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_in_half_precision(precision):
    _, run = both(longer(catalog.find("dcgan").tiny()), "dcgan", precision=precision)
    assert run.graphs.engine.replayed > 0


@pytest.mark.parametrize(
    "text",
    [
        "WGANGP(width=4, z=4, batch_size=4, last_lr=0.0, steps=10)",  # a rate that falls
        "R3GAN(width=8, narrowest=4, group=4, z=4, batch_size=4, last_beta2=0.9, steps=10)",  # both
        "DCGAN(width=4, z=4, batch_size=8, augment=ADA(), steps=10)",
        "DCGAN(width=4, z=4, batch_size=8, augment=DiffAugment(), steps=10)",
        "DCGAN(width=4, z=4, batch_size=8, g_batches=2, ema=100.0, steps=10)",
        "DCGAN(width=4, z=4, batch_size=8, d_optimizer=SGD(0.1, momentum=0.5), steps=10)",
    ],
)
def test_what_changes_from_step_to_step(text):
    recipe = config.read(text)
    runs = both(recipe, type(recipe).__module__.rpartition(".")[2])
    assert runs[1].graphs.engine.replayed == 7  # of ten: two are logged, one was recorded
