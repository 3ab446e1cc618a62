"""Tiles without seams: exact for networks that look near, continuous for others; mirror borders."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from gansaku.tools.tiles import fitted, mirrored, starts, tiled, window

KERNEL = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))


def near(x: torch.Tensor, _: int = 0) -> torch.Tensor:
    """A convolution that sees two pixels around."""
    return F.conv2d(x, KERNEL, padding=2)


def picture(height: int, width: int, n: int = 2) -> torch.Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("size", [(64, 64), (40, 97), (31, 33), (16, 200), (9, 9)])
@pytest.mark.parametrize("tile", [(16, 16), (24, 32)])
def test_tiles_of_a_near_sighted_network_make_the_whole(size, tile):
    x = picture(*size)
    y = tiled(near, x, tile, overlap=8)
    assert torch.allclose(y, near(x), atol=1e-4)


def test_what_lies_beyond_a_quarter_of_the_overlap_is_not_exact():
    """The promise has a bound: a network that sees further is blended, not exact."""
    x = picture(64, 64)
    wide = lambda x, _=0: F.avg_pool2d(F.pad(x, (7, 7, 7, 7)), 15, 1)  # noqa: E731
    assert (tiled(wide, x, (16, 16), overlap=8) - wide(x)).abs().max() > 1e-3


def test_enlarging_networks_are_blended_at_their_size():
    x = picture(40, 50)
    twice = lambda x, _=0: near(x).repeat_interleave(2, 2).repeat_interleave(2, 3)  # noqa: E731
    assert torch.allclose(tiled(twice, x, (20, 20), overlap=8), twice(x), atol=1e-4)


def test_tiles_that_disagree_meet_without_a_seam():
    """Each tile painted in its own grey: steps between neighbours are those of the ramps."""
    x = picture(64, 64, 1)
    own = lambda x, number: x[:, :1] * 0 + number  # noqa: E731
    y = tiled(own, x, (32, 32), overlap=16)
    assert float(y.max()) > 5
    steps = max(float(y.diff(dim=axis).abs().max()) for axis in (2, 3))
    hard = 3.0  # from row to row of tiles
    assert steps <= 1.01 * hard / 8  # a ramp is half the overlap long


@pytest.mark.parametrize(
    ("side", "length", "overlap", "multiple"), [(64, 16, 4, 4), (17, 16, 8, 1), (16, 16, 4, 4)]
)
def test_tiles_cover_and_begin_at_multiples(side, length, overlap, multiple):
    found = starts(side, length, overlap, multiple)
    assert found[0] == 0
    assert found[-1] == side - length
    assert all(b - a <= length - overlap for a, b in itertools.pairwise(found))
    assert all(a % multiple == 0 for a in found)


def test_weights_of_neighbours_sum_to_one():
    first, second = window(0, 32, 16, 48), window(16, 32, 16, 48)
    total = torch.zeros(48)
    total[:32] += first
    total[16:] += second
    assert torch.allclose(total, torch.ones(48), atol=1e-5)


def test_mirror_images_as_often_as_need_be():
    x = torch.tensor([[1.0, 2.0, 3.0]]).reshape(1, 1, 1, 3)
    row = mirrored(x, 2, 10)[0, 0]
    assert row[0].tolist() == [1, 2, 3, 3, 2, 1, 1, 2, 3, 3]
    assert torch.equal(row[0], row[1])


def test_pictures_are_fitted_and_cut():
    seen = []

    def f(x: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(x.shape[2:]))
        return x.repeat_interleave(3, 2).repeat_interleave(3, 3)

    x = picture(5, 18)
    y = fitted(f, x, 4, (16, 8))
    assert seen == [(16, 20)]
    assert torch.equal(y, x.repeat_interleave(3, 2).repeat_interleave(3, 3))
    assert torch.equal(fitted(lambda x: x, picture(16, 20), 4, (16, 8)), picture(16, 20))
