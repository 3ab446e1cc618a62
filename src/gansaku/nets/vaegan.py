"""The networks of VAE/GAN (arXiv:1512.09300, table 1), for images of any size."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from gansaku.nets.layers.init import glorot_init
from gansaku.nets.layers.sizes import Size, ladder

Shape = tuple[int, int, int]
HALVINGS = 3  # 64 -> 8


def _norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels)


def _dense(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()]


def _sizes(shape: Shape) -> list[Size]:
    return ladder(shape[1:], most=HALVINGS)


class VAEGANEncoder(nn.Module):
    """5 x 5 convolutions of stride 2 (64, 128, 256), a layer of 1024, then mean and log variance.

    `x [N, *shape] in [-1, 1] -> [N, outputs]`. The layer of 1024 is that of the authors' code; the
    paper's table has 2048.
    """

    def __init__(self, shape: Shape, outputs: int, width: int = 64, units: int = 1024) -> None:
        super().__init__()
        sizes = _sizes(shape)
        widths = [shape[0], *[width * 2**level for level in range(len(sizes) - 1)]]
        self.layers = nn.Sequential()
        for before, after in pairwise(widths):
            self.layers.append(nn.Conv2d(before, after, 5, 2, 2, bias=False))
            self.layers.extend([_norm(after), nn.ReLU()])
        self.layers.extend([nn.Flatten(), *_dense(widths[-1] * sizes[-1][0] * sizes[-1][1], units)])
        self.layers.append(nn.Linear(units, outputs))
        glorot_init(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class VAEGANDecoder(nn.Module):
    """A layer to 8 x 8 x 256, 5 x 5 doublings (256, 128, 32), and a 5 x 5 convolution.

    `z [N, z] -> x [N, *shape] in [-1, 1]`.
    """

    def __init__(self, shape: Shape, z: int = 128, width: int = 64) -> None:
        super().__init__()
        sizes = _sizes(shape)[::-1]
        (height, across), top = sizes[0], 4 * width
        widths = [top, *[4 * width, 2 * width, max(width // 2, 1)][-(len(sizes) - 1) :]]
        self.start = nn.Sequential(*_dense(z, top * height * across))
        self.first = (top, height, across)
        self.blocks = nn.Sequential()
        for (before, after), size in zip(pairwise(widths), sizes[1:], strict=True):
            even = tuple(1 - side % 2 for side in size)
            self.blocks.append(nn.ConvTranspose2d(before, after, 5, 2, 2, even, bias=False))
            self.blocks.extend([_norm(after), nn.ReLU()])
        self.paint = nn.Conv2d(widths[-1], shape[0], 5, 1, 2)
        glorot_init(self)

    def forward(self, z: Tensor) -> Tensor:
        return self.paint(self.blocks(self.start(z).unflatten(1, self.first))).tanh()


class VAEGANCritic(nn.Module):
    """5 x 5 convolutions (32 of stride 1; 128, 256, 256 of stride 2), a layer of 512, a logit.

    `x [N, *shape] -> logits [N], features [N, F]`: the features are those of the last convolution,
    before its norm (the authors' `recon_depth` 9), in which reconstructions are compared.
    """

    def __init__(self, shape: Shape, width: int = 64, units: int = 512) -> None:
        super().__init__()
        sizes = _sizes(shape)
        widths = [max(width // 2, 1), *[2 * width, 4 * width, 4 * width][: len(sizes) - 1]]
        self.see = nn.Sequential(nn.Conv2d(shape[0], widths[0], 5, 1, 2), nn.ReLU())
        for level, (before, after) in enumerate(pairwise(widths)):
            self.see.extend([_norm(before), nn.ReLU()] if level else [])
            self.see.append(nn.Conv2d(before, after, 5, 2, 2, bias=False))
        last = widths[-1] * sizes[-1][0] * sizes[-1][1]
        self.judge = nn.Sequential(_norm(widths[-1]), nn.ReLU(), nn.Flatten(), *_dense(last, units))
        self.judge.append(nn.Linear(units, 1))
        glorot_init(self)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.see(x)
        return self.judge(features).squeeze(1), torch.flatten(features, 1)
