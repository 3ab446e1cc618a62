"""Networks that map samples to latents, and what they have in common."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import normalize

from gansaku.nets.dcgan import DCGANCritic, DCGANGenerator
from gansaku.nets.layers.init import dcgan_init
from gansaku.nets.mlp import MLP, MLPGenerator, PointGenerator

BODIES = ("auto", "mlp", "conv")
SMALL = 1024  # values of a sample up to which `auto` takes perceptrons: 32 x 32 grey


def body_of(body: str, shape: tuple[int, ...]) -> str:
    """`mlp` or `conv` for samples of `shape`; `auto` takes perceptrons for points and digits.

    Raises ValueError for another word, and for convolutions over points.
    """
    if body not in BODIES or (body == "conv" and len(shape) == 1):
        found = f"{body!r} for points" if body in BODIES else repr(body)
        raise ValueError(f"body must be one of {', '.join(BODIES)}, and not {found}")
    if body != "auto":
        return body
    return "mlp" if len(shape) == 1 or math.prod(shape) <= SMALL else "conv"


def flat(x: Tensor) -> Tensor:
    """`[N, ...] -> [N, D]`: pictures with pixels in [0, 1], as perceptrons' papers have them."""
    return x if x.ndim == 2 else (x.flatten(1) + 1) / 2


class MLPTrunk(nn.Sequential):
    """Linear layers of `width`, each with a ReLU: `x [N, *shape] -> [N, features]`."""

    def __init__(self, shape: tuple[int, ...], width: int, layers: int = 2, norm: str = "none"):
        made: list[nn.Module] = []
        for before, after in pairwise([math.prod(shape), *[width] * layers]):
            batch = norm == "batch"
            made.append(nn.Linear(before, after, bias=not batch))
            made += [nn.BatchNorm1d(after)] if batch else []
            made.append(nn.ReLU())
        super().__init__(*made)
        self.features = width

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(flat(x))


class ConvTrunk(nn.Module):
    """DCGAN's critic without its last layer: `x [N, *shape] -> [N, features]`."""

    def __init__(self, shape: tuple[int, ...], width: int, norm: str = "batch") -> None:
        super().__init__()
        critic = DCGANCritic(shape, width, norm)
        self.blocks = critic.blocks
        self.features = critic.head.linear.in_features

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x).permute(0, 2, 3, 1).flatten(1)


class ConvEncoder(nn.Module):
    """DCGAN's critic with `outputs` instead of one logit: `x [N, *shape] -> [N, outputs]`.

    At 64 x 64 it is the encoder of AGE (arXiv:1704.02304, `dcgan64px`), and with its widths that
    of the mode-regularised GAN. With `sphere` rows have length 1.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        outputs: int,
        width: int = 64,
        norm: str = "batch",
        sphere: bool = False,
    ) -> None:
        super().__init__()
        self.trunk = ConvTrunk(shape, width, norm)
        self.head = nn.Linear(self.trunk.features, outputs)
        dcgan_init(self.head)
        self.sphere = sphere

    def forward(self, x: Tensor) -> Tensor:
        code = self.head(self.trunk(x))
        return normalize(code) if self.sphere else code


def encoder(shape: tuple[int, ...], outputs: int, width: int) -> nn.Module:
    """`ConvEncoder` for images; for points three ReLU layers of 8 x `width`, as their critics."""
    if len(shape) == 1:
        return MLP([shape[0], *[8 * width] * 3, outputs])
    return ConvEncoder(shape, outputs, width)


def decoder(body: str, shape: tuple[int, ...], z: int, width: int, units: int) -> nn.Module:
    """`z [N, z] -> x [N, *shape]`: perceptrons of two layers of `units`, or DCGAN's of `width`."""
    if len(shape) == 1:
        return PointGenerator(shape[0], z, units, layers=2)
    if body_of(body, shape) == "mlp":
        return MLPGenerator(shape, z, units)
    return DCGANGenerator(shape, z, width)
