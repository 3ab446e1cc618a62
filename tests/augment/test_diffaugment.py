"""DiffAugment against hand-made expectations, its magnitudes, and derivatives."""

import pytest
import torch
from torch import Tensor, tensor

from gansaku.augment import DiffAugment
from gansaku.augment.diffaugment import color, cutout, translate
from gansaku.core.noise import Noise

HALF = tensor([[0.5, 0.5, 0.5]])  # of color: no brightness, factor 1, factor 1


def images(n: int = 4, channels: int = 3, height: int = 16, width: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, channels, height, width, generator=generator) * 2 - 1


@pytest.mark.parametrize("policy", ["color", "translation", "cutout", "cutout, color", ""])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_shape_dtype_and_that_something_happens(policy, channels):
    x = images(channels=channels, height=16, width=10)
    module = DiffAugment(policy).build()
    y = module(x, Noise(0))
    assert y.shape == x.shape
    assert y.dtype == x.dtype
    assert y.isfinite().all()
    assert torch.equal(y, x) == (policy == "")
    assert module(x.bfloat16(), Noise(0)).dtype == torch.bfloat16
    assert not list(module.buffers())
    assert module.watch(x) == {}
    assert module.adapt({}, 4) is None


def test_neutral_draws_change_nothing():
    x = images(1)
    torch.testing.assert_close(color(x, HALF), x)
    assert torch.equal(translate(x, tensor([[0.5, 0.5]])), x)


@pytest.mark.parametrize(("draw", "added"), [(0.0, -0.5), (0.75, 0.25), (1.0, 0.5)])
def test_brightness_adds(draw, added):
    x = images(1)
    torch.testing.assert_close(color(x, tensor([[draw, 0.5, 0.5]])), x + added)


@pytest.mark.parametrize("draw", [0.0, 0.25, 1.0])
def test_saturation_scales_the_distance_from_grey(draw):
    x = images(1)
    grey = x.mean(1, keepdim=True)
    torch.testing.assert_close(
        color(x, tensor([[0.5, draw, 0.5]])), grey + 2 * draw * (x - grey), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(("draw", "factor"), [(0.0, 0.5), (0.25, 0.75), (1.0, 1.5)])
def test_contrast_scales_the_distance_from_the_mean(draw, factor):
    x = images(1)
    expected = x.mean() + factor * (x - x.mean())
    torch.testing.assert_close(color(x, tensor([[0.5, 0.5, draw]])), expected)


def test_grey_has_no_saturation_and_alpha_no_color():
    draw = tensor([[0.9, 0.1, 0.2]])
    grey = images(1, 1)
    as_rgb = color(grey.repeat(1, 3, 1, 1), draw)
    torch.testing.assert_close(color(grey, draw).repeat(1, 3, 1, 1), as_rgb)
    for channels in (2, 4):
        x = images(1, channels)
        y = color(x, draw)
        assert torch.equal(y[:, -1], x[:, -1])
        torch.testing.assert_close(y[:, :-1], color(x[:, :-1], draw))


def test_translation_reaches_an_eighth_and_fills_with_zeros():
    x = images(1, 3, 16, 24) + 2  # no zero inside
    down_right = translate(x, tensor([[0.999, 0.999]]))
    expected = torch.zeros_like(x)
    expected[:, :, 2:, 3:] = x[:, :, :-2, :-3]
    assert torch.equal(down_right, expected)
    up_left = translate(x, tensor([[0.0, 0.0]]))
    expected = torch.zeros_like(x)
    expected[:, :, :-2, :-3] = x[:, :, 2:, 3:]
    assert torch.equal(up_left, expected)


def test_translation_is_uniform_over_whole_pixels():
    x = torch.zeros(4000, 1, 16, 16)
    x[:, :, 8, 8] = 1
    place = translate(x, Noise(0).uniform(4000, 2)).flatten(1).argmax(1)
    rows, columns = place // 16 - 8, place % 16 - 8
    for shift in (rows, columns):
        counts = torch.bincount(shift + 2, minlength=5)
        assert len(counts) == 5
        assert (counts - 800).abs().max() < 120


@pytest.mark.parametrize(("height", "width"), [(16, 12), (9, 10)])
def test_cutout_is_half_of_each_side_with_its_centre_anywhere(height, width):
    x = torch.ones(1, 1, height, width)
    up, left = int(height * 0.5 + 0.5), int(width * 0.5 + 0.5)
    inside = cutout(x, tensor([[0.5, 0.5]]))[0, 0]
    assert (inside == 0).sum() == up * left
    corner = cutout(x, tensor([[0.0, 0.0]]))[0, 0]
    assert (corner[: (up + 1) // 2, : (left + 1) // 2] == 0).all()
    assert (corner == 0).sum() == ((up + 1) // 2) * ((left + 1) // 2)
    other = cutout(x, tensor([[0.9999, 0.9999]]))[0, 0]
    assert torch.equal(other.flip(0, 1), corner)


def test_rows_depend_on_their_own_noise_alone():
    x = images(8)
    module = DiffAugment().build()
    whole = module(x, Noise(0, ("a",)))
    parts = [module(x[4 * i : 4 * i + 4], Noise(0, ("a",), i, 2)) for i in range(2)]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-6)
    other = x.clone()
    other[1:] = 0
    torch.testing.assert_close(module(other, Noise(0, ("a",)))[0], whole[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 4])
def test_first_and_second_derivatives(channels):
    x = images(2, channels, 5, 4).double().requires_grad_()
    module = DiffAugment().build()
    assert torch.autograd.gradcheck(lambda x: module(x, Noise(3)), x, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x: module(x, Noise(3)).square(), x, fast_mode=True)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"no policy 'colour'.*did you mean 'color'"):
        DiffAugment("colour,cutout")
    with pytest.raises(ValueError, match=r"1 to 4 channels, not \[2, 5, 8, 8\]"):
        DiffAugment("cutout").build()(torch.zeros(2, 5, 8, 8), Noise(0))
    with pytest.raises(ValueError, match=r"not \[2, 8\]"):
        DiffAugment().build()(torch.zeros(2, 8), Noise(0))
