"""Frechet distance: closed forms, scipy's matrix root, torchmetrics, and streamed moments."""

import numpy as np
import pytest
import scipy.linalg
import torch

from gansaku.core.errors import UserError
from gansaku.metrics.frechet import Gaussian, Moments, frechet_distance, without_each


def draw(n: int, d: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=generator, dtype=torch.float64)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) @ mix + seed


def gaussian(mean: list[float], std: list[float]) -> Moments:
    covariance = torch.diag(torch.tensor(std, dtype=torch.float64).square())
    return Moments(1001, torch.tensor(mean, dtype=torch.float64), covariance * 1000)


def by_scipy(x: np.ndarray, y: np.ndarray) -> float:
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(a @ b).real
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * root)


def test_one_dimension_is_the_difference_of_means_and_of_deviations() -> None:
    distance = frechet_distance(gaussian([1.0], [2.0]), gaussian([4.0], [0.5]))
    assert distance == pytest.approx(3.0**2 + 1.5**2, rel=1e-12)


def test_diagonal_covariances_add_up_over_axes() -> None:
    a, b = gaussian([0, 1, 2], [1, 2, 0]), gaussian([1, 1, 0], [3, 0.5, 0])
    assert frechet_distance(a, b) == pytest.approx(1 + 0 + 4 + 4 + 2.25, rel=1e-12)


def test_equals_scipy_matrix_root() -> None:
    x, y = draw(300, 12, 1), draw(400, 12, 2)
    mine = frechet_distance(Moments.of(x), Moments.of(y))
    assert mine == pytest.approx(by_scipy(x.numpy(), y.numpy()), rel=1e-9)


def test_singular_covariances_need_no_eps_and_a_set_is_at_zero_from_itself() -> None:
    x = draw(10, 64, 3)  # rank 9 of 64
    a = Moments.of(x)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9 * float(a.covariance.trace()))
    shifted = Moments.of(x + 2)
    assert frechet_distance(a, shifted) == pytest.approx(4 * 64, rel=1e-9)


def test_equals_torchmetrics_on_the_same_features() -> None:
    fid = pytest.importorskip("torchmetrics.image.fid")
    x, y = draw(200, 16, 4), draw(200, 16, 5)
    a, b = Moments.of(x), Moments.of(y)
    theirs = fid._compute_fid(a.mean, a.covariance, b.mean, b.covariance)
    assert frechet_distance(a, b) == pytest.approx(float(theirs), rel=1e-6)


def test_streamed_moments_are_those_of_the_whole() -> None:
    x = draw(1000, 8) + 1e4  # far from the origin: the naive sum of squares would lose digits
    whole, streamed = Moments.of(x), Moments.streamed(x.split(37))
    assert streamed.count == 1000
    torch.testing.assert_close(streamed.mean, x.mean(0), rtol=1e-12, atol=0)
    torch.testing.assert_close(streamed.covariance, torch.cov(x.T), rtol=1e-8, atol=1e-8)
    merged = Moments.of(x[:1]) + Moments.of(x[1:])  # ranks with unequal shares
    torch.testing.assert_close(merged.covariance, whole.covariance, rtol=1e-8, atol=1e-8)


def test_bad_input_is_one_sentence() -> None:
    x = draw(10, 4)
    with pytest.raises(UserError, match="different widths"):
        frechet_distance(Moments.of(x), Moments.of(draw(10, 5)))
    with pytest.raises(UserError, match="different widths"):
        Moments.of(x) + Moments.of(draw(10, 5))
    with pytest.raises(UserError, match="2 rows or more but found 1"):
        frechet_distance(Moments.of(x[:1]), Moments.of(x))
    with pytest.raises(UserError, match="none"):
        Moments.streamed([])
    with pytest.raises(UserError, match="1 of 10 rows are not finite"):
        Moments.of(torch.where(torch.eye(10, 4) > 0, torch.nan, x)[[0] + [5] * 9])


@pytest.mark.parametrize("n", [12, 80])
def test_rows_and_moments_give_one_gaussian(n: int) -> None:
    """Fewer rows than features, and more."""
    x, y = draw(n, 30), draw(60, 30, seed=1) + 0.3
    by_rows = frechet_distance(Gaussian.of_rows(x), Gaussian.of_rows(y))
    assert by_rows == pytest.approx(frechet_distance(Moments.of(x), Moments.of(y)), rel=1e-9)


@pytest.mark.parametrize(("n", "dims"), [(40, 8), (24, 60)])
def test_leaving_folds_out_by_sums_is_leaving_them_out(n: int, dims: int) -> None:
    x, y = draw(n, dims) * 3 + 5, Gaussian.of_rows(draw(50, dims, seed=1))
    parts = x.tensor_split(5)
    plain = [
        frechet_distance(Gaussian.of_rows(torch.cat(parts[:k] + parts[k + 1 :])), y)
        for k in range(5)
    ]
    assert without_each(x, y, 5) == pytest.approx(plain, rel=1e-6)
