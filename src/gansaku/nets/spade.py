"""The networks of SPADE (arXiv:1903.07291): a painter of label maps, a style encoder, critics."""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

from gansaku.nets.layers.init import glorot_init
from gansaku.nets.layers.norm import InstanceNorm2d
from gansaku.nets.layers.resample import channels_last
from gansaku.nets.layers.sizes import Size, halved
from gansaku.nets.layers.spectral import spectral

NORMS = ("batch", "instance")
HIDDEN = 128  # channels between the label map and its gains
WIDTHS = (16, 16, 16, 16, 8, 4, 2, 1)  # before, between and after the blocks, times the width
LEVELS = (0, 1, 1, 2, 3, 4, 5)  # how often the features were doubled before each block


class Spade(nn.Module):
    """Normalisation whose gain and bias are painted by the label map (equation 1, figure 2).

    `x [N, C, h, w], map [N, labels, H, W] one-hot -> norm(x) (1 + gain(map)) + bias(map)`, with
    the map brought to x's size by its nearest neighbours. The norm has no gains of its own.
    """

    def __init__(self, channels: int, labels: int, norm: str, hidden: int = HIDDEN) -> None:
        super().__init__()
        kind = nn.BatchNorm2d if norm == "batch" else InstanceNorm2d
        self.norm = kind(channels, affine=False)
        self.shared = nn.Sequential(_conv(labels, hidden), nn.ReLU(True))
        self.gain, self.bias = _conv(hidden, channels), _conv(hidden, channels)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        seen = self.shared(F.interpolate(seen, x.shape[2:]))
        return self.norm(x) * (1 + self.gain(seen)) + self.bias(seen)


