"""The tutorial's networks."""

import pytest
import torch
from torch import nn

from gansaku.nets import TutorialCritic, TutorialGenerator, parameters


def test_sizes_are_the_scripts():
    dense, norm = 101 * 6272, 2 * 128
    convolutions = (128 * 25 + 1) * 64 + 64 * 25 + 1
    assert parameters(TutorialGenerator((1, 28, 28))) == dense + norm + convolutions
    convolutions = 26 * 64 + (64 * 25 + 1) * 128
    assert parameters(TutorialCritic((1, 28, 28))) == convolutions + 3201 * 1024 + 1025


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 33, 18), (4, 12, 12)])
def test_shapes(shape):
    images = TutorialGenerator(shape, z=5, width=4)(torch.randn(3, 5))
    assert images.shape == (3, *shape)
    assert images.abs().max() <= 1
    assert TutorialCritic(shape, width=4, dense=8)(images).shape == (3,)


def test_layers_are_in_the_scripts_order():
    kinds = [type(layer).__name__ for layer in TutorialGenerator((1, 28, 28)).layers]
    assert kinds == ["Basis", "Tanh", "BatchNorm2d", "UpConv2d", "Tanh", "UpConv2d", "Tanh"]
    critic = TutorialCritic((1, 28, 28))
    assert [type(layer) for layer in critic.layers[:3]] == [nn.Conv2d, nn.Tanh, nn.MaxPool2d]


def test_too_small_is_refused():
    with pytest.raises(ValueError, match="8x40 is too small: give a --size of 12"):
        TutorialCritic((1, 8, 40))
