"""The residual translator: the authors' size and layers, any picture, its features and heads."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gansaku.nets import parameters
from gansaku.nets.translator import PatchHeads, Translator, blurred, doubled, picked


@given(st.integers(8, 40), st.integers(8, 40), st.booleans())
@settings(max_examples=20, deadline=None)
def test_any_size(height, width, antialias):
    net = Translator(1, 3, 2, 5, antialias)
    made = net(torch.rand(2, 1, height, width))
    assert made.shape == (2, 3, height, width)
    assert made.abs().max() <= 1


@pytest.mark.parametrize("antialias", [False, True])
def test_published_parameter_counts(antialias):
    # pytorch-CycleGAN's resnet_9blocks and resnet_6blocks; CUT's blurs have no parameters
    assert parameters(Translator(3, 3, antialias=antialias)) == 11_378_179
    assert parameters(Translator(3, 3, blocks=6, antialias=antialias)) == 7_837_699


def reference(net: Translator) -> nn.Sequential:
    """The authors' network as a plain list of layers, with `net`'s weights."""
    w = 4
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, w, 7), nn.InstanceNorm2d(w), nn.ReLU()]
    for i in (w, 2 * w):
        layers += [nn.Conv2d(i, 2 * i, 3, 2, 1), nn.InstanceNorm2d(2 * i), nn.ReLU()]
    for _ in range(2):
        branch = []
        for last in (False, True):
            branch += [nn.ReflectionPad2d(1), nn.Conv2d(4 * w, 4 * w, 3), nn.InstanceNorm2d(4 * w)]
            branch += [] if last else [nn.ReLU()]
        layers.append(Added(nn.Sequential(*branch)))
    for i in (4 * w, 2 * w):
        layers.append(nn.ConvTranspose2d(i, i // 2, 3, 2, 1, 1))
        layers += [nn.InstanceNorm2d(i // 2), nn.ReLU()]
    whole = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(w, 3, 7), nn.Tanh())
    for ours, theirs in zip(net.parameters(), whole.parameters(), strict=True):
        theirs.data.copy_(ours.data)
    return whole


class Added(nn.Module):
    def __init__(self, branch):
        super().__init__()
        self.branch = branch

    def forward(self, x):
        return x + self.branch(x)


def test_it_is_the_authors_network():
    net = Translator(3, 3, width=4, blocks=2)
    x = torch.rand(2, 3, 16, 24)
    assert torch.allclose(net(x), reference(net)(x), atol=1e-5)


def test_features_are_those_on_the_way():
    net = Translator(3, 3, width=4, blocks=6, antialias=True)
    x = torch.rand(2, 3, 16, 20)
    taps = (0, 1, 2, 3, 7)
    maps = net.encode(x, taps)
    assert [m.shape[1] for m in maps] == [net.widths[tap] for tap in taps] == [3, 8, 16, 16, 16]
    assert [tuple(m.shape[2:]) for m in maps] == [(16, 20), (16, 20), (8, 10), (4, 5), (4, 5)]
    assert torch.equal(maps[0], x)
    seen = {}
    net.down[1].conv.register_forward_hook(lambda m, i, out: seen.update(halving=out))
    net.blocks[4].register_forward_hook(lambda m, i, out: seen.update(fifth=out))
    net(x)
    assert torch.allclose(maps[2], seen["halving"])
    assert torch.allclose(maps[4], seen["fifth"], atol=1e-6)


def field(net: Translator, tap: int, side: int) -> int:
    """How many rows of pixels one feature sees; norms see all and are left out."""
    for module in net.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.InstanceNorm2d):
                setattr(module, name, nn.Identity())
    x = torch.rand(1, 3, side, side, requires_grad=True)
    found = net.encode(x, (tap,))[0]
    found[0, :, found.shape[2] // 2, found.shape[3] // 2].sum().backward()
    return int((x.grad.abs().sum((0, 1)) > 0).any(1).sum())


@pytest.mark.parametrize(("tap", "pixels"), [(0, 1), (1, 9), (2, 15), (3, 35), (7, 99)])
def test_receptive_fields_are_those_of_the_paper(tap, pixels):
    # CUT, appendix C.2: 1, 9, 15, 35 and 99 pixels
    assert field(Translator(3, 3, width=4, blocks=5, antialias=True), tap, 160) == pixels


def test_blurs_keep_constants_and_remove_stripes():
    ones = torch.ones(1, 2, 7, 8)
    assert torch.allclose(blurred(ones), torch.ones(1, 2, 4, 4))
    assert torch.allclose(doubled(ones), torch.ones(1, 2, 14, 16))
    stripes = torch.tensor([1.0, -1.0]).repeat(8).expand(1, 1, 8, 16)
    assert blurred(stripes)[:, :, :, 1:-1].abs().max() < 1e-6


def test_doubling_interpolates():
    ramp = torch.arange(6.0).expand(1, 1, 4, 6)
    inside = doubled(ramp)[0, 0, 3, 2:-2]  # binomial weights 3/4, 1/4
    assert torch.allclose(inside, torch.arange(0.75, 4.5, 0.5))


def test_heads_see_each_place_alone():
    heads = PatchHeads((3, 5), 4)
    features = [torch.randn(2, 6, 3), torch.randn(2, 6, 5)]
    made = heads(features)
    assert [m.shape for m in made] == [(2, 6, 4), (2, 6, 4)]
    assert torch.allclose(made[1].norm(dim=-1), torch.ones(2, 6), atol=1e-5)
    assert torch.allclose(heads([f[:, 2:3] for f in features])[0], made[0][:, 2:3], atol=1e-6)


def test_picked_places():
    x = torch.arange(24.0).view(1, 2, 3, 4)
    (found,) = picked([x], [torch.tensor([[0, 5, 11]])])
    assert found.tolist() == [[[0, 12], [5, 17], [11, 23]]]


def test_instance_norm_does_not_see_brightness_and_batch_norm_does():
    x = torch.rand(2, 3, 16, 16) - 0.5
    blind, seeing = (Translator(3, 3, 4, 2, norm=norm) for norm in ("instance", "batch"))
    for norm in (m for m in seeing.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.momentum = 1.0  # one batch tells all
    seeing(x)
    changes = []
    for net in (blind.eval(), seeing.eval()):
        plain = net(x)
        changes.append(float((net(x + 0.4) - plain).detach().abs().mean() / plain.detach().std()))
    assert changes[0] < 1e-3
    assert changes[1] > 0.1
    with pytest.raises(ValueError, match="instance, batch, none"):
        Translator(3, 3, norm="layer")
