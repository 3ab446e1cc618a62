"""Energies, margins and the equilibrium against values by hand and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gansaku.losses import BoundaryEquilibrium, EnergyMargin, LossSensitive, Wasserstein
from gansaku.losses.energy import added, margin, pulling_away

REAL, FAKE = torch.tensor([-2.0, -1.0]), torch.tensor([-0.5, -6.0])  # minus the energies


def test_the_energy_margin_by_hand():
    objective = EnergyMargin(5.0)
    assert float(objective.d(REAL, FAKE)) == pytest.approx(1.5 + (4.5 + 0.0) / 2)
    assert float(objective.g(None, FAKE)) == pytest.approx(3.25)


def test_fakes_beyond_the_margin_teach_the_critic_nothing():
    fake = torch.tensor([-6.0, -4.0], requires_grad=True)
    EnergyMargin(5.0).d(REAL, fake).backward()
    assert fake.grad.tolist() == [0.0, 0.5]


@pytest.mark.parametrize(("slope", "kept"), [(0.0, 0.0), (0.5, -1.5), (1.0, -3.0)])
def test_the_loss_sensitive_cost_by_hand(slope, kept):
    # pairs: L(x) - L(G) + margin = (2 - .5 + 2) and (1 - 6 + 2)
    fake = added(FAKE, torch.tensor([2.0, 2.0]))
    assert float(LossSensitive(slope).d(REAL, fake)) == pytest.approx((3.5 + kept) / 2)
    weighted = LossSensitive(slope, real_weight=0.1).d(REAL, fake)
    assert float(weighted) == pytest.approx((3.5 + kept) / 2 + 0.1 * 1.5)
    assert float(LossSensitive(slope).g(None, FAKE)) == pytest.approx(3.25)


def test_slope_one_is_wasserstein():
    assert torch.equal(LossSensitive(1.0).d(REAL, FAKE), (FAKE - REAL).mean())
    assert torch.allclose(LossSensitive(1.0).d(REAL, FAKE), Wasserstein().d(REAL, FAKE))


@pytest.mark.parametrize("p", [1.0, 2.0, math.inf])
def test_margins_are_norms_without_a_gradient(p):
    x, y = torch.randn(3, 2, 4), torch.randn(3, 2, 4, requires_grad=True)
    found = margin(x, y, p)
    gap = (x - y.detach()).abs().reshape(3, -1)
    by_hand = gap.amax(1) if p == math.inf else (gap**p).sum(1) ** (1 / p)
    assert torch.allclose(found, by_hand)
    assert not found.requires_grad


def test_margins_are_added_to_each_sample_of_any_output():
    rows = torch.tensor([1.0, 2.0])
    assert added(torch.zeros(2), rows).tolist() == [1, 2]
    patches, scale = added([torch.zeros(2, 1, 3, 3), torch.zeros(2, 1)], rows)
    assert patches.flatten(1).mean(1).tolist() == [1, 2]
    assert scale.tolist() == [[1], [2]]


def test_pulling_away_in_closed_form():
    assert float(pulling_away(torch.eye(4))) == 0.0
    assert float(pulling_away(torch.ones(5, 3))) == pytest.approx(1.0)
    angle = 0.3  # one pair at an angle: cos^2
    code = torch.tensor([[2.0, 0.0], [3 * math.cos(angle), 3 * math.sin(angle)]])
    assert float(pulling_away(code)) == pytest.approx(math.cos(angle) ** 2)
    assert float(pulling_away(torch.ones(1, 3))) == 0.0
    assert float(pulling_away(torch.zeros(3, 2))) == 0.0


@given(st.integers(2, 6), st.integers(1, 5), st.integers(0, 99))
def test_pulling_away_is_the_double_sum(n, k, seed):
    code = torch.randn(n, k, generator=torch.Generator().manual_seed(seed))
    cosine = lambda a, b: float(torch.nn.functional.cosine_similarity(a, b, dim=0))  # noqa: E731
    pairs = [cosine(code[i], code[j]) ** 2 for i in range(n) for j in range(n) if i != j]
    assert float(pulling_away(code)) == pytest.approx(sum(pairs) / (n * (n - 1)), abs=1e-5)


def test_the_balance_can_be_kept_before_its_first_update():
    """A checkpoint refuses what is not finite, and may be written at step 0."""
    balance = BoundaryEquilibrium().build(5)
    assert all(value.isfinite().all() for value in balance.state_dict().values())
    balance.adapt(torch.tensor(2.0), torch.tensor(1.0))
    assert float(balance.mean) == float(balance.best) == 2.0, "the first update has no mean yet"


def test_k_follows_the_imbalance_within_its_bounds():
    state = BoundaryEquilibrium(0.5, k_rate=0.1).build(patience=0)
    real, fake = torch.tensor(2.0), torch.tensor(0.4)
    state.adapt(real, fake)
    assert float(state.k) == pytest.approx(0.06)  # .1 (.5 2 - .4)
    assert float(state.convergence(real, fake)) == pytest.approx(2.6)
    for _ in range(50):
        state.adapt(real, fake)
    assert float(state.k) == 1.0
    for _ in range(50):
        state.adapt(fake, real)
    assert float(state.k) == 0.0
    assert float(state.rate) == 1.0


def test_k_settles_where_the_energies_have_the_ratio_gamma():
    """Let the fakes' error rise with k: then k stops at E L(G) = gamma E L(x)."""
    state = BoundaryEquilibrium(0.7, k_rate=0.05).build(patience=0)
    for _ in range(400):
        state.adapt(torch.tensor(1.0), state.k * 1.4)
    assert float(state.k) == pytest.approx(0.5, abs=1e-3)


def test_the_rate_is_halved_when_convergence_stalls_and_not_before():
    state = BoundaryEquilibrium(0.5).build(patience=50)
    state.adapt(torch.tensor(1.0), torch.tensor(0.5))
    for _ in range(300):  # the mean over about 1000 falls by a hundredth in a dozen updates
        state.adapt(torch.tensor(0.0), torch.tensor(0.0))
    assert float(state.rate) == 1.0
    steady = BoundaryEquilibrium(0.5).build(patience=10)
    for _ in range(35):
        steady.adapt(torch.tensor(1.0), torch.tensor(0.5))
    assert float(steady.rate) == 0.5**3


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: EnergyMargin(0.0), "margin"),
        (lambda: LossSensitive(1.5), "slope"),
        (lambda: BoundaryEquilibrium(0.0), "gamma"),
    ],
)
def test_what_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()
