"""R3GAN's networks against the paper's description."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from gansaku.nets import R3GANCritic, R3GANGenerator, parameters
from gansaku.nets.r3gan import DiscriminativeBasis, GenerativeBasis, ResidualBlock, Upsample


@given(st.integers(8, 130), st.integers(8, 130), st.integers(1, 4), st.integers(0, 2))
@settings(max_examples=15, deadline=None)
def test_any_size(height, width, channels, blocks):
    shape = (channels, height, width)
    images = R3GANGenerator(shape, z=3, widths=4, blocks=blocks, group=4)(torch.randn(2, 3))
    logits = R3GANCritic(shape, widths=4, blocks=blocks, group=4)(images)
    assert images.shape == (2, *shape)
    assert logits.shape == (2,)
    assert images.isfinite().all()
    assert logits.isfinite().all()


def test_parameter_counts_at_the_papers_size():
    # CIFAR-10: four stages of width 768, two blocks each, twice as wide inside, groups of 16
    inside = 2 * 768
    block = 768 * inside + inside + inside * 16 * 9 + inside + inside * 768
    with torch.device("meta"):
        generator = R3GANGenerator((3, 32, 32), widths=768, blocks=2)
        critic = R3GANCritic((3, 32, 32), widths=768, blocks=2)
    assert parameters(generator) == 8 * block + 768 * (16 + 64 + 3)
    assert parameters(critic) == 8 * block + 768 * (16 + 1 + 3)


def test_block_is_the_identity_at_first_and_the_papers_function_later():
    block = ResidualBlock(8, 4, 2, total=16)
    x = torch.randn(2, 8, 5, 6)
    assert torch.equal(block(x), x)
    torch.nn.init.normal_(block.narrow.weight)
    h = F.leaky_relu(block.widen(x), 0.2)
    h = F.leaky_relu(F.conv2d(h, block.mix.weight, block.mix.bias, padding=1, groups=4), 0.2)
    torch.testing.assert_close(block(x), x + F.conv2d(h, block.narrow.weight))


def test_blocks_start_at_fixups_scale():
    block = ResidualBlock(128, 16, 2, total=16)
    for layer, fan_in in [(block.widen, 128), (block.mix, 16 * 9)]:
        variance = 2 / 1.04 / fan_in * 16 ** (-1 / 2)  # L^(-1/4) on the weights, m = 3
        assert abs(layer.weight.var().item() / variance - 1) < 0.05


def test_basis_keeps_unit_variance():
    x = GenerativeBasis(64, 128, (4, 4))(torch.randn(500, 64))
    assert abs(x.var().item() - 1) < 0.2
    logits = DiscriminativeBasis(128, (4, 4))(torch.randn(2000, 128, 4, 4))
    assert abs(logits.var().item() - 1) < 0.5


def test_discriminative_basis_is_a_depthwise_convolution():
    head = DiscriminativeBasis(6, (4, 3))
    x = torch.randn(5, 6, 4, 3)
    expected = F.conv2d(x, head.basis[:, None], groups=6).flatten(1) @ head.linear.weight.T
    torch.testing.assert_close(head(x), expected.squeeze(1))


def test_upsample_commutes_with_its_convolution():
    layer = Upsample(6, 4, (9, 8))
    x = torch.randn(2, 6, 5, 4)
    expected = layer.change(F.interpolate(x, (9, 8), mode="bilinear"))
    torch.testing.assert_close(layer(x), expected)


def test_widths_and_blocks_are_from_the_smallest_size_up():
    generator = R3GANGenerator((1, 28, 28), widths=(64, 32, 16, 8), blocks=(2, 1, 1, 0), group=8)
    critic = R3GANCritic((1, 28, 28), widths=(64, 32, 16, 8), blocks=(2, 1, 1, 0), group=8)
    assert generator.basis.basis.shape == (64, 4, 4)
    assert generator.paint.in_channels == critic.read.out_channels == 8
    kinds = ["ResidualBlock", "ResidualBlock", *["Upsample", "ResidualBlock"] * 2, "Upsample"]
    assert [type(layer).__name__ for layer in generator.stages] == kinds
    mirror = [kind.replace("Up", "Down") for kind in kinds[::-1]]
    assert [type(layer).__name__ for layer in critic.stages] == mirror


def test_width_halves_down_to_the_narrowest():
    tapered = R3GANGenerator((3, 64, 64), widths=64, narrowest=16)
    listed = R3GANGenerator((3, 64, 64), widths=(64, 32, 16, 16, 16))
    assert [p.shape for p in tapered.parameters()] == [p.shape for p in listed.parameters()]
    tapered = R3GANCritic((3, 64, 64), widths=64, narrowest=16)
    listed = R3GANCritic((3, 64, 64), widths=(64, 32, 16, 16, 16))
    assert [p.shape for p in tapered.parameters()] == [p.shape for p in listed.parameters()]


def test_gradient_twice_against_finite_differences():
    critic = R3GANCritic((2, 9, 8), widths=2, group=2).double()
    for layer in critic.modules():
        if isinstance(layer, ResidualBlock):
            torch.nn.init.normal_(layer.narrow.weight)
    x = torch.randn(2, 2, 9, 8, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(critic, x)
    assert torch.autograd.gradgradcheck(lambda x: critic(x).tanh(), x, fast_mode=True)


def test_penalty_gradients_reach_every_block():
    critic = R3GANCritic((3, 16, 12), widths=8, group=4)
    x = torch.randn(4, 3, 16, 12).requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    blocks = [layer for layer in critic.modules() if isinstance(layer, ResidualBlock)]
    assert len(blocks) == 2
    assert all(block.narrow.weight.grad.abs().sum() > 0 for block in blocks)


def test_state_round_trip_is_identical():
    generators = [R3GANGenerator((3, 20, 30), widths=8, group=4) for _ in range(2)]
    z = torch.randn(4, 64)
    generators[1].load_state_dict(copy.deepcopy(generators[0].state_dict()))
    assert torch.equal(generators[0](z), generators[1](z))


def test_what_cannot_be_built_is_refused():
    with pytest.raises(ValueError, match="widths has 2 numbers; the stages at this size are 4: 4x"):
        R3GANGenerator((1, 28, 28), widths=(8, 8))
    with pytest.raises(ValueError, match="group is 5; it must divide 16"):
        R3GANCritic((1, 28, 28), widths=8, group=5)
