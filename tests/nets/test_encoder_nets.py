"""Encoders and the networks around them: published sizes, shapes at any size, what is seen."""

import math

import pytest
import torch
from torch import nn

from gansaku.core.still import still
from gansaku.nets import parameters
from gansaku.nets.aae import AAEEncoder, CodeCritic
from gansaku.nets.ali import (
    PATTERNS,
    ALICritic,
    ALIEncoder,
    ALIGenerator,
    ALINormCritic,
    net_of,
    steps,
)
from gansaku.nets.bigan import BiGANCritic, BiGANEncoder, BiGANGenerator, PairCritic
from gansaku.nets.encoders import ConvEncoder, body_of, decoder, encoder, flat
from gansaku.nets.vaegan import VAEGANCritic, VAEGANDecoder, VAEGANEncoder

MNIST, CIFAR, FACES = (1, 28, 28), (3, 32, 32), (3, 64, 64)
CELEBA = PATTERNS["celeba"]
SHAPES = [(1, 16, 16), MNIST, CIFAR, (3, 45, 30), FACES]


def test_bigan_perceptrons_are_the_published_ones():
    # no biases, no gains: 784-1024-1024-50 and back, codes told to the second hidden layers
    assert parameters(BiGANEncoder(MNIST)) == 784 * 1024 + 1024 * 1024 + 1024 * 50
    assert parameters(BiGANGenerator(MNIST)) == 2 * 50 * 1024 + 1024 * 1024 + 1024 * 784
    assert parameters(BiGANCritic(MNIST)) == 784 * 1024 + 1024 * 1024 + 50 * 1024 + 1024


def test_aae_networks_are_the_published_ones():
    trunk = 785 * 1000 + 1001 * 1000
    assert parameters(AAEEncoder(MNIST, 8)) == trunk + 1001 * 8
    assert parameters(AAEEncoder(MNIST, 10, 10)) == trunk + 2 * 1001 * 10
    assert parameters(CodeCritic(8)) == 9 * 1000 + 1001 * 1000 + 1001
    assert parameters(decoder("auto", MNIST, 8, 64, 1000)) == 9 * 1000 + 1001 * 1000 + 1001 * 784


def test_ali_is_the_network_of_table_3():
    assert [(k, s, large[0], small[0]) for k, s, large, small in steps((32, 32))] == [
        (5, 1, 32, 28),
        (4, 2, 28, 13),
        (4, 1, 13, 10),
        (4, 2, 10, 4),
    ]
    convs = 25 * 3 * 32 + 16 * (32 * 64 + 64 * 128 + 128 * 256 + 256 * 512)
    norms = 2 * (32 + 64 + 128 + 256 + 512 + 512)
    assert parameters(ALIEncoder(CIFAR, 128)) == convs + 512 * 512 + norms + 513 * 128
    ups = 16 * (64 * 256 + 256 * 128 + 128 * 64 + 64 * 32) + 25 * 32 * 32 + 32 * 32 + 32 * 3
    assert parameters(ALIGenerator(CIFAR)) == ups + 2 * (256 + 128 + 64 + 32 + 32 + 32) + 3072
    see = 25 * 3 * 32 + 32 + 16 * (16 * 64 + 32 * 128 + 64 * 256 + 128 * 512)
    read, join = 64 * 512 + 256 * 512, 513 * 1024 + 513 * 1024 + 513
    assert parameters(ALICritic(CIFAR)) == see + read + join


def test_ali_of_faces_is_the_network_of_table_5():
    assert [(k, s, large[0], small[0]) for k, s, large, small in steps((64, 64), CELEBA)] == [
        (2, 1, 64, 63),
        (7, 2, 63, 29),
        (5, 2, 29, 13),
        (7, 2, 13, 4),
    ]
    later = 49 * 64 * 128 + 25 * 128 * 256 + 49 * 256 * 256 + 16 * 256 * 512
    norms = 2 * (128 + 256 + 256 + 512)
    encoder = 4 * 3 * 64 + later + 2 * 64 + norms + 513 * 512
    assert parameters(ALIEncoder(FACES, 512, 64, "celeba")) == encoder
    ups = 16 * 256 * 512 + 49 * 512 * 256 + 25 * 256 * 256 + 49 * 256 * 128 + 4 * 128 * 64
    own = 2 * (512 + 256 + 256 + 128 + 64) + 64 * 3 + 3 * 64 * 64
    assert parameters(ALIGenerator(FACES, 256, 64, "celeba")) == ups + own
    told, joint = 256 * 1024 + 1024 * 1024, 1537 * 2048 + 2049 * 2048 + 2049
    critic = 4 * 3 * 64 + 64 + later + norms + told + joint
    assert parameters(ALINormCritic(FACES, 256, 64)) == critic


def test_alis_network_is_by_the_size_unless_named():
    assert [net_of("auto", size) for size in ((28, 28), (64, 64), (64, 48))] == [
        "cifar10",
        "celeba",
        "cifar10",
    ]
    assert net_of("celeba", (28, 28)) == "celeba"
    with pytest.raises(ValueError, match="not 'lsun'"):
        net_of("lsun", (28, 28))
    with pytest.raises(ValueError, match="made for pictures"):
        ALIGenerator((2,), 4, 4, net_of("auto", ()))
    with pytest.raises(ValueError, match="--size of 3 or more"):
        steps((2, 2), CELEBA)


