"""The networks of SRGAN (arXiv:1609.04802, figure 4): SRResNet, and its critic."""

from __future__ import annotations

from torch import Tensor, nn

from gansaku.nets.layers.bicubic import bicubic
from gansaku.nets.layers.resample import channels_last
from gansaku.nets.layers.sizes import Size, halved

FACTORS = (2, 4, 8)


class SRResNet(nn.Module):
    """Pictures `scale` times as large: residual blocks at the small size, then pixel shuffles.

    `x [N, channels, h, w] in [-1, 1] -> [N, channels, scale h, scale w]`, not clamped: k9n64, 16
    blocks of two k3n64 with batch norm and PReLU, k3n64 added to the first features, k3n256 and a
    shuffle for each doubling, k9n3. At x4 it has 1,549,462 parameters. `enlarged`: its output is
    added to the bicubic enlargement (VDSR's residual learning, arXiv:1511.04587, section 3.2; the
    last convolution then begins at 0), which is not SRGAN's. Raises ValueError for another factor.
    """

    def __init__(
        self,
        channels: int = 3,
        scale: int = 4,  # 2, 4 or 8
        width: int = 64,
        blocks: int = 16,
        norm: bool = True,  # batch norm in the blocks
        enlarged: bool = False,
    ) -> None:
        super().__init__()
        if scale not in FACTORS:
            raise ValueError(f"scale is {scale}; it must be one of {', '.join(map(str, FACTORS))}")
        self.scale, self.enlarged = scale, enlarged
        self.enter = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU())
        self.blocks = nn.Sequential(*(SRBlock(width, norm) for _ in range(blocks)))
        self.join = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), _norm(width, norm))
        self.up = nn.Sequential()
        for _ in range(scale.bit_length() - 1):
            conv = nn.Conv2d(width, 4 * width, 3, padding=1)
            self.up.extend([conv, nn.PixelShuffle(2), nn.PReLU()])
        self.leave = nn.Conv2d(width, channels, 9, padding=4)
        if enlarged:
            nn.init.zeros_(self.leave.weight)
            nn.init.zeros_(self.leave.bias)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x)
        made = self.leave(self.up(h + self.join(self.blocks(h))))
        return bicubic(x, tuple(made.shape[2:])) + made if self.enlarged else made


class SRBlock(nn.Module):
    """Convolve, norm, PReLU, convolve, norm, added to the input."""

    def __init__(self, width: int, norm: bool) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *(nn.Conv2d(width, width, 3, padding=1), _norm(width, norm), nn.PReLU()),
            *(nn.Conv2d(width, width, 3, padding=1), _norm(width, norm)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class SRCritic(nn.Module):
    """SRGAN's critic: eight 3 x 3 convolutions, four of them halve, and a perceptron.

    `x [N, channels, *size] in [-1, 1] -> logits [N]`; widths 64, 64, 128, 128, 256, 256, 512, 512
    at `width` 64, batch norm in all but the first, 1,024 hidden units. At 96 x 96 it has
    23,563,649 parameters. Sizes are any: sides are rounded up at each halving.
    """

    def __init__(
        self, channels: int, size: Size, width: int = 64, hidden: int | None = None
    ) -> None:
        super().__init__()
        hidden = hidden or 16 * width
        self.blocks = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), _leaky())
        before = width
        for number in range(1, 8):
            after = width * 2 ** (number // 2)
            conv = nn.Conv2d(before, after, 3, 1 + number % 2, 1, bias=False)
            self.blocks.extend([conv, nn.BatchNorm2d(after), _leaky()])
            before = after
            size = halved(size) if number % 2 else size
        flat = before * size[0] * size[1]
        self.head = nn.Sequential(nn.Linear(flat, hidden), _leaky(), nn.Linear(hidden, 1))
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(x).flatten(1)).squeeze(1)


def _norm(width: int, norm: bool) -> nn.Module:
    return nn.BatchNorm2d(width) if norm else nn.Identity()


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.2, inplace=True)
