"""SinGAN's and ConSinGAN's networks against their published sizes and closed forms."""

from __future__ import annotations

import pytest
import torch

from gansaku.nets import parameters
from gansaku.nets.consingan import ConSinGANGenerator
from gansaku.nets.singan import SinGANCritic, SinGANGenerator, warm_start, width_of


def count_of(channels: int, width: int, out: int) -> int:
    head = 9 * channels * width + width
    body = 3 * (9 * width * width + width)
    norms = 4 * 2 * width
    return head + body + norms + 9 * width * out + out


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("width", [32, 64, 128])
def test_parameters_are_those_of_five_layers(channels, width):
    assert parameters(SinGANGenerator(channels, width)) == count_of(channels, width, channels)
    assert parameters(SinGANCritic(channels, width)) == count_of(channels, width, 1)


def test_widths_double_every_four_scales():
    assert [width_of(k) for k in range(10)] == [32] * 4 + [64] * 4 + [128] * 2
    assert [width_of(k, widest=64) for k in (3, 8, 12)] == [32, 64, 64]


def test_shapes_for_any_proportions():
    noise, below = torch.randn(2, 1, 13, 40), torch.randn(2, 3, 13, 40)
    made = SinGANGenerator()(noise, below)
    assert made.shape == (2, 3, 13, 40)
    assert SinGANCritic()(made).shape == (2, 1, 3, 30)
    over = torch.randn(2, 3, 23, 50)
    assert SinGANGenerator()(over, below).shape == (2, 3, 13, 40)


def test_a_generator_adds_at_most_one_to_what_comes_up():
    net = SinGANGenerator()
    below = 5 * torch.randn(1, 3, 20, 20)
    added = net(torch.randn(1, 3, 20, 20), below) - below
    assert 0 < added.abs().max() <= 1
    for parameter in net.tail.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.equal(net(torch.randn(1, 3, 20, 20), below), below)


def test_a_critic_sees_patches_of_eleven_pixels():
    net = SinGANCritic().eval()
    x = torch.randn(1, 3, 31, 31, requires_grad=True)
    net(x)[0, 0, 10, 10].backward()
    seen = x.grad.abs().sum((0, 1)) > 0
    assert seen.sum() == 121
    assert seen[10:21, 10:21].all()


def test_padding_is_of_zeros_and_noise_over_the_edge_is_not_padded():
    net = SinGANGenerator().eval()
    z, below = torch.randn(1, 3, 12, 12), torch.randn(1, 3, 12, 12)
    wide = torch.nn.functional.pad(z, [5] * 4)
    assert torch.equal(net(z, below), net(wide, below))
    assert not torch.equal(net(wide + 1, below), net(wide, below))


def test_initialisation_is_the_authors():
    net = SinGANGenerator(width=128)
    weights = net.body[3].weight
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)
    norm = net.body[4]
    assert norm.weight.mean().item() == pytest.approx(1, abs=0.01)
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.3)
    assert not norm.bias.any()
    assert net.tail.bias.any()


def trained(width: int) -> SinGANGenerator:
    """A generator whose statistics and weights are no longer those of the beginning."""
    net = SinGANGenerator(3, width)
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    for _ in range(3):
        net(torch.randn(1, 3, 16, 16), torch.randn(1, 3, 16, 16))
    return net


def test_equal_widths_are_copied():
    old, new = trained(8), SinGANGenerator(3, 8)
    assert warm_start(new, old, widen=False)
    assert all(torch.equal(old.state_dict()[name], b) for name, b in new.state_dict().items())


@pytest.mark.parametrize("training", [False, True])
def test_widening_preserves_the_function_and_twins_differ(training):
    torch.manual_seed(1)
    old, new = trained(8).train(training), SinGANGenerator(3, 16).train(training)
    assert warm_start(new, old, widen=True)
    z, below = torch.randn(1, 3, 16, 16), torch.randn(1, 3, 16, 16)
    assert torch.allclose(new(z, below), old(z, below), atol=1e-5)
    new(z, below).square().sum().backward()
    first, second = new.body[3].weight.grad.chunk(2)
    assert (first - second).abs().max() > 0.1 * first.abs().max()


def test_other_widths_begin_afresh():
    old, new = trained(8), SinGANGenerator(3, 16)
    before = {name: value.clone() for name, value in new.state_dict().items()}
    assert not warm_start(new, old, widen=False)
    assert not warm_start(SinGANGenerator(3, 24), old, widen=True)
    assert all(torch.equal(before[name], b) for name, b in new.state_dict().items())


def test_consingan_grows_stage_by_stage():
    net = ConSinGANGenerator(3, 8, stages=3)
    conv = 9 * 8 * 8 + 8
    assert parameters(net) == (9 * 3 * 8 + 8) + 3 * 3 * conv + (9 * 8 * 3 + 3)
    sizes = [(12, 15), (16, 20), (25, 31)]
    noises = [torch.randn(2, 3, 12, 15)] + [torch.randn(2, 8, h + 6, w + 6) for h, w in sizes[1:]]
    for played in (1, 2, 3):
        made = net(noises[:played], sizes)
        assert made.shape == (2, 3, *sizes[played - 1])
        assert made.abs().max() <= 1


def test_a_stage_without_effect_hands_features_on():
    net = ConSinGANGenerator(3, 8, stages=2)
    for parameter in net.body[1].parameters():
        torch.nn.init.zeros_(parameter)
    sizes = [(12, 15), (12, 15)]
    noises = [torch.randn(1, 3, 12, 15), torch.randn(1, 8, 18, 21)]
    assert torch.allclose(net(noises, sizes), net(noises[:1], sizes), atol=1e-6)