class SpadeBlock(nn.Module):
    """SPADE, leaky ReLU, convolve, twice; beside it, where widths differ, SPADE and 1 x 1."""

    def __init__(self, inputs: int, outputs: int, labels: int, norm: str, hidden: int) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.norm1, self.norm2 = (Spade(w, labels, norm, hidden) for w in (inputs, middle))
        self.conv1 = spectral(_conv(inputs, middle))
        self.conv2 = spectral(_conv(middle, outputs))
        self.beside = None
        if inputs != outputs:
            self.norm0 = Spade(inputs, labels, norm, hidden)
            self.beside = spectral(_conv(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        h = self.conv1(F.leaky_relu(self.norm1(x, seen), 0.2))
        h = self.conv2(F.leaky_relu(self.norm2(h, seen), 0.2))
        return h + (x if self.beside is None else self.beside(self.norm0(x, seen)))


class SpadeGenerator(nn.Module):
    """From a label map, and a style where `z` is not 0, to a picture (figure 4, appendix A).

    `map [N, labels, H, W] one-hot -> [N, outputs, H, W] in [-1, 1]`: seven SPADE blocks of 16, 16,
    16, 8, 4, 2 and 1 times `width`, doubled five times from a 32nd of the side. Without a style
    the first features are a convolution of the small map; with one, a linear map of `z [N, z]`,
    for which the pictures' `size` is fixed: other sizes are made from it resized. With 151 labels
    and no style it has 96.5 million parameters. `norm`: batch (the paper's, over all devices) or
    instance, which does not depend on a batch's size.
    """

    def __init__(
        self,
        labels: int,
        outputs: int,
        size: Size,
        width: int = 64,
        z: int = 0,
        norm: str = "batch",  # batch or instance
        hidden: int = HIDDEN,
    ) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"norm is {norm!r}; it must be batch or instance")
        self.labels, self.small = labels, ladder(size)[0]
        if z:
            self.first = nn.Linear(z, 16 * width * self.small[0] * self.small[1])
            glorot_init(self.first, 0.02)
        else:
            self.first = _conv(labels, 16 * width)
        widths = [width * k for k in WIDTHS]
        self.blocks = nn.ModuleList(
            SpadeBlock(before, after, labels, norm, hidden)
            for before, after in itertools.pairwise(widths)
        )
        self.leave = _conv(width, outputs)
        channels_last(self)

    def seen(self, numbers: Tensor) -> Tensor:
        """Class numbers `[N, 1, H, W]` one-hot, `[N, labels, H, W]`; those above are the last."""
        last = self.labels - 1
        return F.one_hot(numbers[:, 0].clamp(max=last), self.labels).movedim(3, 1).float()

    def forward(self, seen: Tensor, z: Tensor | None = None) -> Tensor:
        sizes = ladder(tuple(seen.shape[2:]))
        x = self._begin(seen, z, sizes[0])
        for level, block in zip(LEVELS, self.blocks, strict=True):
            x = block(x if x.shape[2:] == sizes[level] else F.interpolate(x, sizes[level]), seen)
        return self.leave(F.leaky_relu(x, 0.2)).tanh()

    def _begin(self, seen: Tensor, z: Tensor | None, size: Size) -> Tensor:
        if isinstance(self.first, nn.Linear):
            if z is None:
                raise ValueError("this painter has a style: give it z [N, z]")
            begun = self.first(z).unflatten(1, (-1, *self.small))
            return begun if self.small == size else F.interpolate(begun, size)
        return self.first(F.interpolate(seen, size))


class StyleEncoder(nn.Module):
    """The picture's style as a Gaussian (figure 13): `[N, inputs, H, W] -> mean, log variance`.

    Six halvings by spectrally normalised 3 x 3 convolutions with instance norm, of the picture at
    256 x 256 in the paper; `[N, z]` each. With a smaller `side` the halvings that would go below
    4 x 4 are left out.
    """

    def __init__(self, inputs: int, z: int = 256, width: int = 64, side: int = 256) -> None:
        super().__init__()
        levels = min(max(side.bit_length() - 3, 1), 6)  # halvings down to 4 x 4
        self.side = 4 * 2**levels
        self.layers = nn.ModuleList()
        for level in range(levels):
            after = width * min(2**level, 8)
            conv = nn.Conv2d(inputs, after, 3, 2, 1, bias=False)
            glorot_init(conv, 0.02)
            self.layers.append(nn.Sequential(spectral(conv), InstanceNorm2d(after)))
            inputs = after
        self.mean, self.log_variance = (nn.Linear(16 * inputs, z) for _ in range(2))
        for head in (self.mean, self.log_variance):
            glorot_init(head, 0.02)
        channels_last(self)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.shape[2:] != (self.side, self.side):
            x = F.interpolate(x, (self.side, self.side), mode="bilinear")
        for level, layer in enumerate(self.layers):
            x = layer(F.leaky_relu(x, 0.2) if level else x)
        x = F.leaky_relu(x, 0.2).flatten(1)
        return self.mean(x), self.log_variance(x)


class PatchFeatures(nn.Module):
    """A PatchGAN that shows its features: `[N, inputs, H, W] ->` maps of each layer, then logits.

    4 x 4 convolutions (padded by 2) to 1, 2, 4, ... times `width`, at most 8: `layers` - 1 of
    stride 2, then two of stride 1. Spectral and instance norm in all but the first and last.
    """

    def __init__(self, inputs: int, width: int = 64, layers: int = 4) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Sequential(_patch(inputs, width, 2), nn.LeakyReLU(0.2))])
        for level in range(1, layers):
            after = width * min(2**level, 8)
            before = width * min(2 ** (level - 1), 8)
            conv = spectral(_patch(before, after, 1 if level == layers - 1 else 2, bias=False))
            self.layers.append(nn.Sequential(conv, InstanceNorm2d(after), nn.LeakyReLU(0.2)))
        self.layers.append(_patch(width * min(2 ** (layers - 1), 8), 1, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        return found


class MultiscaleCritic(nn.Module):
    """PatchGANs of the picture and of its halves (1711.11585, section 3.2): features and logits.

    `x [N, inputs, H, W] ->` for each scale a list of maps, the last of which are the logits.
    """

    def __init__(self, inputs: int, width: int = 64, layers: int = 4, scales: int = 2) -> None:
        super().__init__()
        self.critics = nn.ModuleList(PatchFeatures(inputs, width, layers) for _ in range(scales))
        channels_last(self)

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        found = []
        for number, critic in enumerate(self.critics):
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False) if number else x
            found.append(critic(x))
        return found


def ladder(size: Size) -> list[Size]:
    """Sizes from a 32nd, rounded up at every halving and at least 2, to `size`."""
    sizes = [size]
    for _ in range(max(LEVELS)):
        height, width = halved(sizes[0])
        sizes.insert(0, (max(height, 2), max(width, 2)))
    return sizes


def _conv(inputs: int, outputs: int, kernel: int = 3, bias: bool = True) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
    glorot_init(conv, 0.02)  # before spectral norm
    return conv


def _patch(inputs: int, outputs: int, stride: int, bias: bool = True) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 4, stride, 2, bias=bias)
    glorot_init(conv, 0.02)
    return conv
