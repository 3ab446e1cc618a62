"""Penalties that keep a critic smooth, and constraints applied to its weights after a step.

Contract. A penalty is called as `penalty(critic, real, fake, noise)`. `critic` maps a sample (a
tensor, or a tuple of tensors with equal batch) to logits of any shape, or to a list of them.
Gradients are those of the SUM of all logits of a sample, patches and scales included (a patch
critic's penalty therefore grows with its number of patches), taken with respect to the sample
and flattened over everything but the batch and over the members of a tuple.

A critic may remember what it computed for the very same tensors. R1 marks `real`, and R2 `fake`,
as requiring a gradient and then calls `critic` on it, so an objective that follows takes the
logits from that forward at no cost. Whoever builds such a critic passes leaves made for this
step (`x.detach()`) and evaluates the penalties before the objective.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from gansaku.core.mixes import Between, Points, made
from gansaku.core.slopes import Gradients, of_slope
from gansaku.core.tape import Tape

Sample = Tensor | tuple[Tensor, ...]
At = Points | tuple[Points, ...]  # where a slope is taken
Critic = Callable[[Sample], Tensor | Sequence[Tensor]]


class Draws(Protocol):
    """The part of a noise source that penalties use."""

    def normal(self, n: int, *shape: int) -> Tensor: ...

    def uniform(self, n: int, *shape: int) -> Tensor: ...


class Penalty(abc.ABC):
    """An already weighted scalar that the critic minimises; subclasses are frozen dataclasses."""

    of_slope: ClassVar[bool] = False  # of the slope at single samples, which batch norm mixes

    @abc.abstractmethod
    def __call__(self, critic: Critic, real: Sample, fake: Sample, noise: Draws) -> Tensor: ...


class SlopePenalty(Penalty):
    """A function of the critic's slope at certain points."""

    of_slope: ClassVar[bool] = True

    @abc.abstractmethod
    def points(self, real: Sample, fake: Sample, noise: Draws) -> At:
        """Where the slope is taken."""

    @abc.abstractmethod
    def value(self, slopes: Gradients) -> Tensor:
        """The penalty of gradients `[N, ...]`, one for each member of a sample."""

    def __call__(self, critic: Critic, real: Sample, fake: Sample, noise: Draws) -> Tensor:
        return _held(critic, self.points(real, fake, noise), self.value)


class NormPenalty(SlopePenalty):
    """A function of the slope's norm at each of them."""

    @abc.abstractmethod
    def of_norms(self, norms: Tensor) -> Tensor:
        """The penalty of norms `[N]`."""

    def value(self, slopes: Gradients) -> Tensor:
        return self.of_norms(_norm(slopes))

    # who overrides `value` loses it, and is asked for slopes
    value.by_norms = lambda self, norms: self.of_norms(norms)  # ty: ignore[missing-attribute]


class MixPenalty(SlopePenalty):
    """One that holds the slope between each real sample and a fake one."""

    def _share(self, real: Sample, fake: Sample, noise: Draws) -> Tensor:
        """`[N, 1]` from U(0, 1), of each real sample in its point.

        Raises ValueError where real and fake differ in shape.
        """
        reals, fakes = _members(real), _members(fake)
        if [x.shape for x in reals] != [x.shape for x in fakes]:
            raise ValueError(
                "a penalty between real and fake samples needs pairs of one shape: found "
                f"{[list(x.shape) for x in reals]} and {[list(x.shape) for x in fakes]}"
            )
        return noise.uniform(len(reals[0]), 1).to(reals[0])

    def points(self, real: Sample, fake: Sample, noise: Draws) -> At:
        share = self._share(real, fake, noise)
        pairs = zip(_members(real), _members(fake), strict=True)
        mixes = tuple(Between(*pair, share) for pair in pairs)
        return mixes[0] if isinstance(real, Tensor) else mixes


class Constraint(abc.ABC):
    """A change to a network's weights, applied after its step; a frozen dataclass."""

    @abc.abstractmethod
    def __call__(self, module: nn.Module) -> None: ...


@dataclasses.dataclass(frozen=True)
class GradientPenalty(MixPenalty, NormPenalty):
    """WGAN-GP: weight E (|grad D(x)| - target)^2 / target^2 (arXiv:1704.00028, eq. 3).

    x = e real + (1 - e) fake with one e from U(0, 1) a sample, shared by the members of a tuple.
    A `target` other than the paper's 1 is that of arXiv:1710.10196, app. A.2 (750 on CIFAR-10).
    Raises ValueError where real and fake differ in shape.
    """

    weight: float = 10.0
    target: float = 1.0

    def of_norms(self, norms: Tensor) -> Tensor:
        return self.weight / self.target**2 * (norms - self.target).square().mean()


@dataclasses.dataclass(frozen=True)
class PixelGradientPenalty(MixPenalty):
    """weight E (|grad D(x)| - 1)^2, the norm over the channels at each pixel, not over the image.

    The authors' code of SinGAN (arXiv:1905.01164) has it so; the paper says WGAN-GP. x is mixed as
    in `GradientPenalty`, the mean is over pixels and samples. Raises ValueError where real and
    fake differ in shape.
    """

    weight: float = 0.1

    def value(self, slopes: Gradients) -> Tensor:
        norms = [torch.linalg.vector_norm(g, dim=1).flatten() for g in slopes]
        return self.weight * (torch.cat(norms) - 1.0).square().mean()


