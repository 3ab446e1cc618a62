"""Multilayer perceptrons: those of the 2014 paper for images, and small ones for points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from gansaku.nets.layers.dropout import Dropout
from gansaku.nets.layers.init import he_init, orthogonal_init, uniform_init
from gansaku.nets.layers.maxout import Maxout

Shape = tuple[int, int, int]  # channels, height, width


class MLP(nn.Sequential):
    """Linear layers of `sizes`, with `norm(width)` and `activation()` between them, `out()` last.

    `x [N, sizes[0]] -> [N, sizes[-1]]`. Weights as He et al. (1502.01852), biases 0.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Callable[[], nn.Module] = nn.ReLU,
        norm: Callable[[int], nn.Module] | None = None,
        out: Callable[[], nn.Module] | None = None,
    ) -> None:
        layers: list[nn.Module] = []
        for width, wider in pairwise(sizes[:-1]):
            layers.append(nn.Linear(width, wider, bias=norm is None))
            layers += [] if norm is None else [norm(wider)]
            layers.append(activation())
        layers.append(nn.Linear(sizes[-2], sizes[-1]))
        super().__init__(*layers, *([] if out is None else [out()]))
        he_init(self)


class MLPGenerator(nn.Module):
    """The generator of Goodfellow et al. (1406.2661): 100-1200-1200 ReLU, sigmoid pixels.

    `z [N, z] -> images [N, C, H, W] in [-1, 1]`: 2 sigmoid(a) - 1 is tanh(a / 2). Weights are
    uniform in +-0.05, as in the authors' code (`irange`).
    """

    def __init__(self, shape: Shape, z: int = 100, width: int = 1200, layers: int = 2) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.mlp = MLP([z, *[width] * layers, math.prod(shape)])
        uniform_init(self.mlp, 0.05)

    def forward(self, z: Tensor) -> Tensor:
        return (self.mlp(z) / 2).tanh().unflatten(1, self.shape)

    @torch.no_grad()
    def set_marginals(self, mean: Tensor) -> None:
        """Start from the data's mean image: output bias = logit of `mean [C, H, W] in [-1, 1]`.

        As in the authors' code (`init_sigmoid_bias_from_marginals`), clipped to stay finite.
        """
        share = (mean.flatten() + 1) / 2
        self.mlp[-1].bias.copy_(torch.logit(share, eps=1e-7))


class MaxoutCritic(nn.Module):
    """The critic of Goodfellow et al. (1406.2661): maxout layers with dropout.

    `x [N, C, H, W] in [-1, 1] -> logits [N]`; the net sees pixels in [0, 1]. Dropout keeps .8 of
    the pixels and .5 of the hidden units; weights are uniform in +-0.005 (the authors' code).
    """

    def __init__(
        self,
        shape: Shape,
        units: int = 240,
        pieces: int = 5,
        layers: int = 2,
        keep: tuple[float, float] = (0.8, 0.5),  # of the input, of hidden units
    ) -> None:
        super().__init__()
        widths = [math.prod(shape), *[units] * layers]
        self.layers = nn.Sequential(Dropout(1 - keep[0]))
        for width, wider in pairwise(widths):
            self.layers.extend([Maxout(width, wider, pieces), Dropout(1 - keep[1])])
        self.layers.append(nn.Linear(units, 1))
        uniform_init(self, 0.005)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers((x.flatten(1) + 1) / 2).squeeze(1)


class TanhPerceptron(MLP):
    """Two tanh layers, orthogonal weights of gain 1.4: both players of Unrolled GAN's ring.

    `x [N, inputs] -> [N, outputs]`, or logits `[N]` without `outputs`; from the authors' notebook
    for arXiv:1611.02163.
    """

    def __init__(self, inputs: int, units: int = 128, outputs: int | None = None) -> None:
        super().__init__([inputs, units, units, outputs or 1], nn.Tanh)
        self.logits = outputs is None
        orthogonal_init(self, 1.4)

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        return out.squeeze(1) if self.logits else out


class ReluPerceptron(MLP):
    """The ring's players of Unrolled GAN's paper (1611.02163, appendix A): ReLU, gain .8.

    `x [N, inputs] -> [N, outputs]` by two layers; or, without `outputs`, logits `[N]` by one layer,
    which sees x / 4 and is easier to lead round the modes.
    """

    def __init__(self, inputs: int, units: int = 128, outputs: int | None = None) -> None:
        self.logits = outputs is None
        super().__init__([inputs, units, 1] if outputs is None else [inputs, units, units, outputs])
        orthogonal_init(self, 0.8)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x / 4).squeeze(1) if self.logits else super().forward(x)


RING = {"notebook": TanhPerceptron, "paper": ReluPerceptron}


def ring_player(kind: str, inputs: int, units: int, outputs: int | None = None) -> nn.Module:
    """A player of Unrolled GAN's ring; without `outputs` a critic. Raises ValueError by name."""
    if kind not in RING:
        raise ValueError(f"points is {kind!r}; it must be one of {', '.join(RING)}")
    return RING[kind](inputs, units, outputs)


class PointGenerator(MLP):
    """The toy generator of WGAN-GP (1704.00028, section 5): three ReLU layers of 512.

    `z [N, z] -> points [N, dims]`.
    """

    def __init__(self, dims: int = 2, z: int = 2, width: int = 512, layers: int = 3) -> None:
        super().__init__([z, *[width] * layers, dims])


class PointCritic(MLP):
    """The toy critic of WGAN-GP (1704.00028, section 5): three ReLU layers of 512.

    `x [N, dims] -> logits [N]`.
    """

    def __init__(self, dims: int = 2, width: int = 512, layers: int = 3) -> None:
        super().__init__([dims, *[width] * layers, 1], out=lambda: nn.Flatten(0))
