"""Measures of models of a single picture: patches, diversity, reconstruction, inner statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.metrics.estimate import Estimate, jackknife, of_mean
from gansaku.metrics.frechet import Moments, frechet_distance
from gansaku.metrics.sliced import directions

PATCH = 7  # pixels a side


def patch_distance(
    samples: Tensor,
    picture: Tensor,
    *,
    projections: int = 192,
    quantiles: int = 512,
    levels: int = 3,
    seed: int = 0,
) -> Estimate:
    """Sliced Wasserstein distance of all 7x7 patches of one picture and of each sample.

    W1 of `projections` fixed directions by the mean difference of `quantiles` quantiles, averaged
    over `levels` scales, each the last one's 2x2 averages (fewer where a side would fall below 7).
    Patches are not normalised: this is not ProGAN's SWD, which compares sets (metrics.pyramid).
    `samples [N, C, h, w]`, `picture [C, H, W]`, both in [-1, 1], of any sizes; the mean over the
    samples and its standard error. Raises UserError for sides under 7 or different channels.
    """
    _check(samples, picture)
    shape = (projections, picture.shape[0], PATCH, PATCH)
    theta = directions(math.prod(shape[1:]), projections, seed).float().reshape(shape)
    least = min(*samples.shape[2:], *picture.shape[1:])
    scales = min(levels, int(math.log2(least / PATCH)) + 1)
    true = _profile(picture[None], theta, quantiles, scales)
    values = [
        np.abs(_profile(one[None], theta, quantiles, scales) - true).mean() for one in samples
    ]
    return of_mean(torch.tensor(values, dtype=torch.float64))


def _profile(x: Tensor, theta: Tensor, quantiles: int, scales: int) -> np.ndarray:
    """Quantiles `[scales, projections, quantiles]` of the projected patches of one picture."""
    found = []
    for _ in range(scales):
        rows = [F.conv2d(x.float(), part)[0].flatten(1) for part in theta.split(16)]
        found.append(np.concatenate([_quantiles(row.numpy(), quantiles) for row in rows]))
        x = F.avg_pool2d(x, 2)
    return np.stack(found)


def _quantiles(rows: np.ndarray, count: int) -> np.ndarray:
    """The (i + 1/2) / count quantiles of each row, linear between its order statistics."""
    ordered = np.sort(rows, axis=1)
    at = (np.arange(count) + 0.5) / count * (rows.shape[1] - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, rows.shape[1] - 1)
    return ordered[:, low] + (at - low) * (ordered[:, high] - ordered[:, low])


def single_image_diversity(samples: Tensor, picture: Tensor) -> Estimate:
    """Standard deviation of each pixel over the samples, on average, over that of the picture.

    arXiv:1905.01164 section 3, from 100 samples; every channel counts as a pixel, and the standard
    deviation over samples is the unbiased-variance one. 0: all samples are alike; about 1: pixels
    are as free as if the picture's were shuffled. `samples [N >= 3, C, h, w]`, `picture
    [C, H, W]`; the error is a jackknife over samples. Raises UserError for fewer than 3 samples
    or a picture of one colour.
    """
    _check(samples, picture, least=1)
    spread = float(picture.double().std())
    if len(samples) < 3 or spread == 0:
        found = f"{len(samples)} samples and a picture of standard deviation {spread:.3g}"
        raise UserError(
            f"diversity needs 3 samples or more and a picture with detail; found {found}"
        )
    x = samples.double() - samples.double().mean(0)  # about the mean: sums of squares stay exact
    squares = x.square().sum(0)
    n = len(x)
    value = float((squares / (n - 1)).sqrt().mean())
    without = [squares - one.square() * n / (n - 1) for one in x]  # about the mean of the others
    parts = [float((left.clamp(min=0) / (n - 2)).sqrt().mean()) for left in without]
    return Estimate(value / spread, jackknife(parts) / spread)


def reconstruction_error(reconstruction: Tensor, picture: Tensor) -> float:
    """Root mean squared error of two pictures of one shape, in units of [-1, 1]."""
    if reconstruction.shape != picture.shape:
        found = f"{list(reconstruction.shape)} and {list(picture.shape)}"
        raise UserError(f"a reconstruction has the shape of its picture; found {found}")
    return float((reconstruction.double() - picture.double()).square().mean().sqrt())


def single_image_frechet(maps_fake: Tensor | Sequence[Tensor], maps_real: Tensor) -> Estimate:
    """Frechet distance of the features at each place of one picture and of each sample.

    arXiv:1905.01164 section 3: each place of a feature map `[D, h, w]` is one row of D features.
    It may bear the name SIFID only where the maps are those of Inception before its second
    pooling layer (64 features). `maps_fake`: `[N, D, h, w]`, or N maps of any sizes; the mean over
    samples and its standard error. Fewer places than features (h w <= D) leave the covariances
    singular and the figure biased upwards. Raises UserError for maps of other shapes.
    """
    shapes = [tuple(one.shape) for one in (maps_real, *maps_fake)]
    if len(shapes) < 2 or any(len(s) != 3 or s[0] != shapes[0][0] for s in shapes):
        raise UserError(f"maps [D, h, w] of one width D are compared; found {shapes[:3]}")
    true = Moments.of(maps_real.flatten(1).T)
    values = [frechet_distance(Moments.of(one.flatten(1).T), true) for one in maps_fake]
    return of_mean(torch.tensor(values, dtype=torch.float64))


def _check(samples: Tensor, picture: Tensor, least: int = PATCH) -> None:
    fits = samples.ndim == 4 and picture.ndim == 3 and samples.shape[1] == picture.shape[0]
    if not fits or len(samples) == 0 or min(*samples.shape[2:], *picture.shape[1:]) < least:
        found = f"samples {list(samples.shape)}, picture {list(picture.shape)}"
        asked = f"samples [N, C, h, w] of a picture [C, H, W], sides of {least} pixels or more"
        raise UserError(f"{asked}, are needed; found {found}")
