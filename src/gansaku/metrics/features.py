"""Features that measures compare: a frozen network with its name, hash, layer and resizer."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.nets.features import EfficientNetLite0, RandomConv, freeze, weights_hash

BACKBONE_HINT = (
    "pip install 'gansaku[backbone]' brings it, with its weights; nothing else is loaded"
)


@dataclasses.dataclass(frozen=True)
class Features:
    """A map from images `[N, C, H, W]` in [-1, 1] to features `[N, D]`, and what names it.

    Two figures may be compared only where network, hash, layer and resizer agree: `name` says
    the first two.
    """

    network: str  # "digits-cnn"
    hash: str  # of the weights
    layer: str
    resizer: str  # "none", or what brings images to the network's size
    extract: Callable[[Tensor], Tensor] = dataclasses.field(repr=False, compare=False)
    batch: int = 256

    @property
    def name(self) -> str:
        """The network with its weights' hash: `digits-cnn-1a2b3c4d`."""
        return f"{self.network}-{self.hash}"

    def __call__(self, images: Tensor) -> Tensor:
        """`images [N, C, H, W]` in [-1, 1] -> `[N, D]`, without gradients, a batch at a time."""
        if images.ndim != 4:
            raise UserError(f"{self.name} needs images [N, C, H, W] but found {list(images.shape)}")
        with torch.no_grad():
            return torch.cat([self.extract(part) for part in images.split(self.batch)])


@functools.cache
def random_conv(channels: int = 3, seed: int = 0, most: int = 64) -> Features:
    """Random-convolution features of images with `channels` channels: always at hand, in ms.

    Images with a side above `most` are made smaller first, so that the cost has a bound.
    """
    net = freeze(RandomConv(channels, seed))

    def extract(images: Tensor) -> Tensor:
        return net(shrink(images, most))

    resizer = f"bilinear-antialias-below-{most}"
    return Features("random-conv", weights_hash(net), "statistics", resizer, extract, batch=128)


@functools.cache
def backbone(size: int = 128) -> Features:
    """EfficientNet-Lite0 on ImageNet, `[N, 1280]`; images are resized to `size`, grey made RGB.

    Alpha is dropped. Raises UserError, with what to install, where its packages are absent.
    """
    try:
        net = freeze(EfficientNetLite0())
    except ImportError as reason:
        asked = f"the ImageNet features need a package that is not installed ({reason.name})"
        raise UserError(f"{asked}; {BACKBONE_HINT}") from None

    def extract(images: Tensor) -> Tensor:
        return net(resize(rgb(images), size))

    resizer = f"bilinear-antialias-{size}"
    return Features("efficientnet-lite0", weights_hash(net), "pool", resizer, extract, batch=64)


def rgb(images: Tensor) -> Tensor:
    """Images of 1 to 4 channels as RGB: grey repeated, alpha dropped."""
    colours = images[:, : 1 if images.shape[1] < 3 else 3]
    return colours.expand(-1, 3, -1, -1)


def resize(images: Tensor, size: int) -> Tensor:
    """Images as `size x size`, bilinear with antialias; untouched where they are that already."""
    if images.shape[2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


def shrink(images: Tensor, most: int) -> Tensor:
    """Images with no side above `most`, in proportion; untouched where they are small enough."""
    longest = max(images.shape[2:])
    if longest <= most:
        return images
    size = [max(round(side * most / longest), 1) for side in images.shape[2:]]
    return F.interpolate(images, size, mode="bilinear", antialias=True)
