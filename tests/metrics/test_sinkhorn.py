"""Entropic transport: POT (as an oracle, and as numbers), closed forms, limits, gradients."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.losses import transport
from gansaku.metrics.sinkhorn import sinkhorn, sinkhorn_divergence
from gansaku.metrics.sliced import directions, sliced_wasserstein

GOLDEN = {  # of POT 0.9.7: p, epsilon -> ot.sinkhorn2(a, b, M, epsilon, "sinkhorn_log")
    (2, 2.0): 2.731275940497629,
    (2, 0.3): 1.8984142899704162,
    (2, 0.05): 1.848766918234357,
    (1, 2.0): 1.8442812373477258,
    (1, 0.3): 1.2804101962269423,
    (1, 0.05): 1.198336931684047,
}
DEBIASED = {  # from POT's plans: <P, M> + epsilon KL(P | a b), cross less half of each self term
    (2, 2.0): 1.1992299288025956,
    (2, 0.3): 1.6999436715279033,
    (1, 2.0): 0.4051748586067976,
    (1, 0.3): 0.9568210860363593,
}
EXACT = {2: 1.846971122991196, 1: 1.1927418253014073}  # ot.emd2
SLICED = {1: 0.5286736182728348, 2: 0.6320482138079369}  # ot.sliced, the same 12 directions


def points(n: int, d: int, shift: float) -> Tensor:
    i = torch.arange(n * d, dtype=torch.float64).reshape(n, d)
    return torch.sin(1.7 * i * i + shift) + 0.1 * shift


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    return points(7, 3, 0.0), points(9, 3, 1.0) * 1.5


def pot():
    return pytest.importorskip("ot", reason="POT is the oracle: pip install POT")


@pytest.mark.parametrize(("p", "epsilon"), GOLDEN)
def test_equals_pots_numbers(pair, p: int, epsilon: float) -> None:
    found = sinkhorn(*pair, epsilon, p, tolerance=1e-11)
    assert float(found.value) == pytest.approx(GOLDEN[p, epsilon], rel=1e-7)
    assert found.error <= 1e-11


@pytest.mark.parametrize(("p", "epsilon"), DEBIASED)
def test_the_divergence_equals_pots_numbers(pair, p: int, epsilon: float) -> None:
    found = sinkhorn_divergence(*pair, epsilon, p, tolerance=1e-11)
    assert float(found.value) == pytest.approx(DEBIASED[p, epsilon], rel=1e-7)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("p", [1, 2])
def test_equals_pot(p: int) -> None:
    ot = pot()
    x, y = points(20, 5, 0.0), points(30, 5, 2.0)
    cost = ot.dist(x.numpy(), y.numpy(), metric="euclidean") ** p
    a, b = np.full(20, 1 / 20), np.full(30, 1 / 30)
    for epsilon in (3.0, 0.5):
        theirs = ot.sinkhorn2(a, b, cost, epsilon, "sinkhorn_log", numItermax=20_000, stopThr=1e-11)
        assert float(sinkhorn(x, y, epsilon, p).value) == pytest.approx(float(theirs), rel=1e-6)
    exact = float(ot.emd2(a, b, cost))
    assert float(sinkhorn(x, y, 1e-3 * exact, p, tolerance=1e-4).value) == pytest.approx(
        exact, rel=2e-3
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("sizes", [(30, 30), (20, 35)])
def test_sliced_wasserstein_equals_pot_on_the_same_directions(p: int, sizes) -> None:
    ot = pot()
    x, y = points(sizes[0], 4, 0.0), points(sizes[1], 4, 1.0)
    theta = directions(4, 10, seed=3).T.numpy()
    theirs = ot.sliced.sliced_wasserstein_distance(x.numpy(), y.numpy(), projections=theta, p=p)
    assert sliced_wasserstein(x, y, 10, seed=3, order=p) == pytest.approx(float(theirs), rel=1e-9)


@pytest.mark.parametrize("p", [1, 2])
def test_sliced_wasserstein_is_within_reach_of_pots_number(pair, p: int) -> None:
    mine = sliced_wasserstein(*pair, 12, order=p)
    assert mine == pytest.approx(SLICED[p], rel=1e-4)  # float32 noise of another torch may differ


def test_a_small_epsilon_gives_the_cost_of_the_best_assignment() -> None:
    x, y = points(6, 2, 0.0), points(6, 2, 1.0)
    cost = torch.cdist(x, y).square()
    best = min(
        sum(float(cost[i, j]) for i, j in enumerate(order)) / 6
        for order in itertools.permutations(range(6))
    )
    rows, columns = scipy.optimize.linear_sum_assignment(cost.numpy())
    assert best == pytest.approx(float(cost[rows, columns].mean()))
    assert float(sinkhorn(x, y, 1e-3, tolerance=1e-6).value) == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("p", [1, 2])
def test_the_numbers_of_pot_are_approached_as_epsilon_falls(pair, p: int) -> None:
    off = [float(sinkhorn(*pair, epsilon, p).value) - EXACT[p] for epsilon in (0.3, 0.1, 0.03)]
    assert off[0] > off[1] > off[2] > -1e-9
    assert off[2] < 0.002


def test_a_large_epsilon_gives_the_independent_plan(pair) -> None:
    x, y = pair
    mean = float(torch.cdist(x, y).square().mean())
    assert float(sinkhorn(x, y, 1e7).value) == pytest.approx(mean, rel=1e-5)
    # and the divergence is then the squared distance of the means: an MMD of the linear kernel
    expected = float((x.mean(0) - y.mean(0)).square().sum())
    assert float(sinkhorn_divergence(x, y, 1e7).value) == pytest.approx(expected, rel=1e-4)


def test_the_divergence_of_a_shift_and_of_nothing() -> None:
    x = points(12, 3, 0.0)
    shift = torch.tensor([3.0, -1.0, 0.5], dtype=torch.float64)
    assert float(sinkhorn_divergence(x, x.flip(0), 0.5).value) == pytest.approx(0, abs=1e-8)
    moved = float(sinkhorn_divergence(x, x + shift, 0.5).value)
    assert moved == pytest.approx(float(shift.square().sum()), rel=1e-8)  # for any epsilon
    assert float(sinkhorn(x, x, 0.5).value) > 0.01  # the bias that is taken away


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("measure", ["sinkhorn_cost", "entropic_cost", "sinkhorn_divergence"])
def test_gradients_are_those_of_the_converged_value(measure: str, p: int) -> None:
    x = points(4, 2, 0.0).requires_grad_()
    y = points(5, 2, 1.0).requires_grad_()

    def value(x: Tensor, y: Tensor) -> Tensor:
        return getattr(transport, measure)(x, y, 0.7, p, 20_000, 1e-14).value

    assert torch.autograd.gradcheck(value, (x, y), atol=1e-6)


def test_descending_the_divergence_brings_one_set_to_the_other() -> None:
    x, y = points(16, 2, 0.0).requires_grad_(), points(16, 2, 3.0) + 2
    first = float(sinkhorn_divergence(x, y, 0.1, tolerance=1e-5).value.detach())
    for _ in range(30):
        found = transport.sinkhorn_divergence(x, y, 0.1)
        (slope,) = torch.autograd.grad(found.value, x)
        x = (x - 0.4 * 16 * slope).detach().requires_grad_()
    last = float(sinkhorn_divergence(x, y, 0.1, tolerance=1e-5).value.detach())
    assert last < 0.02 * first


def test_far_apart_and_narrow_nothing_underflows() -> None:
    x = points(5, 2, 0.0) + 1e3
    found = sinkhorn(x, points(6, 2, 1.0) - 1e3, 1e-2, tolerance=1e-3)
    assert float(found.value) == pytest.approx(8e6, rel=0.01)


def test_what_does_not_converge_is_said(pair) -> None:
    with pytest.raises(UserError, match=r"marginals are off by .* after 20 iterations"):
        sinkhorn(*pair, 1e-4, iterations=20)
    loose = transport.sinkhorn_cost(*pair, 1e-4, iterations=20)
    assert loose.error > 1e-6
    assert loose.iterations == 20


def test_bad_input_is_one_sentence(pair) -> None:
    with pytest.raises(UserError, match="epsilon must be above 0"):
        sinkhorn(*pair, 0.0)
    with pytest.raises(ValueError, match="epsilon must be above 0"):
        transport.entropic_cost(*pair, -1.0)
    with pytest.raises(UserError, match="draw 8192 of each"):
        sinkhorn(torch.zeros(8193, 1), torch.zeros(2, 1), 1.0)
    with pytest.raises(UserError, match="x 3, y 2"):
        sinkhorn(pair[0], pair[1][:, :2], 1.0)
