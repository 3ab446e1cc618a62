"""The networks of BiGAN (arXiv:1605.09782): perceptrons for MNIST, convolutions for pictures."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from gansaku.nets.encoders import ConvTrunk, flat
from gansaku.nets.layers.init import dcgan_init
from gansaku.nets.mlp import MLP


def _norm(width: int) -> nn.Module:
    return nn.BatchNorm1d(width, affine=False)  # the authors train MNIST without gain and bias


def _linear(inputs: int, outputs: int) -> nn.Module:
    return nn.Linear(inputs, outputs, bias=False)


class BiGANGenerator(nn.Module):
    """z-1024-1024-784 with z told to both hidden layers (the authors' `deconvnet_mnist_mlp`).

    `z [N, z] -> x [N, *shape]`, images in [-1, 1]: 2 sigmoid(a) - 1 is tanh(a / 2). Layers have no
    biases, and batch norms neither gain nor bias, as in the authors' script.
    """

    def __init__(self, shape: tuple[int, ...], z: int = 50, width: int = 1024) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.first, self.second = _linear(z, width), _linear(width, width)
        self.again = _linear(z, width)
        self.norms = nn.ModuleList([_norm(width), _norm(width)])
        self.out = _linear(width, math.prod(shape))
        dcgan_init(self)

    def forward(self, z: Tensor) -> Tensor:
        h = self.norms[0](self.first(z)).relu()
        h = self.norms[1](self.second(h) + self.again(z)).relu()
        x = self.out(h)
        return x if len(self.shape) == 1 else (x / 2).tanh().unflatten(1, self.shape)


class BiGANEncoder(nn.Module):
    """784-1024-1024-z, leaky ReLU .2, batch norm on the second layer (`mnist_mlp`).

    `x [N, *shape] -> logits of the code [N, z]`; pixels are seen in [0, 1].
    """

    def __init__(self, shape: tuple[int, ...], z: int = 50, width: int = 1024) -> None:
        super().__init__()
        act: Callable[[], nn.Module] = lambda: nn.LeakyReLU(0.2)  # noqa: E731
        self.layers = nn.Sequential(
            _linear(math.prod(shape), width),
            act(),
            _linear(width, width),
            _norm(width),
            act(),
            _linear(width, z),
        )
        dcgan_init(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(flat(x))


class BiGANCritic(nn.Module):
    """As the encoder, with z told to the second layer: `x [N, *shape], z [N, z] -> logits [N]`.

    The last layer starts at 0, as in the authors' code.
    """

    def __init__(self, shape: tuple[int, ...], z: int = 50, width: int = 1024) -> None:
        super().__init__()
        self.first, self.second = _linear(math.prod(shape), width), _linear(width, width)
        self.told, self.norm, self.out = _linear(z, width), _norm(width), _linear(width, 1)
        self.act = nn.LeakyReLU(0.2)
        dcgan_init(self)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        h = self.act(self.first(flat(x)))
        return self.out(self.act(self.norm(self.second(h) + self.told(z)))).squeeze(1)


class PairCritic(nn.Module):
    """DCGAN's critic of the picture and two layers of the code, joined by a layer of `units`.

    `x [N, C, H, W], z [N, z] -> logits [N]`: the form of ALI's critic (arXiv:1606.00704, table 3)
    on DCGAN's convolutions.
    """

    def __init__(self, shape: tuple[int, ...], z: int, width: int, units: int, norm: str) -> None:
        super().__init__()
        act: Callable[[], nn.Module] = lambda: nn.LeakyReLU(0.2)  # noqa: E731
        self.see = ConvTrunk(shape, width, norm)
        self.read = nn.Sequential(MLP([z, units, units], act), act())
        self.join = MLP([self.see.features + units, units, 1], act)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.join(torch.cat([self.see(x), self.read(z)], 1)).squeeze(1)
