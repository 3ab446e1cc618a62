"""f-divergences against numerical conjugates, derivatives and quadrature; Sinkhorn against POT."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import lambertw
from torch import Tensor

from gansaku.losses import FDivergence, Minimax, Sinkhorn
from gansaku.losses.divergences import NAMES, wright_omega

ALPHAS = (-1.0, 0.5, 2.0, 3.0)  # below 0, between, and two above 1
EVERY = [FDivergence(name) for name in NAMES if name != "alpha"]
EVERY += [FDivergence("alpha", alpha) for alpha in ALPHAS]
every = pytest.mark.parametrize("objective", EVERY, ids=lambda o: f"{o.divergence} {o.alpha}")
V = torch.linspace(-4, 3, 29, dtype=torch.float64)
U = torch.logspace(-2, 2, 41, dtype=torch.float64)


def numerical_conjugate(f, t: float) -> float:
    """sup over u > 0 of u t - f(u): on a grid of log u, then refined."""

    def lost(logs: np.ndarray | float) -> np.ndarray:
        u = torch.as_tensor(np.exp(logs), dtype=torch.float64)
        return np.asarray(f(u) - u * t)

    grid = np.linspace(-30, 12, 2000)
    values = lost(grid)
    at = int(np.argmin(values))
    edges = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
    found = minimize_scalar(lost, bounds=edges, method="bounded", options={"xatol": 1e-10})
    return -min(float(found.fun), float(values.min()))


@every
def test_conjugates_are_the_numerical_ones(objective):
    row = objective.row
    for v in V[::4]:
        t = row.activation(v)
        expected = numerical_conjugate(row.f, float(t))
        assert float(row.conjugate(t)) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@every
def test_the_stable_form_is_the_conjugate_of_the_activation(objective):
    row = objective.row
    assert torch.allclose(row.dual(V), row.conjugate(row.activation(V)), rtol=1e-9, atol=1e-12)


@every
def test_activations_increase_and_the_threshold_is_the_slope_at_one(objective):
    row, one = objective.row, torch.ones((), dtype=torch.float64)
    assert (row.activation(V).diff() > 0).all()
    if objective.divergence != "total_variation":  # it has a kink at 1
        at = one.clone().requires_grad_()
        assert float(torch.autograd.grad(row.f(at), at)[0]) == pytest.approx(row.threshold)
    assert float(row.slope(one)) == pytest.approx(row.threshold)
    expected = -math.log(4) if objective.divergence == "gan" else 0.0
    assert float(row.f(one)) == pytest.approx(expected)


@every
def test_the_slope_is_the_derivative_and_meets_fenchel_young(objective):
    row, u = objective.row, U.clone().requires_grad_()
    slope = torch.autograd.grad(row.f(u).sum(), u)[0]
    assert torch.allclose(row.slope(U), slope, rtol=1e-8, atol=1e-10)
    # f*(f'(u)) = u f'(u) - f(u)
    assert torch.allclose(row.conjugate(slope), U * slope - row.f(U), rtol=1e-7, atol=1e-9)


def mixture(x: Tensor, *parts: tuple[float, float, float]) -> Tensor:
    each = (w / s * torch.exp(-(((x - mu) / s) ** 2) / 2) for w, mu, s in parts)
    return sum(each) / math.sqrt(2 * math.pi)


X = torch.linspace(-12, 12, 24001, dtype=torch.float64)
P = mixture(X, (0.6, -1.0, 0.8), (0.4, 1.2, 0.7))
Q = mixture(X, (0.4, -0.5, 0.85), (0.6, 0.9, 0.75))
INSIDE = (P > 1e-280) & (Q > 1e-280)


def integral(y: Tensor) -> float:
    return float(torch.trapezoid(torch.where(INSIDE, y, 0.0), X))


def exact(objective: FDivergence) -> float:
    return integral(Q * objective.row.f(P / Q))


def inverse(objective: FDivergence, t: Tensor) -> Tensor:
    """The logits v with activation(v) = t, by bisection."""
    low, high = torch.full_like(t, -800.0), torch.full_like(t, 800.0)
    for _ in range(200):
        middle = (low + high) / 2
        above = objective.row.activation(middle) > t
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return (low + high) / 2


@every
def test_the_bound_is_the_divergence_at_the_best_critic_and_below_it_elsewhere(objective):
    row, ratio = objective.row, P / Q
    v = inverse(objective, row.slope(ratio))
    kept = (row.dual(v).isfinite()) & INSIDE
    value = integral(torch.where(kept, P * row.activation(v) - Q * row.dual(v), 0.0))
    assert value == pytest.approx(exact(objective), rel=1e-3)
    other = v.clamp(-3, 3) * 0.7 + 0.1
    assert integral(P * row.activation(other) - Q * row.dual(other)) < exact(objective)


def test_divergences_by_their_own_integrals():
    """What the tables print beside f, with p and q where f says: the docstring's slips."""
    kl, m = (P * (P / Q).log(), Q * (Q / P).log()), (P + Q) / 2
    jsd = (integral(P * (P / m).log()) + integral(Q * (Q / m).log())) / 2
    alpha = 3.0
    expected = {
        FDivergence("total_variation"): integral((P - Q).abs()) / 2,
        FDivergence("kl"): integral(kl[0]),
        FDivergence("reverse_kl"): integral(kl[1]),
        FDivergence("pearson"): integral((P - Q) ** 2 / Q),
        FDivergence("neyman"): integral((P - Q) ** 2 / P),
        FDivergence("squared_hellinger"): integral((P.sqrt() - Q.sqrt()) ** 2),
        FDivergence("jeffreys"): integral(kl[0] + kl[1]),
        FDivergence("jensen_shannon"): 2 * jsd,
        FDivergence("gan"): 2 * jsd - math.log(4),
        FDivergence("alpha", alpha): (integral(P**alpha * Q ** (1 - alpha)) - 1)
        / (alpha * (alpha - 1)),
        FDivergence("alpha", 2.0): integral((P - Q) ** 2 / Q) / 2,
        FDivergence("alpha", -1.0): integral((P - Q) ** 2 / P) / 2,
    }
    for objective, value in expected.items():
        assert exact(objective) == pytest.approx(value, rel=1e-6), objective


