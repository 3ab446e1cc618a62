"""Networks that are told a class, or tell it: published sizes, shapes, and the class counts."""

from itertools import pairwise

import pytest
import torch

from gansaku.nets import parameters
from gansaku.nets.acgan import ACGANCritic, ACGANGenerator
from gansaku.nets.conditional import (
    ConditionalCritic,
    ConditionalGenerator,
    ConditionalMaxoutCritic,
    ConditionalMLPGenerator,
    LabelHead,
)
from gansaku.nets.infogan import InfoCritic, InfoGenerator
from gansaku.nets.layers.label import ConditionalBatchNorm2d, one_hot, with_label

SHAPES = [(1, 28, 28), (3, 32, 32), (3, 11, 17), (1, 8, 8)]
GENERATORS = {
    "mlp": lambda shape: ConditionalMLPGenerator(shape, 5, 3, 24),
    "concat": lambda shape: ConditionalGenerator(shape, 5, 3, 4),
    "norms": lambda shape: ConditionalGenerator(shape, 5, 3, 4, "nearest", "projection"),
    "acgan": lambda shape: ACGANGenerator(shape, 5, 3, 4),
}
CRITICS = {
    "maxout": lambda shape: ConditionalMaxoutCritic(shape, 3, 24),
    "maxout projection": lambda shape: ConditionalMaxoutCritic(shape, 3, 24, told="projection"),
    "concat": lambda shape: ConditionalCritic(shape, 3, 4),
    "projection": lambda shape: ConditionalCritic(shape, 3, 4, "spectral", "projection"),
}
Y = torch.tensor([0, 1, 2, 0, 1])


def test_published_sizes_of_cgan():
    # weights and biases: 100-200 and 10-1000, both to 1200, to 784; of the critic 784-(240 x 5) and
    # 10-(50 x 5), both to 240 x 4, to 1
    g = ConditionalMLPGenerator((1, 28, 28), 100, 10)
    assert parameters(g) == 101 * 200 + 11 * 1000 + 1201 * 1200 + 1201 * 784
    d = ConditionalMaxoutCritic((1, 28, 28), 10)
    assert parameters(d) == 785 * 1200 + 11 * 250 + 291 * 960 + 241


def test_published_sizes_of_acgan():
    # table 2: 110-384 x 4 x 4, then 5 x 5 to 192, 96 and 3 maps, with batch norm after the first
    # two; six 3 x 3 convolutions of 16 to 512 maps, norms after the last five, 1 + 10 outputs
    g = ACGANGenerator((3, 32, 32), 100, 10)
    convs = [384 * 192 * 25 + 192, 192 * 96 * 25 + 96, 96 * 3 * 25 + 3]
    assert parameters(g) == 111 * 384 * 16 + sum(convs) + 2 * (192 + 96)
    d = ACGANCritic((3, 32, 32), 10)
    channels = [3, 16, 32, 64, 128, 256, 512]
    convs = [9 * a * b + b for a, b in pairwise(channels)]
    assert parameters(d) == sum(convs) + 2 * sum(channels[2:]) + (512 * 16 + 1) * 11


def test_published_sizes_of_infogan():
    # appendix C.1: 74-1024-(128 x 7 x 7), 64 maps, 1; 64, 128 maps, 1024, then 1 and 128-(10 + 2)
    g = InfoGenerator((1, 28, 28), 74)
    up = 128 * 64 * 16 + 2 * 64 + 64 * 16 + 1
    assert parameters(g) == 74 * 1024 + 2 * 1024 + 1024 * 6272 + 2 * 128 + up
    d = InfoCritic((1, 28, 28), 12)
    down = 16 * 64 + 64 + 64 * 128 * 16 + 2 * 128 + 6272 * 1024 + 2 * 1024
    assert parameters(d) == down + 1025 + 1024 * 128 + 2 * 128 + 129 * 12


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", GENERATORS)
def test_generators_draw_what_they_are_told(name, shape):
    g, z = GENERATORS[name](shape), torch.randn(5, 5)
    x = g(z, Y)
    assert x.shape == (5, *shape)
    assert x.abs().max() <= 1
    assert g.classes == 3
    g.eval()  # each sample for itself, without dropout
    same, other = g(z, Y), g(z, (Y + torch.tensor([1, 0, 0, 0, 0])) % 3)
    moved = (same - other).flatten(1).abs().amax(1)
    if name == "norms":  # gains of all classes begin alike
        assert not moved.any()
    else:
        assert moved[0] > 0
        assert torch.allclose(moved[1:], torch.zeros(4), atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CRITICS)
def test_critics_judge_by_the_class(name, shape):
    d, x = CRITICS[name](shape).eval(), torch.rand(5, *shape) * 2 - 1
    logits = d(x, Y)
    assert logits.shape == (5,)
    moved = (logits - d(x, (Y + torch.tensor([1, 0, 0, 0, 0])) % 3)).abs()
    assert moved[0] > 0
    assert torch.allclose(moved[1:], torch.zeros(4), atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("norm", ["batch", "layer", "none", "spectral"])
def test_critics_that_tell(norm, shape):
    x = torch.rand(5, *shape) * 2 - 1
    said = ACGANCritic(shape, 7, 4, norm=norm)(x)
    assert (said.logits.shape, said.classes.shape) == ((5,), (5, 7))
    said = InfoCritic(shape, 7, 4, norm=norm)(x)
    assert (said.logits.shape, said.codes.shape) == ((5,), (5, 7))
    assert InfoGenerator(shape, 6, 4)(torch.randn(5, 6)).shape == x.shape


def test_projection_is_a_product_with_the_embedding():
    head, h, y = LabelHead(6, 3, True), torch.randn(5, 6), Y
    psi = h @ head.linear.weight[0] + head.linear.bias
    product = (head.embed.weight.T[y] * h).sum(1)  # row y of V
    torch.testing.assert_close(head(h, one_hot(y, 3)), psi + product)
    plain = LabelHead(6, 3, False)
    assert torch.equal(plain(h, one_hot(y, 3)), plain(h, one_hot(y * 0, 3)))


def test_conditional_norm_is_batch_norm_with_gains_of_the_class():
    layer, x = ConditionalBatchNorm2d(4, 3), torch.randn(5, 4, 6, 6)
    plain = torch.nn.functional.batch_norm(x, None, None, training=True)
    torch.testing.assert_close(layer(x, one_hot(Y, 3)), plain)
    with torch.no_grad():
        layer.gain.normal_()
        layer.bias.normal_()
    told = plain * layer.gain[Y][:, :, None, None] + layer.bias[Y][:, :, None, None]
    torch.testing.assert_close(layer(x, one_hot(Y, 3)), told)


def test_labels_stand_behind_features():
    joined = with_label(torch.zeros(5, 2, 3, 4), one_hot(Y, 3))
    assert joined.shape == (5, 5, 3, 4)
    assert torch.equal(joined[:, 2:, 1, 2].argmax(1), Y)
    assert with_label(torch.zeros(5, 2), one_hot(Y, 3)).shape == (5, 5)


def test_unknown_ways_are_refused():
    with pytest.raises(ValueError, match="concat, projection"):
        ConditionalCritic((1, 8, 8), 3, told="sung")
    with pytest.raises(ValueError, match="concat, projection"):
        ConditionalMaxoutCritic((1, 8, 8), 3, told="sung")
    with pytest.raises(ValueError, match="transpose or nearest"):
        ConditionalGenerator((1, 8, 8), 4, 3, up="sideways")
    with pytest.raises(ValueError, match="norm is"):
        InfoCritic((1, 8, 8), 3, norm="odd")
