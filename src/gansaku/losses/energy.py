"""Objectives of critics that give an energy or a loss, and what belongs to them.

The critic's output is minus the energy, so that a higher score means more real, as everywhere.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from gansaku.losses.adversarial import Logits, Objective


@dataclasses.dataclass(frozen=True)
class EnergyMargin(Objective):
    """The energies of fakes are pushed up to a margin (arXiv:1609.03126, eq. 1 and 2).

    d = E energy(x) + E max(0, margin - energy(G(z))), g = E energy(G(z)); outputs are -energy.
    Raises ValueError unless the margin is positive.
    """

    margin: float = 10.0  # in units of the energy

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise ValueError(f"EnergyMargin.margin is {self.margin}; it must be positive")

    def _d(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(self.margin + fake).mean() - real.mean()

    def _g(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()


@dataclasses.dataclass(frozen=True)
class LossSensitive(Objective):
    """Each real's loss L is to lie below one fake's by their margin (arXiv:1701.06264, eq. 7).

    d = real_weight E L(x) + E C(margin + L(x) - L(G(z))), C(a) = max(a, slope a), and
    g = E L(G(z)); outputs are -L, and whoever calls `d` adds `margin(x, G(z))` to those of the
    fakes. slope 0 is LS-GAN, slope 1 WGAN, between them GLS-GAN (section 6). Dividing the
    paper's d by its lambda, real_weight is 1 / lambda. Raises ValueError for a slope above 1.
    """

    slope: float = 0.0
    real_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.slope > 1:
            raise ValueError(f"LossSensitive.slope is {self.slope}; it must be at most 1")

    def _d(self, real: Tensor, fake: Tensor) -> Tensor:
        gap = fake - real
        return torch.maximum(gap, self.slope * gap).mean() - self.real_weight * real.mean()

    def _g(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()


def margin(real: Tensor, fake: Tensor, p: float = 1.0) -> Tensor:
    """|x - G(z)|_p of each pair, over all its numbers: `[N, ...], [N, ...] -> [N]`, no gradient."""
    return torch.linalg.vector_norm((real - fake).detach().flatten(1), p, dim=1)


def added(out: Logits, rows: Tensor) -> Logits:
    """A critic's output, of any shape or scales, with `rows [N]` added to each sample's."""
    if not isinstance(out, Tensor):
        return [scale + rows.view(-1, *[1] * (scale.ndim - 1)) for scale in out]
    return out + rows.view(-1, *[1] * (out.ndim - 1))


def pulling_away(code: Tensor) -> Tensor:
    """Mean squared cosine between the codes `[N, K]` of different samples, in [0, 1].

    The pulling-away term of arXiv:1609.03126, eq. 6. 0 for a batch of one.
    """
    n = len(code)
    if n < 2:
        return code.sum() * 0.0
    length = torch.linalg.vector_norm(code, dim=1, keepdim=True).clamp(min=1e-8)
    cosines = (code / length) @ (code / length).T
    # subtract the diagonal as it is, not n: a code of length 0 has a cosine of 0 with itself
    return (cosines.square().sum() - cosines.diagonal().square().sum()) / (n * (n - 1))


@dataclasses.dataclass(frozen=True)
class BoundaryEquilibrium(Objective):
    """The two players' losses in balance (arXiv:1703.10717, section 3.3).

    d = E L(x) - k E L(G(z)), g = E L(G(z)), L being the autoencoder's error; outputs are -L, and
    whoever calls `d` has multiplied those of the fakes by k. `gamma` is the wanted ratio
    E L(G(z)) / E L(x), low for sharp and high for varied samples. Raises ValueError unless gamma
    lies in (0, 1].
    """

    gamma: float = 0.5
    k_rate: float = 1e-3  # lambda_k, by which k follows the imbalance

    def __post_init__(self) -> None:
        if not 0 < self.gamma <= 1:
            raise ValueError(f"BoundaryEquilibrium.gamma is {self.gamma}; it must lie in (0, 1]")

    def build(self, patience: int) -> Equilibrium:
        return Equilibrium(self, patience)

    def _d(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def _g(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()


class Equilibrium(nn.Module):
    """BEGAN's state: `k` in [0, 1], and `rate`, the learning rate's factor.

    The rate is halved when the measure of convergence, averaged over about `MEMORY` updates, has
    not got a hundredth better in `patience` of them; 0 never.
    """

    MEMORY = 1000
    NONE = torch.finfo(torch.float32).max  # before the first update; a checkpoint takes no inf
    k: Tensor
    rate: Tensor
    mean: Tensor
    best: Tensor
    waited: Tensor

    def __init__(self, config: BoundaryEquilibrium, patience: int) -> None:
        super().__init__()
        self.config, self.patience = config, patience
        starts = {"k": 0.0, "rate": 1.0, "mean": 0.0, "best": self.NONE, "waited": 0.0}
        for name, value in starts.items():
            self.register_buffer(name, torch.tensor(value))

    def convergence(self, real: Tensor, fake: Tensor) -> Tensor:
        """M = L(x) + |gamma L(x) - L(G(z))| of the two mean errors (section 3.4)."""
        return real + (self.config.gamma * real - fake).abs()

    @torch.no_grad()
    def adapt(self, real: Tensor, fake: Tensor) -> None:
        """After an update in which the mean errors were `real` and `fake`."""
        self.k += self.config.k_rate * (self.config.gamma * real - fake)
        self.k.clamp_(0.0, 1.0)
        now = self.convergence(real, fake)
        first = (self.best == self.NONE) & (self.waited == 0)
        self.mean.copy_(torch.where(first, now, self.mean + (now - self.mean) / self.MEMORY))
        better = self.mean < 0.99 * self.best
        self.waited.copy_(torch.where(better, 0.0, self.waited + 1))
        stalled = (self.waited >= self.patience) & bool(self.patience)
        self.best.copy_(torch.where(better | stalled, self.mean, self.best))
        self.rate.mul_(torch.where(stalled, 0.5, 1.0))
        self.waited.mul_(~stalled)
