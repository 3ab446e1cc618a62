"""Doubling and halving, alone and fused with the convolution beside it.

Nearest doubling followed by a k x k convolution is one transposed convolution of stride 2 whose
kernel is the k x k one smeared over 2 x 2: less than half of the multiplications. The same for a
convolution followed by average pooling. Sides that are odd at the larger size are rounded up.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gansaku.nets.layers.sizes import Size, odd


def smeared(weight: Tensor) -> Tensor:
    """`weight [O, I, k, k]` convolved with a 2 x 2 box of ones: `[O, I, k + 1, k + 1]`."""
    tall = F.pad(weight, (0, 0, 0, 1)) + F.pad(weight, (0, 0, 1, 0))
    return F.pad(tall, (0, 1)) + F.pad(tall, (1, 0))


def upsample(x: Tensor, size: Size) -> Tensor:
    """Nearest doubling of `x [N, C, h, w]` to `size`; an odd side loses its first row."""
    double = F.interpolate(x, scale_factor=2.0, mode="nearest")
    top, left = odd(size)
    return double[:, :, top:, left:] if top or left else double


def downsample(x: Tensor) -> Tensor:
    """Means over 2 x 2 of `x [N, C, H, W]`; an odd side's first row or column stands alone."""
    return F.avg_pool2d(x, 2, padding=odd(tuple(x.shape[2:])), count_include_pad=False)


class UpConv2d(nn.Conv2d):
    """`upsample` to `size`, then a k x k convolution: `[N, I, h, w] -> [N, O, *size]`."""

    def __init__(self, inputs: int, outputs: int, kernel: int, size: Size, bias: bool = True):
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        # a transposed convolution flips its kernel and names inputs first
        kernel = smeared(self.weight).flip(2, 3).transpose(0, 1)
        extra = odd(self.size)
        padding = [self.padding[0] + side for side in extra]
        return F.conv_transpose2d(x, kernel, self.bias, 2, padding, extra)


class DownConv2d(nn.Conv2d):
    """A k x k convolution, then means over 2 x 2: `[N, I, H, W] -> [N, O, H/2, W/2]`."""

    def __init__(self, inputs: int, outputs: int, kernel: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        extra = odd(tuple(x.shape[2:]))
        padding = [self.padding[0] + side for side in extra]
        return F.conv2d(x, smeared(self.weight) / 4, self.bias, 2, padding)


class Basis(nn.Module):
    """A linear map from a latent to the smallest feature map: `z [N, z] -> [N, C, *size]`.

    It is the transposed convolution over one pixel with which DCGAN begins, done as one product
    whose result lies channels-last in memory, which is how the convolutions after it want it.
    """

    def __init__(self, z: int, channels: int, size: Size, bias: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(z, size[0] * size[1] * channels, bias)
        self.shape = (*size, channels)

    def forward(self, z: Tensor) -> Tensor:
        return self.linear(z).unflatten(1, self.shape).permute(0, 3, 1, 2)


class Head(nn.Module):
    """A linear map from the whole of the last feature map: `[N, C, *size] -> logits [N]`.

    It is the convolution with a kernel as large as the map with which DCGAN's critic ends.
    """

    def __init__(self, channels: int, size: Size, bias: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(size[0] * size[1] * channels, 1, bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.permute(0, 2, 3, 1).flatten(1)).squeeze(1)


def channels_last(net: nn.Module) -> nn.Module:
    """Lay the network's weights out channels-last: convolutions then run so on any input."""
    return net.to(memory_format=torch.channels_last)
