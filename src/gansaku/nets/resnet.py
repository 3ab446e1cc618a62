"""The small residual networks of SNGAN (1802.05957) and WGAN-GP (1704.00028), for any size."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from gansaku.nets.layers.init import glorot_init
from gansaku.nets.layers.norm import CRITIC_NORMS, NORMS, check_norm, norm2d
from gansaku.nets.layers.resample import (
    Basis,
    DownConv2d,
    UpConv2d,
    channels_last,
    downsample,
    upsample,
)
from gansaku.nets.layers.sizes import Size, ladder
from gansaku.nets.layers.spectral import spectral

Shape = tuple[int, int, int]  # channels, height, width
RELU_GAIN = 2**0.5


class ResNetGenerator(nn.Module):
    """The generator: a linear map to about 4 x 4, then residual blocks that double.

    `z [N, z] -> images [N, *shape] in [-1, 1]`. At (3, 32, 32) it is SNGAN's for CIFAR-10
    (1802.05957, table 3) with `width` 256, WGAN-GP's (1704.00028, table 3) with 128.
    Raises ValueError for a shape too small to be halved once, or an unknown `norm`.
    """

    def __init__(
        self,
        shape: Shape,
        z: int = 128,
        width: int = 256,
        norm: str = "batch",  # batch, layer, instance, none
        layers: int | None = None,
    ) -> None:
        super().__init__()
        check_norm(norm, NORMS)
        sizes = ladder(shape[1:], most=layers)[::-1]
        self.basis = Basis(z, width, sizes[0], bias=True)
        self.blocks = nn.Sequential(*(UpBlock(width, size, norm) for size in sizes[1:]))
        self.norm = norm2d(norm, width)
        self.paint = nn.Conv2d(width, shape[0], 3, padding=1)
        glorot_init(self.basis)
        glorot_init(self.paint)
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        return self.paint(F.relu(self.norm(self.blocks(self.basis(z))))).tanh()


class ResNetCritic(nn.Module):
    """The critic: residual blocks that halve to about 8 x 8, two that do not, and a pooled map.

    `x [N, *shape] in [-1, 1] -> logits [N]`. At (3, 32, 32) and `width` 128 it is SNGAN's
    (table 3; spectral norm, sum over pixels) or WGAN-GP's (table 3; "none" or "layer", "mean").
    Raises ValueError for a shape too small to be halved once, an unknown `norm` or `pool`.
    """

    def __init__(
        self,
        shape: Shape,
        width: int = 128,
        norm: str = "spectral",  # batch, layer, instance, none, spectral
        pool: str = "sum",  # over pixels: sum, mean
        layers: int | None = None,
    ) -> None:
        super().__init__()
        check_norm(norm, CRITIC_NORMS)
        if pool not in ("sum", "mean"):
            raise ValueError(f"pool is {pool!r}; it must be sum or mean")
        self.pool = pool
        halvings = max(1, len(ladder(shape[1:], most=layers)) - 2)
        self.blocks = nn.Sequential(
            FirstBlock(shape[0], width),
            *(DownBlock(width, norm) for _ in range(halvings - 1)),
            *(PlainBlock(width, norm) for _ in range(2)),
        )
        self.head = nn.Linear(width, 1)
        glorot_init(self.head)
        if norm == "spectral":
            spectral(self)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.blocks(x), inplace=True)
        x = x.sum((2, 3)) if self.pool == "sum" else x.mean((2, 3))
        return self.head(x).squeeze(1)


class UpBlock(nn.Module):
    """Norm, ReLU, double, convolve, norm, ReLU, convolve; beside it double and convolve 1 x 1."""

    def __init__(self, width: int, size: Size, norm: str) -> None:
        super().__init__()
        self.size = size
        self.branch = nn.Sequential(
            *_activation(norm, width, shared=True),
            UpConv2d(width, width, 3, size),
            *_activation(norm, width),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.skip = nn.Conv2d(width, width, 1)
        _init(self)

    def forward(self, x: Tensor) -> Tensor:
        # doubling by copies and a 1 x 1 convolution commute: convolve the smaller map
        return self.branch(x) + upsample(self.skip(x), self.size)


class FirstBlock(nn.Module):
    """The critic's first block: no activation before the first convolution, for x is an image."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(True), DownConv2d(width, width, 3)
        )
        self.skip = nn.Conv2d(channels, width, 1)
        _init(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + self.skip(downsample(x))


class DownBlock(nn.Module):
    """Norm, ReLU, convolve, norm, ReLU, convolve, halve; beside it halve and convolve 1 x 1."""

    def __init__(self, width: int, norm: str) -> None:
        super().__init__()
        self.branch = _branch(width, norm, DownConv2d(width, width, 3))
        self.skip = nn.Conv2d(width, width, 1)
        _init(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + self.skip(downsample(x))


class PlainBlock(nn.Module):
    """Norm, ReLU, convolve, norm, ReLU, convolve, added to the input."""

    def __init__(self, width: int, norm: str) -> None:
        super().__init__()
        self.branch = _branch(width, norm, nn.Conv2d(width, width, 3, padding=1))
        _init(self)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


def _branch(width: int, norm: str, last: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        *_activation(norm, width, shared=True),
        nn.Conv2d(width, width, 3, padding=1),
        *_activation(norm, width),
        last,
    )


def _activation(norm: str, width: int, shared: bool = False) -> list[nn.Module]:
    """Norm and ReLU, in place unless that would overwrite an input that is `shared`."""
    layer = norm2d(norm, width)
    bare = isinstance(layer, nn.Identity)
    return [nn.ReLU(inplace=not (shared and bare))] if bare else [layer, nn.ReLU(True)]


def _init(block: nn.Module) -> None:
    """Both papers' codes: Glorot, with ReLU's gain in the branch and 1 beside it."""
    glorot_init(block.branch, RELU_GAIN)
    if hasattr(block, "skip"):
        glorot_init(block.skip)