@dataclasses.dataclass(frozen=True)
class LipschitzPenalty(MixPenalty, NormPenalty):
    """WGAN-LP: weight E max(0, |grad D(x)| - 1)^2 (arXiv:1709.08894, eq. 8).

    One-sided: slopes below 1 are free. x is mixed as in `GradientPenalty`. Raises ValueError where
    real and fake differ in shape.
    """

    weight: float = 5.0

    def of_norms(self, norms: Tensor) -> Tensor:
        return self.weight * (norms - 1.0).relu().square().mean()


@dataclasses.dataclass(frozen=True)
class R1(SlopePenalty):
    """gamma/2 E |grad D(x)|^2 at real samples (arXiv:1801.04406, eq. 9)."""

    gamma: float = 10.0

    def points(self, real: Sample, fake: Sample, noise: Draws) -> Sample:
        return real

    def value(self, slopes: Gradients) -> Tensor:
        return 0.5 * self.gamma * _mean_square(slopes)


@dataclasses.dataclass(frozen=True)
class R2(SlopePenalty):
    """gamma/2 E |grad D(x)|^2 at generated samples (arXiv:1801.04406, eq. 10)."""

    gamma: float = 10.0

    def points(self, real: Sample, fake: Sample, noise: Draws) -> Sample:
        return fake

    def value(self, slopes: Gradients) -> Tensor:
        return 0.5 * self.gamma * _mean_square(slopes)


@dataclasses.dataclass(frozen=True)
class DRAGAN(NormPenalty):
    """weight E (|grad D(x + d)| - k)^2 around real samples (arXiv:1705.07215).

    d is normal with `noise_scale` times the standard deviation of the real samples given (of each
    member of a tuple), so it depends, a little, on how a batch is split into parts. D is the
    logit here, as in every penalty.
    """

    ties: ClassVar[str] = "DRAGAN's noise has the deviation of a part's samples"

    weight: float = 10.0
    k: float = 1.0
    noise_scale: float = 0.5

    def points(self, real: Sample, fake: Sample, noise: Draws) -> Sample:
        return _map(lambda x: self._around(x, noise), real)

    def of_norms(self, norms: Tensor) -> Tensor:
        return self.weight * (norms - self.k).square().mean()

    def _around(self, x: Tensor, noise: Draws) -> Tensor:
        x = x.detach()
        scale = self.noise_scale * x.std(correction=0)
        return x + scale * noise.normal(*x.shape).to(x)


@dataclasses.dataclass(frozen=True)
class Drift(Penalty):
    """weight E D(x)^2 at real samples: a critic's free offset stays near 0 (arXiv:1710.10196, A.1).

    List it after R1, whose forward it then shares.
    """

    weight: float = 1e-3

    def __call__(self, critic: Critic, real: Sample, fake: Sample, noise: Draws) -> Tensor:
        squares = [logits.square().mean() for logits in _outputs(critic(real))]
        return self.weight * torch.stack(squares).mean()


@dataclasses.dataclass(frozen=True)
class WeightClip(Constraint):
    """Every parameter is clamped to [-c, c], in place (arXiv:1701.07875, algorithm 1).

    Raises ValueError unless c is positive.
    """

    c: float = 0.01

    def __post_init__(self) -> None:
        if not self.c > 0:
            raise ValueError(f"WeightClip.c is {self.c}; it must be positive")

    @torch.no_grad()
    def __call__(self, module: nn.Module) -> None:
        for parameter in module.parameters():
            parameter.clamp_(-self.c, self.c)


def _held(critic: Critic, at: At, phi: Callable[[Gradients], Tensor]) -> Tensor:
    """phi of d(sum of logits)/d(sample) for each member of `at`, differentiable itself."""
    sample = tuple(map(made, at)) if isinstance(at, tuple) else made(at)
    members = tuple(x.requires_grad_() for x in _members(sample))
    with Tape(members) as tape:
        logits = [logits.sum() for logits in _outputs(critic(sample))]
        total = logits[0] if len(logits) == 1 else sum(logits[1:], start=logits[0])
    return of_slope(total, members, tape, phi)


def _mean_square(gradients: Gradients) -> Tensor:
    """E |gradient|^2 over the batch."""
    return torch.stack([g.square().sum() for g in gradients]).sum() / len(gradients[0])


def _norm(gradients: Gradients) -> Tensor:
    """|gradient| of each sample, [N]; vector_norm's own gradient at zero is zero, not NaN."""
    norms = [torch.linalg.vector_norm(g.reshape(len(g), -1), dim=1) for g in gradients]
    return norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms), dim=0)


def _members(sample: Sample) -> tuple[Tensor, ...]:
    return (sample,) if isinstance(sample, Tensor) else sample


def _map(function: Callable[[Tensor], Tensor], sample: Sample) -> Sample:
    return function(sample) if isinstance(sample, Tensor) else tuple(map(function, sample))


def _outputs(logits: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    return (logits,) if isinstance(logits, Tensor) else logits
