"""U-Net and PatchGAN: the authors' counts and shapes, fields of view, odd sizes, noise."""

import pytest
import torch

from gansaku.core.noise import EachNoise, Noise
from gansaku.nets.layers.count import parameters
from gansaku.nets.patch import HALVINGS, PATCHES, PatchCritic, smallest
from gansaku.nets.unet import UNet, depth_of


def unet_count(depth: int, inputs: int = 3, outputs: int = 3, ngf: int = 64) -> int:
    """The authors' U-Net counted by hand: weights of 4 x 4, two numbers a channel of a norm."""
    widths = [ngf * min(2**level, 8) for level in range(depth)]
    down = 16 * sum(a * b for a, b in zip([inputs, *widths[:-1]], widths, strict=True))
    up = 16 * widths[-1] * widths[-2] + 16 * sum(
        2 * widths[k] * widths[k - 1] for k in range(depth - 2, 0, -1)
    )
    last = 16 * 2 * ngf * outputs + outputs
    norms = 2 * sum(widths[1:-1]) + 2 * sum(widths[:-1])
    return down + up + last + norms


@pytest.mark.parametrize(("size", "depth"), [(256, 8), (128, 7), (64, 6)])
def test_unet_has_the_authors_parameters(size, depth):
    with torch.device("meta"):
        net = UNet(3, 3, (size, size))
    assert net.depth == depth
    assert parameters(net) == unet_count(depth)
    if size == 256:
        assert parameters(net) == 54_413_955  # "54.414 M" in their log


@pytest.mark.parametrize(
    ("channels", "norm", "count"), [(6, "instance", 2_768_705), (3, "bare", 2_764_737)]
)
def test_patch_critic_has_the_authors_parameters(channels, norm, count):
    net = PatchCritic(channels, norm=norm)
    assert parameters(net) == count
    assert net(torch.zeros(1, channels, 256, 256)).shape == (1, 1, 30, 30)


@pytest.mark.parametrize("patch", PATCHES)
def test_a_logit_sees_a_patch_of_that_size(patch):
    net = PatchCritic(2, 2, patch, "none")  # a norm would look at the whole picture
    x = torch.randn(1, 2, 400, 400, requires_grad=True)
    y = net(x)
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    seen = x.grad.abs().sum((0, 1)) > 0
    assert seen.any(0).sum() == seen.any(1).sum() == patch


@pytest.mark.parametrize("patch", PATCHES)
def test_the_smallest_picture_of_a_patch(patch):
    net = PatchCritic(1, 2, patch)
    least = smallest(patch)
    assert net(torch.zeros(1, 1, least, least)).shape[2] == (1 if patch in HALVINGS else 2)
    with pytest.raises(ValueError, match=f"{least} pixels or more"):
        net(torch.zeros(1, 1, least + 9, least - 1))


@pytest.mark.parametrize(("name", "value"), [("patch", 69), ("norm", "layer")])
def test_unknown_words_of_critics(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value!r}; it must be one of"):
        PatchCritic(3, 4, **{name: value})


@pytest.mark.parametrize("size", [(16, 16), (17, 30), (45, 60), (109, 89), (2, 2), (33, 8)])
def test_unet_at_any_size(size):
    net = UNet(1, 2, size, width=2)
    assert net.depth == depth_of(size) == next(k for k in range(9) if 2**k >= min(size))
    y = net(torch.randn(2, 1, *size))
    assert y.shape == (2, 2, *size)
    assert y.abs().max() <= 1
    larger = (size[0] + 21, size[1] + 14)
    assert net(torch.randn(1, 1, *larger)).shape == (1, 2, *larger)


def test_unet_of_a_power_of_two_pads_nothing():
    """The outer columns of an odd picture are what `even` makes of them; others it leaves alone."""
    net = UNet(1, 1, (16, 16), width=2)
    x = torch.randn(1, 1, 16, 16)
    doubled = torch.cat([x[..., :15], x[..., 14:15]], 3)
    assert torch.allclose(net(x[..., :15])[..., :15], net(doubled)[..., :15], atol=1e-6)


def test_dropout_is_noise_whatever_the_mode():
    net = UNet(1, 1, (16, 16), width=4).eval()
    x = torch.randn(2, 1, 16, 16)
    plain, noisy = net(x), net(x, Noise(0))
    assert torch.equal(plain, net.train()(x))
    assert torch.equal(noisy, net(x, Noise(0)))
    assert not torch.allclose(plain, noisy, atol=1e-3)
    assert not torch.allclose(noisy, net(x, Noise(1)), atol=1e-3)
    one = net(x[1:], EachNoise(0, [7]))
    assert torch.allclose(one, net(x, EachNoise(0, [3, 7]))[1:], atol=1e-6)


def test_dropout_keeps_the_mean():
    drop = UNet(1, 1, (16, 16), width=2, dropout=0.25).dropout
    x = drop(torch.ones(8, 16, 32, 32), Noise(0))
    assert set(x.unique().tolist()) == {0.0, float(torch.tensor(1.0) / 0.75)}
    assert float((x == 0).float().mean()) == pytest.approx(0.25, abs=0.01)


def test_instance_norm_is_batch_norm_at_a_batch_of_one():
    """What the docstrings say of the paper's batch of one."""
    torch.manual_seed(0)
    one, other = (UNet(1, 1, (16, 16), width=4, norm=norm) for norm in ("instance", "batch"))
    other.load_state_dict(one.state_dict(), strict=False)
    x = torch.randn(1, 1, 16, 16)
    assert torch.allclose(one(x), other.train()(x), atol=1e-5)


def test_a_unet_of_one_pixel_is_refused():
    with pytest.raises(ValueError, match="5x1 is too small"):
        UNet(1, 1, (1, 5))
