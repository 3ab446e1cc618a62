"""The networks of DCGAN (arXiv:1511.06434), for images of any size."""

from __future__ import annotations

from torch import Tensor, nn

from gansaku.nets.layers.init import dcgan_init
from gansaku.nets.layers.norm import CRITIC_NORMS, NORMS, check_norm, norm2d
from gansaku.nets.layers.resample import Basis, Head, UpConv2d, channels_last
from gansaku.nets.layers.sizes import Size, ladder, odd
from gansaku.nets.layers.spectral import spectral

Shape = tuple[int, int, int]  # channels, height, width


class DCGANGenerator(nn.Module):
    """The generator: a linear map to about 4 x 4, then doublings by 4 x 4 transposed convolutions.

    `z [N, z] -> images [N, *shape] in [-1, 1]`. With shape (3, 64, 64) it is the network of the
    paper (figure 1) with `width` 128, of its PyTorch port with 64. `layers` caps the doublings,
    `widest` the growth of the width; `up="nearest"` doubles by copying, then convolves 3 x 3.
    Raises ValueError for a shape too small to be halved once, an unknown `norm` or `up`.
    """

    def __init__(
        self,
        shape: Shape,
        z: int = 100,
        width: int = 64,
        norm: str = "batch",  # batch, layer, instance, none
        up: str = "transpose",  # transpose, nearest
        layers: int | None = None,
        widest: int = 8,  # times width
    ) -> None:
        super().__init__()
        check_norm(norm, NORMS)
        check_up(up)
        sizes = ladder(shape[1:], most=layers)[::-1]
        widths = widths_of(width, len(sizes) - 1, widest)[::-1]
        bias = norm == "none"
        self.basis = Basis(z, widths[0], sizes[0], bias)
        self.start = nn.Sequential(norm2d(norm, widths[0]), nn.ReLU())
        self.blocks = nn.Sequential()
        for before, after, size in zip(widths[:-1], widths[1:], sizes[1:-1], strict=True):
            self.blocks.extend(
                [doubling(up, before, after, size, bias), norm2d(norm, after), nn.ReLU(True)]
            )
        self.paint = doubling(up, widths[-1], shape[0], sizes[-1], bias)
        dcgan_init(self)
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        return self.paint(self.blocks(self.start(self.basis(z)))).tanh()


class DCGANCritic(nn.Module):
    """The critic: halvings by 4 x 4 convolutions to about 4 x 4, then a linear map.

    `x [N, *shape] in [-1, 1] -> logits [N]`. As in the paper, the first layer has no norm and no
    layer a bias before one; without norms ("none", "spectral") all have biases.
    Raises ValueError for a shape too small to be halved once, or an unknown `norm`.
    """

    def __init__(
        self,
        shape: Shape,
        width: int = 64,
        norm: str = "batch",  # batch, layer, instance, none, spectral
        layers: int | None = None,
        widest: int = 8,  # times width
    ) -> None:
        super().__init__()
        check_norm(norm, CRITIC_NORMS)
        sizes = ladder(shape[1:], most=layers)
        widths = [shape[0], *widths_of(width, len(sizes) - 1, widest)]
        bias = norm in ("none", "spectral")
        self.blocks = nn.Sequential()
        for level, size in enumerate(sizes[:-1]):
            before, after = widths[level : level + 2]
            self.blocks.append(halving(before, after, size, bias))
            self.blocks.append(norm2d(norm, after) if level else nn.Identity())
            self.blocks.append(nn.LeakyReLU(0.2, inplace=True))
        self.head = Head(widths[-1], sizes[-1], bias)
        dcgan_init(self)
        if norm == "spectral":
            spectral(self)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(x))


def widths_of(width: int, levels: int, widest: int = 8) -> list[int]:
    """Channels after each halving: they double until they are `widest` times `width`."""
    return [width * min(2**level, widest) for level in range(levels)]


def check_up(up: str) -> None:
    """Raise ValueError for a way of doubling that there is not."""
    if up not in ("transpose", "nearest"):
        raise ValueError(f"up is {up!r}; it must be transpose or nearest")


def halving(inputs: int, outputs: int, size: Size, bias: bool) -> nn.Module:
    """A 4 x 4 convolution of stride 2 from `size` to its half, rounded up."""
    padding = tuple(1 + side for side in odd(size))
    return nn.Conv2d(inputs, outputs, 4, 2, padding, bias=bias)


def doubling(up: str, inputs: int, outputs: int, size: Size, bias: bool) -> nn.Module:
    """From the half of `size`, rounded up, to `size`: the adjoint of `halving`, or nearest."""
    if up == "nearest":
        return UpConv2d(inputs, outputs, 3, size, bias)
    padding = tuple(1 + side for side in odd(size))
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, padding, odd(size), bias=bias)
