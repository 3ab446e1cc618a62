"""Autoencoders as critics (EBGAN, BEGAN), their halves, and networks that give features."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gansaku.nets.layers.init import dcgan_init, glorot_init
from gansaku.nets.layers.norm import CRITIC_NORMS, NORMS, check_norm, norm2d
from gansaku.nets.layers.resample import channels_last, upsample
from gansaku.nets.layers.sizes import Size, ladder, odd
from gansaku.nets.layers.spectral import spectral
from gansaku.nets.mlp import MLP

Shape = tuple[int, ...]  # channels, height, width; or the dimensions of a point


class AutoencoderCritic(nn.Module):
    """A critic whose score is minus the error of an autoencoder.

    `x [N, *shape] -> scores [N], code [N, K]`. With `error="norm"` it is
    the Euclidean norm of the difference (arXiv:1609.03126, eq. 4), with "mean" the mean absolute
    difference (arXiv:1703.10717, eq. 1 with eta = 1). Raises ValueError for another `error`.
    """

    numbers = 0  # of a sample, where they are known

    def __init__(self, encoder: nn.Module, decoder: nn.Module, error: str = "norm") -> None:
        super().__init__()
        if error not in ("norm", "mean"):
            raise ValueError(f"error is {error!r}; it must be norm or mean")
        self.encoder, self.decoder, self.error = encoder, decoder, error

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = self.encoder(x)
        gap = (self.decoder(code) - x).flatten(1)
        mean = self.error == "mean"
        error = gap.abs().mean(1) if mean else torch.linalg.vector_norm(gap, dim=1)
        return -error, code.flatten(1)


def ebgan_critic(shape: Shape, width: int = 64, norm: str = "batch") -> AutoencoderCritic:
    """EBGAN's autoencoder: (64)4c2s-(128)4c2s-(256)4c2s and back (arXiv:1609.03126, appendix C).

    Leaky ReLU 0.2, norms but at the input and the output. The code is the smallest map. For
    points, two hidden layers of 8 x `width` on either side of one number. Raises ValueError for a
    shape too small to be halved, or an unknown `norm`.
    """
    check_norm(norm, CRITIC_NORMS)
    if len(shape) == 1:
        net = _point_autoencoder(shape[0], 8 * width)
    else:
        sizes = ladder((shape[1], shape[2]), most=3)
        widths = [shape[0], *(width * 2**level for level in range(len(sizes) - 1))]
        encoder, decoder = halvings(sizes, widths, norm), doublings(sizes, widths, norm)
        net = AutoencoderCritic(encoder, decoder)
        dcgan_init(net)
    net.numbers = math.prod(shape)
    if norm == "spectral":
        spectral(net)
    channels_last(net)
    return net


def halvings(sizes: list[Size], widths: list[int], norm: str) -> nn.Sequential:
    """4 x 4 convolutions of stride 2 along `sizes`; no norm after the first."""
    bias, layers = norm in ("none", "spectral"), []
    for level, size in enumerate(sizes[:-1]):
        padding = tuple(1 + side for side in odd(size))
        layers.append(nn.Conv2d(*widths[level : level + 2], 4, 2, padding, bias=bias))
        layers += [norm2d(norm, widths[level + 1])] if level else []
        layers.append(nn.LeakyReLU(0.2))
    return nn.Sequential(*layers)


def doublings(sizes: list[Size], widths: list[int], norm: str) -> nn.Sequential:
    """The way back, by 4 x 4 transposed convolutions; the last is linear."""
    layers: list[nn.Module] = []
    for level in reversed(range(len(sizes) - 1)):
        extra, inputs, outputs = odd(sizes[level]), widths[level + 1], widths[level]
        padding = tuple(1 + side for side in extra)
        bias = level == 0 or norm in ("none", "spectral")
        layers.append(nn.ConvTranspose2d(inputs, outputs, 4, 2, padding, extra, bias=bias))
        layers += [norm2d(norm, outputs), nn.LeakyReLU(0.2)] if level else []
    return nn.Sequential(*layers)


class BEGANEncoder(nn.Module):
    """3 x 3 convolutions with ELU, two a size, down to about 8 x 8, then a linear map.

    `x [N, *shape] -> code [N, code]` (arXiv:1703.10717, figure 1). Each halving, a convolution of
    stride 2, adds `width` channels. A `norm`, which the paper has not, is after all but the first.
    Raises ValueError for an unknown one.
    """

    def __init__(self, shape: Shape, code: int = 64, width: int = 64, norm: str = "none") -> None:
        super().__init__()
        sizes = ladder((shape[1], shape[2]), base=7)
        layers = _elu(shape[0], width)
        for level in range(1, len(sizes) + 1):
            layers += _twice(level * width, norm)
            if level < len(sizes):
                layers += _elu(level * width, (level + 1) * width, norm, stride=2)
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(len(sizes) * width * math.prod(sizes[-1]), code)
        glorot_init(self)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x).flatten(1))


class BEGANDecoder(nn.Module):
    """BEGAN's decoder and, with other weights, its generator (arXiv:1703.10717, figure 1).

    `code [N, code] -> images [N, *shape]`, linear at its end: a linear map to about 8 x 8, then
    3 x 3 convolutions with ELU, two a size, and nearest doublings. The paper's two optional helps
    for early gradients, skip connections and vanishing residuals, are left out. The paper has no
    `norm`. Raises ValueError for an unknown one.
    """

    def __init__(self, shape: Shape, code: int = 64, width: int = 64, norm: str = "none") -> None:
        super().__init__()
        self.sizes = ladder((shape[1], shape[2]), base=7)[::-1]
        self.basis = nn.Linear(code, width * math.prod(self.sizes[0]))
        self.width = width
        self.blocks = nn.ModuleList(nn.Sequential(*_twice(width, norm)) for _ in self.sizes)
        self.paint = nn.Conv2d(width, shape[0], 3, padding=1)
        glorot_init(self)
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        x = self.basis(z).unflatten(1, (self.width, *self.sizes[0]))
        for size, block in zip(self.sizes, self.blocks, strict=True):
            x = block(x if x.shape[2:] == size else upsample(x, size))
        return self.paint(x)


def began_critic(
    shape: Shape, code: int = 64, width: int = 64, norm: str = "none"
) -> AutoencoderCritic:
    """BEGAN's autoencoder, with the mean absolute error; for points one like `ebgan_critic`'s.

    Raises ValueError for an unknown `norm`, and for any between the perceptrons of points.
    """
    check_norm(norm, CRITIC_NORMS if len(shape) > 1 else ("none",))
    if len(shape) == 1:
        return _point_autoencoder(shape[0], 8 * width, "mean")
    between = "none" if norm == "spectral" else norm
    encoder, decoder = (net(shape, code, width, between) for net in (BEGANEncoder, BEGANDecoder))
    net = AutoencoderCritic(encoder, decoder, "mean")
    if norm == "spectral":
        spectral(net)
    return net


def embedding(shape: Shape, code: int, width: int = 64, norm: str = "batch") -> nn.Module:
    """DCGAN's critic with `code` outputs: `x [N, *shape] -> features [N, code]`.

    For points three ReLU layers of 8 x `width`. Raises ValueError for a shape too small to be
    halved, or an unknown `norm`.
    """
    check_norm(norm, CRITIC_NORMS)
    if len(shape) == 1:
        net: nn.Module = MLP([shape[0], *[8 * width] * 3, code])
    else:
        sizes = ladder((shape[1], shape[2]))
        widths = [shape[0], *(width * min(2**level, 8) for level in range(len(sizes) - 1))]
        last = nn.Linear(widths[-1] * math.prod(sizes[-1]), code)
        net = nn.Sequential(halvings(sizes, widths, norm), nn.Flatten(), last)
        dcgan_init(net)
    if norm == "spectral":
        spectral(net)
    return channels_last(net)


def _elu(inputs: int, outputs: int, norm: str = "none", stride: int = 1) -> list[nn.Module]:
    check_norm(norm, NORMS)
    own = [] if norm == "none" else [norm2d(norm, outputs)]
    return [nn.Conv2d(inputs, outputs, 3, stride, 1), *own, nn.ELU()]


def _twice(width: int, norm: str) -> list[nn.Module]:
    return [*_elu(width, width, norm), *_elu(width, width, norm)]


def _point_autoencoder(dims: int, width: int, error: str = "norm") -> AutoencoderCritic:
    sizes = [dims, width, width, 1]
    return AutoencoderCritic(MLP(sizes), MLP(sizes[::-1]), error)
