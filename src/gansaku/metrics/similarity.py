"""How alike two pictures are: PSNR, SSIM, MS-SSIM; and how alike samples are among themselves."""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.metrics.estimate import Estimate, of_mean

RANGE = 2.0  # of pixels in [-1, 1]
WINDOW = 11
SIGMA = 1.5
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang 2003, table 1
CHUNK = 64  # images at a time


@dataclasses.dataclass(frozen=True)
class Similarity:
    """Means over pairs of images, with their standard errors."""

    psnr: Estimate  # dB; inf where a pair is equal
    ssim: Estimate
    ms_ssim: Estimate


def similarity(a: Tensor, b: Tensor, border: int = 0) -> Similarity:
    """PSNR, SSIM and MS-SSIM of pairs `[N, C, H, W]` in [-1, 1], without `border` pixels."""
    a, b = crop(a, border), crop(b, border)
    return Similarity(of_mean(psnr(a, b)), of_mean(ssim(a, b)), of_mean(ms_ssim(a, b)))


def psnr(a: Tensor, b: Tensor, border: int = 0) -> Tensor:
    """Peak signal-to-noise ratio in dB of each pair, `[N, C, H, W]` in [-1, 1] -> `[N]` float64.

    10 log10(2^2 / MSE), over all channels together; inf for equal images. Super-resolution is
    measured on `luma` with a `border` of as many pixels as the factor. UserError for other shapes.
    """
    _check(a, b, 1 + 2 * border)
    error = crop(a, border).double() - crop(b, border).double()
    return 10 * (RANGE**2 / error.square().mean((1, 2, 3))).log10()


def ssim(
    a: Tensor, b: Tensor, *, window: int = WINDOW, sigma: float = SIGMA, border: int = 0
) -> Tensor:
    """Structural similarity of each pair, `[N, C, H, W]` in [-1, 1] -> `[N]` float64.

    Wang et al. 2004, doi:10.1109/TIP.2003.819861, equation 13: an 11x11 Gaussian of sigma 1.5,
    K1 .01, K2 .03, the mean over places where the window fits and over channels (as in the
    authors' code and scikit-image; torchmetrics adds places in mirrored borders). UserError for
    other shapes or sides below the window.
    """
    _check(a, b, window + 2 * border)
    pairs = zip(crop(a, border).split(CHUNK), crop(b, border).split(CHUNK), strict=True)
    return torch.cat([_terms(light(x), light(y), window, sigma)[0] for x, y in pairs])


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """Multi-scale SSIM of each pair, `[N, C, H, W]` in [-1, 1] -> `[N]` float64.

    Wang, Simoncelli & Bovik 2003, doi:10.1109/ACSSC.2003.1292216, equation 7, with its weights of
    5 scales, each the last one's 2x2 averages without odd rows at the edge. Five scales need a
    shorter side of 176 pixels (161 in code that pads odd rows); smaller images have as many
    scales as leave 11 pixels, and the first weights divided by their sum: figures of different
    scales are not comparable (`scales_of` says how many). A negative mean contrast counts as 0.
    UserError for other shapes or sides below 11.
    """
    _check(a, b, WINDOW)
    pairs = zip(a.split(CHUNK), b.split(CHUNK), strict=True)
    return torch.cat([_ms_ssim(light(x), light(y)) for x, y in pairs])


def scales_of(height: int, width: int) -> int:
    """How many scales MS-SSIM has on images of this size: 5 from 176 pixels, 2 at 32."""
    side = min(height, width)
    return sum(side >> scale >= WINDOW for scale in range(len(WEIGHTS)))


