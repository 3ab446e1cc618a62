"""The networks of LPIPS: AlexNet's or VGG16's maps and the learned weight of each channel."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch
from torch import Tensor, nn

SHIFT = (-0.030, -0.088, -0.188)  # ImageNet's mean and deviation, for images in [-1, 1]
SCALE = (0.458, 0.448, 0.450)
VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)  # 0: a pool
TAPS = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}  # the ReLUs whose maps are compared
WIDTHS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}


def alexnet() -> nn.Sequential:
    """AlexNet's convolutions up to its fifth ReLU, numbered as torchvision numbers them."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(),
    )  # fmt: skip


def vgg16() -> nn.Sequential:
    """VGG16's convolutions up to the last ReLU, numbered as torchvision numbers them."""
    layers: list[nn.Module] = []
    inputs = 3
    for width in VGG16:
        if width:
            layers += [nn.Conv2d(inputs, width, 3, 1, 1), nn.ReLU()]
            inputs = width
        else:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class LPIPS(nn.Module):
    """Maps and channel weights of LPIPS v0.1 (arXiv:1801.03924), `kind` "alex" or "vgg".

    `trunk` is torchvision's state dict of the whole classifier (`features.0.weight`, ...) and
    `linear` that of the lpips repository (`lin0.model.1.weight`, ...). `x [N, 3, H, W] in
    [-1, 1] -> ` five maps, as they are before each is normalised over channels (equation 1).
    Raises ValueError where a state dict lacks a name or has another shape.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, kind: str, trunk: Mapping[str, Tensor], linear: Mapping[str, Tensor]):
        super().__init__()
        self.kind = kind
        self.features = alexnet() if kind == "alex" else vgg16()
        for level, width in enumerate(WIDTHS[kind]):
            name = f"lin{level}.model.1.weight"
            if name not in linear or linear[name].shape != (1, width, 1, 1):
                found = list(linear[name].shape) if name in linear else "none"
                raise ValueError(f"{name} must be [1, {width}, 1, 1] but found {found}")
            self.register_buffer(f"lin{level}", linear[name].detach().flatten().clone())
        wanted = self.features.state_dict()
        for name, value in wanted.items():
            if (found := trunk.get(f"features.{name}")) is None:
                raise ValueError(f"features.{name} is missing")
            if found.shape != value.shape:
                sizes = f"{list(value.shape)} but found {list(found.shape)}"
                raise ValueError(f"features.{name} must be {sizes}")
        self.features.load_state_dict({name: trunk[f"features.{name}"] for name in wanted})
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1))

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """The learned weight of each channel of each map: five tensors `[C]`."""
        return tuple(self.get_buffer(f"lin{level}") for level in range(5))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = (x - self.shift) / self.scale
        found = []
        for start, tap in itertools.pairwise((-1, *TAPS[self.kind])):
            x = self.features[start + 1 : tap + 1](x)
            found.append(x)
        return found
