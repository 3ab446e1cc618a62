"""Losses on codes against closed forms, numerical integrals and torch's own distributions."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Independent, Normal, kl_divergence

from gansaku.core.noise import Noise
from gansaku.core.priors import draw, petals, sphere
from gansaku.losses.latent import (
    cosine_gap,
    fitted_divergence,
    gaussian_kl,
    half_squared,
    reparameterised,
    sphere_divergence,
)


@settings(deadline=None)  # torch.distributions wakes up slowly
@given(st.integers(0, 10_000))
def test_gaussian_kl_is_torchs(seed):
    g = torch.Generator().manual_seed(seed)
    mean, log_variance = torch.randn(2, 5, 7, generator=g, dtype=torch.float64)
    ours = gaussian_kl(mean, log_variance)
    of = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    to = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    torch.testing.assert_close(ours, kl_divergence(of, to))
    assert (ours >= 0).all()


def test_gaussian_kl_is_nought_at_the_prior_alone():
    zeros = torch.zeros(3, 4)
    assert torch.equal(gaussian_kl(zeros, zeros), torch.zeros(3))
    assert torch.equal(gaussian_kl(zeros + 2, zeros), torch.full((3,), 8.0))


def test_a_draw_has_the_moments_and_their_gradients():
    mean = torch.tensor([[1.0, -2.0]], requires_grad=True)
    log_variance = torch.tensor([[0.0, math.log(9.0)]], requires_grad=True)
    noise = Noise(0).normal(100_000, 2)
    z = reparameterised(mean, log_variance, noise)
    torch.testing.assert_close(z.mean(0), torch.tensor([1.0, -2.0]), atol=0.05, rtol=0)
    torch.testing.assert_close(z.std(0), torch.tensor([1.0, 3.0]), rtol=0.02, atol=0)
    z.square().mean(0).sum().backward()  # E z^2 = mean^2 + variance
    torch.testing.assert_close(mean.grad, torch.tensor([[2.0, -4.0]]), atol=0.1, rtol=0)
    torch.testing.assert_close(log_variance.grad, torch.tensor([[1.0, 9.0]]), rtol=0.05, atol=0.0)


@given(st.integers(0, 10_000), st.floats(0.1, 4), st.floats(-3, 3))
def test_the_fitted_divergence_is_that_of_gaussians(seed, deviation, shift):
    g = torch.Generator().manual_seed(seed)
    codes = torch.randn(50, 6, generator=g, dtype=torch.float64) * deviation + shift
    mean, variance = codes.mean(0), codes.var(0, correction=0)
    expected = gaussian_kl(mean[None], variance.log()[None])[0] / 6
    torch.testing.assert_close(fitted_divergence(codes), expected)


def test_the_fitted_divergence_by_an_integral():
    codes = torch.tensor([[-1.0], [4.0], [0.5]], dtype=torch.float64)
    mean, deviation = codes.mean(), codes.std(correction=0)
    x = torch.linspace(-60, 60, 400_001, dtype=torch.float64)
    p, q = Normal(mean, deviation), Normal(0.0, 1.0)
    integral = torch.trapezoid(p.log_prob(x).exp() * (p.log_prob(x) - q.log_prob(x)), x)
    torch.testing.assert_close(fitted_divergence(codes), integral)


def test_on_the_sphere_the_uniform_scores_nought_and_a_heap_much():
    uniform = sphere(20_000, 16, Noise(1))
    assert torch.allclose(uniform.norm(dim=1), torch.ones(20_000), atol=1e-5)
    assert 0 <= float(sphere_divergence(uniform)) < 1e-3
    heap = torch.nn.functional.normalize(uniform + 3.0)
    assert float(sphere_divergence(heap)) > 1


def test_scaling_to_unit_variance_leaves_the_slope_on_the_sphere():
    raw = Noise(2).normal(32, 8)
    slopes = []
    for divergence in (sphere_divergence, fitted_divergence):
        leaf = raw.clone().requires_grad_(True)
        divergence(torch.nn.functional.normalize(leaf)).backward()
        slopes.append(leaf.grad)
    torch.testing.assert_close(*slopes, atol=1e-6, rtol=1e-4)


def test_half_squared_is_a_gaussian_log_likelihood_but_for_a_constant():
    x, y = Noise(3).normal(4, 3, 5, 5), Noise(4).normal(4, 3, 5, 5)
    nll = -Normal(y, 1.0).log_prob(x).flatten(1).sum(1).mean()
    constant = 0.5 * 75 * math.log(2 * math.pi)
    torch.testing.assert_close(half_squared(x, y), nll - constant, rtol=1e-4, atol=1e-4)


def test_cosine_gap():
    z = Noise(5).normal(6, 9)
    assert float(cosine_gap(z, 3 * z)) == pytest.approx(0, abs=1e-6)
    assert float(cosine_gap(z, -z)) == pytest.approx(2, abs=1e-6)


def test_priors_have_their_moments():
    uniform, normal = draw("uniform", 40_000, 3, Noise(6)), draw("normal", 40_000, 3, Noise(6))
    assert float(uniform.abs().max()) <= 1
    assert float(uniform.var()) == pytest.approx(1 / 3, rel=0.02)
    assert float(normal.var()) == pytest.approx(1, rel=0.02)
    assert float(draw("normal", 1000, 3, Noise(6), 0.5).abs().max()) <= 0.5


def test_petals_lie_on_their_rays():
    classes, n = 10, 20_000
    for k in (0, 3, 7):
        z = petals(torch.full((n,), k), classes, 4, Noise(7, (k,)))
        angle = 2 * math.pi * k / classes
        ray = torch.tensor([math.cos(angle), math.sin(angle)])
        torch.testing.assert_close(z[:, :2].mean(0), 1.4 * ray, atol=0.03, rtol=0)
        along, across = z[:, :2] @ ray, z[:, :2] @ torch.tensor([-ray[1], ray[0]])
        assert float(along.var()) == pytest.approx(0.5, rel=0.05)
        assert float(across.var()) == pytest.approx(0.05, rel=0.05)
        assert float(z[:, 2:].var()) == pytest.approx(1, rel=0.05)
