"""The networks of ALI (arXiv:1606.00704, appendix A): unpadded convolutions, critics of pairs.

For CIFAR-10 (table 3) the critic is of maxout, for CelebA (table 5) of batch norm; here each goes
on, or stops, as the size asks.
"""

from __future__ import annotations

import dataclasses
from itertools import cycle, pairwise

import torch
from torch import Tensor, nn

from gansaku.nets.layers.dropout import Dropout
from gansaku.nets.layers.init import dcgan_init, msr_init
from gansaku.nets.layers.maxout import maxout
from gansaku.nets.layers.sizes import Size, sides

PIECES = 2  # of maxout
Step = tuple[int, int, Size, Size]  # kernel, stride, and the sizes before and after


@dataclasses.dataclass(frozen=True)
class Pattern:
    """Kernels and strides from a picture down; widths, in the first layer's."""

    first: tuple[int, int]
    others: tuple[tuple[int, int], ...]  # in turn
    widest: int  # of the layers with strides
    top: int  # of the last, on one pixel
    leak: float
    ends: int  # layers of one pixel or of 1 x 1 that E and G have besides


PATTERNS = {
    "cifar10": Pattern((5, 1), ((4, 2), (4, 1)), 16, 16, 0.1, 1),
    "celeba": Pattern((2, 1), ((7, 2), (5, 2)), 4, 8, 0.02, 0),
}
BIG = 64  # pixels of a side from which on pictures are taken for faces


def net_of(net: str, size: Size) -> str:
    """`net` itself, or for "auto" CelebA's from 64 pixels on. Raises ValueError for another."""
    if net == "auto":
        return "celeba" if min(sides(size)) >= BIG else "cifar10"
    if net not in PATTERNS:
        raise ValueError(f"net must be 'auto', 'cifar10' or 'celeba', not {net!r}")
    return net


