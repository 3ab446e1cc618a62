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
SMALLEST = 12  # pixels: no further scale's shorter side falls below it
FOLDS = 10  # of the samples, for the standard error; fewer where there are fewer samples


def patch_distance(
    samples: Tensor,
    picture: Tensor,
    *,
    projections: int = 192,
    quantiles: int = 512,
    levels: int = 3,
    seed: int = 0,
) -> Estimate:
    """Sliced Wasserstein distance of one picture's 7x7 patches and those of all samples together.

    W1 of `projections` fixed directions by the mean difference of `quantiles` quantiles, averaged
    over `levels` scales, each the last one's 2x2 averages (fewer where the shorter side would
    fall below 12). Patches are not normalised: this is not ProGAN's SWD, which compares sets
    (metrics.pyramid). `samples [N, C, h, w]`, 6 are usual, and `picture [C, H, W]`, both in
    [-1, 1], of any sizes. More samples are closer, as the whole pool is compared; the error is a
    jackknife over them. Raises UserError for sides under 7 or different channels.
    """
    _check(samples, picture)
    shape = (projections, picture.shape[0], PATCH, PATCH)
    theta = directions(math.prod(shape[1:]), projections, seed).float().reshape(shape)
    least = min(*samples.shape[2:], *picture.shape[1:])
    scales = min(levels, 1 + sum(least >> k >= SMALLEST for k in range(1, levels)))
    x, y, total = samples.float(), picture[None].float(), np.zeros(1 + min(len(samples), FOLDS))
    for _ in range(scales):
        total += _differences(x, y, theta, quantiles)
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    whole, *parts = (total / (scales * projections)).tolist()
    return Estimate(whole, jackknife(parts) if len(samples) > 1 else math.nan)


def _differences(x: Tensor, y: Tensor, theta: Tensor, quantiles: int) -> np.ndarray:
    """Mean difference of the quantiles, summed over directions: of all samples `x`, and of all
    without each fold of them."""
    folds = min(len(x), FOLDS)
    fold = np.arange(len(x)) % folds
    found = np.zeros(1 + folds)
    for block in theta.split(max(1, 2**24 // (len(x) * x[0, 0].numel()))):
        a, b = (F.conv2d(s, block).transpose(0, 1).flatten(2).numpy() for s in (x, y))
        true = _quantiles(b, quantiles)
        for k in range(1 + folds if folds > 1 else 1):
            kept = a if k == 0 else a[:, fold != k - 1]
            found[k] += np.abs(_quantiles(kept, quantiles) - true).mean(1).sum()
    return found


def _quantiles(rows: np.ndarray, count: int) -> np.ndarray:
    """The (i + 1/2) / count quantiles of each row, linear between its order statistics."""
    ordered = np.sort(rows.reshape(len(rows), -1), axis=1)
    at = (np.arange(count) + 0.5) / count * (ordered.shape[1] - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, ordered.shape[1] - 1)
    return ordered[:, low] + (at - low) * (ordered[:, high] - ordered[:, low])


def single_image_diversity(samples: Tensor, picture: Tensor) -> Estimate:
    """Standard deviation of each pixel over the samples, on average, over that of the picture.

    arXiv:1905.01164 section 3, from 100 samples. The paper says "intensity"; here each channel
    counts by itself, and its standard deviation over the picture is averaged over channels; both
    deviations have N - 1. 0: all samples are alike; about 1: as free as shuffled pixels.
    `samples [N >= 3, C, h, w]`, `picture [C, H, W]`; the error is a jackknife over samples.
    Raises UserError for fewer than 3 samples or a picture of one colour.
    """
    _check(samples, picture, least=1)
    spread = float(picture.double().std((1, 2)).mean())
    if len(samples) < 3 or spread == 0:
        found = f"{len(samples)} samples and a picture of standard deviation {spread:.3g}"
        raise UserError(
            f"diversity needs 3 samples or more and a picture with detail; found {found}"
        )
    x = samples.double() - samples.double().mean(0)  # about the mean: sums of squares stay exact
    squares = x.square().sum(0)
    n = len(x)
    value = float((squares / (n - 1)).sqrt().mean())
    without = (squares - one.square() * n / (n - 1) for one in x)  # about the mean of the others
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
