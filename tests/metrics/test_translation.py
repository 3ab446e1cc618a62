"""Progress of translators, the same inputs each time; colourfulness and errors of colour."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku.core import catalog
from gansaku.core.errors import UserError
from gansaku.core.loop import Run
from gansaku.core.noise import EachNoise
from gansaku.data.pairs import open_pairs
from gansaku.data.unpaired import open_unpaired
from gansaku.metrics.colour import colour_error, colourfulness
from gansaku.metrics.translation import TranslationMeasure, draw, joined, some


def pictures(n: int, seed: int = 0) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    small = torch.randint(256, (n, 3, 4, 4), generator=g).byte()
    return small.repeat_interleave(4, 2).repeat_interleave(4, 3)


@pytest.fixture
def run() -> Run:
    recipe = dataclasses.replace(catalog.find("pix2pix").tiny(), dropout=0.5)
    x = pictures(12)
    return Run(recipe, open_pairs((x, 255 - x), holdout=0.5), seed=1)


def test_the_error_against_targets_by_hand(run):
    measure = TranslationMeasure(run)
    assert measure.count == 6
    samples = measure.samples(run)
    held = run.source.held.take(range(6))
    assert torch.equal(measure.batch["a"], held["a"])
    each = (samples - held["b"]).abs().flatten(1).mean(1).double()
    found = measure(samples)
    assert found["value"] == pytest.approx(float(each.mean()), rel=1e-6)
    assert found["error"] == pytest.approx(float(each.std()) / math.sqrt(6), rel=1e-6)
    assert torch.equal(measure.samples(run), samples)  # noise and all


def test_a_broken_translator_is_no_better_than_none(run):
    measure = TranslationMeasure(run)
    with torch.no_grad():
        run.nets.G.paint.bias.fill_(math.nan)
    assert measure(measure.samples(run))["value"] == math.inf


class Sides:
    """A translator that goes both ways and changes nothing."""

    directions = ("AtoB", "BtoA")

    def inputs(self, nets, batch, noise):
        return batch["a"]

    def translate(self, nets, a, noise, given):
        return a

    def targets(self, nets, batch):
        return None


def test_two_directions_are_measured_and_drawn(run, tmp_path):
    run.recipe = Sides()
    run.source = open_unpaired((pictures(8), pictures(8, 1)))
    measure = TranslationMeasure(run)
    samples = measure.samples(run)
    assert torch.equal(samples, measure.batch["a"])
    value = measure(samples)["value"]
    run.source = open_unpaired((pictures(8), pictures(8)))
    equal = TranslationMeasure(run)
    assert equal(equal.samples(run))["value"] < value
    with Image.open(draw(run, tmp_path / "sheet.png")) as sheet:
        columns = np.asarray(sheet).shape[1]
    assert columns > 4 * 16
    parts = [{"value": v, "error": e, "name": "d"} for v, e in ((1.0, 3.0), (3.0, 4.0))]
    assert joined(parts) == {"value": 2.0, "error": 2.5, "name": "d"}


def test_inputs_are_held_out_where_anything_is(run):
    held = {x.numpy().tobytes() for x in run.source.held.take(range(6))["a"]}
    assert {x.numpy().tobytes() for x in some(run.source, (4, 2))["a"]} <= held
    assert len(some(run.source, (4, 2))["a"]) == 4


def test_noise_of_each_is_its_own():
    one = EachNoise(3, [5]).normal(1, 4)
    two = EachNoise(3, [2, 5]).normal(2, 4)
    assert torch.equal(two[1:], one)
    several = EachNoise(3, [2, 5]).uniform(6, 2)
    assert torch.equal(several[1::2], EachNoise(3, [5]).uniform(3, 2))
    noise = EachNoise(3, [5])
    assert not torch.equal(noise.normal(1, 4), noise.normal(1, 4))
    with pytest.raises(ValueError, match="3 rows cannot be shared by 2"):
        EachNoise(0, [1, 2]).normal(3)


# --- colours ---


def test_colourfulness_by_hand():
    assert float(colourfulness(torch.zeros(1, 3, 8, 8))) == 0.0
    red = torch.tensor([1.0, -1.0, -1.0]).reshape(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert float(colourfulness(red)) == pytest.approx(0.3 * math.hypot(255, 127.5))
    halves = torch.cat([red, -torch.ones(1, 3, 4, 4)], 3)  # red beside black
    spread, mean = math.hypot(127.5, 63.75), math.hypot(127.5, 63.75)
    assert float(colourfulness(halves)) == pytest.approx(spread + 0.3 * mean)


def test_rare_colours_weigh_more_where_rebalanced():
    grey = torch.zeros(1, 3, 10, 10)
    target = grey.clone()
    target[:, 0, :1] = 1.0  # a tenth of the pixels is red
    assert colour_error(target, target) == 0.0
    plain, weighted = (colour_error(grey, target, rebalanced=r) for r in (False, True))
    # p = 0.9 and 0.1 in two bins: weights 1 / (p / 2 + 1 / 4)
    own = [1 / (0.45 + 0.25), 1 / (0.05 + 0.25)]
    share = 0.1 * own[1] / (0.9 * own[0] + 0.1 * own[1])
    assert weighted / plain == pytest.approx(math.sqrt(share / 0.1))


def test_colours_need_three_channels():
    with pytest.raises(UserError, match="RGB pictures"):
        colourfulness(torch.zeros(1, 1, 8, 8))
