"""CIE L*a*b*, differentiable, and back without losing lightness: colours as networks see them."""

from __future__ import annotations

import torch
from torch import Tensor

from gansaku.nets.layers.constant import like

WHITE = (0.95047, 1.0, 1.08883)  # D65, 2 degrees: X, Y, Z
TO_XYZ = (  # of linear sRGB (IEC 61966-2-1)
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
FROM_XYZ = tuple(map(tuple, torch.tensor(TO_XYZ, dtype=torch.float64).inverse().tolist()))
AB = 110.0  # a and b are divided by it: sRGB's own reach from -107.9 to 98.3
KNEE = 6 / 29  # of the cube root
HALVINGS = 20  # of the interval in which a chroma is sought


def linear(x: Tensor) -> Tensor:
    """sRGB in [0, 1] -> light in [0, 1]; slopes are finite everywhere."""
    curved = ((x.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(x > 0.04045, curved, x / 12.92)


def encoded(light: Tensor) -> Tensor:
    """Light -> sRGB: the inverse of `linear`, beyond [0, 1] as well."""
    curved = 1.055 * light.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(light > 0.0031308, curved, light * 12.92)


def rgb_to_lab(x: Tensor) -> Tensor:
    """sRGB `[N, 3, H, W]` in [-1, 1] -> L in [0, 100], a and b in about [-108, 99]."""
    matrix = like(TO_XYZ, x) / like(WHITE, x)[:, None]
    xyz = torch.einsum("ij,njhw->nihw", matrix, linear((x + 1) / 2))
    root = xyz.clamp(min=KNEE**3) ** (1 / 3)
    f = torch.where(xyz > KNEE**3, root, xyz / (3 * KNEE**2) + 4 / 29)
    fx, fy, fz = f.unbind(1)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], 1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """L*a*b* `[N, 3, H, W]` -> sRGB in [-1, 1], beyond it for colours that sRGB does not have."""
    lightness, a, b = lab.unbind(1)
    fy = (lightness + 16) / 116
    f = torch.stack([fy + a / 500, fy, fy - b / 200], 1)
    xyz = torch.where(f > KNEE, f**3, (f - 4 / 29) * 3 * KNEE**2)
    matrix = like(FROM_XYZ, lab) * like(WHITE, lab)
    return encoded(torch.einsum("ij,njhw->nihw", matrix, xyz)) * 2 - 1


def lightness_of(grey: Tensor) -> Tensor:
    """The L in [0, 100] of grey pictures `[N, 1, H, W]` in [-1, 1]."""
    return rgb_to_lab(grey.expand(-1, 3, -1, -1))[:, :1]


def grey_of(lightness: Tensor) -> Tensor:
    """The grey pictures in [-1, 1] of L in [0, 100], `[N, 1, H, W]`: of its inverse."""
    f = (lightness + 16) / 116
    light = torch.where(f > KNEE, f**3, (f - 4 / 29) * 3 * KNEE**2)
    return (encoded(light) * 2 - 1).clamp(-1, 1)


@torch.no_grad()
def painted(lightness: Tensor, ab: Tensor) -> Tensor:
    """sRGB `[N, 3, H, W]` in [-1, 1] of L `[N, 1, H, W]` in [0, 100] and a, b `[N, 2, H, W]`.

    A colour that sRGB does not have keeps its lightness and hue and gives up chroma, just as much
    as it takes: the largest share of (a, b) in the gamut, found by bisection. Clipping channels
    would change all three.
    """
    low = torch.zeros_like(lightness)
    high = torch.ones_like(lightness)
    whole = inside(lab_to_rgb(torch.cat([lightness, ab], 1)))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        fits = inside(lab_to_rgb(torch.cat([lightness, middle * ab], 1)))
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    share = torch.where(whole, torch.ones_like(low), low)
    return lab_to_rgb(torch.cat([lightness, share * ab], 1)).clamp(-1, 1)


def inside(rgb: Tensor, slack: float = 1e-3) -> Tensor:
    """Whether sRGB has the colour, `[N, 1, H, W]` of bool; half a grey level is no matter."""
    return (rgb.abs() <= 1 + slack).all(1, keepdim=True)
