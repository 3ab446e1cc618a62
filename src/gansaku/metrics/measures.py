"""The catalogue of measures: what each needs, which way is better, and how it is taken."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from gansaku.core.errors import UserError, nearest
from gansaku.metrics import taking
from gansaku.metrics.bench import Bench
from gansaku.metrics.taking import Found


@dataclasses.dataclass(frozen=True)
class Measure:
    """A measure by name: `take` finds it on a bench, `lacks` says why it cannot be taken there."""

    name: str
    title: str
    better: str  # smaller, larger, neither
    paper: str
    line: str  # what it tells, in a few words
    take: Callable[[Bench], Found]
    lacks: Callable[[Bench], str | None]
    featured: bool = False  # depends on the feature network
    least: int = 0  # samples below which the figure is not to be trusted
    default: bool = True  # taken where none is named


def everything() -> dict[str, Measure]:
    """All measures by name, in the order in which they are taken."""
    return {measure.name: measure for measure in MEASURES}


def chosen(names: str | None) -> list[Measure]:
    """The measures of a list `recall,vendi`, `all`, or the usual ones; UserError for others."""
    known = everything()
    if names is None:
        return [measure for measure in known.values() if measure.default]
    if names == "all":
        return list(known.values())
    asked = [name.strip() for name in names.split(",")]
    for name in asked:
        if name not in known:
            hint = nearest(name, known) or f"; known are {', '.join(known)}"
            raise UserError(f"there is no measure {name!r}{hint}")
    return [known[name] for name in asked]


# --- what a bench may lack ---


def pictures(bench: Bench) -> str | None:
    return None if bench.pictures else "it is of pictures, and these are points"


def points(bench: Bench) -> str | None:
    return "it is of points in the plane" if bench.pictures else None


def sets(bench: Bench) -> str | None:
    """Two sets of pictures, each large enough to be cut into folds."""
    least = 2 * bench.folds
    if (lacks := pictures(bench)) or bench.paired:
        return lacks or "it compares two sets, and these are pairs"
    few = min(len(bench.fake), len(bench.real))
    return f"it compares two sets of {least} pictures or more, and found {few}" * (few < least)


def classes(bench: Bench) -> str | None:
    known = bench.features is not None and bench.features.head is not None
    return sets(bench) or (None if known else "the feature network names no classes")


def latent(bench: Bench) -> str | None:
    lacks = "it walks between latents of a run, and there are none"
    return pictures(bench) or (lacks if bench.walk is None else _mapless(bench))


def labelled(bench: Bench) -> str | None:
    both = bench.fake.labelled and bench.real.labelled
    return sets(bench) or (None if both else "both sides need labels: a subfolder for each class")


def stacked(bench: Bench) -> str | None:
    if lacks := sets(bench):
        return lacks
    if bench.spec.channels != 3:
        return "stacked digits have three channels, a digit in each"
    return None if bench.digits else "a digit classifier is needed; give --features digits"


def valid(bench: Bench) -> str | None:
    lacks = "it needs real pictures that choose its width; give some with --valid"
    return sets(bench) or (lacks if bench.valid is None else None)


def pairs(bench: Bench) -> str | None:
    return pictures(bench) or (None if bench.paired else "it compares pairs; give --paired")


def mapped_pairs(bench: Bench) -> str | None:
    return pairs(bench) or _mapless(bench)


def single(bench: Bench) -> str | None:
    one = bench.real.count == 1
    return pictures(bench) or (None if one else "it compares with one picture")


def mapped_single(bench: Bench) -> str | None:
    return single(bench) or _mapless(bench)


def mixture(bench: Bench) -> str | None:
    return points(bench) or (None if bench.modes else "the data has no modes that are known")


def _mapless(bench: Bench) -> str | None:
    able = bench.features is not None and bench.features.maps is not None
    return None if able else "the feature network has no maps; take --features backbone"


# fmt: off
MEASURES = (
    Measure("frechet_distance", "Frechet distance", "smaller", "arXiv:1706.08500",
            "distance of two Gaussians fitted to the features: quality and diversity at once",
            taking.frechet, sets, featured=True, least=5000),
    Measure("kernel_distance", "kernel distance", "smaller", "arXiv:1801.01401",
            "squared MMD of the features: unbiased, also for few samples",
            taking.kernel, sets, featured=True, least=500),
    Measure("precision", "precision", "larger", "arXiv:1904.06991",
            "share of samples that look like data: quality",
            taking.precision, sets, featured=True, least=1000),
    Measure("recall", "recall", "larger", "arXiv:1904.06991",
            "share of the data that samples come near: diversity",
            taking.recall, sets, featured=True, least=1000),
    Measure("density", "density", "larger", "arXiv:2002.09797",
            "how deep samples lie among the data: quality that outliers do not fool",
            taking.density, sets, featured=True, least=1000),
    Measure("coverage", "coverage", "larger", "arXiv:2002.09797",
            "share of the data with a sample nearby: diversity that outliers do not fool",
            taking.coverage, sets, featured=True, least=1000),
    Measure("vendi", "Vendi score", "larger", "arXiv:2210.02410",
            "how many different pictures there are in effect, whatever they look like",
            taking.effective_number, sets, featured=True, least=1000),
    Measure("classifier_score", "Inception-style score", "larger", "arXiv:1606.03498",
            "sure of each picture's class, and all classes there; says nothing of the data",
            taking.score, classes, featured=True, least=5000),
    Measure("progan_swd", "ProGAN's SWD x 1e3", "smaller", "arXiv:1710.10196",
            "patches at every scale: texture, sharpness, layout",
            taking.pyramid, sets, least=2000),
    Measure("ms_ssim", "MS-SSIM of pairs of samples", "neither", "arXiv:1610.09585",
            "how alike the samples are: high is collapse, to be read beside the data's",
            taking.diversity, sets, least=500),
    Measure("parzen", "Parzen log-likelihood, nats", "larger", "arXiv:1406.2661",
            "the figure of 2014: weak evidence",
            taking.log_likelihood, valid, least=5000),
    Measure("path_length", "perceptual path length", "smaller", "arXiv:1812.04948",
            "how smoothly pictures turn into one another along the latent",
            taking.path_length, latent, featured=True, default=False),
    Measure("gan_train", "GAN-train accuracy", "larger", "arXiv:1807.09499",
            "a classifier that only saw samples, on real pictures",
            taking.trains, labelled, least=1000, default=False),
    Measure("gan_test", "GAN-test accuracy", "larger", "arXiv:1807.09499",
            "a classifier that only saw real pictures, on samples",
            taking.is_told, labelled, least=1000, default=False),
    Measure("stacked_modes", "modes of stacked digits", "larger", "arXiv:1712.04086",
            "how many of 1,000 combinations of three digits there are",
            taking.thousand, stacked, least=26_000, default=False),
    Measure("psnr", "PSNR, dB", "larger", "ITU-T J.340",
            "pixel error of pairs", taking.noise_ratio, pairs),
    Measure("ssim", "SSIM", "larger", "doi:10.1109/TIP.2003.819861",
            "structure of pairs", taking.structure, pairs),
    Measure("ms_ssim_pairs", "MS-SSIM", "larger", "doi:10.1109/ACSSC.2003.1292216",
            "structure of pairs at several scales", taking.structures, pairs),
    Measure("perceptual_distance", "perceptual distance", "smaller", "arXiv:1801.03924",
            "how unlike pairs look to a network", taking.perceptual, mapped_pairs, featured=True),
    Measure("patch_distance", "single-image patch distance", "smaller", "this project",
            "7x7 patches of samples and of the one picture", taking.patches, single),
    Measure("single_image_diversity", "single-image diversity", "neither", "arXiv:1905.01164",
            "how freely pixels vary over the samples of one picture", taking.freedom, single),
    Measure("single_image_frechet", "single-image Frechet distance", "smaller", "arXiv:1905.01164",
            "features at each place of the samples and of the one picture",
            taking.places, mapped_single, featured=True),
    Measure("sliced_wasserstein", "sliced Wasserstein distance", "smaller",
            "doi:10.1007/s10851-014-0506-3", "mean distance of the projections to lines",
            taking.sliced, points, least=500),
    Measure("modes", "modes covered", "larger", "arXiv:1712.04086",
            "modes that hold a fair share of the samples", taking.modes, mixture, least=1000),
)
# fmt: on
