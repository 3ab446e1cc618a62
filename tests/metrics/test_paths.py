"""Path length: closed forms of linear generators, the authors' trimming, rounding in float32."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from gansaku.core.errors import UserError
from gansaku.core.latents import lerp, slerp
from gansaku.core.noise import Noise
from gansaku.metrics.paths import (
    latent_path_length,
    path_length,
    squared_distance,
    trimmed,
)


def latents(n: int, dims: int = 16, seed: int = 0) -> torch.Tensor:
    return Noise(seed, ("z",)).normal(n, dims).double()


def test_a_linear_generator_on_straight_paths_has_the_length_of_its_differences() -> None:
    starts, ends, matrix = latents(50), latents(50, seed=1), latents(24, seed=2)
    expected = ((ends - starts) @ matrix.T).square().sum(1).mean()
    found = path_length(
        lambda z: z @ matrix.T, starts, ends, squared_distance, mode="linear", drop=0.0
    )
    assert found.value == pytest.approx(float(expected), rel=1e-7)


def test_an_isometry_on_great_circles_turns_by_the_angle() -> None:
    turn = torch.linalg.qr(latents(16, seed=3)).Q
    starts, ends = (torch.nn.functional.normalize(latents(400, seed=s), dim=1) * 4 for s in (0, 1))
    angles = torch.arccos((starts * ends).sum(1) / 16)
    found = path_length(lambda z: z @ turn, starts, ends, squared_distance, drop=0.0)
    assert found.value == pytest.approx(float((4 * angles).square().mean()), rel=1e-6)
    assert found.error == pytest.approx(float((4 * angles).square().std()) / 20, rel=1e-3)


def test_each_row_goes_its_own_part_of_the_way() -> None:
    a, b = latents(9).reshape(9, 4, 4), 3 * latents(9, seed=1).reshape(9, 4, 4)
    t = torch.linspace(0, 1, 9).double()
    for way in (lerp, slerp):
        each = torch.cat([way(a[i : i + 1], b[i : i + 1], t[i : i + 1])[0] for i in range(9)])
        torch.testing.assert_close(way(a, b, t[None])[0], each)
    half = slerp(a, b, torch.full((1, 9), 0.5).double())[0]
    lengths = [x.flatten(1).norm(dim=1) for x in (a, b, half)]
    torch.testing.assert_close(lengths[2], (lengths[0] + lengths[1]) / 2)


def test_trimming_is_that_of_the_authors_code() -> None:
    values = latents(1, 1234)[0].exp()
    x = values.numpy()
    low = np.percentile(x, 1, method="lower")
    high = np.percentile(x, 99, method="higher")
    kept = x[(low <= x) & (x <= high)]
    assert trimmed(values).value == pytest.approx(kept.mean(), rel=1e-12)
    assert trimmed(torch.tensor([1.0, 2, 9])).value == pytest.approx(4)


def test_the_error_of_the_trimmed_mean_is_its_spread_over_draws() -> None:
    draws = [trimmed(latents(1, 300, seed=s)[0].exp(), 0.05) for s in range(200)]
    claimed = np.sqrt(np.mean([one.error**2 for one in draws]))
    assert 0.85 < claimed / np.std([one.value for one in draws]) < 1.2


def network(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = [nn.Linear(64, 256), nn.Unflatten(1, (16, 4, 4))]
        for _ in range(3):
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(16, 16, 3, padding=1)]
            layers += [nn.InstanceNorm2d(16), nn.LeakyReLU(0.2)]
        return nn.Sequential(*layers, nn.Conv2d(16, 3, 3, padding=1), nn.Tanh()).eval()


def test_float32_at_the_papers_epsilon_is_not_rounding_noise() -> None:
    net = network()
    starts, ends = (Noise(s, ("z",)).normal(64, 64) for s in (0, 1))

    def length(dtype: torch.dtype, epsilon: float) -> float:
        net.to(dtype)
        z = (starts.to(dtype), ends.to(dtype))
        return path_length(net, *z, squared_distance, epsilon=epsilon).value

    true = length(torch.float64, 1e-4)
    assert length(torch.float32, 1e-4) == pytest.approx(true, rel=1e-3)
    assert length(torch.float32, 1e-7) > 1.5 * true  # where rounding rules, it shows as length


@dataclass
class Linear:
    """A recipe with latents, as far as the measure asks."""

    def latents(self, n: int, noise: Noise, truncate: float | None = None) -> torch.Tensor:
        return noise.normal(n, 8)

    def generate(self, nets, z: torch.Tensor, given=None) -> torch.Tensor:
        return z @ nets.T


def test_a_recipe_with_latents_is_measured_and_one_without_is_refused() -> None:
    matrix = latents(6, 8).float()
    found = latent_path_length(Linear(), matrix, squared_distance, 500, mode="linear")  # type: ignore
    assert abs(found.value - 2 * float(matrix.square().sum())) < 5 * found.error
    with pytest.raises(UserError, match="object cannot measure a path length"):
        latent_path_length(object(), matrix, squared_distance)  # type: ignore


def test_bad_input_is_one_sentence() -> None:
    z = latents(5)
    with pytest.raises(UserError, match="did you mean 'spherical'"):
        path_length(lambda x: x, z, z, squared_distance, mode="sperical")
    with pytest.raises(UserError, match="3 or more pairs of latents"):
        path_length(lambda x: x, z, z[:4], squared_distance)
    with pytest.raises(UserError, match="epsilon must lie between 0 and 1"):
        path_length(lambda x: x, z, z, squared_distance, epsilon=math.nan)
