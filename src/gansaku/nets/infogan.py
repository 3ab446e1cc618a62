"""The networks of InfoGAN for digits (arXiv:1606.03657, appendix C.1), for images of any size."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from gansaku.nets.dcgan import Shape, doubling, halving
from gansaku.nets.layers.init import dcgan_init
from gansaku.nets.layers.norm import CRITIC_NORMS, check_norm, norm2d
from gansaku.nets.layers.resample import Basis, channels_last
from gansaku.nets.layers.sizes import Size, ladder, sides
from gansaku.nets.layers.spectral import spectral


class Told(NamedTuple):
    """What the critic says of samples: how real, `logits [N]`, and Q's word on their `codes`."""

    logits: Tensor
    codes: Tensor


class InfoGenerator(nn.Module):
    """Two linear maps, then 4 x 4 doublings: 1024, 128 maps of 7 x 7, 64 maps, the picture.

    `z [N, z], noise and codes -> images [N, *shape] in [-1, 1]`. `width` 64 is the paper's; larger
    pictures have more doublings. Raises ValueError for a shape too small to be halved once.
    """

    def __init__(self, shape: Shape, z: int, width: int = 64) -> None:
        super().__init__()
        sizes = _sizes(shape)[::-1]
        widths = [width * 2**level for level in range(len(sizes) - 1)][::-1]
        self.start = nn.Sequential(
            nn.Linear(z, 16 * width, bias=False),
            nn.BatchNorm1d(16 * width),
            nn.ReLU(True),
            Basis(16 * width, widths[0], sizes[0]),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(True),
        )
        self.blocks = nn.Sequential()
        for before, after, size in zip(widths[:-1], widths[1:], sizes[1:-1], strict=True):
            conv = doubling("transpose", before, after, size, bias=False)
            self.blocks.extend([conv, nn.BatchNorm2d(after), nn.ReLU(True)])
        self.blocks.append(doubling("transpose", widths[-1], shape[0], sizes[-1], bias=True))
        dcgan_init(self)
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        return self.blocks(self.start(z)).tanh()


class InfoCritic(nn.Module):
    """D and Q on one trunk: halvings to 64 and 128 maps, 1024 units, then a head for each.

    `x [N, *shape] in [-1, 1] -> Told` with `codes [N, codes]`; Q's head has 128 units more. Leaky
    units have slope 0.1. Raises ValueError for a shape too small to be halved once, or an unknown
    `norm`.
    """

    def __init__(
        self,
        shape: Shape,
        codes: int,
        width: int = 64,
        norm: str = "batch",  # batch, layer, instance, none, spectral
    ) -> None:
        super().__init__()
        check_norm(norm, CRITIC_NORMS)
        sizes, bias = _sizes(shape), norm in ("none", "spectral")
        widths = [shape[0], *(width * 2**level for level in range(len(sizes) - 1))]
        self.trunk = nn.Sequential()
        for level, size in enumerate(sizes[:-1]):
            before, after = widths[level : level + 2]
            conv = halving(before, after, size, bias or not level)
            own = norm2d(norm, after) if level else nn.Identity()
            self.trunk.extend([conv, own, nn.LeakyReLU(0.1)])
        flat = widths[-1] * sizes[-1][0] * sizes[-1][1]
        self.trunk.extend([nn.Flatten(), *_hidden(flat, 16 * width, norm)])
        self.judge = nn.Linear(16 * width, 1)
        self.tell = nn.Sequential(
            *_hidden(16 * width, 2 * width, norm), nn.Linear(2 * width, codes)
        )
        dcgan_init(self)
        if norm == "spectral":
            spectral(self)
        channels_last(self)

    def forward(self, x: Tensor) -> Told:
        h = self.trunk(x)
        return Told(self.judge(h).squeeze(1), self.tell(h))


def _hidden(inputs: int, units: int, norm: str) -> list[nn.Module]:
    """Of the norms, batch and layer norm are also of plain units."""
    norms = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
    own = norms[norm](units) if norm in norms else nn.Identity()
    return [nn.Linear(inputs, units, bias=norm not in norms), own, nn.LeakyReLU(0.1)]


def _sizes(shape: Shape) -> list[Size]:
    """Down to about 7 x 7; of pictures below 14 pixels to about 4 x 4."""
    size = sides(shape[1:])
    return ladder(size, base=7 if min(size) >= 13 else 4)
