"""Networks that are told a class: the perceptrons of CGAN, and DCGAN's with a label."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gansaku.nets.dcgan import Shape, check_up, doubling, halving, widths_of
from gansaku.nets.layers.dropout import Dropout
from gansaku.nets.layers.init import dcgan_init, uniform_init, zero_biases
from gansaku.nets.layers.label import ConditionalBatchNorm2d, one_hot, with_label
from gansaku.nets.layers.maxout import Maxout
from gansaku.nets.layers.norm import CRITIC_NORMS, check_norm, norm2d
from gansaku.nets.layers.resample import Basis, channels_last
from gansaku.nets.layers.sizes import ladder
from gansaku.nets.layers.spectral import spectral

TOLD = ("concat", "projection")


class ConditionalMLPGenerator(nn.Module):
    """CGAN's generator (1411.1784, section 4.1): z to 200, y to 1000, both to 1200, to pixels.

    `z [N, z], y [N] -> images [N, C, H, W] in [-1, 1]`: 2 sigmoid(a) - 1 is tanh(a / 2). Another
    `width` changes all three in proportion; dropout is on the hidden units.
    """

    def __init__(
        self, shape: Shape, z: int, classes: int, width: int = 1200, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.shape, self.classes = tuple(shape), classes
        own, told = max(width // 6, 1), max(5 * width // 6, 1)
        drop = Dropout(dropout)
        self.of_z = nn.Sequential(nn.Linear(z, own), nn.ReLU(), drop)
        self.of_y = nn.Sequential(nn.Linear(classes, told), nn.ReLU(), drop)
        self.joint = nn.Sequential(nn.Linear(own + told, width), nn.ReLU(), drop)
        self.paint = nn.Linear(width, math.prod(shape))
        uniform_init(self, 0.05)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        label = self.of_y(one_hot(y, self.classes))
        h = self.joint(torch.cat([self.of_z(z), label], 1))
        return (self.paint(h) / 2).tanh().unflatten(1, self.shape)

    @torch.no_grad()
    def set_marginals(self, mean: Tensor) -> None:
        """Start from the data's mean image: output bias = logit of `mean [C, H, W] in [-1, 1]`."""
        self.paint.bias.copy_(torch.logit((mean.flatten() + 1) / 2, eps=1e-7))


