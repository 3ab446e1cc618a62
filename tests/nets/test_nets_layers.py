"""Layers against their definitions."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gansaku.nets import parameters
from gansaku.nets.layers.dropout import Dropout
from gansaku.nets.layers.init import dcgan_init, he_init, orthogonal_init, uniform_init
from gansaku.nets.layers.maxout import Maxout, maxout
from gansaku.nets.layers.norm import check_norm, norm2d
from gansaku.nets.layers.resample import (
    Basis,
    DownConv2d,
    Head,
    UpConv2d,
    downsample,
    smeared,
    upsample,
)
from gansaku.nets.layers.sizes import ladder
from gansaku.nets.layers.spectral import spectral


def test_ladder_halves_rounding_up_until_the_base():
    assert ladder((64, 64)) == [(64, 64), (32, 32), (16, 16), (8, 8), (4, 4)]
    assert ladder((28, 28)) == [(28, 28), (14, 14), (7, 7), (4, 4)]
    assert ladder((89, 109))[-1] == (6, 7)
    assert ladder((28, 28), most=2)[-1] == (7, 7)
    with pytest.raises(ValueError, match=r"6x40 is too small.* 7 or more"):
        ladder((6, 40))


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("size", [(8, 10), (7, 10), (7, 9)])
def test_up_convolution_is_doubling_then_convolution(kernel, size):
    layer = UpConv2d(3, 2, kernel, size).double()
    x = torch.randn(2, 3, 4, 5).double()
    whole = F.conv2d(
        F.interpolate(x, scale_factor=2.0, mode="nearest"),
        layer.weight,
        layer.bias,
        padding=kernel // 2,
    )
    expected = whole[:, :, size[0] % 2 :, size[1] % 2 :]
    torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_down_convolution_is_convolution_then_means(kernel):
    layer = DownConv2d(3, 2, kernel).double()
    x = torch.randn(2, 3, 8, 6).double()
    expected = F.avg_pool2d(F.conv2d(x, layer.weight, layer.bias, padding=kernel // 2), 2)
    torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)


@given(st.integers(1, 20), st.integers(1, 20))
@settings(max_examples=20, deadline=None)
def test_halving_and_doubling_agree_about_sizes(height, width):
    x = torch.full((1, 2, height, width), 3.0)
    small = downsample(x)
    assert small.shape[2:] == ((height + 1) // 2, (width + 1) // 2)
    assert DownConv2d(2, 1, 3)(x).shape[2:] == small.shape[2:]
    assert (small == 3).all()  # also at the border
    again = upsample(small, (height, width))
    assert torch.equal(again, x)
    assert UpConv2d(2, 1, 3, (height, width))(small).shape[2:] == x.shape[2:]


def test_downsample_after_upsample_is_identity_for_odd_sizes_too():
    x = torch.randn(1, 2, 4, 5)
    for size in [(8, 10), (7, 10), (7, 9)]:
        torch.testing.assert_close(downsample(upsample(x, size)), x)


def test_smeared_kernel_keeps_its_sum_fourfold():
    weight = torch.randn(2, 3, 3, 3)
    torch.testing.assert_close(smeared(weight).sum((2, 3)), 4 * weight.sum((2, 3)))


def test_basis_and_head_are_convolutions_over_the_whole_map():
    basis, head = Basis(5, 6, (2, 3), bias=False), Head(6, (2, 3))
    z = torch.randn(4, 5)
    kernel = basis.linear.weight.unflatten(0, (2, 3, 6)).permute(3, 2, 0, 1)
    x = basis(z)
    assert x.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(x, F.conv_transpose2d(z[:, :, None, None], kernel))
    kernel = head.linear.weight.unflatten(1, (2, 3, 6)).permute(0, 3, 1, 2)
    torch.testing.assert_close(head(x), F.conv2d(x, kernel).flatten())


def test_maxout_is_the_largest_piece():
    layer = Maxout(3, 4, 5)
    x = torch.randn(7, 3)
    rows = layer.maps(x)
    expected = torch.stack([rows[:, unit::4].amax(1) for unit in range(4)], 1)
    assert torch.equal(layer(x), expected)
    with torch.no_grad():
        assert torch.equal(layer(x), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_maxouts_gradient_is_that_of_the_first_of_the_largest(dtype, layout, pieces):
    x = torch.randn(3, 4 * pieces, 5, 6).round()  # with many ties, of 0 and -0 as well
    x = x.to(dtype, memory_format=layout)
    x.requires_grad_()
    g = torch.randn(3, 4, 5, 6).to(dtype)
    best = x.unflatten(1, (pieces, 4)).max(1)
    first = (x.unflatten(1, (pieces, 4)) == best.values[:, None]).int().argmax(1)
    expected = torch.zeros(3, pieces, 4, 5, 6, dtype=dtype).scatter(1, first[:, None], g[:, None])
    (found,) = torch.autograd.grad(maxout(x, pieces), x, g)
    assert torch.equal(found, expected.flatten(1, 2))
    spread = torch.ones((), dtype=dtype).expand(3, 4, 5, 6)  # as a sum's gradient comes
    (found,) = torch.autograd.grad(maxout(x, pieces), x, spread)
    assert torch.equal(found.unflatten(1, (pieces, 4)).sum(1), spread)


def test_maxout_is_differentiated_twice():
    x = torch.randn(3, 6, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: maxout(x, 3), x)
    assert torch.autograd.gradgradcheck(lambda x: maxout(x, 3) ** 2, x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_dropout_keeps_a_share_and_the_mean(dtype, p):
    torch.manual_seed(0)
    x = torch.ones(7, 30, 41, 23, dtype=dtype).contiguous(memory_format=torch.channels_last)
    x = x.requires_grad_()
    out = Dropout(p)(x)
    n, kept = x.numel(), (out != 0).double().mean().item()
    assert abs(kept - (1 - p)) < 5 * (p * (1 - p) / n) ** 0.5
    assert out.dtype == dtype
    assert out.stride() == x.stride()
    values = out.detach()[out != 0].unique()
    assert values.tolist() == pytest.approx(
        [1 / (1 - p)], rel=0.01 if dtype.itemsize == 2 else 1e-4
    )
    (g,) = torch.autograd.grad(out.double().sum(), x)
    assert torch.equal(g, out.detach())


def test_dropout_treats_places_apart():
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(1000, 64)) != 0).double()
    close = (kept.T.corrcoef() - torch.eye(64)).abs().max().item()
    assert close < 5 / 1000**0.5
    assert kept.mean(0).sub(0.5).abs().max().item() < 5 * 0.5 / 1000**0.5


@pytest.mark.parametrize("p", [0.0, 1.0, 1e-6, 1 - 1e-6])
def test_dropout_of_nothing_and_of_all(p):
    x = torch.randn(3, 5)
    assert torch.equal(Dropout(p)(x), x if p < 0.5 else torch.zeros(3, 5))
    assert torch.equal(Dropout(0.5).eval()(x), x)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_dropout_follows_the_seed_alone(layout):
    x = torch.ones(5, 5, 3, 2)
    torch.manual_seed(3)
    first = Dropout(0.3)(x)
    torch.manual_seed(3)
    again = Dropout(0.3)(x.contiguous(memory_format=layout))
    assert torch.equal(again, first)
    assert again.is_contiguous(memory_format=layout)


@pytest.mark.parametrize(
    "layer",
    [nn.Linear(20, 30), nn.Conv2d(6, 8, 3), nn.ConvTranspose2d(6, 8, 3), UpConv2d(6, 8, 3, (8, 8))],
)
def test_spectral_norm_brings_the_largest_singular_value_to_one(layer):
    spectral(layer)
    inputs = (20,) if isinstance(layer, nn.Linear) else (6, 4, 4)
    with torch.no_grad():
        layer.parametrizations.weight.original.mul_(7)
        for _ in range(100):
            layer(torch.randn(1, *inputs))
    weight = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
    largest = torch.linalg.matrix_norm(weight.flatten(1), 2)
    torch.testing.assert_close(largest, torch.tensor(1.0), rtol=1e-3, atol=0)


def test_spectral_norm_iterates_once_a_forward_in_training_and_never_in_eval():
    layer = spectral(nn.Linear(20, 30))
    with torch.no_grad():
        layer.parametrizations.weight.original.normal_()
    state = layer.parametrizations.weight[0]
    x, u, v = torch.randn(1, 20), state._u.clone(), state._v.clone()
    weight = layer.parametrizations.weight.original.detach()
    layer.eval()(x)
    assert torch.equal(state._u, u)
    layer.train()(x)
    expected = F.normalize(weight @ v, dim=0)  # algorithm 1, in the order u, v
    torch.testing.assert_close(state._u, expected)
    torch.testing.assert_close(state._v, F.normalize(weight.T @ expected, dim=0))


def test_spectral_norm_gradients_in_float64_and_twice():
    net = spectral(nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(12, 1)))
    net.double().eval()  # u and v held, as the paper's equation 12 has them
    x = torch.randn(2, 2, 4, 4, dtype=torch.double, requires_grad=True)
    original = net[0].parametrizations.weight.original
    state = net[0].parametrizations.weight[0]

    def loss(weight):
        bound = torch.func.functional_call(net, {"0.parametrizations.weight.original": weight}, x)
        return bound.sum()

    assert torch.autograd.gradcheck(loss, original)
    assert torch.autograd.gradgradcheck(loss, original)
    weight = net[0].weight
    up = torch.randn_like(weight)
    (found,) = torch.autograd.grad((weight * up).sum(), original)
    sigma = state._u @ original.flatten(1) @ state._v
    outer = torch.outer(state._u, state._v).view_as(weight)
    expected = (up - (up * weight).sum() * outer) / sigma
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_spectral_norm_resumes_exactly():
    net = spectral(nn.Conv2d(3, 4, 3))
    x = torch.randn(2, 3, 5, 5)
    net(x)
    other = spectral(nn.Conv2d(3, 4, 3))
    other.load_state_dict(copy.deepcopy(net.state_dict()))
    for _ in range(3):
        assert torch.equal(net(x), other(x))


def test_initialisations_have_their_statistics():
    net = nn.Sequential(nn.Conv2d(64, 128, 4), nn.BatchNorm2d(4096), nn.Linear(100, 400))
    dcgan_init(net)
    assert abs(net[0].weight.std().item() / 0.02 - 1) < 0.02
    assert abs(net[1].weight.mean().item() - 1) < 0.002
    assert net[1].bias.abs().max() == 0
    assert abs(net[1].weight.std().item() / 0.02 - 1) < 0.05
    he_init(net)
    assert abs(net[0].weight.var().item() / (2 / 1024) - 1) < 0.03
    uniform_init(net, 0.05)
    assert 0.049 < net[2].weight.abs().max() <= 0.05
    assert net[2].bias.abs().max() == 0
    orthogonal_init(net, 1.4)
    gram = net[2].weight.T @ net[2].weight
    torch.testing.assert_close(gram, 1.96 * torch.eye(100), rtol=0, atol=1e-4)


def test_norms_by_name():
    x = 5 * torch.randn(8, 6, 4, 4) + 2
    means = {"batch": (0, 2, 3), "layer": (1, 2, 3), "instance": (2, 3)}
    for name, dims in means.items():
        assert norm2d(name, 6)(x).mean(dims).abs().max() < 1e-5
    assert norm2d("none", 6)(x) is x
    with pytest.raises(ValueError, match="norm is 'bach'; it must be one of batch, none"):
        check_norm("bach", ("batch", "none"))


def test_parameters_counts():
    assert parameters(nn.Linear(3, 4)) == 16
