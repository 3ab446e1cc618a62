"""Kernel distance: brute force, unbiasedness, standard errors, and the published protocol."""

import itertools
import math

import numpy as np
import pytest
import torch

from gansaku.core.errors import UserError
from gansaku.metrics.estimate import Estimate, jackknife, of_mean
from gansaku.metrics.kernel import (
    KernelReference,
    kernel_distance,
    kernel_distance_by_subsets,
    kernel_mmd,
)


def draw(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def brute(x: torch.Tensor, y: torch.Tensor) -> float:
    def k(a: torch.Tensor, b: torch.Tensor) -> float:
        return (float(a @ b) / len(a) + 1) ** 3

    xx = np.mean([k(a, b) for a, b in itertools.permutations(x, 2)])
    yy = np.mean([k(a, b) for a, b in itertools.permutations(y, 2)])
    return float(xx + yy - 2 * np.mean([k(a, b) for a in x for b in y]))


def test_equals_brute_force_for_sets_of_different_sizes() -> None:
    x, y = draw(12, 5, 0), draw(17, 5, 1) * 2 + 1
    value = pytest.approx(brute(x, y), rel=1e-12)
    assert kernel_mmd(x, y) == value
    assert kernel_distance(x, y, folds=3).value == value
    assert KernelReference(y)(x, folds=3).value == value


def test_it_is_unbiased_and_its_error_is_the_spread_over_draws() -> None:
    draws = [kernel_distance(draw(40, 3, 2 * i), draw(40, 3, 2 * i + 1), 8) for i in range(200)]
    values = torch.tensor([one.value for one in draws])
    mean = of_mean(values)
    assert abs(mean.value) < 4 * mean.error  # the same distribution: 0 on average
    claimed = math.sqrt(sum(one.error**2 for one in draws) / len(draws))
    assert 0.6 < claimed / float(values.std()) < 2.0


def test_error_of_a_fixed_reference_is_the_spread_over_samples() -> None:
    reference = KernelReference(draw(200, 3, 999) + 0.5)
    draws = [reference(draw(80, 3, i), 8) for i in range(150)]
    claimed = math.sqrt(sum(one.error**2 for one in draws) / len(draws))
    assert 0.8 < claimed / float(torch.tensor([one.value for one in draws]).std()) < 1.3


def test_subsets_follow_the_published_protocol() -> None:
    x, y = draw(60, 6, 0), draw(50, 6, 1) + 0.3
    mine = kernel_distance_by_subsets(x, y, subsets=5, size=20)
    draw_like_torch_fidelity = np.random.RandomState(2020)
    values = []
    for _ in range(5):
        i = draw_like_torch_fidelity.choice(60, 20, replace=False)
        j = draw_like_torch_fidelity.choice(50, 20, replace=False)
        values.append(brute(x[i], y[j]))
    assert mine == pytest.approx((np.mean(values), np.std(values)), rel=1e-10)


def test_equals_torchmetrics_on_the_same_features() -> None:
    kid = pytest.importorskip("torchmetrics.image.kid")
    x, y = draw(50, 6, 0), draw(50, 6, 1) + 0.3
    assert kernel_mmd(x, y) == pytest.approx(float(kid.poly_mmd(x, y)), rel=1e-9)


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    x = draw(30, 1, 0)[:, 0]
    parts = [float((x.sum() - one) / 29) for one in x]
    assert jackknife(parts) == pytest.approx(of_mean(x).error, rel=1e-9)


def test_worse_means_beyond_the_joint_error() -> None:
    assert not Estimate(1.4, 0.3).worse_than(Estimate(1.0, 0.4))
    assert Estimate(1.6, 0.3).worse_than(Estimate(1.0, 0.4))


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(UserError, match="at least 20 rows"):
        kernel_distance(draw(19, 3, 0), draw(50, 3, 1), folds=10)
    with pytest.raises(UserError, match="subsets of 1000 rows asked for but only 50 found"):
        kernel_distance_by_subsets(draw(50, 3, 0), draw(60, 3, 1))
    with pytest.raises(UserError, match=r"x 3, y 4"):
        kernel_mmd(draw(9, 3, 0), draw(9, 4, 1))
