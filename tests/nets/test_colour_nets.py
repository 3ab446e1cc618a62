"""CIE L*a*b*: against scikit-image and published values, back, gradients, the gamut."""

import pytest
import torch

from gansaku.nets.colour import AB, grey_of, inside, lab_to_rgb, lightness_of, painted, rgb_to_lab


def cube(side: int) -> torch.Tensor:
    """All of sRGB, in steps: `[1, 3, side^3, 1]`."""
    grid = torch.cartesian_prod(*[torch.linspace(-1, 1, side, dtype=torch.float64)] * 3)
    return grid.T.reshape(1, 3, -1, 1)


def test_lab_is_that_of_scikit_image():
    color = pytest.importorskip("skimage.color", reason="scikit-image is an oracle here")
    x = cube(9)
    expected = color.rgb2lab(((x[0] + 1) / 2).permute(1, 2, 0).numpy())
    found = rgb_to_lab(x)[0].permute(1, 2, 0).numpy()
    assert abs(found - expected).max() < 1e-3
    again = color.lab2rgb(found) * 2 - 1
    assert abs(again - lab_to_rgb(rgb_to_lab(x))[0].permute(1, 2, 0).numpy()).max() < 1e-4


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((1, 1, 1), (100, 0, 0)),
        ((-1, -1, -1), (0, 0, 0)),
        ((1, -1, -1), (53.24, 80.09, 67.20)),
        ((-1, 1, -1), (87.74, -86.18, 83.18)),
        ((-1, -1, 1), (32.30, 79.19, -107.86)),
    ],
)
def test_known_colours(rgb, lab):
    x = torch.tensor(rgb, dtype=torch.float64).reshape(1, 3, 1, 1)
    assert rgb_to_lab(x).flatten().tolist() == pytest.approx(lab, abs=0.02)


def test_there_and_back_loses_nothing():
    x = cube(17)
    assert (lab_to_rgb(rgb_to_lab(x)) - x).abs().max() < 1e-9
    x = x.float()
    lab = rgb_to_lab(x)
    assert lab[:, 1:].abs().max() < AB  # tanh times AB reaches all of it
    assert (painted(lab[:, :1], lab[:, 1:]) - x).abs().max() < 1e-3


def test_gradients_are_those_of_differences():
    x = cube(3).clone().requires_grad_()
    inner = (0.9 * x[:, :, ::4]).detach().requires_grad_()
    assert torch.autograd.gradcheck(rgb_to_lab, (inner,))
    rgb_to_lab(x).sum().backward()
    assert x.grad.isfinite().all()  # at black and at full channels as well


def test_beyond_the_gamut_lightness_and_hue_stay():
    g = torch.Generator().manual_seed(0)
    light = 100 * torch.rand(1, 1, 40, 40, generator=g)
    ab = AB * (2 * torch.rand(1, 2, 40, 40, generator=g) - 1)
    x = painted(light, ab)
    assert x.abs().max() <= 1
    lab = rgb_to_lab(x)
    assert (lab[:, :1] - light).abs().max() < 0.1
    chroma, wanted = lab[:, 1:].norm(dim=1), ab.norm(dim=1)
    assert (chroma <= wanted + 0.1).all()
    assert (chroma < wanted - 1).float().mean() > 0.3  # much of the square is outside
    cosine = torch.cosine_similarity(lab[:, 1:], ab)[chroma > 5]
    assert cosine.min() > 0.999
    more = lab_to_rgb(torch.cat([light, lab[:, 1:] * 1.05], 1))  # as much chroma as there is
    least = (chroma > 5) & (chroma < wanted - 10) & (light[:, 0] > 10) & (light[:, 0] < 95)
    assert least.sum() > 300
    assert not inside(more)[:, 0][least].any()


def test_grey_and_lightness_are_one():
    grey = torch.linspace(-1, 1, 256).reshape(1, 1, 16, 16)
    assert (grey_of(lightness_of(grey)) - grey).abs().max() < 1e-5
    assert float(lightness_of(torch.ones(1, 1, 1, 1))) == pytest.approx(100, abs=1e-3)
