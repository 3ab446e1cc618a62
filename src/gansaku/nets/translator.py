"""The residual translator of CycleGAN and CUT, and the heads that compare its features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gansaku.nets.layers.constant import like
from gansaku.nets.layers.init import dcgan_init, glorot_init
from gansaku.nets.layers.norm import InstanceNorm2d, check_norm
from gansaku.nets.layers.resample import channels_last

NORMS = ("instance", "batch", "none")
CRITIC = {"instance": "bare", "batch": "batch", "none": "none"}  # of PatchCritic, to go with them
BINOMIAL = (1.0, 2.0, 1.0)  # of halving
CUBIC = (1.0, 3.0, 3.0, 1.0)  # of doubling


class Translator(nn.Module):
    """Pictures to pictures by residual blocks at a quarter of the side (1703.10593, appendix).

    `x [N, inputs, H, W] in [-1, 1], sides from 8 -> [N, outputs, H, W] in [-1, 1]`: c7s1-64, d128,
    d256, `blocks` times R256, u128, u64, c7s1-3, with reflected borders and instance norm without
    gains, as the authors' code has them; nine blocks have 11,378,179 parameters, six 7,837,699.
    `antialias`: halvings and doublings are convolutions of stride 1 beside a binomial filter, and
    weights Glorot's, both as in CUT's code (2007.15651); the count is the same. Instance norm
    takes each picture's own brightness and contrast away: `norm="batch"` keeps them, and so does
    "none". Raises ValueError for another.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int = 64,
        blocks: int = 9,
        antialias: bool = False,
        norm: str = "instance",  # instance, batch, none
    ) -> None:
        super().__init__()
        check_norm(norm, NORMS)
        self.widths = (inputs, 2 * width, 4 * width, *(4 * width,) * blocks)  # of `encode`
        wide = 4 * width
        first = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, width, 7)]
        self.enter = nn.Sequential(*first, normed(norm, width), nn.ReLU(True))
        self.down = nn.ModuleList(Halving(w, 2 * w, antialias, norm) for w in (width, 2 * width))
        self.blocks = nn.ModuleList(ResidualBlock(wide, norm) for _ in range(blocks))
        self.up = nn.ModuleList(Doubling(2 * w, w, antialias, norm) for w in (2 * width, width))
        self.leave = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(width, outputs, 7))
        if antialias:
            glorot_init(self, 0.02)
        else:
            dcgan_init(self)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        sizes = []
        h = self.enter(x)
        for down in self.down:
            sizes.append(h.shape[2:])
            h = down(down.conv(h))
        for block in self.blocks:
            h = block(h)
        for up in self.up:
            h = up(h, sizes.pop())
        return self.leave(h).tanh()

    def encode(self, x: Tensor, taps: Sequence[int]) -> list[Tensor]:
        """Feature maps of the encoder, no further than the last tap.

        Tap 0 is the picture, 1 and 2 the halving convolutions (before their norm), 3 and on the
        residual blocks: `widths[tap]` channels. Taps ascend.
        """
        found, last = {0: x}, taps[-1]
        h = self.enter(x) if last else x
        for tap, down in enumerate(self.down[:last], 1):
            found[tap] = down.conv(h)
            h = down(found[tap]) if tap < last else h
        for tap, block in enumerate(self.blocks[: max(last - 2, 0)], 3):
            h = found[tap] = block(h)
        return [found[tap] for tap in taps]


class Halving(nn.Module):
    """`conv`, then this: norm, ReLU, and with `antialias` the filter that halves."""

    def __init__(self, inputs: int, outputs: int, antialias: bool, norm: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 1 if antialias else 2, 1)
        self.norm = normed(norm, outputs)
        self.antialias = antialias

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x).relu()
        return blurred(x) if self.antialias else x


class Doubling(nn.Module):
    """The adjoint: to `size`, norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, antialias: bool, norm: str) -> None:
        super().__init__()
        kind = nn.Conv2d if antialias else nn.ConvTranspose2d
        self.conv = kind(inputs, outputs, 3, 1 if antialias else 2, 1)
        self.norm = normed(norm, outputs)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        if isinstance(self.conv, nn.ConvTranspose2d):
            return self.norm(self.conv(x, list(size))).relu()
        return self.norm(self.conv(doubled(x)[:, :, : size[0], : size[1]])).relu()


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with reflected borders and norms, added to the input."""

    def __init__(self, width: int, norm: str) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *(nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), normed(norm, width)),
            nn.ReLU(True),
            *(nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), normed(norm, width)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class PatchHeads(nn.Module):
    """CUT's heads: a perceptron of two layers for each layer's features, on the unit sphere.

    `[N, patches, widths[l]] -> [N, patches, size]` of length 1 (2007.15651, section 3). They begin
    with torch's own weights and biases; with the authors' code's biases of 0 a grey pixel has no
    direction, and a huge gradient.
    """

    def __init__(self, widths: Sequence[int], size: int = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, size), nn.ReLU(True), nn.Linear(size, size))
            for width in widths
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        pairs = zip(self.heads, features, strict=True)
        return [F.normalize(head(part), dim=-1, eps=1e-7) for head, part in pairs]


def normed(norm: str, width: int) -> nn.Module:
    """The normalisation by name; instance norm without gains, as the authors have it."""
    if norm == "instance":
        return InstanceNorm2d(width)
    return nn.BatchNorm2d(width) if norm == "batch" else nn.Identity()


def picked(maps: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
    """Columns of maps `[N, C, H, W]` at places `[N, S]`, which count y * W + x: `[N, S, C]`."""
    return [
        x.flatten(2).gather(2, at[:, None].expand(-1, x.shape[1], -1)).transpose(1, 2)
        for x, at in zip(maps, places, strict=True)
    ]


def blurred(x: Tensor) -> Tensor:
    """Halved, sides rounded up, after the binomial filter 1 2 1 (arXiv:1904.11486)."""
    taps = _outer(BINOMIAL, x, 1.0)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), "reflect"), taps, stride=2, groups=x.shape[1])


def doubled(x: Tensor) -> Tensor:
    """Twice the side, by the adjoint of a halving with the filter 1 3 3 1; borders are repeated."""
    taps = _outer(CUBIC, x, 4.0)
    padded = F.pad(x, (1, 1, 1, 1), "replicate")
    return F.conv_transpose2d(padded, taps, stride=2, padding=3, groups=x.shape[1])


def _outer(taps: Sequence[float], x: Tensor, total: float) -> Tensor:
    line = like(tuple(taps), x)
    square = torch.outer(line, line)
    return (square * (total / square.sum())).expand(x.shape[1], 1, -1, -1)
