"""How a network is told a class: as numbers, as constant maps, or by the gains of its norms."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def one_hot(y: Tensor, classes: int) -> Tensor:
    """Classes `y [N]` of int64 -> `[N, classes]` of 0 and 1."""
    return F.one_hot(y, classes).float()


def with_label(x: Tensor, label: Tensor) -> Tensor:
    """`x [N, D]` or `[N, C, H, W]` with `label [N, K]` behind its features, on every pixel."""
    if x.ndim == 4:
        label = label[:, :, None, None].expand(-1, -1, *x.shape[2:])
        joined = torch.cat([x, label], 1)
        return joined.contiguous(memory_format=torch.channels_last)
    return torch.cat([x, label], 1)


class ConditionalBatchNorm2d(nn.Module):
    """Batch norm with a gain and a bias of each class (arXiv:1610.07629, eq. 5).

    `x [N, C, H, W]`, `label [N, classes]` one-hot -> `[N, C, H, W]`. Gains begin at 1, biases at 0.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Parameter(torch.ones(classes, channels))
        self.bias = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        gain, bias = label @ self.gain, label @ self.bias
        return self.norm(x) * gain[:, :, None, None] + bias[:, :, None, None]