def test_vae_gan_is_the_network_of_table_1():
    norm = lambda *widths: 2 * sum(widths)  # noqa: E731
    convs = 25 * (3 * 64 + 64 * 128 + 128 * 256) + norm(64, 128, 256)
    dense = 256 * 64 * 1024 + norm(1024) + 1025 * 256
    assert parameters(VAEGANEncoder(FACES, 256)) == convs + dense
    start = 128 * 256 * 64 + norm(256 * 64)
    ups = 25 * (256 * 256 + 256 * 128 + 128 * 32) + norm(256, 128, 32) + 25 * 32 * 3 + 3
    assert parameters(VAEGANDecoder(FACES)) == start + ups
    see = 25 * 3 * 32 + 32 + 25 * (32 * 128 + 128 * 256 + 256 * 256) + norm(128, 256)
    judge = norm(256) + 256 * 64 * 512 + norm(512) + 513
    assert parameters(VAEGANCritic(FACES)) == see + judge
    assert VAEGANCritic(FACES)(torch.zeros(2, *FACES))[1].shape == (2, 256 * 8 * 8)


def test_age_has_dcgans_encoder():
    convs = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 2 * (128 + 256 + 512)
    assert parameters(ConvEncoder(FACES, 64)) == convs + 512 * 16 * 64 + 64


@pytest.mark.parametrize("shape", SHAPES)
def test_codes_and_pictures_of_any_size(shape):
    x, z = torch.rand(4, *shape) * 2 - 1, torch.randn(4, 6)
    for net in (
        BiGANEncoder(shape, 6, 16),
        ConvEncoder(shape, 6, 4),
        ALIEncoder(shape, 6, 4),
        ALIEncoder(shape, 6, 4, "celeba"),
        VAEGANEncoder(shape, 6, 4, 16),
        encoder(shape, 6, 4),
    ):
        assert net(x).shape == (4, 6)
    assert AAEEncoder(shape, 6, 3, width=4, units=16)(x)[1].shape == (4, 3)
    for net in (
        BiGANGenerator(shape, 6, 16),
        ALIGenerator(shape, 6, 4),
        ALIGenerator(shape, 6, 4, "celeba"),
        VAEGANDecoder(shape, 6, 4),
        decoder("auto", shape, 6, 4, 16),
    ):
        made = net(z)
        assert made.shape == x.shape
        assert made.abs().max() <= 1
    for net in (
        BiGANCritic(shape, 6, 16),
        ALICritic(shape, 6, 4),
        ALINormCritic(shape, 6, 4),
        PairCritic(shape, 6, 4, 16, "batch"),
    ):
        assert net(x, z).shape == (4,)
    logits, features = VAEGANCritic(shape, 4, 16)(x)
    assert logits.shape == (4,)
    assert features.shape[0] == 4


def test_points_have_perceptrons():
    x, z = torch.randn(5, 2), torch.randn(5, 3)
    assert encoder((2,), 3, 2)(x).shape == (5, 3)
    assert decoder("auto", (2,), 3, 4, 8)(z).shape == (5, 2)
    assert BiGANEncoder((2,), 3, 8)(x).shape == (5, 3)
    assert BiGANGenerator((2,), 3, 8)(z).shape == (5, 2)
    assert BiGANCritic((2,), 3, 8)(x, z).shape == (5,)


def test_bodies_by_name_and_by_size():
    assert body_of("auto", MNIST) == "mlp"
    assert body_of("auto", FACES) == "conv"
    assert body_of("conv", MNIST) == "conv"
    with pytest.raises(ValueError, match="not 'dense'"):
        body_of("dense", MNIST)
    with pytest.raises(ValueError, match="'conv' for points"):
        body_of("conv", (2,))


def test_pixels_between_0_and_1():
    assert flat(torch.full((1, 1, 2, 2), -1.0)).tolist() == [[0.0] * 4]
    assert flat(torch.full((1, 2), -1.0)).tolist() == [[-1.0, -1.0]]


def test_on_the_sphere():
    codes = ConvEncoder(MNIST, 5, 4, sphere=True)(torch.rand(3, *MNIST))
    assert torch.allclose(codes.norm(dim=1), torch.ones(3), atol=1e-6)


def test_still_uses_the_batch_and_remembers_nothing():
    net = ConvEncoder((1, 16, 16), 5, 4).train()
    norm = next(m for m in net.modules() if isinstance(m, nn.BatchNorm2d))
    before, x = norm.running_mean.clone(), torch.rand(8, 1, 16, 16) + 3
    with still(net):
        told = net(x)
    assert torch.equal(norm.running_mean, before)
    assert torch.equal(told, net(x))  # the batch's moments both times
    assert not torch.equal(norm.running_mean, before)
    assert norm.momentum == 0.1


def test_alis_critic_sees_its_input_at_once_with_weights_by_their_number():
    x, z = torch.randn(64, 1, 28, 28), torch.randn(64, 8)
    spread = []
    for std in (0.01, 0.0):
        torch.manual_seed(0)
        with torch.no_grad():
            spread.append(float(ALICritic((1, 28, 28), 8, 16, std).eval()(x, z).std()))
    assert spread[0] < 1e-4
    assert 0.05 < spread[1] < 5


def test_marginals_are_alis_first_picture():
    net = ALIGenerator(MNIST, 4, 4)
    mean = torch.rand(*MNIST) * 1.8 - 0.9
    net.set_marginals(mean)
    nn.init.zeros_(net.paint.weight)
    torch.testing.assert_close(net(torch.zeros(2, 4))[0], mean, atol=1e-5, rtol=0)


def test_too_small_is_said():
    with pytest.raises(ValueError, match="5x5 is too small"):
        steps((5, 5))


def test_initial_weights():
    assert float(BiGANCritic(MNIST).out.weight.detach().abs().max()) == 0
    deviation = float(AAEEncoder(MNIST, 8).trunk[0].weight.detach().std())
    assert math.isclose(deviation, 0.01, rel_tol=0.02)
