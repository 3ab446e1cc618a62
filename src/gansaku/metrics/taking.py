"""How each measure is taken from a bench: which of its samples, with what settings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gansaku.metrics.bench import Bench
from gansaku.metrics.classifier import classifier_score, gan_test, gan_train
from gansaku.metrics.estimate import Estimate, jackknife, of_mean
from gansaku.metrics.frechet import frechet_distance, without_each
from gansaku.metrics.kernel import kernel_distance
from gansaku.metrics.modes import mode_coverage
from gansaku.metrics.neighbours import density_coverage, precision_recall
from gansaku.metrics.parzen import parzen, to_unit
from gansaku.metrics.patches import patch_distance, single_image_diversity, single_image_frechet
from gansaku.metrics.perceptual import perceptual_distance
from gansaku.metrics.pyramid import progan_swd
from gansaku.metrics.similarity import ms_ssim, ms_ssim_diversity, psnr, scales_of, ssim
from gansaku.metrics.sliced import sliced_wasserstein
from gansaku.metrics.stacked import stacked_modes
from gansaku.metrics.vendi import vendi

PARZEN = 10_000  # samples under the windows, and pictures judged, as in 2014
VALID = 1000  # pictures that choose the windows' width
LIGHT = "from 0"  # what SSIM sees black as; figures of pixels in [-1, 1] are other ones
PYRAMIDS = 2048  # pictures a side: descriptors take 75 kB each
PATHS = 500  # pairs of latents
SINGLE = 50  # samples beside one picture


@dataclasses.dataclass(frozen=True)
class Found:
    """What a measure found: the figure, how many samples it used, its settings, and more."""

    figure: Estimate
    samples: int
    reference: int = 0
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()


# --- two sets of features ---


def frechet(bench: Bench) -> Found:
    """Its error by leaving out one fold of the samples at a time."""
    fake, real = bench.fake, bench.real
    other = real.gaussian
    parts = without_each(fake.rows, other, bench.folds)
    # The folds are of the rows held: where more were seen, the error shrinks as the root.
    error = jackknife(parts) * math.sqrt(len(fake.rows) / fake.count)
    value = frechet_distance(fake.gaussian, other)
    return Found(Estimate(value, error), fake.count, real.count)


def kernel(bench: Bench) -> Found:
    x, y = bench.fake.rows, bench.real.rows
    return Found(kernel_distance(x, y, bench.folds), len(x), len(y), {"degree": 3})


def precision(bench: Bench) -> Found:
    return _manifold(bench, "precision")


def recall(bench: Bench) -> Found:
    return _manifold(bench, "recall")


def density(bench: Bench) -> Found:
    return _balls(bench, "density")


def coverage(bench: Bench) -> Found:
    return _balls(bench, "coverage")


def _manifold(bench: Bench, which: str, k: int = 3) -> Found:
    x, y = bench.fake.rows, bench.real.rows
    both = bench.once("precision_recall", lambda: precision_recall(y, x, k))
    return Found(getattr(both, which), len(x), len(y), {"k": k})


def _balls(bench: Bench, which: str, k: int = 5) -> Found:
    x, y = bench.fake.rows, bench.real.rows
    both = bench.once("density_coverage", lambda: density_coverage(y, x, k))
    return Found(getattr(both, which), len(x), len(y), {"k": k})


def effective_number(bench: Bench) -> Found:
    """The samples' own; beside it that of as many real pictures, which is what to wish for."""
    n = min(len(bench.fake), len(bench.real))
    about = {"of as many real pictures": vendi(bench.real.rows[:n], folds=2).value}
    return Found(vendi(bench.fake.rows[:n], folds=bench.folds), n, 0, {"q": 1.0}, about)


def score(bench: Bench) -> Found:
    p = bench.features.head(bench.fake.rows)
    about = {"of the real pictures": classifier_score(bench.features.head(bench.real.rows)).value}
    return Found(classifier_score(p), len(p), 0, {"splits": 10}, about)


# --- pictures ---


def pyramid(bench: Bench) -> Found:
    n = min(len(bench.fake), len(bench.real), PYRAMIDS)
    found = progan_swd(bench.real.images(n), bench.fake.images(n))
    about = {"levels": {str(side): value for side, value in found.levels.items()}}
    settings = {"repeats": 4, "projections": 128, "scale": 1e3}
    return Found(found.mean, found.images, found.images, settings, about)


def diversity(bench: Bench, pairs: int = 1000) -> Found:
    n = min(len(bench.fake), len(bench.real), 2 * pairs)
    x, y = bench.fake.first(n), bench.real.first(n)
    about = {"of real pictures": ms_ssim_diversity(y, pairs).value}
    settings = {"pairs": pairs, "scales": scales_of(*x.shape[2:]), "light": LIGHT}
    return Found(ms_ssim_diversity(x, pairs), n, 0, settings, about)


