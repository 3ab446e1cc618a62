"""The residual networks: any size, and at 32 x 32 exactly the published ones."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from gansaku.nets import ResNetCritic, ResNetGenerator, parameters
from gansaku.nets.resnet import DownBlock, FirstBlock, PlainBlock, UpBlock


def conv(inputs: int, outputs: int, kernel: int) -> int:
    return inputs * outputs * kernel**2 + outputs


def published_generator(width: int) -> int:
    """Table 3 of either paper: dense, three blocks with 1x1 shortcuts, norm, convolution."""
    block = 2 * conv(width, width, 3) + conv(width, width, 1) + 2 * 2 * width
    return 129 * 16 * width + 3 * block + 2 * width + conv(width, 3, 3)


def published_critic(width: int) -> int:
    """Table 3: the first block, one that halves, two plain ones, dense."""
    first = conv(3, width, 3) + conv(width, width, 3) + conv(3, width, 1)
    down = 2 * conv(width, width, 3) + conv(width, width, 1)
    return first + down + 2 * 2 * conv(width, width, 3) + width + 1


def test_published_parameter_counts():
    assert parameters(ResNetGenerator((3, 32, 32))) == published_generator(256) == 4_276_739
    wgan_gp = ResNetGenerator((3, 32, 32), width=128)
    assert parameters(wgan_gp) == published_generator(128) == 1_204_483
    critic = ResNetCritic((3, 32, 32))
    assert parameters(critic) == published_critic(128) == 1_053_825


@given(
    st.integers(8, 130),
    st.integers(8, 130),
    st.integers(1, 4),
    st.sampled_from(["batch", "layer", "instance", "none"]),
    st.sampled_from(["batch", "layer", "spectral", "none"]),
)
@settings(max_examples=20, deadline=None)
def test_any_size(height, width, channels, g_norm, d_norm):
    shape = (channels, height, width)
    images = ResNetGenerator(shape, z=3, width=3, norm=g_norm)(torch.randn(2, 3))
    logits = ResNetCritic(shape, width=3, norm=d_norm)(images)
    assert images.shape == (2, *shape)
    assert images.abs().max() <= 1
    assert logits.shape == (2,)
    assert logits.isfinite().all()


def test_blocks_are_what_the_paper_draws():
    x = torch.randn(2, 4, 6, 6)
    up = UpBlock(4, (12, 12), "none")
    doubled = F.interpolate(x, scale_factor=2.0)
    first, second = up.branch[1], up.branch[3]
    h = F.conv2d(F.interpolate(x.relu(), scale_factor=2.0), first.weight, first.bias, padding=1)
    torch.testing.assert_close(up(x), second(h.relu()) + up.skip(doubled), rtol=1e-4, atol=1e-5)

    down = DownBlock(4, "none")
    h = down.branch[1](x.relu()).relu()
    last = F.conv2d(h, down.branch[3].weight, down.branch[3].bias, padding=1)
    expected = F.avg_pool2d(last + down.skip(x), 2)
    torch.testing.assert_close(down(x), expected, rtol=1e-4, atol=1e-5)

    image, first = torch.randn(2, 3, 6, 6), FirstBlock(3, 4)
    h = F.conv2d(first.branch[0](image).relu(), first.branch[2].weight, first.branch[2].bias, 1, 1)
    expected = F.avg_pool2d(h + first.skip(image), 2)
    torch.testing.assert_close(first(image), expected, rtol=1e-4, atol=1e-5)

    plain = PlainBlock(4, "none")
    expected = x + plain.branch[3](plain.branch[1](x.relu()).relu())
    torch.testing.assert_close(plain(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["spectral", "layer", "none"])
def test_blocks_leave_their_input_alone(norm):
    x = torch.randn(2, 4, 6, 6)
    before = x.clone()
    for block in [DownBlock(4, norm), PlainBlock(4, norm), UpBlock(4, (12, 12), norm)]:
        block(x)
        assert torch.equal(x, before)


def test_pooling_differs_by_the_number_of_pixels():
    critic = ResNetCritic((3, 32, 32), width=8, norm="none", pool="sum")
    other = copy.deepcopy(critic)
    other.pool = "mean"
    x = torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(critic(x), 64 * other(x))  # 8 x 8 pixels are left


def test_gradient_twice_against_finite_differences():
    critic = ResNetCritic((2, 9, 8), width=2, norm="none").double()
    x = torch.randn(2, 2, 9, 8, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(critic, x)
    assert torch.autograd.gradgradcheck(lambda x: critic(x).tanh(), x, fast_mode=True)


@pytest.mark.parametrize("norm", ["spectral", "layer", "none", "batch"])
def test_penalty_gradients_reach_every_weight(norm):
    critic = ResNetCritic((3, 16, 12), width=4, norm=norm)
    x = torch.randn(4, 3, 16, 12).requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    weights = [p for p in critic.parameters() if p.ndim > 1]
    assert all(p.grad.abs().sum() > 0 for p in weights)


def test_initial_scale_is_glorots():
    generator = ResNetGenerator((3, 32, 32), z=128, width=64)
    block = generator.blocks[0]
    assert abs(block.branch[2].weight.var().item() / (2 / (9 * 64)) - 1) < 0.05  # gain sqrt 2
    assert abs(block.skip.weight.var().item() / (1 / 64) - 1) < 0.1
    assert abs(generator.basis.linear.weight.var().item() / (2 / (128 + 1024)) - 1) < 0.05


def test_state_round_trip_is_identical():
    nets = [ResNetCritic((3, 20, 30), width=4) for _ in range(2)]
    x = torch.randn(4, 3, 20, 30)
    nets[0](x)
    nets[1].load_state_dict(copy.deepcopy(nets[0].state_dict()))
    assert torch.equal(nets[0](x), nets[1](x))


def test_what_cannot_be_built_is_refused():
    with pytest.raises(ValueError, match="pool is 'max'; it must be sum or mean"):
        ResNetCritic((3, 32, 32), pool="max")
    with pytest.raises(ValueError, match="norm is 'spectral'"):
        ResNetGenerator((3, 32, 32), norm="spectral")