def steps(size: Size, pattern: Pattern = PATTERNS["cifar10"]) -> list[Step]:
    """The pattern's convolutions while 2 x 2 or more is left.

    Without padding, 32 -> 28 -> 13 -> 10 -> 4 as in the paper's network for CIFAR-10, and
    64 -> 63 -> 29 -> 13 -> 4 as in that for CelebA. Raises ValueError for too small a size.
    """
    made: list[Step] = []
    (kernel, stride), others, size = pattern.first, cycle(pattern.others), sides(size)
    while min(after := tuple((side - kernel) // stride + 1 for side in size)) >= 2:
        made.append((kernel, stride, size, after))
        (kernel, stride), size = next(others), after
    if not made:
        least = pattern.first[0] + 1
        raise ValueError(
            f"an image of {size[0]}x{size[1]} is too small: give a --size of {least} or more"
        )
    return made


def _widths(width: int, made: list[Step], pattern: Pattern) -> list[int]:
    return [width * min(2**level, pattern.widest) for level in range(len(made))]


class ALIEncoder(nn.Module):
    """`x [N, C, H, W] in [-1, 1] -> [N, outputs]`: mean and log deviation of the code.

    Convolutions with batch norm and leaky ReLU down to 1 x 1, then one layer, or two.
    """

    def __init__(
        self, shape: tuple[int, ...], outputs: int, width: int = 32, net: str = "cifar10"
    ) -> None:
        super().__init__()
        pattern = PATTERNS[net]
        made = steps(shape[1:], pattern)
        widths = [shape[0], *_widths(width, made, pattern)]
        top, leak = pattern.top * width, pattern.leak
        self.blocks = nn.Sequential()
        for (before, after), (kernel, stride, *_) in zip(pairwise(widths), made, strict=True):
            self.blocks.append(nn.Conv2d(before, after, kernel, stride, bias=False))
            self.blocks.extend([nn.BatchNorm2d(after, momentum=0.05), nn.LeakyReLU(leak)])
        last = nn.Conv2d(widths[-1], top, made[-1][3], bias=False)
        self.head = nn.Sequential(last, nn.Flatten())
        self.head.extend([nn.BatchNorm1d(top, momentum=0.05), nn.LeakyReLU(leak)])
        for _ in range(pattern.ends):
            self.head.append(nn.Linear(top, top, bias=False))
            self.head.extend([nn.BatchNorm1d(top, momentum=0.05), nn.LeakyReLU(leak)])
        self.head.append(nn.Linear(top, outputs))
        dcgan_init(self, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(x))


class ALIGenerator(nn.Module):
    """The encoder's sizes backwards by transposed convolutions, then those of 1 x 1.

    `z [N, z] -> x [N, *shape] in [-1, 1]`; each value of a picture has a bias of its own, which
    `set_marginals` starts at the data's.
    """

    def __init__(
        self, shape: tuple[int, ...], z: int = 64, width: int = 32, net: str = "cifar10"
    ) -> None:
        super().__init__()
        pattern = PATTERNS[net]
        self.leak, made = pattern.leak, steps(shape[1:], pattern)[::-1]
        widths = _widths(width, made, pattern)[::-1]
        widths = [*widths, width] if pattern.ends else [pattern.top * width, *widths]
        self.blocks = nn.Sequential()
        self._add(nn.ConvTranspose2d(z, widths[0], made[0][3], bias=False))
        for (before, after), (kernel, stride, large, small) in zip(
            pairwise(widths), made, strict=True
        ):
            gap = tuple(a - (b - 1) * stride - kernel for a, b in zip(large, small, strict=True))
            self._add(nn.ConvTranspose2d(before, after, kernel, stride, 0, gap, bias=False))
        for _ in range(pattern.ends):
            self._add(nn.Conv2d(width, width, 1, bias=False))
        self.paint = nn.Conv2d(width, shape[0], 1, bias=False)
        dcgan_init(self, 0.01)
        self.bias = nn.Parameter(torch.zeros(*shape))

    def _add(self, layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
        norm = nn.BatchNorm2d(layer.out_channels, momentum=0.05)
        self.blocks.extend([layer, norm, nn.LeakyReLU(self.leak)])

    def forward(self, z: Tensor) -> Tensor:
        return ((self.paint(self.blocks(z[:, :, None, None])) + self.bias) / 2).tanh()

    @torch.no_grad()
    def set_marginals(self, mean: Tensor) -> None:
        """Biases at the log odds of the data's `mean [C, H, W] in [-1, 1]` (`get_log_odds`)."""
        self.bias.copy_(torch.logit((mean + 1) / 2, eps=1e-7))


class _Pieces(nn.Module):
    """Maxout: `[N, PIECES C, ...] -> [N, C, ...]`."""

    def forward(self, x: Tensor) -> Tensor:
        return maxout(x, PIECES)


def _maxout(layer: nn.Module, drop: float) -> list[nn.Module]:
    return [Dropout(drop), layer, _Pieces()]


class _PairCritic(nn.Module):
    """`x [N, C, H, W], z [N, z] -> logits [N]`."""

    of_x: nn.Module
    of_z: nn.Module
    joint: nn.Module

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.joint(torch.cat([self.of_x(x), self.of_z(z)], 1)).squeeze(1)


class ALICritic(_PairCritic):
    """`x [N, C, H, W], z [N, z] -> logits [N]`: convolutions of x and layers of z, then joined.

    Maxout of 2 pieces; dropout .2 on both inputs and .5 between layers (the authors' code, where
    a layer's width counts the pieces). `std` is of the first weights: at .01 a layer of 100 inputs
    passes a tenth of what it sees on, and there is no norm; 0 is one over the root of its inputs.
    """

    def __init__(
        self, shape: tuple[int, ...], z: int = 64, width: int = 32, std: float = 0.01
    ) -> None:
        super().__init__()
        pattern = PATTERNS["cifar10"]
        made = steps(shape[1:], pattern)
        widths, top = _widths(width, made, pattern), pattern.top * width
        inputs = [shape[0], *[w // PIECES for w in widths]]
        self.of_x = nn.Sequential()
        for level, (kernel, stride, *_) in enumerate(made):
            bias, drop = level == 0, 0.5 if level else 0.2
            layer = nn.Conv2d(inputs[level], widths[level], kernel, stride, bias=bias)
            self.of_x.extend(_maxout(layer, drop))
        last = nn.Conv2d(inputs[-1], top, made[-1][3], bias=False)
        self.of_x.extend([*_maxout(last, 0.5), nn.Flatten()])
        half = top // PIECES
        self.of_z = nn.Sequential(
            *_maxout(nn.Linear(z, top, bias=False), 0.2),
            *_maxout(nn.Linear(half, top, bias=False), 0.5),
        )
        self.joint = nn.Sequential(
            *_maxout(nn.Linear(2 * half, 2 * top), 0.5),
            *_maxout(nn.Linear(top, 2 * top), 0.5),
            Dropout(0.5),
            nn.Linear(top, 1),
        )
        _begin(self, std)


class ALINormCritic(_PairCritic):
    """The critic for CelebA: batch norm after all convolutions of x but the first, and leaky ReLU.

    As `ALICritic` otherwise. Dropout is .2 before every layer, and x's first has no norm, as in the
    authors' code (in table 5 the layers of x have no dropout, and all a norm). Their batch norm
    sees both sides in one batch; ours sees each apart, as DCGAN's does.
    """

    def __init__(
        self, shape: tuple[int, ...], z: int = 256, width: int = 64, std: float = 0.01
    ) -> None:
        super().__init__()
        pattern = PATTERNS["celeba"]
        made = steps(shape[1:], pattern)
        widths = [shape[0], *_widths(width, made, pattern), pattern.top * width]
        shapes = [(kernel, stride) for kernel, stride, *_ in made] + [(made[-1][3], 1)]
        self.of_x = nn.Sequential()
        for level, (before, after) in enumerate(pairwise(widths)):
            layer = nn.Conv2d(before, after, *shapes[level], bias=level == 0)
            norm = [nn.BatchNorm2d(after, momentum=0.05)] if level else []
            self.of_x.extend([Dropout(0.2), layer, *norm, nn.LeakyReLU(pattern.leak)])
        self.of_x.append(nn.Flatten())
        told, wide, leak = 16 * width, 32 * width, pattern.leak
        self.of_z = nn.Sequential(*_dense(z, told, leak, False), *_dense(told, told, leak, False))
        self.joint = nn.Sequential(
            *_dense(widths[-1] + told, wide, leak),
            *_dense(wide, wide, leak),
            Dropout(0.2),
            nn.Linear(wide, 1),
        )
        _begin(self, std)


def _dense(inputs: int, outputs: int, leak: float, bias: bool = True) -> list[nn.Module]:
    return [Dropout(0.2), nn.Linear(inputs, outputs, bias=bias), nn.LeakyReLU(leak)]


def _begin(critic: nn.Module, std: float) -> None:
    if std:
        dcgan_init(critic, std)
    else:
        msr_init(critic)
