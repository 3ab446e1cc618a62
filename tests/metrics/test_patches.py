"""Measures of single pictures: closed forms, what each sees, and honest errors."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import wasserstein_distance

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.metrics.patches import (
    patch_distance,
    reconstruction_error,
    single_image_diversity,
    single_image_frechet,
)
from gansaku.metrics.sliced import directions


def noise(n: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return Noise(seed, ("patches",)).normal(n, *shape)


def test_equals_the_exact_distance_but_for_the_grid_of_quantiles() -> None:
    picture, sample = noise(1, 3, 60, 54)[0], 0.7 * noise(1, 3, 50, 68, seed=1) + 0.2
    theta = directions(147, 24)
    rows = [F.unfold(x, 7)[0].T.double() for x in (picture[None], sample)]
    exact = np.mean([wasserstein_distance(rows[0] @ one, rows[1] @ one) for one in theta])
    mine = patch_distance(sample, picture, projections=24, levels=1, quantiles=4096)
    assert mine.value == pytest.approx(exact, rel=2e-3)
    assert math.isnan(mine.error)


def test_levels_are_averages_of_two_by_two_and_stop_at_seven_pixels() -> None:
    picture, samples = noise(1, 3, 29, 40)[0], noise(4, 3, 29, 40, seed=1) * 0.5
    half = F.avg_pool2d(picture[None], 2)[0], F.avg_pool2d(samples, 2)
    fine = patch_distance(samples, picture, levels=1)
    coarse = patch_distance(half[1], half[0], levels=1)
    both = patch_distance(samples, picture, levels=2)
    assert both.value == pytest.approx((fine.value + coarse.value) / 2, rel=1e-6)
    assert patch_distance(samples, picture, levels=9) == patch_distance(samples, picture, levels=3)
    small = noise(1, 3, 27, 40)[0]  # 27, 13, 6: two levels
    assert patch_distance(samples, small, levels=3) == patch_distance(samples, small, levels=2)


def test_a_brightness_shift_is_the_mean_sum_of_a_direction_times_it() -> None:
    picture = noise(1, 3, 20, 20)[0]
    sums = directions(147, 192).sum(1).abs().mean()
    moved = patch_distance(picture[None] + 0.1, picture, levels=1)
    assert moved.value == pytest.approx(0.1 * float(sums), rel=1e-4)
    assert patch_distance(picture[None], picture).value == 0


def test_shuffled_patches_are_near_and_other_textures_far() -> None:
    stripes = torch.sin(torch.arange(64) * torch.pi / 4).expand(3, 64, 64)
    moved = torch.stack([stripes.roll(k, 2) for k in range(1, 5)])
    near = patch_distance(moved, stripes, levels=1)
    far = patch_distance(moved.mT, stripes, levels=1)
    assert near.value < 0.1 * far.value
    assert near.error > 0


def test_diversity_of_independent_pixels_is_one() -> None:
    picture, samples = noise(1, 3, 60, 60)[0], noise(100, 3, 60, 60, seed=1)
    found = single_image_diversity(samples, picture)
    assert found.value == pytest.approx(1, abs=0.02)
    assert single_image_diversity(samples[:1].expand(5, -1, -1, -1), picture).value == 0


def test_diversity_is_the_mean_standard_deviation_and_its_error_a_jackknife() -> None:
    picture, samples = noise(1, 1, 5, 6)[0], noise(7, 1, 5, 6, seed=1) + 50
    spread = picture.double().std()
    found = single_image_diversity(samples, picture)
    assert found.value == pytest.approx(float(samples.double().std(0).mean() / spread), rel=1e-9)
    rows = torch.eye(7) == 0
    parts = torch.stack([samples[row].double().std(0).mean() / spread for row in rows])
    error = math.sqrt(float((parts - parts.mean()).square().sum()) * 6 / 7)
    assert found.error == pytest.approx(error, rel=1e-6)


def test_reconstruction_is_the_root_of_the_mean_square() -> None:
    picture = noise(1, 3, 9, 9)[0]
    assert reconstruction_error(picture + 0.25, picture) == pytest.approx(0.25, rel=1e-5)


def test_frechet_distance_of_places_has_its_closed_form() -> None:
    real = noise(1, 4, 40, 40).double()[0]
    fakes = [2 * real + 0.5, 2 * real.flip(1) + 0.5, real[:, :20]]
    places = real.flatten(1).T
    closed = float((places.mean(0) + 0.5).square().sum() + places.var(0).sum())
    assert single_image_frechet(fakes[:2], real).value == pytest.approx(closed, rel=1e-9)
    assert single_image_frechet(fakes[2:], real).value < 0.01 * closed
    assert single_image_frechet(torch.stack([real.mT] * 3), real) == pytest.approx((0, 0), abs=1e-9)


def test_bad_input_is_one_sentence() -> None:
    x = noise(2, 3, 9, 9)
    with pytest.raises(UserError, match="sides of 7 pixels or more"):
        patch_distance(x, x[0, :, :6])
    with pytest.raises(UserError, match="of a picture"):
        patch_distance(x[:, :1], x[0])
    with pytest.raises(UserError, match="diversity needs 3 samples"):
        single_image_diversity(x, x[0])
    with pytest.raises(UserError, match="has the shape of its picture"):
        reconstruction_error(x[0, :, :4], x[0])
    with pytest.raises(UserError, match="of one width D"):
        single_image_frechet([x[0, :2]], x[0])
