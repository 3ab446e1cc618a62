"""Perceptrons: the 2014 paper's and the toy ones."""

import pytest
import torch
from torch import nn

from gansaku.nets import MLP, MaxoutCritic, MLPGenerator, PointCritic, PointGenerator, parameters


def test_published_sizes():
    # weights and biases of 100-1200-1200-784 and of 784-(240 x 5)-(240 x 5)-1
    assert parameters(MLPGenerator((1, 28, 28))) == 101 * 1200 + 1201 * 1200 + 1201 * 784
    assert parameters(MaxoutCritic((1, 28, 28))) == 785 * 1200 + 241 * 1200 + 241
    assert parameters(PointCritic()) == 3 * 512 + 2 * 513 * 512 + 513
    assert parameters(PointGenerator()) == 3 * 512 + 2 * 513 * 512 + 513 * 2


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 5, 9), (4, 8, 8)])
def test_shapes_and_ranges(shape):
    x = MLPGenerator(shape, z=7, width=30)(torch.randn(6, 7))
    assert x.shape == (6, *shape)
    assert x.abs().max() < 1
    assert MaxoutCritic(shape, units=10, pieces=3)(x).shape == (6,)


def test_marginals_are_the_first_image():
    generator = MLPGenerator((1, 8, 8), z=4)
    mean = torch.rand(1, 8, 8) * 2 - 1
    mean[0, 0, 0] = -1  # a pixel that is always black: the bias stays finite
    generator.set_marginals(mean)
    assert generator.mlp[-1].bias.isfinite().all()
    torch.testing.assert_close(generator(torch.zeros(1, 4))[0], mean, rtol=0, atol=1e-5)


def test_critic_sees_pixels_between_0_and_1_and_drops_out_only_in_training():
    critic = MaxoutCritic((1, 8, 8)).eval()
    black = -torch.ones(1, 1, 8, 8)
    assert critic(black).item() == 0  # biases are 0 and so are the pixels
    x = torch.rand(64, 1, 8, 8)
    assert torch.equal(critic(x), critic(x))
    critic.train()
    assert not torch.equal(critic(x), critic(x))
    assert critic.layers[0].p == pytest.approx(0.2)
    assert critic.layers[2].p == 0.5


def test_initial_ranges_are_the_papers():
    for net, limit in [(MLPGenerator((1, 8, 8)), 0.05), (MaxoutCritic((1, 8, 8)), 0.005)]:
        weights = torch.cat([p.flatten() for p in net.parameters()])
        assert 0.99 * limit < weights.abs().max() <= limit


def test_mlp_layers_are_in_order():
    net = MLP([4, 8, 2], nn.Tanh, nn.BatchNorm1d, nn.Sigmoid)
    kinds = [type(layer) for layer in net]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.Tanh, nn.Linear, nn.Sigmoid]
    assert net(torch.randn(3, 4)).shape == (3, 2)


def test_points():
    x = PointGenerator(dims=3, z=5, width=16)(torch.randn(9, 5))
    assert x.shape == (9, 3)
    assert PointCritic(dims=3, width=16)(x).shape == (9,)