def test_gan_is_the_minimax_game_and_its_logits_are_the_same():
    real, fake = torch.randn(8), torch.randn(8)
    mine = FDivergence("gan", saturating=True)
    assert torch.allclose(mine.d(real, fake), Minimax().d(real, fake))
    assert torch.allclose(mine.g(None, fake), Minimax().g(None, fake))
    assert torch.allclose(
        FDivergence("gan").g(None, fake), torch.nn.functional.softplus(-fake).mean()
    )


@every
def test_losses_by_hand(objective):
    real, fake = torch.tensor([0.5, -1.0]), torch.tensor([0.3, 0.1])
    row = objective.row
    expected = row.dual(fake).mean() - row.activation(real).mean()
    assert torch.equal(objective.d(real, fake), expected)
    assert torch.equal(objective.g(None, fake), -row.activation(fake).mean())
    progress = objective.progress(real, fake)
    assert torch.equal(progress["divergence"], -expected)
    assert float(progress["real above"]) == float(
        (row.activation(real) > row.threshold).float().mean()
    )


@every
def test_large_logits_of_good_critics_stay_finite(objective):
    """A confident critic (reals far above, fakes far below) has no inf in float32."""
    real, fake = torch.tensor([60.0, 80.0]), torch.tensor([-40.0, -30.0], requires_grad=True)
    loss = objective.d(real, fake)
    loss.backward()
    assert loss.isfinite()
    assert fake.grad.isfinite().all()


def test_wright_omega_and_its_three_derivatives():
    x = torch.linspace(-20, 60, 33, dtype=torch.float64, requires_grad=True)
    w = wright_omega(x)
    small = x.detach().numpy() < 500
    assert np.allclose(w.detach().numpy()[small], lambertw(np.exp(x.detach().numpy())).real)
    first = torch.autograd.grad(w.sum(), x, create_graph=True)[0]
    second = torch.autograd.grad(first.sum(), x, create_graph=True)[0]
    third = torch.autograd.grad(second.sum(), x)[0]
    w = w.detach()
    assert torch.allclose(first, w / (1 + w))
    assert torch.allclose(second, w / (1 + w) ** 3)
    assert torch.allclose(third, w * (1 - 2 * w) / (1 + w) ** 5)


def test_what_is_refused():
    with pytest.raises(ValueError, match="it must be one of total_variation"):
        FDivergence("hellinger")
    with pytest.raises(ValueError, match="alpha must not be 0"):
        FDivergence("alpha", 1.0)
    with pytest.raises(ValueError, match="epsilon"):
        Sinkhorn(0.0)


# --- Sinkhorn ---


def pot(x: Tensor, y: Tensor, epsilon: float, p: float) -> float:
    a, b = (np.full(len(z), 1 / len(z)) for z in (x, y))
    cost = np.asarray(torch.cdist(x, y)) ** p
    ot = pytest.importorskip("ot", reason="POT is the oracle: pip install POT")
    plan = ot.sinkhorn(a, b, cost, epsilon, method="sinkhorn_log", numItermax=20_000, stopThr=1e-9)
    return float((plan * cost).sum())


@pytest.mark.parametrize(("p", "epsilon"), [(1.0, 0.3), (2.0, 2.0)])
def test_sinkhorn_agrees_with_pot_and_is_zero_on_equal_samples(p, epsilon):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(24, 3, generator=g, dtype=torch.float64).float()
    y = x[:20] * 0.7 + 0.5
    objective = Sinkhorn(epsilon, p, 2000, 1e-6)
    expected = 2 * pot(x.double(), y.double(), epsilon, p)
    expected -= pot(x.double(), x.double(), epsilon, p) + pot(y.double(), y.double(), epsilon, p)
    assert float(objective.g(x, y)) == pytest.approx(expected, abs=1e-3)
    assert float(objective.d(x, y)) == -float(objective.g(x, y))
    assert abs(float(objective.g(x, x.clone()))) < 1e-4


@pytest.mark.parametrize("sharp", [True, False])
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 100.0])
def test_gradients_of_sinkhorn_are_those_of_finite_differences(sharp, epsilon):
    """In float32, as a critic's features are, at the default number of iterations."""
    g = torch.Generator().manual_seed(1)
    x, y = torch.randn(16, 2, generator=g), torch.randn(16, 2, generator=g) + 0.5
    step = 1e-2 * torch.randn(16, 2, generator=g)
    objective = Sinkhorn(epsilon, iterations=500, tolerance=1e-5, sharp=sharp)
    y.requires_grad_()
    slope = float((torch.autograd.grad(objective.g(x, y), y)[0] * step).sum())
    with torch.no_grad():
        rise = float(objective.g(x, y + step) - objective.g(x, y - step)) / 2
    assert slope == pytest.approx(rise, rel=0.05, abs=2e-4)


def test_far_above_the_cost_sinkhorn_is_the_energy_distance():
    g = torch.Generator().manual_seed(2)
    x, y = torch.randn(40, 2, generator=g), torch.randn(30, 2, generator=g) + 1
    means = [float(torch.cdist(a, b).mean()) for a, b in ((x, y), (x, x), (y, y))]
    expected = 2 * means[0] - means[1] - means[2]
    assert float(Sinkhorn(1e4).g(x, y)) == pytest.approx(expected, rel=1e-3)
