"""Probes look at a run and change nothing of it."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from gansaku.augment import DiffAugment
from gansaku.core.loop import Run
from gansaku.data import open_source
from gansaku.doctor.probes import PREFIX, Probes
from gansaku.losses import R1, Relativistic
from gansaku.recipes.dcgan import DCGAN
from gansaku.recipes.quick import Quick

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "run-folder.md"
RECIPES = {
    "quick": Quick(steps=8, batch_size=8, z=4, width=4, ema=100.0),
    "augmented": DCGAN(steps=8, batch_size=8, z=4, width=4, augment=DiffAugment()),
    "penalised": DCGAN(
        steps=8, batch_size=8, z=4, width=4, objective=Relativistic(), penalties=(R1(1.0),)
    ),
}


@pytest.fixture(scope="module")
def digits():
    return open_source("digits", size=16, holdout=0.1)


def told(recipe, source, looking: bool) -> tuple[list, Run]:
    run, records = Run(recipe, source, log_every=1), []
    probes = Probes(source)

    def watch(run: Run) -> None:
        records.append(run.record)
        if looking and run.steps % 2 == 0:
            probes(run, run.sample(64, seed=1))

    run.play([watch])
    return records, run


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_run_that_is_looked_at_is_the_same(recipe, digits):
    plain, a = told(recipe, digits, looking=False)
    looked, b = told(recipe, digits, looking=True)
    assert plain == looked
    for one, other in zip(a.nets.state_dict().values(), b.nets.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert [m.training for m in a.nets.modules()] == [m.training for m in b.nets.modules()]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_no_random_state_is_touched(recipe, digits):
    run = Run(recipe, digits)
    run.play(steps=1)
    wants = [p.requires_grad for p in run.nets.parameters()]
    samples, probes = run.sample(64, seed=1), Probes(digits)
    before = torch.get_rng_state()
    first, second = probes(run, samples), Probes(digits)(run, samples)
    assert torch.equal(before, torch.get_rng_state())
    assert first == second
    assert wants == [p.requires_grad for p in run.nets.parameters()]
    assert all(name.startswith(PREFIX) and math.isfinite(v) for name, v in first.items())


def test_what_is_told_of_which_recipe(digits):
    def names(key: str) -> set[str]:
        run = Run(RECIPES[key], digits)
        run.play(steps=1)
        found = Probes(digits)(run, run.sample(64, seed=1))
        return {name.removeprefix(PREFIX) for name in found}

    quick, augmented = names("quick"), names("augmented")
    assert {"diversity", "repeats", "apart", "D auc", "D auc held", "midtones"} <= quick & augmented
    assert {"live", "averaged"} <= quick - augmented
    assert {"leak", "augmented"} <= augmented - quick
    assert {"data/low", "data/kind/0", "kind/0", "weights/D", "step/G", "grid"} <= quick
    table = PAGE.read_text(encoding="utf-8").split("key after `probe/`")[1]
    for name in quick | augmented:
        shown = re.sub(r"kind/\d+", "kind/0", name).replace("weights/D", "weights/G")
        assert f"`{shown.replace('step/D', 'step/G')}`" in table, "and the page explains it"


def test_data_given_back_as_samples_looks_like_data(digits):
    run = Run(RECIPES["quick"], digits)
    run.play(steps=1)
    real = digits.take(range(0, len(digits), 7))["x"]
    found = Probes(digits)(run, real)
    assert found["probe/diversity"] == pytest.approx(1.0, abs=0.05)
    assert found["probe/apart"] < 0.65
    assert found["probe/repeats"] < 0.05
    same = Probes(digits)(run, real[:1].expand(64, -1, -1, -1))
    assert same["probe/diversity"] < 0.01
    assert same["probe/repeats"] == 1.0


def test_the_facts_of_data():
    x = np.zeros((30, 16, 16), np.uint8)
    x[10:] = np.random.default_rng(0).integers(0, 256, (20, 16, 16))
    source = open_source(x)
    run = Run(RECIPES["quick"], source)
    run.play(steps=1)
    found = Probes(source)(run, run.sample(64, seed=1))
    assert found["probe/data/size"] == 30
    assert (found["probe/data/low"], found["probe/data/high"]) == (-1, 1)
    assert found["probe/data/constant"] == pytest.approx(1 / 3)
    assert found["probe/data/copies"] == pytest.approx(9 / 30)
    kinds = sum(v for name, v in found.items() if name.startswith("probe/data/kind/"))
    assert kinds == pytest.approx(1.0)


def test_points_and_broken_samples(digits):
    ring = open_source("ring")
    run = Run(Quick(steps=4, batch_size=8, z=2, width=2), ring)
    run.play(steps=1)
    found = Probes(ring)(run, run.sample(64, seed=1))
    assert "probe/diversity" in found
    assert "probe/midtones" not in found
    image_run = Run(RECIPES["quick"], digits)
    samples = image_run.sample(64, seed=1)
    samples[3] = math.nan
    broken = Probes(digits)(image_run, samples)
    assert broken["probe/finite"] == pytest.approx(63 / 64)
    assert "probe/diversity" not in broken


def test_a_look_is_cheap():
    pictures = np.random.default_rng(0).integers(0, 256, (200, 64, 64, 3), np.uint8)
    source = open_source(pictures)
    run = Run(Quick(steps=4, batch_size=16, width=8), source)
    run.play(steps=1)
    samples, probes = run.sample(64, seed=1), Probes(source)
    took = []
    for _ in range(3):
        began = time.process_time()
        probes(run, samples)
        took.append(time.process_time() - began)
    assert min(took) < 0.3  # seconds of the processor, as it is shared here
