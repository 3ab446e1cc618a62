"""f-divergences by their variational bound, and the Sinkhorn divergence of learned features.

D_f(P | Q) = E_Q f(p / q), with P the data's distribution and Q the generator's, is the largest
value of E_P T - E_Q f*(T), f* being the convex conjugate of f; it is taken at T = f'(p / q).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gansaku.losses.adversarial import Logits, Objective
from gansaku.losses.transport import sinkhorn_cost, sinkhorn_divergence

Map = Callable[[Tensor], Tensor]
LOG2 = math.log(2)


class Divergence(NamedTuple):
    """One row of the tables: every map is element by element and increasing but for `f`.

    `activation` takes any number v to the domain of f*, and `dual` is f*(activation(v)) in a form
    that does not overflow. `threshold` is f'(1): T above it calls a sample real.
    """

    f: Map  # the generator of the divergence, of u = p / q > 0
    slope: Map  # f'(u), the T of the optimal critic
    activation: Map  # v -> t
    conjugate: Map  # f*(t)
    dual: Map  # v -> f*(activation(v))
    threshold: float


def wright_omega(x: Tensor) -> Tensor:
    """W(exp(x)) for real x, W being Lambert's function: the w > 0 with w + log w = x.

    Newton's steps; the last two carry the graph, which makes three derivatives exact.
    """
    with torch.no_grad():
        w = torch.where(x > 1, x - x.clamp(min=1).log(), x.clamp(max=1).exp())
        for _ in range(4):
            w = _newton(w, x)
    return _newton(_newton(w, x), x)


def _newton(w: Tensor, x: Tensor) -> Tensor:
    return w * (1 + x - w.log()) / (1 + w)


def _jeffreys_conjugate(t: Tensor) -> Tensor:
    w = wright_omega(1 - t)
    return w + 1 / w + t - 2


def _pearson_conjugate(t: Tensor) -> Tensor:
    t = t.clamp(min=-2)  # the supremum is at u = 0 below: f* = -1
    return t * t / 4 + t


DIVERGENCES: dict[str, Divergence] = {
    "total_variation": Divergence(
        f=lambda u: (u - 1).abs() / 2,
        slope=lambda u: (u - 1).sign() / 2,
        activation=lambda v: v.tanh() / 2,
        conjugate=lambda t: t,  # on [-1/2, 1/2]
        dual=lambda v: v.tanh() / 2,
        threshold=0.0,
    ),
    "kl": Divergence(
        f=lambda u: u * u.log(),
        slope=lambda u: 1 + u.log(),
        activation=lambda v: v,
        conjugate=lambda t: (t - 1).exp(),
        dual=lambda v: (v - 1).exp(),
        threshold=1.0,
    ),
    "reverse_kl": Divergence(
        f=lambda u: -u.log(),
        slope=lambda u: -1 / u,
        activation=lambda v: -(-v).exp(),
        conjugate=lambda t: -1 - (-t).log(),
        dual=lambda v: v - 1,
        threshold=-1.0,
    ),
    "pearson": Divergence(
        f=lambda u: (u - 1) ** 2,
        slope=lambda u: 2 * (u - 1),
        activation=lambda v: v,
        conjugate=_pearson_conjugate,
        dual=_pearson_conjugate,
        threshold=0.0,
    ),
    "neyman": Divergence(
        f=lambda u: (1 - u) ** 2 / u,
        slope=lambda u: 1 - u**-2,
        activation=lambda v: -(-v).expm1(),
        conjugate=lambda t: 2 - 2 * (1 - t).sqrt(),
        dual=lambda v: -2 * (-v / 2).expm1(),
        threshold=0.0,
    ),
    "squared_hellinger": Divergence(
        f=lambda u: (u.sqrt() - 1) ** 2,
        slope=lambda u: 1 - u**-0.5,
        activation=lambda v: -(-v).expm1(),
        conjugate=lambda t: t / (1 - t),
        dual=lambda v: v.expm1(),
        threshold=0.0,
    ),
    "jeffreys": Divergence(
        f=lambda u: (u - 1) * u.log(),
        slope=lambda u: 1 + u.log() - 1 / u,
        activation=lambda v: v,
        conjugate=_jeffreys_conjugate,
        dual=_jeffreys_conjugate,
        threshold=0.0,
    ),
    "jensen_shannon": Divergence(
        f=lambda u: u * u.log() - (u + 1) * ((u + 1) / 2).log(),
        slope=lambda u: (2 * u / (u + 1)).log(),
        activation=lambda v: LOG2 - softplus(-v),
        conjugate=lambda t: -(2 - t.exp()).log(),
        dual=lambda v: softplus(v) - LOG2,
        threshold=0.0,
    ),
    "gan": Divergence(
        f=lambda u: u * u.log() - (u + 1) * (u + 1).log(),
        slope=lambda u: (u / (u + 1)).log(),
        activation=lambda v: -softplus(-v),
        conjugate=lambda t: -(-t.expm1()).log(),
        dual=softplus,
        threshold=-LOG2,
    ),
}
NAMES = (*DIVERGENCES, "alpha")


def alpha_divergence(alpha: float) -> Divergence:
    """f = (u^a - 1 - a (u - 1)) / (a (a - 1)), for a other than 0 and 1 (Cichocki & Amari 2010)."""
    a = alpha
    power = a / (a - 1)

    def conjugate(t: Tensor) -> Tensor:
        s = 1 + (a - 1) * t
        return ((s.clamp(min=0) if a > 1 else s) ** power - 1) / a  # at a > 1, -1 / a below u = 0

    below = (lambda v: v) if a > 1 else (lambda v: 1 / (1 - a) - softplus(-v))
    inside = lambda v: ((1 - a) * softplus(-v)) ** power  # noqa: E731
    return Divergence(
        f=lambda u: (u**a - 1 - a * (u - 1)) / (a * (a - 1)),
        slope=lambda u: (u ** (a - 1) - 1) / (a - 1),
        activation=below,
        conjugate=conjugate,
        dual=conjugate if a > 1 else lambda v: (inside(v) - 1) / a,
        threshold=0.0,
    )


@dataclasses.dataclass(frozen=True)
class FDivergence(Objective):
    """The variational bound of an f-divergence (arXiv:1606.00709, eq. 6; tables 1, 2, 5 and 6).

    d is -(E_P T - E_Q f*(T)) with T = activation(logits). g is that with D fixed when
    `saturating` (the minimax of algorithm 1), else -E_Q T (section 3.2), the paper's practice.
    `divergence`: total_variation, kl, reverse_kl, pearson, neyman, squared_hellinger, jeffreys,
    jensen_shannon, gan, or alpha with its `alpha`.

    Every row was held against numerical conjugates, and these slips of the tables are put right:
    - With P | Q as above, u = p / q, the integrals printed beside f for Pearson, Neyman and alpha
      have p and q exchanged: f = (u - 1)^2 gives E_Q (p/q - 1)^2, (1 - u)^2 / u its reverse.
    - The f of Jensen-Shannon generates 2 JSD, where the integral beside it has a factor 1/2.
    - f(1) of GAN is -log 4, not 0: its value is 2 JSD - log 4.
    - t^2 / 4 + t is the conjugate of Pearson's f over all u; over u >= 0 it is -1 below t = -2.
      Likewise alpha > 1: -1 / alpha below t = -1 / (alpha - 1), where the printed power is no
      real number.
    - Copies of table 2 with -exp(v) and 1 - exp(v) for reverse KL, Neyman and squared Hellinger
      have decreasing activations, against the paper's own text: here it is exp(-v).
    Raises ValueError for an unknown divergence, and for an alpha of 0 or 1 (KL's two limits).
    """

    divergence: str = "gan"
    alpha: float = 0.5  # of the alpha-divergence alone
    saturating: bool = False

    def __post_init__(self) -> None:
        if self.divergence not in NAMES:
            raise ValueError(
                f"divergence is {self.divergence!r}; it must be one of {', '.join(NAMES)}"
            )
        if self.alpha in (0.0, 1.0):
            raise ValueError("alpha must not be 0 (that is reverse_kl) nor 1 (that is kl)")

    @property
    def row(self) -> Divergence:
        """The maps of this divergence."""
        if self.divergence == "alpha":
            return alpha_divergence(self.alpha)
        return DIVERGENCES[self.divergence]

    def progress(self, real: Logits, fake: Logits) -> dict[str, Tensor]:
        """`divergence`: the bound; shares of reals and fakes on their side of f'(1) (sec. 3.2)."""
        row, reals, fakes = self.row, _flat(real), _flat(fake)
        above = row.activation(reals) > row.threshold
        below = row.activation(fakes) <= row.threshold
        shares = {"real above": above.float().mean(), "fake below": below.float().mean()}
        return {"divergence": -self.d(real, fake), **shares}

    def _d(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.row.dual(fake).mean() - self.row.activation(real).mean()

    def _g(self, real: Tensor, fake: Tensor) -> Tensor:
        return -(self.row.dual if self.saturating else self.row.activation)(fake).mean()


@dataclasses.dataclass(frozen=True)
class Sinkhorn(Objective):
    """Debiased entropic optimal transport between features of real and fake samples.

    The loss of arXiv:1706.00292, eq. 3: 2 W(x, y) - W(x, x) - W(y, y), W = <P, C> of the entropic
    plan P, C = |f(x) - f(y)|^p; D maximises and G minimises it. P is iterated to `tolerance` or
    `iterations` and differentiated at its fixed point, where the paper unrolls its L iterations.
    With `sharp=False` W is the entropic cost itself and the value twice the Sinkhorn divergence
    of arXiv:1810.08278, which is never below 0. Outputs are sets of features [N, k].
    Raises ValueError unless epsilon is positive.
    """

    paired: ClassVar[bool] = True
    ties: ClassVar[str] = "Sinkhorn transports the samples of a part, not of the batch"

    epsilon: float = 1.0  # in units of the cost C
    p: float = 1.0
    iterations: int = 100
    tolerance: float = 1e-3
    sharp: bool = True

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise ValueError(f"epsilon must be above 0, not {self.epsilon}")

    def progress(self, real: Logits, fake: Logits) -> dict[str, Tensor]:
        """`sinkhorn`: the loss itself, which falls as G learns."""
        return {"sinkhorn": -self.d(real, fake)}

    def _d(self, real: Tensor, fake: Tensor) -> Tensor:
        return -self._g(real, fake)

    def _g(self, real: Tensor, fake: Tensor) -> Tensor:
        x, y = real.float().flatten(1), fake.float().flatten(1)
        given = (self.epsilon, self.p, self.iterations, self.tolerance)
        if not self.sharp:
            return 2 * sinkhorn_divergence(x, y, *given).value
        xy, xx, yy = (sinkhorn_cost(a, b, *given).value for a, b in ((x, y), (x, x), (y, y)))
        return 2 * xy - xx - yy


def _flat(logits: Logits) -> Tensor:
    scales = [logits] if isinstance(logits, Tensor) else list(logits)
    return torch.cat([scale.detach().flatten() for scale in scales])
