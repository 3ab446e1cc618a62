"""ADA's corruptions: the bank of bands against what it must do, and each change by hand."""

import pytest
import torch
from torch import Tensor, tensor

from gansaku.augment import ADA
from gansaku.augment.corrupt import band_gains, bank, filtered, noisy
from gansaku.core.noise import Noise


def images(n: int = 2, channels: int = 3, height: int = 24, width: int = 30) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, channels, height, width, generator=generator) * 2 - 1


def test_bands_together_leave_a_signal_as_it_is():
    whole = bank().sum(0)
    expected = torch.zeros_like(whole)
    expected[len(whole) // 2] = 1
    torch.testing.assert_close(whole, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(bank(), bank().flip(1), rtol=0, atol=1e-12)  # no phase


@pytest.mark.parametrize(("band", "low", "high"), [(0, 0, 1), (1, 1, 2), (2, 2, 4), (3, 4, 8)])
def test_each_band_passes_its_octave_most(band, low, high):
    """Of the band's own eighths of the spectrum; sym2 is soft at the edges."""
    padded = torch.nn.functional.pad(bank(), (0, 512 - 43))
    eighths = torch.fft.rfft(padded, dim=1).abs()[:, :256].unflatten(1, (8, 32)).mean(2)
    own = eighths[:, low:high].mean(1)
    assert own.argmax() == band
    assert own[band] > 0.6


def test_gains_keep_the_power_of_natural_images():
    power = tensor([10.0, 1.0, 1.0, 1.0]) / 13
    amounts = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    for band in range(4):
        on = torch.zeros(50, 4)
        on[:, band] = 1
        gains = band_gains(on, amounts)
        torch.testing.assert_close((power * gains.square()).sum(1), torch.ones(50))
        others = [k for k in range(4) if k != band]
        ratio = gains[:, band] / gains[:, others[0]]
        torch.testing.assert_close(ratio, amounts[:, band].exp2())
        torch.testing.assert_close(gains[:, others[0]], gains[:, others[1]])
    assert torch.equal(band_gains(torch.zeros(2, 4), amounts[:2]), torch.ones(2, 4))


@pytest.mark.parametrize(("height", "width"), [(1, 7), (2, 2), (12, 43), (64, 50)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_filters_of_equal_gains_only_scale(height, width, channels):
    x = images(2, channels, height, width).double()
    colours = 1 if channels <= 2 else 3
    y = filtered(x, torch.full((2, 4), 1.5))
    torch.testing.assert_close(y[:, :colours], 2.25 * x[:, :colours])  # along both sides
    assert torch.equal(y[:, colours:], x[:, colours:])  # alpha
    assert torch.equal(filtered(x, torch.ones(2, 4)), x)


def test_a_filter_without_its_high_bands_blurs_and_keeps_the_mean_colour():
    x = torch.full((1, 3, 32, 32), 0.4)
    torch.testing.assert_close(filtered(x, tensor([[1.0, 0, 0, 0]])), x)
    fine = x + 0.5 * (-1.0) ** torch.arange(32)  # the highest frequency there is
    blurred = filtered(fine, tensor([[1.0, 1.0, 1.0, 0]]))
    torch.testing.assert_close(blurred, x, rtol=0, atol=1e-5)


def test_inside_it_is_the_convolution_with_the_filters():
    x, gains = images(1, 1, 50, 60).double(), tensor([[2.0, 1.0, 0.5, 3.0]]).double()
    taps = (gains[0] @ bank()).reshape(1, 1, -1)
    across = torch.nn.functional.conv2d(x, taps[:, :, None])
    both = torch.nn.functional.conv2d(across, taps[..., None])
    torch.testing.assert_close(filtered(x, gains)[..., 21:-21, 21:-21], both)


def test_noise_is_added_to_colours_alone():
    x, noise = images(2, 4), torch.randn(2, 3, 24, 30)
    y = noisy(x, tensor([0.0, 0.5]), noise)
    assert torch.equal(y[0], x[0])
    torch.testing.assert_close(y[1, :3], x[1, :3] + 0.5 * noise[1])
    assert torch.equal(y[1, 3], x[1, 3])


@pytest.mark.parametrize("p", [0.3, 0.8])
def test_each_comes_as_often_as_p_says(p):
    x = images(1, 1, 8, 8).expand(2000, -1, -1, -1)
    for policy, untouched in (("filter", (1 - p) ** 4), ("noise", 1 - p), ("cutout", 1 - p)):
        y = ADA(p=p, policy=policy).build()(x, Noise(1))
        touched = (y != x).flatten(1).any(1).float().mean().item()
        assert touched == pytest.approx(1 - untouched, abs=0.04)


def test_noise_has_the_deviation_of_the_paper():
    y = ADA(p=1.0, policy="noise").build()(torch.zeros(3000, 1, 8, 8), Noise(2))
    sigma = y.flatten(1).square().mean(1).sqrt()
    assert sigma.mean().item() == pytest.approx(
        0.1 * (2 / torch.pi) ** 0.5, rel=0.05
    )  # half-normal


def test_a_hole_is_half_of_each_side_or_cut_by_the_border():
    y = ADA(p=1.0, policy="cutout").build()(torch.ones(400, 1, 16, 20), Noise(0))
    heights = (y == 0).any(3).sum(2).flatten()
    widths = (y == 0).any(2).sum(2).flatten()
    assert heights.max() == 8
    assert widths.max() == 10
    assert torch.equal((y == 0).sum((1, 2, 3)), heights * widths)


def test_what_was_there_is_drawn_as_before():
    x = images(6)
    plain, more = (ADA(p=0.6, policy=f"blit,color{end}").build() for end in ("", ",noise"))
    noise = torch.zeros(6, 1 + 3 * 24 * 30)

    class Quiet(Noise):
        def normal(self, n, *shape):
            drawn = super().normal(n, *shape)
            return noise if shape == noise.shape[1:] else drawn

    assert torch.equal(more(x, Quiet(5)), plain(x, Noise(5)))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_rows_types_and_derivatives(channels):
    module = ADA(p=0.9, policy="filter,noise,cutout").build()
    x = images(4, channels)
    whole = module(x, Noise(0, ("a",)))
    parts = [module(x[2 * i : 2 * i + 2], Noise(0, ("a",), i, 2)) for i in range(2)]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-5)
    assert module(x.bfloat16(), Noise(0)).dtype == torch.bfloat16
    small = images(2, channels, 6, 5).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: module(x, Noise(3)), small, fast_mode=True)
    assert torch.autograd.gradgradcheck(
        lambda x: module(x, Noise(3)).square(), small, fast_mode=True
    )
