"""Convolutions whose weights a style scales: StyleGAN2's, without weights of each sample's own."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ModulatedConv2d(nn.Module):
    """A k x k convolution modulated and demodulated by styles (arXiv:1912.04958, eq. 1 and 3).

    `x [N, I, H, W]`, `styles [N, I]` -> `[N, O, H, W]`. For a sample with styles s the weights are
    w s, divided for each output by their norm (unless `demodulate` is off, as where pixels are
    made). Both scale whole channels: the input by s, and the output by (s^2 @ sum(w^2))^(-1/2),
    so that one convolution serves all samples, where weights of each sample's own make a group for
    each. The same to the last digit but for rounding.

    The learned weights are normal and scaled when they are used (arXiv:1710.10196, section 4.1).
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, demodulate: bool = True, eps: float = 1e-8
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.demodulate, self.eps = demodulate, eps

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        weight = self.weight * self.scale
        out = F.conv2d(x * _wide(styles), weight, padding=weight.shape[-1] // 2)
        return out * _wide(self.gains(styles)) if self.demodulate else out

    def gains(self, styles: Tensor) -> Tensor:
        """What demodulation scales each output by: `[N, O]`."""
        squares = (self.weight * self.scale).square().sum((2, 3))  # [O, I]
        return torch.rsqrt(styles.square() @ squares.T + self.eps)


def _wide(channels: Tensor) -> Tensor:
    return channels[:, :, None, None]
