"""Jitter: all pictures of a pair alike, every window and mirror image in turn, class numbers."""

import pytest
import torch

from gansaku.augment.jitter import jittered
from gansaku.core.noise import Noise


def coordinates(n: int, height: int, width: int) -> torch.Tensor:
    """Pictures whose channels are where a pixel is: `[n, 2, H, W]` in [-1, 1]."""
    down = torch.linspace(-1, 1, height)[:, None].expand(height, width)
    right = torch.linspace(-1, 1, width).expand(height, width)
    return torch.stack([down, right]).expand(n, 2, height, width)


def test_both_sides_are_cut_alike():
    x = coordinates(64, 12, 20)
    a, b = jittered(x, -x, noise=Noise(0), scale=1.3)
    assert a.shape == x.shape
    assert torch.allclose(a, -b, atol=1e-6)
    assert len(a.unique(dim=0)) > 30


def test_scale_one_without_mirror_changes_nothing():
    x = torch.rand(3, 3, 8, 6) * 2 - 1
    (y,) = jittered(x, noise=Noise(0), scale=1.0, mirror=False)
    assert torch.equal(x, y)


def test_half_are_mirrored_and_nothing_else():
    x = torch.rand(400, 1, 4, 5)
    (y,) = jittered(x, noise=Noise(1), scale=1.0)
    same = (x == y).flatten(1).all(1)
    turned = (x.flip(3) == y).flatten(1).all(1)
    assert (same ^ turned).all()
    assert 0.4 < float(same.float().mean()) < 0.6


def test_windows_reach_every_corner():
    x = coordinates(4000, 16, 16)
    (y,) = jittered(x, noise=Noise(0), scale=20 / 16, mirror=False)
    shifts = ((y[:, :, 8, 8] - y[:, :, 8, 8].amin(0)) / (2 / 20) + 0.5).long()
    assert sorted(shifts.unique(dim=0).tolist()) == [[i, j] for i in range(5) for j in range(5)]
    counts = shifts.unique(dim=0, return_counts=True)[1]
    assert counts.min() > 100


def test_class_numbers_stay_numbers_and_follow():
    numbers = torch.tensor([0, 3, 255])[torch.randint(3, (9, 1, 8, 8))]
    colour = numbers.float() / 127.5 - 1
    maps, pictures = jittered(numbers, colour.round(), noise=Noise(2), scale=1.25)
    assert maps.dtype == torch.int64
    assert set(maps.unique().tolist()) <= {0, 3, 255}
    alone, _ = jittered(numbers, colour, noise=Noise(2), scale=1.25)
    assert torch.equal(alone, maps)
    assert pictures.abs().max() <= 1


def test_parts_of_a_batch_see_what_the_whole_sees():
    x = coordinates(8, 8, 8)
    (whole,) = jittered(x, noise=Noise(5), scale=1.5)
    parts = [jittered(x[:2], noise=Noise(5, index=k, count=4), scale=1.5)[0] for k in range(4)]
    assert torch.equal(torch.cat(parts), whole)


def test_pictures_are_not_made_smaller():
    with pytest.raises(ValueError, match="enlarged by 1"):
        jittered(torch.zeros(1, 1, 4, 4), noise=Noise(0), scale=0.9)