def ms_ssim_diversity(
    samples: Tensor, pairs: int = 1000, *, folds: int = 10, seed: int = 0
) -> Estimate:
    """Mean MS-SSIM of random pairs of samples: lower is more diverse; arXiv:1610.09585 section 4.2.

    The paper's figure is within one class: call it once a class. Pairs are drawn within disjoint
    folds of the samples, so that the folds' figures are independent and their spread gives the
    standard error. `samples [N, C, H, W]` in [-1, 1]; UserError for fewer than two a fold.
    """
    if samples.ndim != 4 or len(samples) < 2 * folds:
        found = f"found {list(samples.shape)}"
        raise UserError(f"pairs in {folds} folds need {2 * folds} images [N, C, H, W]; {found}")
    means = []
    for k, rows in enumerate(Noise(seed, ("pairs",)).uniform(len(samples)).argsort().chunk(folds)):
        i, j = _pairs(rows, -(-pairs // folds), Noise(seed, ("pairs", k)))
        chunks = zip(i.split(CHUNK), j.split(CHUNK), strict=True)
        means.append(torch.cat([ms_ssim(samples[p], samples[q]) for p, q in chunks]).mean())
    return of_mean(torch.stack(means))


def luma(x: Tensor) -> Tensor:
    """Y of BT.601 in studio range, as super-resolution measures it: RGB `[N, 3, H, W]` in [-1, 1]
    -> `[N, 1, H, W]`.

    (16 + 65.481 R + 128.553 G + 24.966 B) / 255 with R, G, B in [0, 1], put on [-1, 1]: `psnr` of
    two of these is the customary one with a peak of 255. UserError unless there are 3 channels.
    """
    if x.ndim != 4 or x.shape[1] != 3:
        raise UserError(f"luma needs RGB images [N, 3, H, W] but found {list(x.shape)}")
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64, device=x.device)
    y = torch.einsum("nchw,c->nhw", (x.double() + 1) / 2, weights)[:, None] + 16
    return (y / 127.5 - 1).to(x.dtype)


def on_luma(a: Tensor, b: Tensor, border: int = 0) -> tuple[Tensor, Tensor]:
    """PSNR in dB and SSIM of each pair as super-resolution reports them, `[N]` and `[N]` float64.

    Both are brought to Y of BT.601 (grey pictures are taken for Y), rounded to whole numbers of
    255, and measured without `border` pixels at each edge: as many as the factor. By this bicubic
    enlargement (`gansaku.nets.layers.bicubic`) of Set5 has its published 33.66 dB at 2 times and
    28.42 dB at 4 times. Pairs `[N, 1 or 3, H, W]` in [-1, 1]; UserError for other shapes.
    """
    y, z = ((luma(x) if x.shape[1] == 3 else x).clamp(-1, 1).double() for x in (a, b))
    y, z = (((x + 1) * 127.5).round() / 127.5 - 1 for x in (y, z))
    return psnr(y, z, border), ssim(y, z, border=border)


def light(x: Tensor) -> Tensor:
    """Pixels in [-1, 1] as float64 in [0, 2]: SSIM compares mean light, which is never below 0."""
    return x.double() + 1


def crop(x: Tensor, border: int) -> Tensor:
    """Images without `border` pixels at each edge."""
    return x[..., border : x.shape[-2] - border, border : x.shape[-1] - border]


def _check(a: Tensor, b: Tensor, least: int) -> None:
    if a.shape != b.shape or a.ndim != 4 or min(a.shape) == 0:
        found = f"{list(a.shape)} and {list(b.shape)}"
        raise UserError(f"images are compared in pairs [N, C, H, W]; found {found}")
    if min(a.shape[2:]) < least:
        raise UserError(f"images need sides of {least} pixels or more; found {list(a.shape)}")


def _terms(a: Tensor, b: Tensor, window: int, sigma: float) -> tuple[Tensor, Tensor]:
    """SSIM and its contrast-structure factor, the mean over each pair: `[N]`, `[N]`."""
    at = torch.arange(window, dtype=a.dtype) - (window - 1) / 2
    taps = (-(at**2) / (2 * sigma**2)).exp()
    stack = torch.stack((a, b, a * a, b * b, a * b))
    mu_a, mu_b, aa, bb, ab = _filter(stack.flatten(0, 2), taps / taps.sum()).unflatten(
        0, stack.shape[:3]
    )
    c1, c2 = (0.01 * RANGE) ** 2, (0.03 * RANGE) ** 2
    contrast = (2 * (ab - mu_a * mu_b) + c2) / (aa - mu_a**2 + bb - mu_b**2 + c2)
    luminance = (2 * mu_a * mu_b + c1) / (mu_a**2 + mu_b**2 + c1)
    return (luminance * contrast).mean((1, 2, 3)), contrast.mean((1, 2, 3))


def _filter(x: Tensor, taps: Tensor) -> Tensor:
    """Planes `[N, H, W]` under the separable window, where it fits: banded matrix products."""
    height, width = (_band(side, taps) for side in x.shape[1:])
    return height @ x @ width.T


def _band(side: int, taps: Tensor) -> Tensor:
    """`[side - window + 1, side]`: row i has the taps from column i on."""
    rows = side - len(taps) + 1
    return F.pad(taps, (0, rows)).repeat(rows)[: rows * side].view(rows, side)


def _ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    weights = a.new_tensor(WEIGHTS[: scales_of(*a.shape[2:])])
    found = torch.ones(len(a), dtype=a.dtype)
    for scale, weight in enumerate(weights / weights.sum()):
        whole, contrast = _terms(a, b, WINDOW, SIGMA)
        last = scale == len(weights) - 1
        found = found * (whole if last else contrast).clamp(min=0) ** weight
        a, b = (F.avg_pool2d(x, 2) if not last else x for x in (a, b))
    return found


def _pairs(rows: Tensor, count: int, noise: Noise) -> tuple[Tensor, Tensor]:
    """`count` pairs of different rows: each row once in a round, a new order for each round."""
    half = len(rows) // 2
    orders = [rows[noise.uniform(len(rows)).argsort()] for _ in range(-(-count // half))]
    i = torch.cat([order[:half] for order in orders])[:count]
    j = torch.cat([order[half : 2 * half] for order in orders])[:count]
    return i, j
