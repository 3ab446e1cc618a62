"""The networks of one scale of SinGAN (arXiv:1905.01164): patches of 11 x 11 pixels and no more."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAYERS = 5  # 3 x 3 convolutions without padding
BORDER = LAYERS  # pixels that they take off each side


class SinGANGenerator(nn.Module):
    """A scale's generator: what its convolutions see in noise and picture is added to the picture.

    Figure 4 and equation 5: `x = below + tanh(net(noise + below))`. `noise [N, C or 1, h, w]` with
    its amplitude, `below [N, C, h, w]` the picture of the scale below at this size -> `[N, C, h,
    w]`, not clamped. Both are padded by `BORDER` zeros, as in the authors' code; noise that is
    `BORDER` larger on each side is not padded, as in its training for animations. The
    initialisation is that code's: weights N(0, .02), of norms N(1, .02), biases torch's own.
    """

    def __init__(self, channels: int = 3, width: int = 32, layers: int = LAYERS) -> None:
        super().__init__()
        self.border = layers
        self.body = blocks(channels, width, layers - 1)
        self.tail = nn.Conv2d(width, channels, 3)
        singan_init(self)

    def forward(self, noise: Tensor, below: Tensor) -> Tensor:
        if noise.shape[2:] == below.shape[2:]:
            noise = F.pad(noise, [self.border] * 4)
        seen = noise + F.pad(below, [self.border] * 4)
        return below + self.tail(self.body(seen)).tanh()


class SinGANCritic(nn.Module):
    """A scale's critic: one logit for each patch of 11 x 11 pixels.

    `x [N, C, h, w] -> logits [N, 1, h - 10, w - 10]`; batch norm as in the authors' code, and
    `slope` of the leaky ReLU. The initialisation is the generator's.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 32,
        layers: int = LAYERS,
        norm: bool = True,
        slope: float = 0.2,
    ) -> None:
        super().__init__()
        self.body = blocks(channels, width, layers - 1, norm, slope)
        self.tail = nn.Conv2d(width, 1, 3)
        singan_init(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self.body(x))


def blocks(
    channels: int, width: int, count: int, norm: bool = True, slope: float = 0.2
) -> nn.Sequential:
    """`count` times a 3 x 3 convolution without padding, batch norm if `norm`, and leaky ReLU."""
    net = nn.Sequential()
    for inputs in [channels] + [width] * (count - 1):
        net.append(nn.Conv2d(inputs, width, 3))
        net.extend([nn.BatchNorm2d(width)] if norm else [])
        net.append(nn.LeakyReLU(slope, inplace=True))
    return net


def singan_init(net: nn.Module) -> None:
    """Weights N(0, .02), those of norms N(1, .02) with biases 0; other biases are torch's own."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


def width_of(scale: int, width: int = 32, widest: int = 128) -> int:
    """Channels at a scale: `width`, doubled every four scales, at most `widest`."""
    return min(width * 2 ** (scale // 4), widest)


@torch.no_grad()
def warm_start(net: nn.Module, trained: nn.Module, widen: bool) -> bool:
    """Start from the network of the scale below; says whether it did.

    Equal widths are copied, as the paper does. Twice the width computes the same function if
    `widen`, a double of each channel having part of its outgoing weights (Net2Net,
    arXiv:1511.05641, section 2.3); the parts are drawn from U(0, 1), so that twins grow apart.
    """
    ours, theirs = net.state_dict(), trained.state_dict()
    wide, narrow = (s["body.1.weight"].numel() for s in (ours, theirs))
    if wide != narrow and not (widen and wide == 2 * narrow):
        return False
    twice = wide != narrow
    for name, value in theirs.items():
        ours[name].copy_(_widened(value, ours[name].shape) if twice else value)
    return True


def _widened(value: Tensor, shape: torch.Size) -> Tensor:
    """A weight or statistic for twice the channels: copied for outputs, shared among inputs."""
    if value.ndim and shape[0] == 2 * value.shape[0]:
        value = torch.cat([value, value])
    if value.ndim == 4 and shape[1] == 2 * value.shape[1]:
        share = torch.rand(value.shape[:2]).to(value)[..., None, None]
        value = torch.cat([share * value, (1 - share) * value], 1)
    return value
