"""Measures of single pictures: closed forms, what each sees, and honest errors."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
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


def test_equals_the_exact_distance_of_the_pool_but_for_the_grid_of_quantiles() -> None:
    picture, samples = noise(1, 3, 60, 54)[0], noise(2, 3, 50, 38, seed=1) + 0.2
    samples[1] *= 0.4
    theta = directions(147, 24)
    real = F.unfold(picture[None], 7)[0].T.double() @ theta.T
    fake = F.unfold(samples, 7).transpose(1, 2).flatten(0, 1).double() @ theta.T
    exact = np.mean([wasserstein_distance(real[:, k], fake[:, k]) for k in range(24)])
    mine = patch_distance(samples, picture, projections=24, levels=1, quantiles=4096)
    assert mine.value == pytest.approx(exact, rel=2e-3)
    assert math.isnan(patch_distance(samples[:1], picture, projections=24).error)


def test_levels_are_averages_of_two_by_two_and_stop_at_twelve_pixels() -> None:
    picture, samples = noise(1, 3, 48, 60)[0], noise(4, 3, 48, 60, seed=1) * 0.5
    half = F.avg_pool2d(picture[None], 2)[0], F.avg_pool2d(samples, 2)
    fine = patch_distance(samples, picture, levels=1)
    coarse = patch_distance(half[1], half[0], levels=1)
    both = patch_distance(samples, picture, levels=2)
    assert both.value == pytest.approx((fine.value + coarse.value) / 2, rel=1e-6)
    assert patch_distance(samples, picture, levels=9) == patch_distance(samples, picture)
    assert patch_distance(samples, picture) != both
    small = noise(1, 3, 47, 60)[0]  # 47, 23, 11: two levels
    assert patch_distance(samples, small) == patch_distance(samples, small, levels=2)


def test_the_error_is_the_spread_over_draws() -> None:
    picture = noise(1, 1, 20, 20)[0]
    draws = []
    for seed in range(60):
        shades = 1.5 + 0.5 * noise(8, 1, 1, 1, seed=1000 + seed)
        samples = shades * noise(8, 1, 20, 20, seed=seed)
        draws.append(patch_distance(samples, picture, projections=16, levels=1))
    claimed = np.sqrt(np.mean([one.error**2 for one in draws]))
    assert 0.7 < claimed / np.std([one.value for one in draws]) < 1.4


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


def test_channels_of_different_colours_are_no_spread() -> None:
    picture, samples = noise(1, 3, 40, 40)[0], noise(9, 3, 40, 40, seed=1)
    cast = torch.tensor([-3.0, 0, 3])[:, None, None]
    moved = single_image_diversity(samples + cast, picture + cast)
    assert moved.value == pytest.approx(single_image_diversity(samples, picture).value, rel=1e-5)


def test_diversity_is_the_mean_standard_deviation_and_its_error_a_jackknife() -> None:
    picture, samples = noise(1, 1, 5, 6)[0], noise(7, 1, 5, 6, seed=1) + 50
    spread = picture.double().std()  # one channel
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


DATA = Path(os.environ.get("GANSAKU_DATA", Path(__file__).parents[2] / "../shared/data"))
PYRAMID = DATA / "singan_trained_balloons"
KNOWN = {0: (0.088, 0.19, 0.204), 2: (0.0184, 0.384, 0.0509), 4: (0.0177, 0.405, 0.0378)}


def trained(scale: int, x: torch.Tensor, below: torch.Tensor) -> torch.Tensor:
    g = torch.load(PYRAMID / str(scale) / "netG.pth", weights_only=True, map_location="cpu")
    for name in ("head", "body.block1", "body.block2", "body.block3"):
        x = F.conv2d(x, g[f"{name}.conv.weight"], g[f"{name}.conv.bias"])
        parts = [g[f"{name}.norm.{k}"] for k in ("running_mean", "running_var", "weight", "bias")]
        x = F.leaky_relu(F.batch_norm(x, *parts), 0.2)
    return torch.tanh(F.conv2d(x, g["tail.0.weight"], g["tail.0.bias"])) + below


def scaled(x: torch.Tensor, factor: float, size: tuple[int, int]) -> torch.Tensor:
    """By the factor exactly, as the pyramid was trained; more than needed, then cut."""
    edge = math.ceil(4 / factor) + 1
    x = F.pad(x.clamp(-1, 1), (0, edge, 0, edge), mode="replicate")
    how = {"mode": "bicubic", "antialias": True, "recompute_scale_factor": False}
    return F.interpolate(x, scale_factor=factor, **how)[..., : size[0], : size[1]].clamp(-1, 1)


def test_an_officially_trained_pyramid_has_its_known_figures() -> None:
    if not PYRAMID.is_dir():
        pytest.skip(f"no real data in {DATA}")
    amps = torch.load(PYRAMID / "NoiseAmp.pth", weights_only=True, map_location="cpu")
    with Image.open(DATA / "singan_inputs/Images/balloons.png") as file:
        pixels = np.asarray(file.convert("RGB"), dtype=np.float32) / 127.5 - 1
    whole, rate = torch.from_numpy(pixels).permute(2, 0, 1)[None], (25 / 186) ** (1 / 8)
    again, fakes = torch.zeros(1, 3, 25, 34), torch.zeros(6, 3, 25, 34)
    for scale in range(5):
        z = torch.load(PYRAMID / str(scale) / "z_opt.pth", weights_only=True, map_location="cpu")
        size = (z.shape[2] - 10, z.shape[3] - 10)
        if scale:
            again, fakes = (scaled(x, 1 / rate, size) for x in (again, fakes))
        fresh = F.pad(noise(6, 3 if scale else 1, *size, seed=scale), (5,) * 4)
        both = torch.cat((z, fresh.expand(-1, 3, -1, -1))) * float(amps[scale])
        below = torch.cat((again, fakes))
        again, fakes = trained(scale, both + F.pad(below, (5,) * 4), below).split((1, 6))
        if scale in KNOWN:
            picture = scaled(whole, rate ** (8 - scale), size)[0]
            patch, diversity, error = KNOWN[scale]
            shown = fakes.clamp(-1, 1)
            assert patch_distance(shown, picture).value == pytest.approx(patch, rel=0.35)
            assert single_image_diversity(shown, picture).value == pytest.approx(diversity, rel=0.2)
            assert reconstruction_error(again[0], picture) == pytest.approx(
                error, rel=0.25
            )  # its resizer is not ours


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
