"""Modulated convolutions against weights of each sample's own."""

import pytest
import torch
import torch.nn.functional as F

from gansaku.nets.layers.modulate import ModulatedConv2d


def by_weights_of_their_own(layer, x, styles):
    """Each sample's weights made, and a group of one convolution for each (arXiv:1912.04958)."""
    weight = layer.weight * layer.scale
    own = weight[None] * styles[:, None, :, None, None]
    if layer.demodulate:
        own = own * torch.rsqrt(own.square().sum((2, 3, 4), keepdim=True) + layer.eps)
    n, o, i, k, _ = own.shape
    x = x.reshape(1, n * i, *x.shape[2:])
    out = F.conv2d(x, own.view(n * o, i, k, k), padding=k // 2, groups=n)
    return out.view(n, o, *out.shape[2:])


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("kernel", [1, 3])
def test_outputs_and_gradients_are_those_of_weights_of_their_own(kernel, demodulate):
    torch.manual_seed(0)
    layer = ModulatedConv2d(5, 4, kernel, demodulate).double()
    x = torch.randn(3, 5, 6, 7, dtype=torch.float64, requires_grad=True)
    styles = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    given, found = (x, styles, layer.weight), []
    for way in (layer, lambda *each: by_weights_of_their_own(layer, *each)):
        out = way(x, styles)
        first = torch.autograd.grad(out.pow(3).sum(), given, create_graph=True)
        length = first[1].square().sum().sqrt()  # as the length of paths is asked for
        found.append([out, *first, *torch.autograd.grad(length, given)])
    torch.testing.assert_close(*found, rtol=1e-11, atol=1e-11)


def test_outputs_have_unit_deviation_whatever_the_styles():
    torch.manual_seed(0)
    layer, x = ModulatedConv2d(64, 32, 3), torch.randn(8, 64, 16, 16)
    for loud in (0.1, 1.0, 10.0):
        out = layer(x, loud * torch.rand(8, 64))[:, :, 1:-1, 1:-1]  # edges meet noughts
        assert out.std().item() == pytest.approx(1, abs=0.05)


def test_styles_of_nought_give_nought():
    out = ModulatedConv2d(4, 2, 3)(torch.randn(1, 4, 5, 5), torch.zeros(1, 4))
    assert not out.any()
