"""Sliced Wasserstein distance and modes covered, against closed forms."""

import pytest
import scipy.stats
import torch

from gansaku.core.errors import UserError
from gansaku.metrics.modes import mode_coverage
from gansaku.metrics.sliced import directions, sliced_wasserstein


def draw(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_directions_are_fixed_orthonormal_bases() -> None:
    theta = directions(3, 6, seed=5)
    torch.testing.assert_close(theta[:3] @ theta[:3].T, torch.eye(3, dtype=torch.float64))
    assert torch.equal(theta, directions(3, 6, seed=5))
    assert not torch.equal(theta, directions(3, 6, seed=6))


@pytest.mark.parametrize("dims", [1, 2, 8])
def test_a_shift_moves_every_projection(dims: int) -> None:
    x, shift = draw(100, dims, 0), draw(1, dims, 1)
    expected = float(shift.norm()) / dims**0.5
    assert sliced_wasserstein(x, x + shift) == pytest.approx(expected, rel=1e-9)


def test_a_scaling_about_the_origin() -> None:
    x = torch.cat((draw(100, 2, 0), -draw(100, 2, 0)))
    expected = float(x.square().sum(1).mean() / 2) ** 0.5 * 2  # |3 x - x| projected
    assert sliced_wasserstein(x, 3 * x) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("sizes", [(7, 7), (6, 9), (5, 12)])
def test_one_dimension_equals_scipy(sizes: tuple[int, int]) -> None:
    x, y = draw(sizes[0], 1, 0), draw(sizes[1], 1, 1) * 2 + 1
    expected = scipy.stats.wasserstein_distance(x[:, 0].numpy(), y[:, 0].numpy())
    assert sliced_wasserstein(x, y, 1, order=1) == pytest.approx(expected, rel=1e-12)


def test_repeating_every_point_changes_nothing() -> None:
    x, y = draw(20, 4, 0), draw(30, 4, 1)
    once = sliced_wasserstein(x, y)
    assert sliced_wasserstein(x.repeat(3, 1), y) == pytest.approx(once, rel=1e-12)


MODES = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def test_modes_are_counted_by_share_and_reach() -> None:
    samples = torch.cat(
        (
            MODES[0].expand(50, 2),
            MODES[1].expand(48, 2) + torch.tensor([0.029, 0.0]),  # within 3 sigma of .01
            MODES[2].expand(1, 2),  # 1 %: just covered
            torch.tensor([[1.0, 1.031]]),  # beyond 3 sigma
        )
    )
    found = mode_coverage(samples, MODES, sigma=0.01)
    assert (found.covered, found.modes, found.within) == (3, 4, pytest.approx(0.99))
    assert found.shares == pytest.approx((0.5, 0.48, 0.01, 0.0))
    assert mode_coverage(samples, MODES, sigma=0.01, share=0.02).covered == 2
    assert str(found) == "3 of 4 modes, 99.0% of the samples at a mode"


def test_a_sample_counts_for_one_mode_only() -> None:
    near = torch.tensor([[0.0], [0.1]])
    found = mode_coverage(torch.full((10, 1), 0.04), near, sigma=1.0)
    assert found.shares == (1.0, 0.0)
    assert found.within == 1.0


def test_gaussian_samples_reach_three_sigma_as_often_as_the_rayleigh_law_says() -> None:
    samples = MODES.repeat(5000, 1) + 0.02 * draw(20000, 2, 3)
    found = mode_coverage(samples, MODES, sigma=0.02)
    assert found.covered == 4
    assert found.within == pytest.approx(1 - 2.718281828**-4.5, abs=2e-3)


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"\[5, 3\] and modes \[4, 2\]"):
        mode_coverage(draw(5, 3, 0), MODES, 0.1)
    with pytest.raises(UserError, match="0 samples and 4 modes"):
        mode_coverage(torch.zeros(0, 2), MODES, 0.1)
    with pytest.raises(UserError, match="at least 1 rows"):
        sliced_wasserstein(torch.zeros(0, 2), MODES)
