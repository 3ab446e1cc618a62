"""Frechet and kernel distances are those of torch-fidelity and of torchmetrics."""

from __future__ import annotations

import warnings

import pytest
import torch
from oracles import oracle
from torch import Tensor, nn

from gansaku.metrics.frechet import Moments, frechet_distance
from gansaku.metrics.kernel import kernel_distance, kernel_distance_by_subsets
from gansaku.nets.features import RandomConv, freeze

CLOSE = 1e-4  # relative: what the issue asks for; double precision gives far more
FID = 3.2612734753062895  # torch-fidelity 0.4.0 on `sets()`
FID_OF_FEW = 50.38989412116749  # and on 40 rows of 64 numbers each: singular covariances
KID = (0.2662102658625942, 0.08123781747627513)  # mean and spread over 20 subsets of 100 rows


def sets(rows: tuple[int, int] = (300, 250), width: int = 24) -> tuple[Tensor, Tensor]:
    """Two correlated clouds that differ in mean and spread, in float64."""
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(width, width, generator=generator, dtype=torch.float64) / width**0.5
    a, b = (torch.randn(n, width, generator=generator, dtype=torch.float64) for n in rows)
    return a @ mix, 1.2 * b @ mix + 0.2


def frechet(a: Tensor, b: Tensor) -> float:
    return frechet_distance(Moments.of(a), Moments.of(b))


def test_values_that_torch_fidelity_gave() -> None:
    assert frechet(*sets()) == pytest.approx(FID, rel=CLOSE)
    assert frechet(*sets((40, 40), 64)) == pytest.approx(FID_OF_FEW, rel=CLOSE)
    assert kernel_distance_by_subsets(*sets(), subsets=20, size=100) == pytest.approx(
        KID, rel=CLOSE
    )


def test_frechet_distance_equals_torch_fidelity() -> None:
    fid = oracle("torch_fidelity.metric_fid")
    for rows, width in (((300, 250), 24), ((40, 40), 64)):
        a, b = sets(rows, width)
        statistics = (fid.fid_features_to_statistics(x) for x in (a, b))
        theirs = fid.fid_statistics_to_metric(*statistics, False)
        value = theirs["frechet_inception_distance"]
        assert frechet(a, b) == pytest.approx(value, rel=CLOSE), width


def test_kernel_distance_equals_torch_fidelity() -> None:
    kid = oracle("torch_fidelity.metric_kid")
    a, b = sets()
    options = {"kid_subsets": 20, "kid_subset_size": 100, "verbose": False}
    theirs = kid.kid_features_to_metric(a, b, **options)
    names = ("kernel_inception_distance_mean", "kernel_inception_distance_std")
    expected = pytest.approx(tuple(theirs[name] for name in names), rel=CLOSE)
    assert kernel_distance_by_subsets(a, b, subsets=20, size=100) == expected


# --- torchmetrics, from the images on ---


class Network(nn.Module):
    """A feature network as torchmetrics takes it; float64, as its kernel sums cancel in float32."""

    num_features = 24

    def __init__(self) -> None:
        super().__init__()
        self.net = freeze(RandomConv(3, widths=(4, 8), grids=(1,)))

    def forward(self, images: Tensor) -> Tensor:
        return self.net(images).double()


def pictures(n: int, contrast: float, seed: int) -> Tensor:
    drawn = torch.randn(n, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    return (drawn.cumsum(3) * contrast).clamp(-1, 1)


@pytest.fixture(scope="module")
def images() -> tuple[Tensor, Tensor]:
    return pictures(150, 0.10, 1), pictures(130, 0.12, 2)


def torchmetrics_of(name: str, images: tuple[Tensor, Tensor], **options: int) -> Tensor:
    image = oracle("torchmetrics.image." + {"F": "fid", "K": "kid"}[name[0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells how much memory it takes
        metric = getattr(image, name)(feature=Network(), **options)
    for real, part in ((True, images[0]), (False, images[1])):
        for batch in part.split(64):
            metric.update(batch, real=real)
    return metric.compute()


def test_frechet_distance_equals_torchmetrics(images: tuple[Tensor, Tensor]) -> None:
    theirs = torchmetrics_of("FrechetInceptionDistance", images)
    ours = (Moments.streamed(Network()(part) for part in x.split(50)) for x in images)
    assert frechet_distance(*ours) == pytest.approx(float(theirs), rel=CLOSE)


def test_kernel_distance_equals_torchmetrics(images: tuple[Tensor, Tensor]) -> None:
    same = images[0][:130], images[1]  # one subset of all rows: the drawing does not matter
    mean, _ = torchmetrics_of("KernelInceptionDistance", same, subsets=1, subset_size=130)
    a, b = (Network()(x) for x in same)
    assert kernel_distance(a, b).value == pytest.approx(float(mean), rel=CLOSE)
    once = kernel_distance_by_subsets(a, b, subsets=1, size=130)
    assert once.value == pytest.approx(float(mean), rel=CLOSE)
