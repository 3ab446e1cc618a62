"""How a model of one picture gets on while it trains: patches at every scale, and a sheet."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from gansaku.core.capabilities import Pyramid
from gansaku.core.contract import Nets
from gansaku.core.loop import Run
from gansaku.core.noise import Noise
from gansaku.core.pyramid import resample
from gansaku.metrics.patches import patch_distance
from gansaku.metrics.progress import Progress

SAMPLES = 3  # that are measured
SHOWN = 4  # samples of a sheet
DIRECTIONS = 48  # of the patch distance: a quarter of its usual number, for speed


def playing(run: Run, n: int, seed: int) -> Tensor:
    """`n` samples of the scales trained so far, as large as the last of them."""
    pyramid = cast(Pyramid, run.recipe)

    def make(nets: Nets) -> Tensor:
        return pyramid.render(nets, pyramid.maps(nets, Noise(seed, ("sheet",)), n))

    return run.generated(make).cpu()


def draw(run: Run, path: Path) -> Path:
    """The picture, its reconstruction and samples, at the scale that has been reached."""
    pyramid = cast(Pyramid, run.recipe)
    again = run.generated(lambda nets: pyramid.render(nets, pyramid.fixed(nets))).cpu()
    samples = playing(run, SHOWN, run.seed)
    picture = resample(_picture(run), (again.shape[2], again.shape[3])).clamp(-1, 1)
    return run.source.spec.preview(torch.cat([picture, again, samples]), path, columns=3)


class PictureMeasure:
    """The patch distance of a few samples at full size, so that scales can be compared.

    Samples of a pyramid that is not whole are enlarged first: what they lack counts. `scale` says
    the distance at the size of the scale that has been reached, for the line in metrics.jsonl.
    """

    def __init__(self, run: Run) -> None:
        self.picture = _picture(run)
        self.size = (self.picture.shape[2], self.picture.shape[3])

    def samples(self, run: Run) -> Tensor:
        return playing(run, SAMPLES, run.seed + 1)

    def __call__(self, samples: Tensor) -> Progress:
        whole = resample(samples, self.size)
        value, error = patch_distance(whole, self.picture[0], projections=DIRECTIONS)
        return {"value": value, "error": error, "name": "patch distance at full size"}

    def scale(self, run: Run, samples: Tensor) -> dict[str, float]:
        """`patches/scale k`: the distance of samples and picture at their own size."""
        k = run.generated(cast(Pyramid, run.recipe).scales) - 1
        real = resample(self.picture, (samples.shape[2], samples.shape[3]))[0]
        return {f"patches/scale {k}": patch_distance(samples, real, projections=DIRECTIONS).value}


def _picture(run: Run) -> Tensor:
    return run.source.take([0])["x"].cpu()
