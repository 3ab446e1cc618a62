"""Masks against scipy's morphology and filters; colours against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from gansaku.core.errors import UserError
from gansaku.tools.masks import blur, dilate, soft_mask
from gansaku.tools.palette import in_colours, lloyd, palette


def spots(height: int = 60, width: int = 80) -> torch.Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask[0, 0, 0, 3] = mask[0, 0, 30, 40] = 1.0
    mask[0, 0, 50:55, 60:] = 1.0
    return mask


@pytest.mark.parametrize("radius", [1, 7, 20])
def test_dilation_is_by_a_disk(radius):
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = y**2 + x**2 <= radius**2
    expected = ndimage.binary_dilation(spots()[0, 0].numpy() > 0, disk)
    assert np.array_equal(dilate(spots(), radius)[0, 0].numpy() > 0, expected)


def test_the_gaussian_is_scipys():
    expected = ndimage.gaussian_filter(spots()[0, 0].numpy(), 5.0, mode="nearest", truncate=4.0)
    assert np.allclose(blur(spots(), 5.0)[0, 0].numpy(), expected, atol=1e-6)


def test_a_mask_is_grown_softened_and_whole():
    mask, image = spots()[0] * 2 - 1, torch.zeros(3, 60, 80)
    soft = soft_mask(mask, image, (60, 80), 7)
    assert (float(soft.min()), float(soft.max())) == (0.0, 1.0)
    grown = dilate(spots(), 7)
    assert soft[grown > 0].min() > soft[dilate(grown, 20) == 0].max()
    assert soft_mask(mask, image, (30, 40), 7).shape == (1, 1, 30, 40)
    assert torch.equal(soft_mask(torch.ones(1, 9, 9), image[:, :9, :9], (9, 9), 2)[0], ONE)


ONE = torch.ones(1, 9, 9)


def test_masks_that_cannot_be_meant():
    with pytest.raises(UserError, match="mask has 80x60 pixels and its picture 81x60"):
        soft_mask(spots()[0], torch.zeros(3, 60, 81), (60, 80), 7)
    with pytest.raises(UserError, match="black everywhere"):
        soft_mask(-torch.ones(1, 9, 9), torch.zeros(3, 9, 9), (9, 9), 7)


def test_five_colours_are_found_again():
    g = torch.Generator().manual_seed(0)
    colours = torch.rand(5, 3, generator=g) * 2 - 1
    picture = colours[torch.randint(5, (20, 30), generator=g)].permute(2, 0, 1)
    found = palette(picture, 5)
    assert torch.cdist(found, colours).amin(1).max() < 1e-5
    assert torch.cdist(colours, found).amin(1).max() < 1e-5


def test_a_palette_is_a_fixed_point_near_the_best():
    g = torch.Generator().manual_seed(1)
    picture = torch.rand(3, 24, 24, generator=g)
    pixels, found = picture.flatten(1).T, palette(picture, 5)
    kinds = torch.cdist(pixels, found).argmin(1)
    means = torch.stack([pixels[kinds == k].mean(0) for k in range(5)])
    assert torch.allclose(found, means, atol=1e-5)
    cost = lambda c: float(torch.cdist(pixels, c).amin(1).square().sum())  # noqa: E731
    starts = [pixels[torch.randperm(len(pixels), generator=g)[:5]] for _ in range(20)]
    assert cost(found) <= 1.05 * min(cost(lloyd(pixels, start)) for start in starts)
    assert torch.equal(found, palette(picture, 5))


def test_a_painting_takes_the_colours_of_the_picture():
    colours = torch.tensor([[-1.0, -1, -1], [0.9, 0.9, 0.9]])
    painting = torch.full((3, 4, 6), -0.7)
    painting[:, :, 3:] = 0.4
    found = in_colours(painting, colours)
    assert torch.equal(found[:, :, :3], colours[0].reshape(3, 1, 1).expand(3, 4, 3))
    assert torch.equal(found[:, :, 3:], colours[1].reshape(3, 1, 1).expand(3, 4, 3))