class ConditionalMaxoutCritic(nn.Module):
    """CGAN's critic (1411.1784, section 4.1): x to 240 maxout units of 5 pieces, y to 50, both to
    240 of 4 pieces, to a logit.

    `x [N, C, H, W] in [-1, 1], y [N] -> logits [N]`; it sees pixels in [0, 1], in training all but
    a share `hidden` of them (as in the code for 1406.2661). Other `units` change those of y in
    proportion. With `told="projection"` the joint layer sees x alone and y is a
    product with its units (1802.05637, equation 3). Raises ValueError for another `told`.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int,
        units: int = 240,
        dropout: float = 0.5,
        told: str = "concat",
        hidden: float = 0.2,
    ) -> None:
        super().__init__()
        _check_told(told)
        self.classes, self.projects = classes, told == "projection"
        side = 0 if self.projects else max(5 * units // 24, 1)
        see = Maxout(math.prod(shape), units, 5)
        self.of_x = nn.Sequential(Dropout(hidden), see, Dropout(dropout))
        self.of_y = nn.Sequential(Maxout(classes, side, 5), Dropout(dropout)) if side else None
        self.joint = nn.Sequential(Maxout(units + side, units, 4), Dropout(dropout))
        self.judge = LabelHead(units, classes, self.projects)
        uniform_init(self, 0.005)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        label = one_hot(y, self.classes)
        h = self.of_x((x.flatten(1) + 1) / 2)
        h = h if self.of_y is None else torch.cat([h, self.of_y(label)], 1)
        return self.judge(self.joint(h), label)


class ConditionalGenerator(nn.Module):
    """DCGAN's generator with a label: a linear map to about 4 x 4, then doublings.

    `z [N, z], y [N] -> images [N, *shape] in [-1, 1]`. `told="concat"`: the one-hot label stands
    beside the latent and beside every feature map, as in the conditional network of DCGAN's
    authors' code. `told="projection"`: it chooses the gains of the batch norms, as in the generator
    that goes with the projection critic (1802.05637, section 6). Raises ValueError for a shape too
    small to be halved once, an unknown `up` or `told`.
    """

    def __init__(
        self,
        shape: Shape,
        z: int,
        classes: int,
        width: int = 64,
        up: str = "transpose",  # transpose, nearest
        told: str = "concat",  # concat, projection
    ) -> None:
        super().__init__()
        _check_told(told)
        check_up(up)
        self.classes, self.joins = classes, told == "concat"
        sizes = ladder(shape[1:])[::-1]
        widths = widths_of(width, len(sizes) - 1)[::-1]
        side = classes if self.joins else 0
        self.basis = Basis(z + side, widths[0], sizes[0])
        self.norms = nn.ModuleList(self._norm(channels) for channels in widths)
        self.blocks = nn.ModuleList(
            doubling(up, before + side, after, size, bias=False)
            for before, after, size in zip(widths[:-1], widths[1:], sizes[1:-1], strict=True)
        )
        self.paint = doubling(up, widths[-1] + side, shape[0], sizes[-1], bias=False)
        dcgan_init(self)
        channels_last(self)

    def _norm(self, channels: int) -> nn.Module:
        if self.joins:
            return nn.BatchNorm2d(channels)
        return ConditionalBatchNorm2d(channels, self.classes)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        label = one_hot(y, self.classes)
        h = self.basis(self._join(z, label))
        for norm, block in zip(self.norms, [*self.blocks, self.paint], strict=True):
            h = (norm(h) if self.joins else norm(h, label)).relu()
            h = block(self._join(h, label))
        return h.tanh()

    def _join(self, h: Tensor, label: Tensor) -> Tensor:
        return with_label(h, label) if self.joins else h


class ConditionalCritic(nn.Module):
    """DCGAN's critic with a label: halvings by 4 x 4 convolutions to about 4 x 4, then a logit.

    `x [N, *shape] in [-1, 1], y [N] -> logits [N]`. `told="concat"`: the one-hot label stands
    beside the picture and beside every feature map, as in DCGAN's authors' code;
    `told="projection"`: f(x, y) = psi(phi(x)) + y V phi(x) with phi the last map (1802.05637,
    equation 3; there phi is summed over pixels). Raises ValueError for a shape too small to be
    halved once, an unknown `norm` or `told`.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int,
        width: int = 64,
        norm: str = "batch",  # batch, layer, instance, none, spectral
        told: str = "concat",  # concat, projection
    ) -> None:
        super().__init__()
        check_norm(norm, CRITIC_NORMS)
        _check_told(told)
        self.classes, self.joins = classes, told == "concat"
        side = classes if self.joins else 0
        sizes = ladder(shape[1:])
        widths = [shape[0], *widths_of(width, len(sizes) - 1)]
        bias = norm in ("none", "spectral")
        self.blocks = nn.ModuleList()
        for level, size in enumerate(sizes[:-1]):
            before, after = widths[level : level + 2]
            conv = halving(before + side, after, size, bias)
            own = norm2d(norm, after) if level else nn.Identity()
            self.blocks.append(nn.Sequential(conv, own, nn.LeakyReLU(0.2)))
        features = (widths[-1] + side) * sizes[-1][0] * sizes[-1][1]
        self.judge = LabelHead(features, classes, not self.joins)
        dcgan_init(self)
        if norm == "spectral":
            spectral(self)
        channels_last(self)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        label = one_hot(y, self.classes)
        h = self._join(x, label)
        for block in self.blocks:
            h = self._join(block(h), label)
        return self.judge(h.permute(0, 2, 3, 1).flatten(1), label)

    def _join(self, h: Tensor, label: Tensor) -> Tensor:
        return with_label(h, label) if self.joins else h


class LabelHead(nn.Module):
    """A linear map to a logit, and with `projects` the product with an embedding of the label.

    `h [N, D], label [N, classes] one-hot -> logits [N]`: psi(h) + y V h (1802.05637, equation 3).
    """

    def __init__(self, features: int, classes: int, projects: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        self.embed = nn.Linear(classes, features, bias=False) if projects else None
        zero_biases(self)

    def forward(self, h: Tensor, label: Tensor) -> Tensor:
        logit = self.linear(h).squeeze(1)
        return logit if self.embed is None else logit + (self.embed(label) * h).sum(1)


def _check_told(told: str) -> None:
    if told not in TOLD:
        raise ValueError(f"told is {told!r}; it must be one of {', '.join(TOLD)}")
