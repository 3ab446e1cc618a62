"""The networks of ALI (arXiv:1606.00704, table 3): unpadded convolutions, a critic of maxout."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from gansaku.nets.layers.dropout import Dropout
from gansaku.nets.layers.init import dcgan_init, msr_init
from gansaku.nets.layers.maxout import maxout
from gansaku.nets.layers.sizes import Size

LEAK = 0.1
PIECES = 2  # of maxout
CAP = 16  # times width: no layer is wider
Step = tuple[int, int, Size, Size]  # kernel, stride, and the sizes before and after


def steps(size: Size) -> list[Step]:
    """5 x 5 of stride 1, then 4 x 4 of strides 2, 1, 2, 1, ... while 2 x 2 or more is left.

    Without padding, 32 -> 28 -> 13 -> 10 -> 4 as in the paper's CIFAR-10 network. Raises
    ValueError for sizes below 6.
    """
    made: list[Step] = []
    kernel, stride = 5, 1
    while min(after := tuple((side - kernel) // stride + 1 for side in size)) >= 2:
        made.append((kernel, stride, size, after))
        kernel, stride, size = 4, (2 if kernel == 5 or stride == 1 else 1), after
    if not made:
        raise ValueError(
            f"an image of {size[0]}x{size[1]} is too small: give a --size of 6 or more"
        )
    return made


def _widths(width: int, made: list[Step]) -> list[int]:
    return [width * min(2**level, CAP) for level in range(len(made))]


class ALIEncoder(nn.Module):
    """`x [N, C, H, W] in [-1, 1] -> [N, outputs]`: mean and log deviation of the code.

    Convolutions with batch norm and leaky ReLU .1 down to 1 x 1, then two layers.
    """

    def __init__(self, shape: tuple[int, ...], outputs: int, width: int = 32) -> None:
        super().__init__()
        made = steps(shape[1:])
        widths = [shape[0], *_widths(width, made)]
        top = CAP * width
        self.blocks = nn.Sequential()
        for (before, after), (kernel, stride, *_) in zip(pairwise(widths), made, strict=True):
            self.blocks.append(nn.Conv2d(before, after, kernel, stride, bias=False))
            self.blocks.extend([nn.BatchNorm2d(after, momentum=0.05), nn.LeakyReLU(LEAK)])
        self.head = nn.Sequential(
            nn.Conv2d(widths[-1], top, made[-1][3], bias=False),
            nn.Flatten(),
            nn.BatchNorm1d(top, momentum=0.05),
            nn.LeakyReLU(LEAK),
            nn.Linear(top, top, bias=False),
            nn.BatchNorm1d(top, momentum=0.05),
            nn.LeakyReLU(LEAK),
            nn.Linear(top, outputs),
        )
        dcgan_init(self, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(x))


class ALIGenerator(nn.Module):
    """The encoder's sizes backwards by transposed convolutions, then two of 1 x 1.

    `z [N, z] -> x [N, *shape] in [-1, 1]`; each value of a picture has a bias of its own, which
    `set_marginals` starts at the data's.
    """

    def __init__(self, shape: tuple[int, ...], z: int = 64, width: int = 32) -> None:
        super().__init__()
        made = steps(shape[1:])[::-1]
        widths = [*_widths(width, made)[::-1], width]
        self.blocks = nn.Sequential()
        self._add(nn.ConvTranspose2d(z, widths[0], made[0][3], bias=False))
        for (before, after), (kernel, stride, large, small) in zip(
            pairwise(widths), made, strict=True
        ):
            gap = tuple(a - (b - 1) * stride - kernel for a, b in zip(large, small, strict=True))
            self._add(nn.ConvTranspose2d(before, after, kernel, stride, 0, gap, bias=False))
        self._add(nn.Conv2d(width, width, 1, bias=False))
        self.paint = nn.Conv2d(width, shape[0], 1, bias=False)
        dcgan_init(self, 0.01)
        self.bias = nn.Parameter(torch.zeros(*shape))

    def _add(self, layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
        norm = nn.BatchNorm2d(layer.out_channels, momentum=0.05)
        self.blocks.extend([layer, norm, nn.LeakyReLU(LEAK)])

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


class ALICritic(nn.Module):
    """`x [N, C, H, W], z [N, z] -> logits [N]`: convolutions of x and layers of z, then joined.

    Maxout of 2 pieces; dropout .2 on both inputs and .5 between layers (the authors' code, where
    a layer's width counts the pieces). `std` is of the first weights: at .01 a layer of 100 inputs
    passes a tenth of what it sees on, and there is no norm; 0 is one over the root of its inputs.
    """

    def __init__(
        self, shape: tuple[int, ...], z: int = 64, width: int = 32, std: float = 0.01
    ) -> None:
        super().__init__()
        made = steps(shape[1:])
        widths, top = _widths(width, made), CAP * width
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
        if std:
            dcgan_init(self, std)
        else:
            msr_init(self)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.joint(torch.cat([self.of_x(x), self.of_z(z)], 1)).squeeze(1)
