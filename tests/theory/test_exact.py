"""What is exact in the figures, against closed forms, scipy and one another."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from gansaku.core.noise import Noise
from gansaku.theory import exact, kl_directions
from gansaku.theory.exact import LOG4, Mixture, Uniform, best, jsd, kl, line, value, wasserstein

X = line(-12, 14)
SHIFT = st.floats(0, 5)


@settings(max_examples=20, deadline=None)
@given(SHIFT)
def test_jensen_shannon_of_two_uniforms_stops_at_log_2(shift):
    x = line(-1, 7, 80_001)
    found = jsd(Uniform()(x), Uniform(shift)(x), x)
    assert found == pytest.approx(float(exact.jsd_of_shift(shift)), abs=2e-3)
    assert float(exact.jsd_of_shift(1.0 + shift)) == math.log(2)


@settings(max_examples=20, deadline=None)
@given(SHIFT)
def test_wasserstein_of_two_uniforms_is_the_shift(shift):
    x = line(-1, 7, 80_001)
    assert wasserstein(Uniform()(x), Uniform(shift)(x), x) == pytest.approx(shift, abs=2e-3)


def test_wasserstein_agrees_with_scipy_on_samples():
    p, q = Mixture((0.3, 0.7), (-1.0, 2.0), (0.5, 1.0)), Mixture.gaussian(0.5, 2.0)
    one, other = (d.draw(100_000, Noise(0, (i,)))[:, 0].numpy() for i, d in enumerate((p, q)))
    sampled = wasserstein_distance(one, other)
    assert wasserstein(p(X), q(X), X) == pytest.approx(sampled, abs=0.03)


def test_the_slope_of_the_divergence_is_its_derivative():
    for shift in (0.2, 0.8, 1.2, 3.0):
        rise = (exact.jsd_of_shift(shift + 1e-4) - exact.jsd_of_shift(shift - 1e-4)) / 2e-4
        assert float(exact.jsd_slope(shift)) == pytest.approx(float(rise), abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.floats(-2, 2), st.floats(0.5, 2), st.integers(0, 1000))
def test_no_discriminator_beats_the_optimal_one(mean, width, seed):
    p, q = Mixture.gaussian()(X), Mixture.gaussian(mean, width)(X)
    top = value(p, q, best(p, q), X)
    assert top == pytest.approx(2 * jsd(p, q, X) - LOG4, abs=1e-5)
    wave = np.random.default_rng(seed).normal(size=3)
    other = best(p, q) + 0.2 * (wave[0] * np.sin(X) + wave[1] * np.cos(X) + wave[2])
    assert value(p, q, np.clip(other, 0.01, 0.99), X) <= top + 1e-9


def test_kl_of_gaussians_is_its_closed_form():
    p, q = Mixture.gaussian(1.0, 0.8)(X), Mixture.gaussian(-0.5, 1.5)(X)
    form = math.log(1.5 / 0.8) + (0.8**2 + 1.5**2) / (2 * 1.5**2) - 0.5
    assert kl(p, q, X) == pytest.approx(form, rel=1e-8)
    assert jsd(p, q, X) == pytest.approx(jsd(q, p, X), rel=1e-12)
    assert 0 < jsd(p, q, X) < math.log(2)


def test_samples_follow_the_density():
    mixture = Mixture((0.25, 0.75), (-2.0, 1.0), (0.5, 0.3))
    x = mixture.draw(200_000, Noise(0)).double()
    density = mixture(X)
    assert exact.integral(density, X) == pytest.approx(1, abs=1e-9)
    assert float(x.mean()) == pytest.approx(exact.integral(density * X, X), abs=0.01)
    assert float(x.square().mean()) == pytest.approx(exact.integral(density * X**2, X), abs=0.02)
    assert float((x < -0.5).double().mean()) == pytest.approx(0.25, abs=0.01)


def test_kl_matches_moments_and_reverse_kl_takes_a_peak():
    ((mean, width, _),) = kl_directions.fits("KL")
    assert mean == pytest.approx(0, abs=1e-3)
    assert width == pytest.approx(math.sqrt(0.5**2 + 1.6**2), abs=1e-3)
    seeking = sorted(kl_directions.fits("reverse KL"))
    assert [f[0] for f in seeking] == pytest.approx([-1.6, 1.6], abs=0.02)
    assert all(f[2] == pytest.approx(math.log(2), abs=0.01) for f in seeking)


def test_jensen_shannon_covers_near_peaks_and_takes_one_of_far_ones(monkeypatch):
    assert kl_directions.fits("JSD")[0][0] == pytest.approx(0, abs=1e-3)
    far = Mixture((0.5, 0.5), (-5.0, 5.0), (0.5, 0.5))
    monkeypatch.setattr(kl_directions, "P", far)
    monkeypatch.setattr(kl_directions, "STARTS", ((-5.0, 0.5), (5.0, 0.5), (0.0, 5.0)))
    found = kl_directions.fits("JSD")
    assert abs(found[0][0]) == pytest.approx(5, abs=0.01)
    one = (math.log(4 / 3) / 2 + math.log(4 / 3)) / 2  # p = (a + b) / 2 and q = a, far apart
    assert found[0][2] == pytest.approx(one, abs=1e-6)
