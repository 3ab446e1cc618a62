"""The arithmetic of scales and the resampling between them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku.core.errors import UserError
from gansaku.core.pyramid import Ladder, ladder, resample, stair

BALLOONS = [(25, 34), (33, 43), (42, 56), (54, 71), (69, 91), (88, 117), (113, 151), (145, 193)]


def test_scales_of_the_authors_pyramid():
    found, size = ladder((186, 248))
    assert size == (186, 248)
    assert found.count == 9
    assert found.factor == pytest.approx((25 / 186) ** (1 / 8))
    assert found.sizes(size) == [*BALLOONS, (186, 248)]


def test_a_large_picture_is_brought_down_and_scales_are_counted_from_its_own_size():
    found, size = ladder((366, 585))  # by hand: 11 numbers, 3 of them above 250 pixels
    assert size == (157, 250)
    assert found.count == 9
    assert found.sizes(size)[0] == (25, 40)
    assert found.factor == pytest.approx((25 / 157) ** (1 / 8))


def test_a_given_number_of_scales():
    found, size = ladder((60, 80), count=4)
    assert found.sizes(size)[0] == (25, 34)
    assert len(found.sizes(size)) == 4
    assert ladder((25, 40), count=1)[0] == Ladder(1, 1.0)


def test_a_picture_below_its_coarsest_scale_is_refused():
    with pytest.raises(UserError, match=r"8x9 pixels.*25 a side"):
        ladder((9, 8))
    with pytest.raises(UserError, match="25 a side"):
        stair((9, 8), 6)


def test_stages_of_consingan_by_their_formula():
    found = stair((186, 248), 6)
    assert found.shares[-1] == 1
    assert found.shares[0] * 186 == pytest.approx(25)
    r = (25 / 186) ** (1 / 5)
    for n, share in enumerate(found.shares[:-1]):
        assert share == pytest.approx(r ** (4 / math.log(5) * math.log(5 - n) + 1))
    assert list(found.shares) == sorted(found.shares)
    assert stair((50, 50), 2).shares == pytest.approx((0.5, 1.0))


def test_constants_stay_and_nothing_is_done_to_the_same_size():
    x = torch.full((1, 2, 10, 13), 0.3)
    assert torch.allclose(resample(x, (17, 9)), torch.full((1, 2, 17, 9), 0.3), atol=1e-6)
    y = torch.randn(1, 3, 8, 9)
    assert resample(y, (8, 9)) is y


@pytest.mark.parametrize("size", [(20, 26), (61, 80), (15, 21)])
def test_resampling_is_pillows_bicubic_away_from_the_edges(size):
    x = torch.randn(1, 1, 40, 52)
    image = Image.fromarray(x[0, 0].numpy())
    theirs = np.asarray(image.resize(size[::-1], Image.Resampling.BICUBIC))
    ours = resample(x, size)[0, 0].numpy()
    assert np.abs(ours - theirs)[5:-5, 5:-5].max() < 1e-4


def test_a_factor_keeps_the_grid_where_sizes_are_rounded_up():
    ramp = torch.arange(100.0)[None, None, None].expand(1, 1, 30, 100)
    factor = 0.77
    small = resample(ramp, (24, 77), factor)
    centres = (torch.arange(77) + 0.5) / factor - 0.5
    assert torch.allclose(small[0, 0, 12, 5:-5], centres[5:-5], atol=0.02)
    again = resample(small, (30, 100), 1 / factor)
    assert torch.allclose(again[..., 8:-8], ramp[..., 8:-8], atol=0.05)


def test_edges_are_mirrored():
    x = torch.randn(1, 1, 1, 9).expand(1, 1, 6, 9)
    mirrored = torch.cat([x.flip(3), x, x.flip(3)], 3)
    assert torch.allclose(resample(x, (6, 18)), resample(mirrored, (6, 54))[..., 18:36], atol=1e-5)


def test_pictures_of_a_scale_are_moved_on_the_grid_and_others_stretched():
    found, size = ladder((186, 248))
    x = torch.randn(1, 3, 33, 43)
    assert torch.equal(found.move(x, size, 2), resample(x, (42, 56), 1 / found.factor))
    whole = torch.randn(1, 3, 186, 248)
    assert torch.equal(found.move(whole, size, 0), resample(whole, (25, 34), found.factor**8))
    other = torch.randn(1, 3, 50, 50)
    assert torch.equal(found.move(other, size, 3), resample(other, (54, 71)))
    assert found.move(x, size, 1) is x
