"""The networks of ACGAN (arXiv:1610.09585, appendix A, table 2), for images of any size."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from gansaku.nets.dcgan import Shape
from gansaku.nets.layers.dropout import Dropout
from gansaku.nets.layers.init import dcgan_init
from gansaku.nets.layers.label import one_hot, with_label
from gansaku.nets.layers.norm import CRITIC_NORMS, check_norm, norm2d
from gansaku.nets.layers.resample import Basis, channels_last
from gansaku.nets.layers.sizes import Size, ladder, odd
from gansaku.nets.layers.spectral import spectral


class Told(NamedTuple):
    """What the critic says of samples: how real, `logits [N]`, and `classes [N, K]` as logits."""

    logits: Tensor
    classes: Tensor


class ACGANGenerator(nn.Module):
    """A linear map of latent and one-hot label to the smallest maps, then 5 x 5 doublings.

    `z [N, z], y [N] -> images [N, *shape] in [-1, 1]`. With `width` 96 and shape (3, 32, 32) it is
    table 2's: 384 maps of 4 x 4, then 192, 96 and the picture. Raises ValueError for a shape too
    small to be halved once.
    """

    def __init__(self, shape: Shape, z: int, classes: int, width: int = 96) -> None:
        super().__init__()
        self.classes = classes
        sizes = ladder(shape[1:])[::-1]
        levels = len(sizes) - 1
        widths = [width * min(2**level, 8) for level in range(levels)][::-1]
        self.start = nn.Sequential(Basis(z + classes, widths[0], sizes[0], True), nn.ReLU())
        self.blocks = nn.Sequential()
        for before, after, size in zip(widths[:-1], widths[1:], sizes[1:-1], strict=True):
            self.blocks.extend(
                [_doubling(before, after, size), nn.BatchNorm2d(after), nn.ReLU(True)]
            )
        self.blocks.append(_doubling(widths[-1], shape[0], sizes[-1]))
        dcgan_init(self)
        channels_last(self)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.blocks(self.start(with_label(z, one_hot(y, self.classes)))).tanh()


class ACGANCritic(nn.Module):
    """Six 3 x 3 convolutions, every other of stride 2, with dropout; one head says how real, one
    which class.

    `x [N, *shape] in [-1, 1] -> Told`. With `width` 16 they have 16, 32, 64, 128, 256 and 512
    channels, as in table 2; of pictures that can be halved fewer than three times there are fewer.
    Raises ValueError for a shape too small to be halved once, or an unknown `norm`.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int,
        width: int = 16,
        dropout: float = 0.5,
        norm: str = "batch",  # batch, layer, instance, none, spectral
    ) -> None:
        super().__init__()
        check_norm(norm, CRITIC_NORMS)
        sizes = ladder(shape[1:], most=3)
        channels, self.blocks = shape[0], nn.Sequential()
        for layer in range(2 * (len(sizes) - 1)):
            after = width * 2**layer
            conv = nn.Conv2d(channels, after, 3, 2 - layer % 2, 1)
            own = norm2d(norm, after) if layer else nn.Identity()
            self.blocks.extend([conv, own, nn.LeakyReLU(0.2), Dropout(dropout)])
            channels = after
        features = channels * sizes[-1][0] * sizes[-1][1]
        self.judge, self.tell = nn.Linear(features, 1), nn.Linear(features, classes)
        dcgan_init(self)
        if norm == "spectral":
            spectral(self)
        channels_last(self)

    def forward(self, x: Tensor) -> Told:
        h = self.blocks(x).flatten(1)
        return Told(self.judge(h).squeeze(1), self.tell(h))


def _doubling(inputs: int, outputs: int, size: Size) -> nn.Module:
    """A 5 x 5 transposed convolution of stride 2, from the half of `size`, rounded up."""
    extra = tuple(1 - side for side in odd(size))
    return nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, extra)
