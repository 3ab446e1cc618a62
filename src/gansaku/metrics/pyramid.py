"""ProGAN's sliced Wasserstein distance: patches of a Laplacian pyramid, a figure for each level."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.metrics.estimate import Estimate, jackknife
from gansaku.metrics.sliced import directions

PATCH = 7  # pixels a side
COARSEST = 16  # pixels: no level's shorter side falls below it
BLOCK = 16  # directions that are projected and sorted at a time
CHUNK = 64  # images whose pyramids are in memory at a time


@dataclasses.dataclass(frozen=True)
class PyramidDistance:
    """1000 x the sliced Wasserstein distance of each level, and its mean over the levels."""

    levels: dict[int, float]  # shorter side of the level in pixels -> distance x 1e3
    mean: Estimate
    images: int  # of each set: the figure falls with it, compare only equal counts

    def __str__(self) -> str:
        levels = ", ".join(f"{side}: {value:.4g}" for side, value in self.levels.items())
        return f"{self.mean} ({levels})"


@dataclasses.dataclass(frozen=True)
class PyramidPatches:
    """Random 7x7 patches of every level of every image: what is kept of a set of images.

    Memory: 75 kB an RGB image and level (128 patches of 147 numbers), whatever the image's size.
    """

    levels: dict[int, Tensor]  # shorter side -> [images, patches, C, 7, 7]

    @classmethod
    def of(
        cls,
        images: Tensor | Iterable[Tensor],
        patches: int = 128,
        seed: int = 0,
        key: str = "real",
    ) -> PyramidPatches:
        """Patches of `images [N, C, H, W]`, or of batches of them, that come one at a time.

        Where they lie depends on (seed, key, number of the image), not on the batches. Raises
        UserError for no images, sides under 7, or images of different shapes.
        """
        kept: dict[int, list[Tensor]] = {}
        seen = 0
        for batch in [images] if isinstance(images, Tensor) else images:
            for part in batch.split(CHUNK):
                for level in laplacian_pyramid(part.float()):
                    drawn = _draw(level, patches, seed, key, seen)
                    kept.setdefault(min(level.shape[2:]), []).append(drawn)
                seen += len(part)
        if not seen:
            raise UserError("a pyramid needs images but got none")
        return cls({side: _joined(parts, seen) for side, parts in kept.items()})

    def __len__(self) -> int:
        return len(next(iter(self.levels.values())))


def progan_swd(
    real: Tensor | Iterable[Tensor] | PyramidPatches,
    fake: Tensor | Iterable[Tensor] | PyramidPatches,
    *,
    repeats: int = 4,
    projections: int = 128,
    folds: int = 8,
    seed: int = 0,
) -> PyramidDistance:
    """ProGAN's SWD x 1e3 of images `[N, C, H, W]`: arXiv:1710.10196 section 5.

    W1 of random projections of 7x7 patches, 128 an image and level, each set normalised per
    channel to mean 0 and standard deviation 1 by its own numbers, as the authors' code does: a
    colour cast or a change of contrast that all images share is invisible. The paper compares
    16,384 images of a set; with fewer the figure is larger for the same generator, so sets are
    cut to equal counts and the count is part of the result. Differs from the authors' code:
    directions come in orthonormal bases (same mean, less variance), and sides need not be powers
    of two (see `laplacian_pyramid`). The error joins a jackknife over `folds` of images (on the
    first repeat) with the spread over repeats. Raises UserError where shapes differ or a fold
    would be empty.
    """
    a = real if isinstance(real, PyramidPatches) else PyramidPatches.of(real, seed=seed)
    b = fake if isinstance(fake, PyramidPatches) else PyramidPatches.of(fake, seed=seed, key="fake")
    count = _comparable(a, b, folds)
    pairs = {side: (x[:count], b.levels[side][:count]) for side, x in a.levels.items()}
    dims = math.prod(next(iter(a.levels.values())).shape[2:])
    theta = torch.stack([directions(dims, projections, seed + k) for k in range(repeats)]).float()
    found = [_level(x, y, theta, folds) for x, y in pairs.values()]
    values = 1e3 * torch.stack([whole for whole, _ in found])  # [levels, repeats]
    parts = 1e3 * torch.stack([without for _, without in found]).mean(0)
    spread = float(values.mean(0).var()) / repeats if repeats > 1 else math.nan
    error = math.sqrt(jackknife(parts.tolist()) ** 2 + spread)
    levels = dict(zip(pairs, values.mean(1).tolist(), strict=True))
    return PyramidDistance(levels, Estimate(float(values.mean()), error), count)


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """Burt & Adelson 1983, doi:10.1109/TCOM.1983.1095851: details of each level, coarsest last.

    The filter is 1 4 6 4 1 in each direction with mirrored borders. A side of n pixels becomes
    ceil(n / 2), so that images need not be powers of two; no level's shorter side is below 16
    (28x28 has one level, 89x109 has levels 89, 45 and 23), and an image below 16 has one level.
    `[N, C, H, W]` -> a list of `[N, C, h, w]`; raises UserError for sides under 7.
    """
    if images.ndim != 4 or min(images.shape[2:]) < PATCH:
        found = f"{list(images.shape)}"
        raise UserError(f"a pyramid needs images [N, C, H, W] of 7 pixels or more; found {found}")
    pyramid = [images]
    while (min(pyramid[-1].shape[2:]) + 1) // 2 >= COARSEST:
        fine = pyramid[-1]
        coarse = _blur(fine)[..., ::2, ::2]
        pyramid[-1:] = [fine - _expand(coarse, fine), coarse]
    return pyramid


def reconstruct(pyramid: list[Tensor]) -> Tensor:
    """The images of a Laplacian pyramid."""
    image = pyramid[-1]
    for detail in reversed(pyramid[:-1]):
        image = _expand(image, detail) + detail
    return image


def _expand(coarse: Tensor, like: Tensor) -> Tensor:
    """`coarse` at the size of `like`: zeros between its pixels, then four times the blur."""
    spread = like.new_zeros(like.shape)
    spread[..., ::2, ::2] = coarse
    return 4 * _blur(spread)


def _blur(x: Tensor) -> Tensor:
    n, channels, height, width = x.shape
    taps = x.new_tensor([1, 4, 6, 4, 1]) / 16
    planes = F.pad(x.reshape(n * channels, 1, height, width), (2, 2, 2, 2), mode="reflect")
    planes = F.conv2d(F.conv2d(planes, taps.view(1, 1, 5, 1)), taps.view(1, 1, 1, 5))
    return planes.reshape(x.shape)


def _draw(level: Tensor, patches: int, seed: int, key: str, first: int) -> Tensor:
    """Patches `[N, patches, C, 7, 7]` at places drawn for each image by its number."""
    side = min(level.shape[2:])
    keys = [("pyramid", key, side, first + i) for i in range(len(level))]
    where = torch.stack([Noise(seed, name).uniform(patches, 2) for name in keys])
    windows = level.unfold(2, PATCH, 1).unfold(3, PATCH, 1)  # a view: [N, C, y, x, 7, 7]
    y, x = (where * torch.tensor(windows.shape[2:4])).long().unbind(2)
    return windows[torch.arange(len(level))[:, None], :, y, x]


def _joined(parts: list[Tensor], images: int) -> Tensor:
    shapes = sorted({tuple(part.shape[1:]) for part in parts})
    if len(shapes) > 1 or sum(map(len, parts)) != images:
        raise UserError("images of one set must have one shape; resize or sort them first")
    return torch.cat(parts)


def _comparable(a: PyramidPatches, b: PyramidPatches, folds: int) -> int:
    """How many images are compared; UserError where the two sets are of different shapes."""
    shapes = [{side: x.shape[1:] for side, x in one.levels.items()} for one in (a, b)]
    if shapes[0] != shapes[1]:
        found = " and ".join(f"levels {list(one)}" for one in shapes)
        raise UserError(f"pyramids of one size, channels and patches are compared; found {found}")
    count = min(len(a), len(b))
    if count < folds:
        raise UserError(f"the distance needs {folds} images of each set or more; found {count}")
    return count


def _level(a: Tensor, b: Tensor, theta: Tensor, folds: int) -> tuple[Tensor, Tensor]:
    """W1 of each repeat `[R]`, and of the first with one fold of the images left out `[folds]`."""
    fold = np.arange(len(a)) % folds
    whole, parts = torch.zeros(len(theta)), torch.zeros(folds)
    normal = [_moments(x) for x in (a, b)]
    for repeat, block in (
        (r, block) for r, all_ in enumerate(theta) for block in all_.split(BLOCK)
    ):
        x, y = (_project(s, *m, block) for s, m in zip((a, b), normal, strict=True))
        share = len(block) / theta.shape[1]
        whole[repeat] += share * _w1(x, y)
        for k in range(folds if repeat == 0 else 0):
            parts[k] += share * _w1(x[:, fold != k], y[:, fold != k])
    return whole, parts


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and 1 / standard deviation of each channel, repeated for each of its pixels."""
    variance, mean = torch.var_mean(x, dim=(0, 1, 3, 4), correction=0)
    scale = torch.where(variance > 1e-12, variance.rsqrt(), 0)  # a blank channel tells nothing
    return mean.repeat_interleave(PATCH**2), scale.repeat_interleave(PATCH**2)


def _project(x: Tensor, mean: Tensor, scale: Tensor, theta: Tensor) -> np.ndarray:
    """Projections `[directions, images, patches]` of the normalised patches, without a copy."""
    weights = theta * scale
    flat = x.reshape(-1, theta.shape[1])
    return (weights @ flat.T - (weights @ mean)[:, None]).reshape(len(theta), *x.shape[:2]).numpy()


def _w1(x: np.ndarray, y: np.ndarray) -> float:
    # numpy sorts float32 some twenty times faster than torch does on a CPU.
    a, b = (np.sort(s.reshape(len(s), -1), axis=1) for s in (x, y))
    return float(np.abs(a - b).mean(dtype=np.float64))
