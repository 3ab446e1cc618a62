"""SPADE's networks: published sizes, what the map does to the norm, any size."""

import itertools

import pytest
import torch
from torch import nn

from gansaku.nets import parameters
from gansaku.nets.spade import (
    MultiscaleCritic,
    Spade,
    SpadeBlock,
    SpadeGenerator,
    StyleEncoder,
    ladder,
)


@pytest.mark.parametrize(
    ("labels", "size", "millions"),
    [(151, (256, 256), 96.5), (36, (256, 512), 93.0), (184, (256, 256), 97.5)],
    ids=["ade20k", "cityscapes", "coco"],
)
def test_published_parameter_counts(labels, size, millions):
    with torch.device("meta"):  # spectral norm needs no values to be counted
        net = SpadeGenerator(labels, 3, size)
    assert round(parameters(net) / 1e6, 1) == millions


def test_encoder_and_critics_have_the_authors_layers():
    # 3x3 convolutions without biases to 64 128 256 512 512 512, two linear maps of 512 x 4 x 4
    widths = (3, 64, 128, 256, 512, 512, 512)
    convolutions = sum(9 * a * b for a, b in itertools.pairwise(widths))
    assert parameters(StyleEncoder(3)) == convolutions + 2 * (8192 * 256 + 256)
    # two critics of 4x4 convolutions to 64 128 256 512 1, biases in the first and last
    widths = (154, 64, 128, 256, 512, 1)
    one = sum(16 * a * b for a, b in itertools.pairwise(widths)) + 64 + 1
    assert parameters(MultiscaleCritic(154)) == 2 * one


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("z", [0, 4])
@pytest.mark.parametrize("size", [(16, 16), (33, 50)])
def test_any_size(norm, z, size):
    net = SpadeGenerator(5, 3, size, 2, z, norm, 4)
    noise = torch.randn(2, z) if z else None
    for other in (size, (40, 28)):
        made = net(net.seen(torch.randint(5, (2, 1, *other))), noise)
        assert made.shape == (2, 3, *other)
        assert made.abs().max() <= 1


def test_sizes_double_from_a_32nd():
    assert ladder((256, 512)) == [(8, 16), (16, 32), (32, 64), (64, 128), (128, 256), (256, 512)]
    assert ladder((40, 16))[:3] == [(2, 2), (3, 2), (5, 2)]


def test_unlabelled_is_the_last_class():
    net = SpadeGenerator(4, 3, (16, 16), 2, hidden=4)
    seen = net.seen(torch.tensor([[[[0, 2], [3, 255]]]]))
    assert seen[0, :, 0, 1].tolist() == [0, 0, 1, 0]
    assert seen[0, :, 1, 1].tolist() == [0, 0, 0, 1]
    assert torch.equal(seen.sum(1), torch.ones(1, 2, 2))


def test_spade_is_norm_times_gain_and_bias_of_the_map():
    layer = Spade(3, 2, "instance", 4)
    x, seen = torch.randn(2, 3, 8, 8), torch.zeros(2, 2, 16, 16)
    seen[:, 0, :, :8], seen[:, 1, :, 8:] = 1, 1
    with torch.no_grad():
        for conv in (layer.gain, layer.bias):
            nn.init.zeros_(conv.weight)
        layer.gain.bias.fill_(1.0)
        layer.bias.bias.copy_(torch.tensor([0.0, 1.0, 2.0]))
    normed = nn.functional.instance_norm(x)
    wanted = 2 * normed + torch.tensor([0.0, 1.0, 2.0]).view(1, 3, 1, 1)
    assert torch.allclose(layer(x, seen), wanted, atol=1e-5)


def test_a_uniform_map_is_not_washed_away():
    # the paper's figure 3: what instance norm makes 0 keeps its class here
    layer = Spade(3, 2, "instance", 4)
    nn.init.normal_(layer.shared[0].weight)
    nn.init.normal_(layer.bias.weight)
    flat, grass = torch.zeros(1, 3, 8, 8), torch.zeros(1, 2, 8, 8)
    sky = grass.clone()
    grass[:, 0], sky[:, 1] = 1, 1
    assert (layer(flat, grass) - layer(flat, sky)).abs().max() > 0.1


def test_a_block_adds_its_input_or_a_map_of_it():
    x, seen = torch.randn(2, 4, 8, 8), torch.zeros(2, 2, 8, 8)
    for block in (SpadeBlock(4, 4, 2, "batch", 4).eval(), SpadeBlock(4, 2, 2, "batch", 4).eval()):
        act = nn.functional.leaky_relu
        branch = block.conv1(act(block.norm1(x, seen), 0.2))
        branch = block.conv2(act(block.norm2(branch, seen), 0.2))
        skip = x if block.beside is None else block.beside(block.norm0(x, seen))
        assert torch.allclose(block(x, seen), branch + skip, atol=1e-6)
    assert skip.shape == (2, 2, 8, 8)


def test_critics_show_features_and_logits_of_two_scales():
    found = MultiscaleCritic(5, 4)(torch.rand(2, 5, 64, 32))
    assert [len(maps) for maps in found] == [5, 5]
    assert [maps[-1].shape for maps in found] == [(2, 1, 11, 7), (2, 1, 7, 5)]


def test_a_style_is_asked_for():
    with pytest.raises(ValueError, match="give it z"):
        SpadeGenerator(4, 3, (16, 16), 2, z=3, hidden=4)(torch.zeros(1, 4, 16, 16))
    with pytest.raises(ValueError, match="batch or instance"):
        SpadeGenerator(4, 3, (16, 16), 2, norm="layer")


def test_small_pictures_have_fewer_halvings():
    encoder = StyleEncoder(3, 4, 2, side=40)
    assert encoder.side == 32
    mean, log_variance = encoder(torch.rand(2, 3, 40, 30))
    assert mean.shape == log_variance.shape == (2, 4)