def log_likelihood(bench: Bench) -> Found:
    """By the protocol of 2014: sigma chosen on other real pictures, all in [0, 1]."""
    x, y, valid = bench.fake.first(PARZEN), bench.real.first(PARZEN), bench.valid[:VALID]
    found = parzen(to_unit(x), to_unit(valid), to_unit(y))
    warnings = ("the windows' width is at the edge of those tried",) if found.at_edge else ()
    settings, about = {"valid": len(valid)}, {"sigma": found.sigma}
    return Found(found.likelihood, len(x), len(y), settings, about, warnings)


def path_length(bench: Bench) -> Found:
    """By the feature network's maps; LPIPS where they are its own."""
    figure, settings = bench.walk(lambda a, b: _perceptual(bench, a, b), PATHS)
    return Found(figure, PATHS, 0, settings)


def trains(bench: Bench) -> Found:
    x, y = (bench.fake.first(), bench.fake.y), (bench.real.first(), bench.real.y)
    return Found(gan_train(*x, *y, seed=bench.seed), len(x[0]), len(y[0]))


def is_told(bench: Bench) -> Found:
    x, y = (bench.fake.first(), bench.fake.y), (bench.real.first(), bench.real.y)
    return Found(gan_test(*x, *y, seed=bench.seed), len(x[0]), len(y[0]))


def thousand(bench: Bench) -> Found:
    """Stacked MNIST: one digit in each channel, a thousand modes."""
    found = stacked_modes(bench.fake.first(), bench.digits)
    about = {
        "reverse_kl": found.reverse_kl.value,
        "reverse_kl_error": found.reverse_kl.error,
        "of a perfect generator": found.ideal_covered,
        "its reverse_kl": found.ideal_kl,
    }
    warnings = (found.warning,) if found.warning else ()
    figure = Estimate(found.covered, math.nan)
    return Found(figure, found.samples, 0, {"modes": found.modes}, about, warnings)


# --- pairs: each picture of one folder beside its partner in the other ---


def noise_ratio(bench: Bench) -> Found:
    values = psnr(bench.fake.first(), bench.real.first())
    return Found(of_mean(values), len(values), len(values))


def structure(bench: Bench) -> Found:
    values = ssim(bench.fake.first(), bench.real.first())
    return Found(of_mean(values), len(values), len(values), {"light": LIGHT})


def structures(bench: Bench) -> Found:
    x = bench.fake.first()
    values = ms_ssim(x, bench.real.first())
    settings = {"scales": scales_of(*x.shape[2:]), "light": LIGHT}
    return Found(of_mean(values), len(values), len(values), settings)


def perceptual(bench: Bench) -> Found:
    pairs = zip(bench.fake.images(chunk=32), bench.real.images(chunk=32), strict=True)
    values = torch.cat([_perceptual(bench, a, b) for a, b in pairs])
    return Found(of_mean(values), len(values), len(values))


def _perceptual(bench: Bench, a: Tensor, b: Tensor) -> Tensor:
    features = bench.features
    with torch.no_grad():
        return perceptual_distance(features.maps(a), features.maps(b), features.channel_weights)


# --- one picture ---


def patches(bench: Bench) -> Found:
    x = bench.fake.first(SINGLE)
    return Found(patch_distance(x, bench.real.first()[0]), len(x), 1)


def freedom(bench: Bench) -> Found:
    x = bench.fake.first(2 * SINGLE)
    return Found(single_image_diversity(x, bench.real.first()[0]), len(x), 1)


def places(bench: Bench) -> Found:
    """On the finest maps of the network, those of Inception's first pooling layer for SIFID."""
    x = bench.fake.first(SINGLE)
    with torch.no_grad():
        maps = [bench.features.maps(one[None])[0][0] for one in x]
        true = bench.features.maps(bench.real.first())[0][0]
    return Found(single_image_frechet(maps, true), len(x), 1, {"maps": "the finest"})


# --- points ---


def sliced(bench: Bench) -> Found:
    x, y = bench.fake.first(), bench.real.first()
    fold = torch.arange(len(x)) % bench.folds
    parts = [sliced_wasserstein(x[fold != k], y) for k in range(bench.folds)]
    figure = Estimate(sliced_wasserstein(x, y), jackknife(parts))
    return Found(figure, len(x), len(y), {"projections": 128})


def modes(bench: Bench) -> Found:
    """How many of a mixture's modes the samples reach, and how many samples reach one."""
    centres, sigma = bench.modes
    share = 0.01 if len(centres) <= 10 else 0.005
    x = bench.fake.first()
    found = mode_coverage(x, centres, sigma, share)
    settings = {"modes": len(centres), "sigma": sigma, "reach": 3.0, "share": share}
    about = {"within": found.within, "shares": list(found.shares)}
    return Found(Estimate(found.covered, math.nan), len(x), 0, settings, about)
