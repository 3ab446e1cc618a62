"""Entropic optimal transport between two sets of points, in the log domain.

Both sets have uniform weights a = 1/N, b = 1/M and the cost is C = |x - y|^p. The plan is
P = a b exp((f + g - C) / epsilon). Potentials are found without gradients; those of the values
are exact at convergence all the same: by the envelope theorem, or by the implicit function.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

CHECKED = 10  # updates between two looks at the marginals


class Transport(NamedTuple):
    """A cost with what was reached: `error` is the L1 distance of the marginals from uniform."""

    value: Tensor
    error: float
    iterations: int


def cost_matrix(x: Tensor, y: Tensor, p: float = 2) -> Tensor:
    """|x - y|^p, `[N, D], [M, D] -> [N, M]`."""
    distance = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
    return distance if p == 1 else distance**p


def sinkhorn_cost(
    x: Tensor,
    y: Tensor,
    epsilon: float,
    p: float = 2,
    iterations: int = 1000,
    tolerance: float = 1e-6,
) -> Transport:
    """<P, C> of the entropic plan between `x [N, D]` and `y [M, D]`: arXiv:1306.0895, equation 2.

    The cost without its entropy: the authors' "dual-Sinkhorn divergence", lambda = 1 / epsilon.
    Its gradient solves a linear system of N + M unknowns. Raises ValueError for epsilon <= 0.
    """
    cost = cost_matrix(x, y, p)
    f, g, error, done = potentials(cost.detach(), epsilon, iterations, tolerance)
    with torch.no_grad():
        plan = _plan(cost, f, g, epsilon)
        slope = _slope(cost, plan, epsilon) if cost.requires_grad else plan
        value = (plan * cost).sum()
    return Transport(_with_slope(value, slope, cost), error, done)


def entropic_cost(
    x: Tensor,
    y: Tensor,
    epsilon: float,
    p: float = 2,
    iterations: int = 1000,
    tolerance: float = 1e-6,
) -> Transport:
    """OT_epsilon = <P, C> + epsilon KL(P | a b) of `x [N, D]` and `y [M, D]`, arXiv:1810.08278
    equation 1, as the dual value <a, f> + <b, g>; its gradient is P (the envelope theorem).

    Raises ValueError for epsilon <= 0.
    """
    cost = cost_matrix(x, y, p)
    found = potentials(cost.detach(), epsilon, iterations, tolerance)
    return _dual(cost, epsilon, *found)


def self_cost(
    x: Tensor, epsilon: float, p: float = 2, iterations: int = 1000, tolerance: float = 1e-6
) -> Transport:
    """OT_epsilon of `x [N, D]` with itself: one potential, averaged with its update, which
    converges in a few steps (arXiv:1810.08278, section 3.1)."""
    cost = cost_matrix(x, x, p)
    fixed = cost.detach()
    f, error, done = torch.zeros_like(fixed[0]), math.inf, 0
    with torch.no_grad():
        for step in _steps(fixed, epsilon) + [epsilon] * iterations:
            new = _softmin(fixed - f[None], step)
            done += step == epsilon
            # exp((f - new) / epsilon) is the row sum of the plan times N
            error = float((((f - new) / epsilon).exp() - 1).abs().mean())
            if step == epsilon and error <= tolerance:
                break
            f = (f + new) / 2
    return _dual(cost, epsilon, f, f, error, done)


def sinkhorn_divergence(
    x: Tensor,
    y: Tensor,
    epsilon: float,
    p: float = 2,
    iterations: int = 1000,
    tolerance: float = 1e-6,
) -> Transport:
    """S_epsilon = OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2, arXiv:1810.08278 equation 3.

    0 where the sets are the same; the Wasserstein cost as epsilon -> 0, an MMD as it grows.
    `error` is the largest of the three. Raises ValueError for epsilon <= 0.
    """
    xy = entropic_cost(x, y, epsilon, p, iterations, tolerance)
    xx, yy = (self_cost(z, epsilon, p, iterations, tolerance) for z in (x, y))
    value = xy.value - (xx.value + yy.value) / 2
    every = (xy, xx, yy)
    return Transport(value, max(t.error for t in every), max(t.iterations for t in every))


@torch.no_grad()
def potentials(
    cost: Tensor, epsilon: float, iterations: int = 1000, tolerance: float = 1e-6
) -> tuple[Tensor, Tensor, float, int]:
    """f `[N]`, g `[M]`, the L1 error of the plan's marginals, and how many updates were made.

    Log-domain Sinkhorn updates, f first, started from larger epsilons (each half the one before)
    so that small ones converge; they end when the error is at most `tolerance`.
    """
    if not epsilon > 0:
        raise ValueError(f"epsilon must be above 0, not {epsilon}")
    g = torch.zeros_like(cost[0])
    for step in _steps(cost, epsilon):
        g = _softmin((cost - _softmin(cost - g, step)[:, None]).T, step)
    error, done, f = math.inf, 0, _softmin(cost - g, epsilon)
    while done < iterations and error > tolerance:
        g = _softmin((cost - f[:, None]).T, epsilon)
        new = _softmin(cost - g, epsilon)
        done += 1
        if done % CHECKED == 0 or done == iterations:  # columns are met by g, rows not yet
            error = float((((f - new) / epsilon).exp() - 1).abs().mean())
            if error <= tolerance:
                break
        f = new
    return f, g, error, done


def _softmin(cost: Tensor, epsilon: float) -> Tensor:
    """-epsilon log mean_j exp(-cost_ij / epsilon): `[N, M] -> [N]`."""
    return -epsilon * ((-cost / epsilon).logsumexp(1) - math.log(cost.shape[1]))


def _steps(cost: Tensor, epsilon: float) -> list[float]:
    """Epsilons from the largest cost down to the one that is wanted, which is left out."""
    if not epsilon > 0:
        raise ValueError(f"epsilon must be above 0, not {epsilon}")
    largest = float(cost.max())
    halvings = math.ceil(math.log2(largest / epsilon)) if largest > epsilon else 0
    return [largest / 2**k for k in range(halvings) if largest / 2**k > epsilon]


def _plan(cost: Tensor, f: Tensor, g: Tensor, epsilon: float) -> Tensor:
    return ((f[:, None] + g - cost) / epsilon).exp() / cost.numel()


def _dual(cost: Tensor, epsilon: float, f: Tensor, g: Tensor, error: float, done: int) -> Transport:
    with torch.no_grad():
        value, plan = f.mean() + g.mean(), _plan(cost, f, g, epsilon)
    return Transport(_with_slope(value, plan, cost), error, done)


def _with_slope(value: Tensor, slope: Tensor, cost: Tensor) -> Tensor:
    """`value`, whose gradient with respect to `cost` is `slope`."""
    if not cost.requires_grad:
        return value
    linear = (slope * cost).sum()
    return value + linear - linear.detach()


def _slope(cost: Tensor, plan: Tensor, epsilon: float) -> Tensor:
    """d<P, C> / dC, with P's change: the adjoint of the marginals' equations.

    dP = P (df + dg - dC) / epsilon keeps both marginals, so (df, dg) solve a system with the
    matrix below, singular only in the direction (1, -1), in which P does not change.
    """
    rows, columns = plan.sum(1), plan.sum(0)
    n, m = plan.shape
    matrix = torch.cat((torch.cat((rows.diag(), plan), 1), torch.cat((plan.T, columns.diag()), 1)))
    null = torch.cat((plan.new_ones(n), -plan.new_ones(m)))
    moved = plan * cost
    right = torch.cat((moved.sum(1), moved.sum(0)))
    solved = torch.linalg.solve(matrix + torch.outer(null, null) / (n + m) ** 2, right)
    return plan + plan * (solved[:n, None] + solved[n:] - cost) / epsilon
