"""Adversarial objectives: what the critic and the generator minimise, from the critic's outputs.

An objective sees logits only, never networks or images. Every mean runs over all elements, so
logits may have any shape ([N], [N, 1], patches [N, 1, h, w]); a list of outputs (one a scale) is
averaged over its members.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

Logits = Tensor | Sequence[Tensor]


class Objective(abc.ABC):
    """A pair of losses on the critic's outputs; subclasses are frozen dataclasses."""

    paired: ClassVar[bool] = False  # g needs the critic's output on real samples as well

    def d(self, real: Logits, fake: Logits) -> Tensor:
        """The critic's loss, a scalar; raises ValueError where the scales do not match."""
        reals, fakes = _scales(real), _scales(fake)
        _same_number(reals, fakes)
        return _mean([self._d(r, f) for r, f in zip(reals, fakes, strict=True)])

    def g(self, real: Logits | None, fake: Logits) -> Tensor:
        """The generator's loss, a scalar; `real` may be None unless the objective is `paired`."""
        fakes = _scales(fake)
        if not self.paired:
            return _mean([self._g(f, f) for f in fakes])
        if real is None:
            raise ValueError(f"{type(self).__name__}.g needs the critic's output on real samples")
        reals = _scales(real)
        _same_number(reals, fakes)
        return _mean([self._g(r, f) for r, f in zip(reals, fakes, strict=True)])

    def progress(self, real: Logits, fake: Logits) -> dict[str, Tensor]:
        """Numbers that say how far training has come, to be logged; none for most objectives."""
        return {}

    @abc.abstractmethod
    def _d(self, real: Tensor, fake: Tensor) -> Tensor: ...

    @abc.abstractmethod
    def _g(self, real: Tensor, fake: Tensor) -> Tensor:
        """`real` carries meaning only in a paired objective."""


@dataclasses.dataclass(frozen=True)
class Minimax(Objective):
    """The two-player minimax game with its saturating generator (arXiv:1406.2661, eq. 1).

    d is -V(D, G) and g the part of V that G sees, E log(1 - D(G(z))), with D = sigmoid(logits).
    """

    def _d(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-real).mean() + softplus(fake).mean()

    def _g(self, real: Tensor, fake: Tensor) -> Tensor:
        return -softplus(fake).mean()


@dataclasses.dataclass(frozen=True)
class NonSaturating(Objective):
    """The game of `Minimax` in which G maximises E log D(G(z)) instead (arXiv:1406.2661, sec. 3).

    `smooth` is the target of D(x), 1 for none: 0.9 is the one-sided label smoothing of
    arXiv:1606.03498, sec. 3.4. Raises ValueError outside (0.5, 1].
    """

    smooth: float = 1.0

    def __post_init__(self) -> None:
        if not 0.5 < self.smooth <= 1.0:
            raise ValueError(f"NonSaturating.smooth is {self.smooth}; it must lie in (0.5, 1]")

    def _d(self, real: Tensor, fake: Tensor) -> Tensor:
        loss = softplus(-real).mean() + softplus(fake).mean()
        if self.smooth == 1.0:
            return loss
        # s softplus(-r) + (1 - s) softplus(r), for softplus(r) = softplus(-r) + r
        return loss + (1.0 - self.smooth) * real.mean()

    def _g(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-fake).mean()


@dataclasses.dataclass(frozen=True)
class LeastSquares(Objective):
    """Least squares to targets, each with a factor 1/2 (arXiv:1611.04076, eq. 2).

    The critic pulls fakes to `a` and reals to `b`; the generator wants `c`. Choosing b - c = 1
    and b - a = 2 minimises a Pearson divergence; the default 0, 1, 1 is what the paper trains.
    """

    a: float = 0.0
    b: float = 1.0
    c: float = 1.0

    def _d(self, real: Tensor, fake: Tensor) -> Tensor:
        return 0.5 * ((real - self.b).square().mean() + (fake - self.a).square().mean())

    def _g(self, real: Tensor, fake: Tensor) -> Tensor:
        return 0.5 * (fake - self.c).square().mean()


@dataclasses.dataclass(frozen=True)
class Hinge(Objective):
    """The hinge game with margin 1 (arXiv:1705.02894; arXiv:1802.05957, eq. 16 and 17)."""

    def _d(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(1.0 - real).mean() + relu(1.0 + fake).mean()

    def _g(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()


@dataclasses.dataclass(frozen=True)
class Wasserstein(Objective):
    """The dual of the Wasserstein-1 distance (arXiv:1701.07875, eq. 2 and 3).

    It means a distance only with a critic kept Lipschitz by a penalty, clipping or its norm.
    """

    def progress(self, real: Logits, fake: Logits) -> dict[str, Tensor]:
        """`wasserstein`: mean critic on reals minus mean on fakes, which falls as G learns."""
        return {"wasserstein": -self.d(real, fake)}

    def _d(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def _g(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()


@dataclasses.dataclass(frozen=True)
class Relativistic(Objective):
    """Each real is judged against one fake (RpGAN: arXiv:1807.00734; arXiv:2501.05441, sec. 2).

    Row i of real meets row i of fake: d = E softplus(-(D(x) - D(G(z)))), g the same with the
    sides exchanged. Raises ValueError unless both sides have the same shape.
    """

    paired: ClassVar[bool] = True

    def _d(self, real: Tensor, fake: Tensor) -> Tensor:
        if real.shape != fake.shape:
            raise ValueError(
                "Relativistic pairs real and fake row by row: found outputs of shape "
                f"{list(real.shape)} and {list(fake.shape)}; give it as many fakes as reals"
            )
        return softplus(fake - real).mean()

    def _g(self, real: Tensor, fake: Tensor) -> Tensor:
        return self._d(fake, real)


@dataclasses.dataclass(frozen=True)
class RelativisticAverage(Objective):
    """Each sample is judged against the mean of the other side (RaGAN, arXiv:1807.00734).

    The mean runs over all outputs given (over patches too), so it depends on how a batch is split
    into parts. Both sides count in both losses: g is d with the sides exchanged.
    """

    paired: ClassVar[bool] = True
    ties: ClassVar[str] = "RelativisticAverage takes the mean of the other side over a part"

    def _d(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean()

    def _g(self, real: Tensor, fake: Tensor) -> Tensor:
        return self._d(fake, real)


def _scales(logits: Logits) -> list[Tensor]:
    return [logits] if isinstance(logits, Tensor) else list(logits)


def _mean(losses: list[Tensor]) -> Tensor:
    return losses[0] if len(losses) == 1 else torch.stack(losses).mean()


def _same_number(reals: list[Tensor], fakes: list[Tensor]) -> None:
    if len(reals) != len(fakes):
        raise ValueError(
            f"the critic has {len(reals)} outputs on real samples and {len(fakes)} on fake ones; "
            "an objective compares them scale by scale"
        )
