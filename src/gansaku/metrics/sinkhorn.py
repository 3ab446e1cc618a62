"""Optimal transport between sets with an entropic penalty, as a measure of their distance."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.losses import transport
from gansaku.losses.transport import Transport
from gansaku.metrics.estimate import check_features

LARGEST = 2**26  # pairs of points: 0.5 GB in float64 for each of the few matrices


def sinkhorn(
    x: Tensor,
    y: Tensor,
    epsilon: float,
    p: float = 2,
    iterations: int = 10_000,
    tolerance: float = 1e-9,
) -> Transport:
    """Entropic transport cost <P, |x - y|^p> between `x [N, D]` and `y [M, D]`, in float64.

    Cuturi 2013, arXiv:1306.0895, equation 2 (lambda = 1 / epsilon), in the log domain; `epsilon`
    has the unit of the cost. With epsilon -> 0 it is W_p^p. Differentiable in both sets. Raises
    UserError where the marginals are still off by more than `tolerance` (L1) after `iterations`,
    and where N M is too large for memory.
    """
    return _measured(transport.sinkhorn_cost, x, y, epsilon, p, iterations, tolerance)


def sinkhorn_divergence(
    x: Tensor,
    y: Tensor,
    epsilon: float,
    p: float = 2,
    iterations: int = 10_000,
    tolerance: float = 1e-9,
) -> Transport:
    """The debiased divergence of arXiv:1810.08278, equation 3, in float64: 0 for equal sets.

    Differentiable in both sets; the cost is |x - y|^p (the paper's and geomloss's own is half
    the square for p = 2). Raises UserError as `sinkhorn` does.
    """
    return _measured(transport.sinkhorn_divergence, x, y, epsilon, p, iterations, tolerance)


def _measured(
    measure: Callable[..., Transport],
    x: Tensor,
    y: Tensor,
    epsilon: float,
    p: float,
    most: int,
    tolerance: float,
) -> Transport:
    check_features(1, x=x.detach(), y=y.detach())
    if epsilon <= 0 or p < 1:
        raise UserError(f"epsilon must be above 0 and p at least 1, not {epsilon} and {p}")
    if max(len(x), len(y)) ** 2 > LARGEST:
        side = int(LARGEST**0.5)
        raise UserError(f"transport of {len(x)} to {len(y)} points: draw {side} of each at most")
    found = measure(x.double(), y.double(), epsilon, p, most, tolerance)
    if found.error > tolerance:
        state = f"the marginals are off by {found.error:.2g} after {found.iterations} iterations"
        raise UserError(
            f"{state} (wanted {tolerance:.2g}); raise epsilon {epsilon:g} or iterations"
        )
    return found
