"""How colourful pictures are, and how far colours are off."""

from __future__ import annotations

import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.nets.colour import rgb_to_lab

BIN = 10.0  # of a and b, in the units of CIE L*a*b*
BINS = 22  # a side: from -110 to 110
MIXED = 0.5  # share of the uniform distribution in the weights (1603.08511, section 2.2)


def colourfulness(x: Tensor) -> Tensor:
    """Colourfulness of each picture, RGB `[N, 3, H, W]` in [-1, 1] -> `[N]` float64.

    Hasler and Suesstrunk 2003, doi:10.1117/12.477378, equation of M3 on rg = R - G and yb = (R +
    G) / 2 - B with channels from 0 to 255: 0 is grey, 33 moderately and 59 quite colourful.
    """
    _check(x)
    red, green, blue = ((x.double() + 1) * 127.5).flatten(2).unbind(1)
    axes = torch.stack([red - green, (red + green) / 2 - blue], 1)
    spread = axes.var(2, correction=0).sum(1).sqrt()
    return spread + 0.3 * axes.mean(2).square().sum(1).sqrt()


def colour_error(x: Tensor, target: Tensor, rebalanced: bool = False) -> float:
    """Root mean square distance in the plane of a and b, in the units of CIE L*a*b*.

    `[N, 3, H, W]` in [-1, 1] each. `rebalanced`: pixels weigh as arXiv:1603.08511, equation 4,
    weighs them, by how rare their colour is in `target`: 1 / ((1 - 0.5) p + 0.5 / Q) for a share p
    of pixels in a bin of 10 x 10, with Q bins that hold any; a picture all in the usual greys
    then gains nothing by being grey.
    """
    _check(x)
    _check(target)
    got, wanted = (rgb_to_lab(pictures.double())[:, 1:] for pictures in (x, target))
    square = (got - wanted).square().sum(1).flatten()
    if not rebalanced:
        return float(square.mean().sqrt())
    at = ((wanted / BIN).floor().long() + BINS // 2).clamp(0, BINS - 1)
    bins = (at[:, 0] * BINS + at[:, 1]).flatten()
    share = torch.bincount(bins, minlength=BINS**2).double() / len(bins)
    weights = 1 / ((1 - MIXED) * share + MIXED / (share > 0).sum())
    own = weights[bins]
    return float(((square * own).sum() / own.sum()).sqrt())


def _check(x: Tensor) -> None:
    if x.ndim != 4 or x.shape[1] != 3 or len(x) == 0:
        raise UserError(f"colours are those of RGB pictures [N, 3, H, W]; found {list(x.shape)}")
