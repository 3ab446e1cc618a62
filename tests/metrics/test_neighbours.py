"""Neighbours and what counts them: brute force, closed cases, ties, and standard errors."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from gansaku.core.errors import UserError
from gansaku.metrics import neighbours
from gansaku.metrics.neighbours import (
    density_coverage,
    in_balls,
    nearest,
    precision_recall,
    within,
)


def draw(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def brute_radii(x: np.ndarray, k: int) -> np.ndarray:
    d = cdist(x, x)
    np.fill_diagonal(d, np.inf)
    return np.sort(d, 1)[:, k - 1]


def brute(real: np.ndarray, fake: np.ndarray, k: int) -> tuple[float, float, float, float]:
    d = cdist(real, fake)
    of_real, of_fake = brute_radii(real, k)[:, None], brute_radii(fake, k)[None]
    precision, recall = (d <= of_real).any(0).mean(), (d <= of_fake).any(1).mean()
    density, coverage = (d <= of_real).sum() / (k * len(fake)), (d.min(1) <= of_real[:, 0]).mean()
    return precision, recall, density, coverage


def measured(real: torch.Tensor, fake: torch.Tensor, k: int) -> tuple[float, ...]:
    pr, dc = precision_recall(real, fake, k), density_coverage(real, fake, k)
    return tuple(e.value for e in (pr.precision, pr.recall, dc.density, dc.coverage))


@pytest.fixture
def small_blocks(monkeypatch) -> None:
    monkeypatch.setattr(neighbours, "ROWS", 7)
    monkeypatch.setattr(neighbours, "COLUMNS", 5)
    monkeypatch.setattr(neighbours, "GATHERED", 11)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("k", [1, 3, 6])
def test_nearest_equals_brute_force_over_many_blocks(k: int) -> None:
    x, y = draw(23, 4, 0), draw(31, 4, 1)
    distances, indices = nearest(x, y, k)
    d = cdist(x, y)
    np.testing.assert_allclose(distances, np.sort(d, 1)[:, :k], rtol=1e-14)
    np.testing.assert_array_equal(indices, np.argsort(d, 1)[:, :k])


@pytest.mark.usefixtures("small_blocks")
def test_what_is_skipped_is_no_neighbour() -> None:
    x = draw(20, 3, 0)
    distances, indices = within(x, 2)
    np.testing.assert_allclose(distances[:, 0], brute_radii(x.numpy(), 1), rtol=1e-14)
    assert not (indices == torch.arange(20)[:, None]).any()
    some = torch.tensor([4, 17])
    torch.testing.assert_close(nearest(x[some], x, 2, skip=some)[0], distances[some])


lattice = st.integers(-2, 2).map(float)  # ties and equal points abound
scales = st.sampled_from([1.0, 0.1, 1e-6, 1e8])


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
@settings(max_examples=60, deadline=None)
@given(
    arrays(float, st.tuples(st.integers(5, 14), st.just(2)), elements=lattice),
    arrays(float, st.tuples(st.integers(5, 14), st.just(2)), elements=lattice),
    st.integers(1, 4),
    scales,
)
def test_all_four_equal_brute_force_with_ties(real, fake, k, scale) -> None:
    real, fake = real * scale, fake * scale
    expected = brute(real, fake, k)
    assert measured(torch.from_numpy(real), torch.from_numpy(fake), k) == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_all_four_equal_brute_force_on_features(k: int) -> None:
    real, fake = draw(90, 6, 0), draw(70, 6, 1) * 1.2 + 0.3
    expected = brute(real.numpy(), fake.numpy(), k)
    assert measured(real, fake, k) == pytest.approx(expected, rel=1e-12)


def test_sets_that_are_the_same_and_sets_far_apart() -> None:
    x = draw(60, 3, 0)
    assert measured(x, x, 3) == (
        1,
        1,
        pytest.approx(np.mean(in_balls(x, x, radii(x)).numpy()) / 3),
        1,
    )
    assert measured(x, x + 100, 3) == (0, 0, 0, 0)


def radii(x: torch.Tensor) -> torch.Tensor:
    return within(x, 3)[0][:, -1]


def test_a_ball_is_closed_and_counts_all_its_points() -> None:
    centres = torch.tensor([[0.0], [1.0], [3.0]])
    counts = in_balls(torch.tensor([[1.0], [2.0], [2.1]]), centres, torch.tensor([1.0, 1.0, 1.0]))
    assert counts.tolist() == [2, 2, 1]


def test_dropping_a_mode_lowers_recall_and_coverage_but_not_precision() -> None:
    a, b = draw(400, 2, 0), draw(400, 2, 1) + 20
    found = measured(torch.cat((a, b)), draw(800, 2, 2), 5)
    assert found[0] > 0.95
    assert found[1] == pytest.approx(0.5, abs=0.02)
    assert found[3] == pytest.approx(0.5, abs=0.02)


def test_the_same_distribution_has_density_one_and_the_papers_coverage() -> None:
    dc = density_coverage(draw(1500, 8, 0), draw(1500, 8, 1), 5)
    assert dc.density.value == pytest.approx(1, abs=0.05)
    assert dc.coverage.value == pytest.approx(1 - 2**-5, abs=0.015)


def test_equal_points_are_at_zero_far_from_the_origin() -> None:
    x = (draw(50, 3, 0) + 1e7).float()
    distances, indices = nearest(x, x.clone(), 2)
    assert (distances[:, 0] == 0).all()
    np.testing.assert_allclose(distances, np.sort(cdist(x.double(), x.double()), 1)[:, :2])
    twice = torch.cat((x, x))
    assert (within(twice)[0] == 0).all()
    assert len(indices) == 50


def test_neighbours_closer_than_the_products_rounding_are_told_apart() -> None:
    y = torch.tensor([[1e8, 0.0], [1e8, 1e-3], [1e8, 2e-3], [-1e8, 0.0]], dtype=torch.float64)
    distances, indices = nearest(torch.tensor([[1e8, 1.9e-3]], dtype=torch.float64), y, 3)
    assert indices.tolist() == [[2, 1, 0]]
    np.testing.assert_allclose(distances, [[1e-4, 9e-4, 1.9e-3]], rtol=1e-9)


def test_errors_are_near_the_spread_over_draws() -> None:
    rows = []
    for i in range(60):
        real, fake = draw(150, 4, 2 * i), draw(150, 4, 2 * i + 1) * 1.3
        pr, dc = precision_recall(real, fake), density_coverage(real, fake)
        rows.append([pr.precision, pr.recall, dc.density, dc.coverage])
    values, errors = torch.tensor(rows).unbind(2)
    ratio = errors.square().mean(0).sqrt() / values.std(0)
    assert (ratio > 0.5).all()
    assert (ratio < 1.6).all()


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(UserError, match="real: 3 neighbours need 4 rows or more but found 3"):
        precision_recall(draw(3, 2, 0), draw(9, 2, 1))
    with pytest.raises(UserError, match="real 2, fake 3"):
        density_coverage(draw(9, 2, 0), draw(9, 3, 1))
    with pytest.raises(UserError, match="2 neighbours asked for but found 1 other"):
        within(draw(2, 2, 0), 2)
    with pytest.raises(UserError, match="not finite"):
        nearest(torch.tensor([[math.nan]]), torch.zeros(3, 1))
