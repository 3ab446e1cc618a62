"""Feature networks whose weights are the user's: FID's Inception, DINOv2, and those of LPIPS."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.metrics.features import Features, batched
from gansaku.metrics.resizing import resize_bicubic, resize_tensorflow, rgb, to_bytes
from gansaku.metrics.weights import fill, is_torchscript, locate, published, read_state, sha256
from gansaku.nets.dinov2 import NAMES, DinoV2
from gansaku.nets.features import freeze, weights_hash
from gansaku.nets.inception import InceptionV3
from gansaku.nets.lpips import LPIPS

INCEPTION_FILES = (
    "pt_inception-2015-12-05-6726825d.pth",
    "weights-inception-2015-12-05-6726825d.pth",
    "inception-2015-12-05.pt",
)
DINOV2_FILES = tuple(f"dinov2_vit{size}14_pretrain.pth" for size in "lbs")
LPIPS_TRUNKS = {
    "alex": ("alexnet-owt-7be5be79.pth", "alexnet-owt-4df8aa71.pth"),
    "vgg": ("vgg16-397923af.pth",),
}
SOURCES = {
    "inception": "https://github.com/toshas/torch-fidelity/releases/tag/v0.2.0",
    "dinov2": "https://github.com/facebookresearch/dinov2",
    "trunk": "https://download.pytorch.org/models",
    "linear": "the package lpips (pip install --no-deps lpips)",
}
RESIZER = "tensorflow-bilinear-299"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, for images in [0, 1]


def inception(path: str | Path | None = None) -> Features:
    """FID's Inception v3 with the standard resizer, `[N, 2048]`, from a file of the user's.

    The file is the `.pth` state dict in common use or NVIDIA's TorchScript; None looks in the
    caches. Only where its contents are the published ones is the network standard, so that
    figures are called FID, KID, IS and SIFID. `maps` (for the single-image distance) are made at
    the image's own size, as SinGAN's code does; TorchScript has none. Raises UserError where there
    is no such file or it holds something else.
    """
    file = locate(path, INCEPTION_FILES, "FID's Inception v3", SOURCES["inception"])
    standard = "inception" if published(file) == "inception" else None
    if is_torchscript(file):
        return _scripted_inception(file, standard)
    with torch.device("meta"):
        net = InceptionV3()
    net = freeze(fill(net, read_state(file), file, spare=("AuxLogits.",)))
    net = net.to(memory_format=torch.channels_last)

    def pooled(images: Tensor) -> Tensor:
        return net(_scaled(resize_tensorflow(to_bytes(rgb(images)), 299)))

    def probabilities(features: Tensor) -> Tensor:
        return net.logits(features).softmax(1)

    return Features(
        "inception-v3", weights_hash(net), "pool3", RESIZER, pooled, batch=8,
        standard=standard, head=probabilities,
        classify=batched(lambda images: probabilities(pooled(images)), 8),
        maps=lambda images: net.maps(_scaled(to_bytes(rgb(images)))),
    )  # fmt: skip


def _scaled(pixels: Tensor) -> Tensor:
    return ((pixels - 128) / 128).contiguous(memory_format=torch.channels_last)


def _scripted_inception(file: Path, standard: str | None) -> Features:
    """NVIDIA's TorchScript file, which has the standard resizer inside it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript: the file's format
        net = torch.jit.load(str(file), map_location="cpu").eval()

    def pooled(images: Tensor) -> Tensor:
        return net(to_bytes(rgb(images)).byte(), return_features=True)

    def probabilities(images: Tensor) -> Tensor:
        return net(to_bytes(rgb(images)).byte(), no_output_bias=True)

    _try(pooled, file, (1, 2048))
    return Features(
        "inception-v3-torchscript", sha256(file)[:8], "pool3", RESIZER, pooled, batch=8,
        standard=standard, classify=batched(probabilities, 8),
    )  # fmt: skip


def _try(extract: Callable[[Tensor], Tensor], file: Path, shape: tuple[int, ...]) -> None:
    """UserError unless a blank image gives features of the expected shape."""
    try:
        with torch.no_grad():
            found = str(list(extract(torch.zeros(1, 3, 32, 32)).shape))
    except (RuntimeError, TypeError, AttributeError) as reason:
        found = type(reason).__name__
    if found != str(list(shape)):
        asked = f"images and return_features=True must give features {list(shape)}"
        raise UserError(f"{file} is not FID's Inception as TorchScript: {asked} but found {found}")


def dinov2(path: str | Path | None = None, size: int = 224) -> Features:
    """DINOv2's normalised class token (ViT-S/14, B/14 or L/14, as the file has it).

    arXiv:2304.07193; arXiv:2306.04675 finds its Frechet distance nearer to what people see than
    FID. Images are resized to `size`, bicubic with antialias. None looks in the caches, for the
    largest first. Raises UserError where there is no such file or it holds something else.
    """
    file = locate(path, DINOV2_FILES, "DINOv2", SOURCES["dinov2"])
    state = read_state(file)
    width = state["cls_token"].shape[-1] if "cls_token" in state else 0
    if width not in NAMES:
        found = f"tokens of width {width}" if width else "no 'cls_token'"
        raise UserError(f"{file} is no DINOv2 ViT-S/14, ViT-B/14 or ViT-L/14: it has {found}")
    with torch.device("meta"):
        net = DinoV2(width)
    net = freeze(fill(net, state, file))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))

    def prepared(images: Tensor) -> Tensor:
        return ((resize_bicubic(rgb(images), size) + 1) / 2 - mean) / std

    return Features(
        NAMES[width], weights_hash(net), "class-token", f"bicubic-antialias-{size}",
        lambda images: net(prepared(images)), batch=16,
        maps=lambda images: net.maps(prepared(images)),
    )  # fmt: skip


def lpips(
    kind: str = "alex", trunk: str | Path | None = None, linear: str | Path | None = None
) -> Features:
    """The networks of LPIPS v0.1: maps, and the learned weight of each channel.

    arXiv:1801.03924. `trunk` is torchvision's AlexNet or VGG16, `linear` the lpips repository's
    `alex.pth` or `vgg.pth`; None looks in the caches, and for `linear` in the installed package
    lpips, of which no code is run. Images keep their size. Raises UserError as `inception` does.
    """
    what = f"LPIPS's network ({kind})", f"LPIPS's linear layers ({kind})"
    found = locate(trunk, LPIPS_TRUNKS[kind], what[0], SOURCES["trunk"])
    layers = locate(linear, (f"{kind}.pth",), what[1], SOURCES["linear"], _package())
    with torch.random.fork_rng(devices=[]):
        try:
            net = freeze(LPIPS(kind, read_state(found), read_state(layers)))
        except ValueError as reason:
            raise UserError(f"{found} and {layers} are not LPIPS's {kind}: {reason}") from None
    files = (published(found), published(layers))
    own = files == (f"lpips-{kind}-trunk", f"lpips-{kind}-linear")
    return Features(
        f"lpips-{kind}", weights_hash(net), "relu5-mean", "none",
        lambda images: net(rgb(images))[-1].mean((2, 3)), batch=16,
        standard=f"lpips-{kind}" if own else None,
        maps=lambda images: net(rgb(images)), channel_weights=net.weights,
    )  # fmt: skip


def _package() -> list[Path]:
    """The folder of weights of the package lpips, where it is installed."""
    spec = importlib.util.find_spec("lpips")
    places = spec.submodule_search_locations if spec else None
    return [Path(place) / "weights" / "v0.1" for place in places or ()]
