"""When a scale stops: figures that no longer improve, seen from saved buffers alone."""

from __future__ import annotations

import pytest
import torch

from gansaku.core.loop import Run
from gansaku.core.noise import Noise
from gansaku.core.pyramid_pace import Pace, unlike
from gansaku.data.single import open_single
from gansaku.recipes.singan import SinGAN


def figures(a: float, b: float) -> torch.Tensor:
    return torch.tensor([a, b])


def test_a_scale_is_calm_when_neither_figure_has_improved_for_long():
    pace = Pace(2)
    for step in range(0, 50, 5):  # the second goes on improving
        pace.look(1, figures(1.0, 0.8 ** (step / 5)), step, patience=20)
    assert pace.calmed(1) is None
    for step in range(50, 300, 5):
        pace.look(1, figures(1.0, 0.134), step, patience=20)
    calm = pace.calmed(1)
    assert calm is not None
    assert 70 <= calm <= 200
    pace.look(1, figures(0.0, 0.0), 300, patience=20)
    assert pace.calmed(1) == calm
    assert pace.calmed(0) is None


def test_the_distance_of_patches_is_of_what_they_show_and_not_of_where():
    x = Noise(0).normal(1, 3, 30, 40)
    assert unlike(x, x) == 0
    assert unlike(x.flip(0), x) == 0
    turned = torch.roll(x, 11, dims=3)
    assert unlike(turned, x) < 0.15 * unlike(x + 0.5, x)
    shift = torch.zeros(1, 3, 30, 40)
    assert unlike(shift + 0.2, shift) == pytest.approx(2 * unlike(shift + 0.1, shift).item())


def test_a_calm_scale_learns_slowly_and_ends_early():
    picture = open_single(torch.rand(3, 14, 18).numpy())
    run = Run(SinGAN(steps=40, fewer=0.0, min_size=12, width=4), picture)
    stage = run.stages[0]
    schedule = stage.phases[0].player.schedule
    while run.step < 10:
        run.advance()
    assert schedule(run.clock(0)) == 1.0
    run.nets.pace.calm[0] = 9
    assert schedule(run.clock(0)) == 0.1
    while run.stage_number == 0:
        run.advance()
    assert run.steps == 9 + 8 + 1  # a fifth of 40 iterations, slowly, and the one it began in


def test_the_paper_ends_no_scale_early():
    picture = open_single(torch.rand(3, 14, 18).numpy())
    run = Run(SinGAN(effort="paper", steps=5, min_size=12, width=4), picture)
    run.nets.pace.calm[0] = 0
    run.play()
    assert run.steps == 5 * len(run.stages)
