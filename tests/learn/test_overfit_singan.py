"""A pyramid learns one small picture within seconds: its own patches, and the picture itself."""

from __future__ import annotations

import torch

from gansaku.core.loop import Run
from gansaku.core.noise import Noise
from gansaku.data.single import open_single
from gansaku.metrics.patches import patch_distance, reconstruction_error
from gansaku.recipes.consingan import ConSinGAN
from gansaku.recipes.singan import SinGAN


def stripes() -> torch.Tensor:
    """Oblique stripes of two colours that fade to the right: texture and layout in 20 x 26."""
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(26.0), indexing="ij")
    wave = torch.sin((x + 2 * y) * 0.9)
    return torch.stack([wave * (1 - x / 26), x / 13 - 1, -wave * 0.5])


def figures(run: Run) -> tuple[float, float]:
    """Patch distance of six samples and error of the reconstruction, at full size."""
    recipe, real = run.recipe, stripes()

    def make(nets):
        samples = recipe.render(nets, recipe.maps(nets, Noise(5), 6))
        return samples, recipe.render(nets, recipe.fixed(nets))[0]

    samples, again = run.generated(make)
    return patch_distance(samples, real).value, reconstruction_error(again, real)


def begun_and_ended(recipe) -> tuple[tuple[float, float], tuple[float, float]]:
    run = Run(recipe, open_single(stripes().numpy()))
    for stage in range(len(run.stages)):
        run.stage_number = stage
        run._begin()
    before = figures(run)
    run = Run(recipe, open_single(stripes().numpy()))
    run.play()
    return before, figures(run)


def test_singan_learns_the_patches_and_the_picture():
    recipe = SinGAN(effort="fast", steps=40, min_size=12, width=16)
    (distance, error), (learnt, again) = begun_and_ended(recipe)
    assert learnt < 0.6 * distance
    assert again < 0.2 * error


def test_consingan_learns_the_patches_and_the_picture():
    recipe = ConSinGAN(steps=80, min_size=12, width=16, train_stages=3)
    (distance, error), (learnt, again) = begun_and_ended(recipe)
    assert learnt < 0.8 * distance
    assert again < 0.8 * error
