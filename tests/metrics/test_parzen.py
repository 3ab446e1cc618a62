"""Parzen-window log-likelihood against scipy, brute force and a change of units."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from gansaku.core.errors import UserError
from gansaku.metrics.parzen import SIGMAS, log_likelihood, parzen, to_unit


def draw(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.rand(n, d, generator=torch.Generator().manual_seed(seed))


def brute(x: torch.Tensor, samples: torch.Tensor, sigma: float) -> np.ndarray:
    gaussian = torch.distributions.Normal(samples.double(), sigma)
    terms = gaussian.log_prob(x.double()[:, None]).sum(2)
    return (terms.logsumexp(1) - math.log(len(samples))).numpy()


@pytest.mark.parametrize("sigma", [0.05, 0.2, 1.0])
def test_equals_brute_force_in_float32_and_high_dimension(sigma: float) -> None:
    x, samples = draw(23, 300, 0), draw(41, 300, 1)
    mine = log_likelihood(x, samples, [sigma, 2 * sigma], chunk=7)
    np.testing.assert_allclose(mine[0], brute(x, samples, sigma), rtol=2e-5)
    np.testing.assert_allclose(mine[1], brute(x, samples, 2 * sigma), rtol=2e-5)


def test_equals_scipy_kde() -> None:
    x, samples, sigma = draw(9, 1, 0), draw(30, 1, 1), 0.3
    spread = float(samples.double().std())
    kde = scipy.stats.gaussian_kde(samples[:, 0].double().numpy(), bw_method=sigma / spread)
    mine = log_likelihood(x, samples, [sigma])[0]
    np.testing.assert_allclose(mine, kde.logpdf(x[:, 0].numpy()), rtol=1e-5, atol=1e-6)


def test_twice_the_range_shifts_the_figure_by_ln_2_a_pixel() -> None:
    x, samples = draw(20, 784, 0), draw(50, 784, 1)
    unit = log_likelihood(x, samples, [0.2])
    signed = log_likelihood(2 * x - 1, 2 * samples - 1, [0.4])
    np.testing.assert_allclose(unit - signed, np.full((1, 20), 784 * math.log(2)), rtol=1e-5)


def test_protocol_chooses_sigma_on_the_validation_set_and_scores_the_test_set() -> None:
    samples, valid, test = (draw(n, 40, i) for i, n in enumerate((200, 60, 50)))
    found = parzen(samples, valid, test, limit=30)
    means = [brute(valid[:30], samples, sigma).mean() for sigma in SIGMAS]
    assert found.sigma == SIGMAS[int(np.argmax(means))]
    assert list(found.validation.values()) == pytest.approx(means, rel=1e-5)
    scores = brute(test, samples, found.sigma)
    expected = (scores.mean(), scores.std(ddof=1) / math.sqrt(50))
    assert found.likelihood == pytest.approx(expected, rel=1e-4)
    assert found.samples == 200


def test_the_grid_is_the_authors_and_an_edge_is_told() -> None:
    assert pytest.approx(np.logspace(-1, 0, 10), rel=1e-12) == SIGMAS
    images = draw(60, 16, 0)
    assert parzen(images, images, images, sigmas=(1e-3, 0.1)).at_edge


def test_pixels_outside_the_unit_interval_are_refused() -> None:
    x = draw(30, 1, 0).reshape(30, 1, 1, 1)
    with pytest.raises(UserError, match=r"valid: .* \[0, 1\] but found \[-1, "):
        parzen(x, torch.cat((x, -torch.ones(1, 1, 1, 1))), x)
    assert parzen(to_unit(2 * x - 1), x, x).sigma > 0
    with pytest.raises(UserError, match="above 0"):
        log_likelihood(x.flatten(1), x.flatten(1), [0.0])
