"""The networks of R3GAN (arXiv:2501.05441, configuration E): ResNeXt blocks without norms."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gansaku.nets.layers.init import msr_init
from gansaku.nets.layers.resample import channels_last, downsample
from gansaku.nets.layers.sizes import Size, ladder

Shape = tuple[int, int, int]  # channels, height, width
LEAK = 0.2
GAIN = (2 / (1 + LEAK**2)) ** 0.5  # keeps the variance through a leaky ReLU


class R3GANGenerator(nn.Module):
    """The generator: a learned 4 x 4 basis scaled by the latent, then stages of residual blocks.

    `z [N, z] -> images [N, *shape]`, not squashed: the paper ends in a linear layer. `widths`
    and `blocks` are of the stages from the smallest size up; a single number serves for all. The
    paper's stages are equally wide; on a CPU `narrowest` = 16 makes 28 x 28 three times faster.
    Raises ValueError for a shape too small to be halved once, or lists that do not fit it.
    """

    def __init__(
        self,
        shape: Shape,
        z: int = 64,
        widths: int | Sequence[int] = 128,
        narrowest: int | None = None,  # given, a single width halves at each doubling down to it
        blocks: int | Sequence[int] = 1,  # residual blocks a stage; the paper has 2
        group: int = 16,  # channels that meet in a grouped convolution
        expansion: int = 2,  # width inside a block / outside
        layers: int | None = None,
    ) -> None:
        super().__init__()
        sizes = ladder(shape[1:], most=layers)[::-1]
        widths = _widths(widths, narrowest, sizes)
        blocks = _per_stage("blocks", blocks, sizes)
        self.basis = GenerativeBasis(z, widths[0], sizes[0])
        self.stages = nn.Sequential()
        for stage, (width, many, size) in enumerate(zip(widths, blocks, sizes, strict=True)):
            if stage:
                self.stages.append(Upsample(widths[stage - 1], width, size))
            for _ in range(many):
                self.stages.append(ResidualBlock(width, group, expansion, sum(blocks)))
        self.paint = _convolution(widths[-1], shape[0], 1)
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        return self.paint(self.stages(self.basis(z)))


class R3GANCritic(nn.Module):
    """The critic: the generator's mirror image, ending in a learned 4 x 4 basis and a linear map.

    `x [N, *shape] in [-1, 1] -> logits [N]`. `widths` and `blocks` are, as in the generator, of
    the stages from the smallest size up.
    Raises ValueError for a shape too small to be halved once, or lists that do not fit it.
    """

    def __init__(
        self,
        shape: Shape,
        widths: int | Sequence[int] = 128,
        narrowest: int | None = None,  # given, a single width halves at each doubling down to it
        blocks: int | Sequence[int] = 1,  # residual blocks a stage; the paper has 2
        group: int = 16,  # channels that meet in a grouped convolution
        expansion: int = 2,  # width inside a block / outside
        layers: int | None = None,
    ) -> None:
        super().__init__()
        sizes = ladder(shape[1:], most=layers)
        widths = _widths(widths, narrowest, sizes)[::-1]
        blocks = _per_stage("blocks", blocks, sizes)[::-1]
        self.read = _convolution(shape[0], widths[0], 1)
        self.stages = nn.Sequential()
        for stage, (width, many) in enumerate(zip(widths, blocks, strict=True)):
            if stage:
                self.stages.append(Downsample(widths[stage - 1], width))
            for _ in range(many):
                self.stages.append(ResidualBlock(width, group, expansion, sum(blocks)))
        self.basis = DiscriminativeBasis(widths[-1], sizes[-1])
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.basis(self.stages(self.read(x)))


class ResidualBlock(nn.Module):
    """1 x 1 up to `expansion` times the width, grouped 3 x 3, 1 x 1 back; leaky ReLUs between.

    Initialised as Fixup (1901.09321) has it, in place of norms: the last layer is 0, and the
    other two of its m = 3 are scaled by L^(-1 / (2m - 2)) for `total` = L blocks in the network.
    """

    def __init__(self, width: int, group: int, expansion: int, total: int) -> None:
        super().__init__()
        inside = width * expansion
        if inside % group:
            raise ValueError(f"group is {group}; it must divide {inside}, the width inside a block")
        self.widen = nn.Conv2d(width, inside, 1)
        self.mix = nn.Conv2d(inside, inside, 3, padding=1, groups=inside // group)
        self.narrow = nn.Conv2d(inside, width, 1, bias=False)
        for layer in (self.widen, self.mix):
            msr_init(layer, GAIN * total ** (-1 / 4))
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor) -> Tensor:
        h = F.leaky_relu(self.widen(x), LEAK, inplace=True)
        h = F.leaky_relu(self.mix(h), LEAK, inplace=True)
        return x + self.narrow(h)


class Upsample(nn.Module):
    """Bilinear doubling to `size`, with a 1 x 1 convolution where the width changes."""

    def __init__(self, inputs: int, outputs: int, size: Size) -> None:
        super().__init__()
        self.size = size
        self.change = _convolution(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        # the two commute: convolve the smaller map
        return F.interpolate(self.change(x), self.size, mode="bilinear")


class Downsample(nn.Module):
    """Bilinear halving, with a 1 x 1 convolution where the width changes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.change = _convolution(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.change(downsample(x))


class GenerativeBasis(nn.Module):
    """`z [N, z] -> [N, C, *size]`: a learned map for each channel times a linear function of z."""

    def __init__(self, z: int, channels: int, size: Size) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(channels, *size))
        self.linear = nn.Linear(z, channels, bias=False)
        msr_init(self.linear)

    def forward(self, z: Tensor) -> Tensor:
        x = self.basis * self.linear(z)[:, :, None, None]
        return x.contiguous(memory_format=torch.channels_last)


class DiscriminativeBasis(nn.Module):
    """`x [N, C, *size] -> logits [N]`: a learned weighted sum of each channel, then a linear map.

    The weighted sum is a depthwise convolution as large as the map.
    """

    def __init__(self, channels: int, size: Size) -> None:
        super().__init__()
        area = size[0] * size[1]
        self.basis = nn.Parameter(torch.randn(channels, *size) / area**0.5)
        self.linear = nn.Linear(channels, 1, bias=False)
        msr_init(self.linear)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear((x * self.basis).sum((2, 3))).squeeze(1)


def _convolution(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel, bias=False)
    msr_init(layer)
    return layer


def _widths(given: int | Sequence[int], narrowest: int | None, sizes: list[Size]) -> list[int]:
    if isinstance(given, int) and narrowest is not None:
        return [max(given // 2**stage, narrowest) for stage in range(len(sizes))]
    return _per_stage("widths", given, sizes)


def _per_stage(name: str, given: int | Sequence[int], sizes: list[Size]) -> list[int]:
    """One number for each stage. Raises ValueError when a list has another length."""
    if isinstance(given, int):
        return [given] * len(sizes)
    if len(given) != len(sizes):
        stages = ", ".join(f"{height}x{width}" for height, width in sizes)
        raise ValueError(
            f"{name} has {len(given)} numbers; the stages at this size are {len(sizes)}: {stages}"
        )
    return list(given)
