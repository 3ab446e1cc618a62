"""A cheap measure of progress against a fixed reference, for use while training runs."""

from __future__ import annotations

import math
from typing import TypedDict

import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.data.spec import ImageSpec, Spec
from gansaku.metrics.estimate import Estimate, jackknife
from gansaku.metrics.features import random_conv
from gansaku.metrics.kernel import KernelReference
from gansaku.metrics.sliced import sliced_wasserstein

FOLDS = 8  # of the samples, for the standard error; fewer where there are few samples
LEAST = 4


class Progress(TypedDict):
    """A value with its standard error, and the measure's name; smaller is better."""

    value: float
    error: float
    name: str


def spread(length: int, most: int = 2048, seed: int = 0) -> list[int]:
    """Which items of a set to compare with: at most `most` of all, drawn once.

    The first items will not do: files are often sorted by class.
    """
    order = Noise(seed, ("progress",)).uniform(length).argsort()[:most]
    return order.sort().values.tolist()


class ProgressMeasure:
    """Distance of samples to a reference, in well under a second and always the same.

    Images: the kernel distance on random-convolution features that are standardised by the
    reference. Points: the sliced Wasserstein distance. `reference [N, ...]` are real samples; at
    most `size` of them, drawn once by seed, are kept. Raises UserError for too few of them.
    """

    def __init__(self, reference: Tensor, spec: Spec, size: int = 2048, seed: int = 0) -> None:
        self.images = isinstance(spec, ImageSpec)
        if len(reference) < LEAST:
            found = f"found {len(reference)}"
            raise UserError(f"a measure of progress needs {LEAST} real samples or more but {found}")
        rows = reference.detach()[spread(len(reference), size, seed)].cpu().float()
        if isinstance(spec, ImageSpec):
            self.features = random_conv(spec.channels)
            raw = self.features(rows)
            self.mean, std = raw.mean(0), raw.std(0)
            # A floor: a feature that is all but constant (a blank corner) must not rule the rest.
            self.scale = std.clamp(min=max(0.1 * float(std.square().mean().sqrt()), 1e-6))
            self.distance = KernelReference((raw - self.mean) / self.scale)
            self.name = f"kernel distance ({self.features.name})"
        else:
            self.reference = rows.flatten(1)
            self.name = "sliced Wasserstein distance"

    def __call__(self, samples: Tensor) -> Progress:
        """`samples [n, ...]`, 512 do -> value, standard error and name.

        Samples that are not finite give the value inf: a run that broke is no run that stopped.
        """
        x = samples.detach().cpu().float()
        if len(x) < LEAST:
            raise UserError(f"progress is measured on {LEAST} samples or more; found {len(x)}")
        if not x.isfinite().all():
            return {"value": math.inf, "error": math.nan, "name": self.name}
        value, error = self._kernel(x) if self.images else self._sliced(x.flatten(1))
        return {"value": value, "error": error, "name": self.name}

    def _kernel(self, x: Tensor) -> Estimate:
        return self.distance((self.features(x) - self.mean) / self.scale, _folds(len(x)))

    def _sliced(self, x: Tensor) -> Estimate:
        folds = _folds(len(x))
        fold = torch.arange(len(x)) % folds
        parts = [sliced_wasserstein(x[fold != k], self.reference) for k in range(folds)]
        return Estimate(sliced_wasserstein(x, self.reference), jackknife(parts))


def _folds(samples: int) -> int:
    return min(FOLDS, samples // 2)
