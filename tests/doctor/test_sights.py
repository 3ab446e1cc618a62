"""What is seen in samples, against closed forms and by brute force."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import linalg

from gansaku.core.noise import Noise
from gansaku.doctor import sights
from gansaku.doctor.space import AXES, Space, centres, shares


def noise(*shape: int, key: str = "x") -> torch.Tensor:
    return Noise(0, (key,)).normal(*shape)


def test_diversity_is_a_ratio_of_mean_distances():
    x = noise(64, 5)
    assert sights.diversity(x, x) == pytest.approx(1.0)
    assert sights.diversity(0.25 * x, x) == pytest.approx(0.25, rel=1e-5)
    assert sights.diversity(x[:1].expand(64, 5), x) == pytest.approx(0.0, abs=1e-3)


def test_mean_distance_by_brute_force():
    x = noise(7, 3)
    pairs = [math.dist(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
    assert sights.mean_distance(x) == pytest.approx(sum(pairs) / len(pairs), rel=1e-5)


def test_share_nearer():
    a, b = torch.zeros(3, 2), torch.ones(4, 2)
    x = torch.tensor([[0.1, 0.0], [0.9, 1.0], [0.2, 0.2], [1.0, 1.0]])
    assert sights.share_nearer(x, a, b) == 0.5
    line = torch.tensor([[0.0], [1.0], [10.0]])
    assert sights.share_nearer(line, line, torch.tensor([[5.0]])) == pytest.approx(2 / 3)


def test_repeats_and_copies():
    x = noise(40, 6)
    assert sights.repeats(x, x) == 0.0
    twins = torch.cat((x, x + 1e-4))
    assert sights.repeats(twins, x) == 1.0
    assert sights.copies(torch.cat((x, x[:10]))) == pytest.approx(10 / 50)
    assert sights.copies(twins) == 0.0


def test_constant_and_midtones():
    x = noise(8, 3, 6, 6).clamp(-1, 1)
    x[:2] = 0.5
    assert sights.constant(x) == 0.25
    x[2, 0] = 0.1  # one channel alone is no flat picture
    assert sights.constant(x) == 0.25
    assert sights.midtones(torch.tensor([-1.0, -0.5, 0.0, 0.95])) == 0.5


def soft(x: torch.Tensor) -> torch.Tensor:
    """Without the finest detail, as pictures are."""
    row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    return torch.nn.functional.conv2d(x, torch.outer(row, row)[None, None])


@pytest.mark.parametrize("period", [2, 4])
@pytest.mark.parametrize("side", [16, 28, 64])
def test_a_grid_is_seen(side, period):
    real, smooth = (soft(noise(64, 1, side + 4, side + 4, key=k)) for k in "ab")
    row = (torch.arange(side) % period == 0).float()
    assert sights.grid(smooth, real) < 0.06
    for line in (row, row[:, None]):
        assert sights.grid(smooth + 0.3 * line, real) > 0.3, "the same in every image"
        assert sights.grid(smooth * (1 - 0.6 * line), real) > 0.25, "its contrast"


def test_a_grid_of_closed_form():
    flat = torch.zeros(4, 1, 18, 18)
    stripes = flat + (torch.arange(18) % 2) * 2 - 1  # second differences are 1 and -1 in turn
    assert sights.grid(stripes, flat) == pytest.approx(1.0)
    faint = sights.grid(flat + 0.1 * stripes, noise(4, 1, 18, 18))
    assert faint < 0.3, "a share of the detail that data has"


def test_a_grid_that_the_data_has_is_none():
    a, b, plain = (soft(noise(64, 1, 24, 24, key=key)) for key in "abc")
    faint = 1 - 0.6 * (torch.arange(20) % 2)
    assert sights.grid(faint * a, plain) > 0.25
    assert sights.grid(faint * a, faint * b) < 0.06


def test_no_grid_in_noise_nor_in_nothing():
    assert sights.grid(noise(64, 1, 32, 32), noise(64, 1, 32, 32, key="b")) < 0.05
    assert sights.grid(torch.zeros(4, 1, 16, 16), torch.zeros(4, 1, 16, 16)) == 0.0
    assert sights.grid(noise(4, 1, 4, 4), noise(4, 1, 4, 4)) == 0.0  # too small to tell


def test_moments_distance_against_scipy():
    a, b = noise(50, 4).double(), 1.5 * noise(60, 4, key="y").double() + 1
    ca, cb = torch.cov(a.T).numpy(), torch.cov(b.T).numpy()
    root = linalg.sqrtm(ca @ cb).real
    gap = float((a.mean(0) - b.mean(0)).square().sum())
    expected = gap + float((ca + cb - 2 * root).trace())
    assert sights.moments_distance(a, b) == pytest.approx(expected, rel=1e-8)
    assert sights.moments_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_auc_by_brute_force():
    high, low = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 2.0])
    assert sights.auc(high, low) == pytest.approx((1 + 0 + 1 + 0.5 + 1 + 1) / 6)
    assert sights.auc(low, high) == pytest.approx(1 - sights.auc(high, low))


def test_told_apart():
    a, b = noise(200, 8), noise(200, 8, key="y")
    assert sights.told_apart(a, b) < 0.65
    assert sights.told_apart(a, b + 4) > 0.99
    assert sights.told_apart(a, 0.1 * b) > 0.95, "a difference in spread alone"
    clumped = noise(200, 2).round() + 1e-3 * noise(200, 2, key="z")
    assert sights.told_apart(clumped, noise(200, 2, key="y")) > 0.9, (
        "a difference that no moment shows"
    )


def test_space_is_centred_and_bounded():
    images = noise(100, 1, 48, 40).clamp(-1, 1)
    space = Space(images)
    at = space(images)
    assert at.shape == (100, AXES)
    assert torch.allclose(at.mean(0), torch.zeros(AXES), atol=1e-3)
    assert at.std(0).max() < 1.01
    assert torch.equal(Space(images)(images), at)


def test_space_of_points_is_linear():
    points = noise(100, 2) * torch.tensor([3.0, 1.0]) + 7
    space = Space(points)
    assert torch.allclose(torch.cov(space(points).T), torch.eye(2), atol=1e-3)


def test_kinds_are_the_modes():
    modes = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    x = (modes[:, None] + 0.1 * noise(3, 50, 2)).flatten(0, 1)
    found = centres(x, k=3)
    assert torch.cdist(modes, found).amin(1).max() < 0.2
    assert shares(x, found).tolist() == pytest.approx([1 / 3] * 3)
    assert shares(x[:50], found).max() == 1.0
    assert len(centres(x[:2], k=5)) == 2
