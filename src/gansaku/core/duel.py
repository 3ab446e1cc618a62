"""The duel: the two-player game that most GANs play, stated once."""

from __future__ import annotations

import abc
import copy
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from gansaku.core import sequences
from gansaku.core.abreast import abreast, halves
from gansaku.core.bounds import none_negative
from gansaku.core.contract import Batch, Clock, Nets, Phase, Player, Share, Stage, Terms
from gansaku.core.errors import UserError
from gansaku.core.judging import Judged, at_once, holds, suited
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.core.precision import exactly, full
from gansaku.core.priors import FromLatents, draw
from gansaku.core.spans import span

COUNTS = ("steps", "batch_size", "z", "d_updates", "g_batches", "width")  # none may be nought
Output = Tensor | list[Tensor]  # a critic's logits: of any shape, or one for each scale


@runtime_checkable
class Objective(Protocol):
    paired: ClassVar[bool]

    def d(self, real: Output, fake: Output) -> Tensor: ...
    def g(self, real: Output, fake: Output) -> Tensor: ...
    def progress(self, real: Output, fake: Output) -> dict[str, Tensor]: ...


@runtime_checkable
class Penalty(Protocol):
    def __call__(self, critic: Callable, real: Any, fake: Any, noise: Noise) -> Tensor: ...


@runtime_checkable
class Augment(Protocol):
    def build(self) -> nn.Module: ...


@runtime_checkable
class Helper(Protocol):
    augment: Augment | None

    def build(self, penalties: bool, wasserstein: bool) -> nn.Module: ...


class Critic:
    """D as the losses see it: labels and augmentation are inside, no input goes through it twice.

    A penalty at the real data and the objective ask for the same logits: outputs are kept by
    the identity of the input. `whole(x)` is all that D says, of which `logits` picks a part.
    `abreast` says it of two batches in one, where rows know nothing of each other; or None.
    """

    def __init__(
        self,
        forward: Callable[[Any], Any],
        logits: Callable[[Any], Output] = lambda said: said,
        abreast: Callable[[Tensor, Tensor], Any] = lambda real, fake: None,
    ) -> None:
        self._forward, self._logits, self._abreast = forward, logits, abreast
        self._made: list[tuple[Any, Any]] = []

    def __call__(self, x: Any) -> Output:
        return full(self._logits(self.whole(x)))

    def whole(self, x: Any) -> Any:
        for seen, out in self._made:
            if seen is x:
                return out
        self._made.append((x, self._forward(x)))
        return self._made[-1][1]

    def sides(self, real: Any, fake: Any) -> tuple[Output, Output]:
        """The logits of both, by one pass where that may be."""
        tensors = isinstance(real, Tensor) and isinstance(fake, Tensor)
        if tensors and not self._made and real.shape == fake.shape:
            said = self._abreast(real, fake)
            if said is not None:
                self._made += zip((real, fake), halves(said), strict=True)
        return self(real), self(fake)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Duel(FromLatents):
    """A generator against a critic over one latent; subclasses name networks and numbers."""

    steps: int = 25_000  # generator updates
    batch_size: int = 64  # real samples in a critic update
    z: int = 100  # dimensions of the latent
    prior: str = "normal"  # of the latent: normal, or uniform on (-1, 1)
    objective: Objective  # what G and D minimise
    penalties: tuple[Penalty, ...] = ()  # added to D's loss
    constraint: Callable[[nn.Module], None] | None = None  # applied to D after its update
    augment: Augment | None = None  # of all that D sees: DiffAugment(), ADA()
    remedy: Helper | None = None  # Remedy(): rules that keep the players in balance, logged
    g_optimizer: Callable = Adam(2e-4, (0.5, 0.999))  # of the generator
    d_optimizer: Callable = Adam(2e-4, (0.5, 0.999))  # of the critic
    d_updates: int = 1  # critic updates before one of the generator
    g_batches: int = 1  # generator's batch, in critic batches
    simultaneous: bool = False  # D and G move at once, each on gradients of before
    fresh: bool = False  # new fakes for the generator's turn instead of the critic's
    ema: float = 0.0  # half-life of the generator's moving average in images; 0: none

    def __post_init__(self) -> None:
        none_negative(self, COUNTS)
        if self.prior not in ("normal", "uniform"):
            raise UserError(f"prior must be 'normal' or 'uniform', not {self.prior!r}")
        if self.objective.paired and self.g_batches != 1:
            raise UserError(
                f"{type(self.objective).__name__} pairs each fake with a real sample, so that "
                f"g_batches must be 1, not {self.g_batches}"
            )

    @abc.abstractmethod
    def generator(self, spec: Any) -> nn.Module:
        """`z [N, self.z] -> x [N, *spec.shape]`."""

    @abc.abstractmethod
    def critic(self, spec: Any) -> nn.Module:
        """`x [N, *spec.shape] -> logits [N, ...]`."""

    def schedule(self, clock: Clock) -> float | Mapping[str, Any]:
        """Learning-rate factor, or optimizer fields, of both players."""
        return 1.0

    def penalty_factor(self, clock: Clock) -> float:
        """What all penalties are multiplied by at this time."""
        return 1.0

    def critic_updates(self, nets: Nets, clock: Clock) -> int:
        return self.d_updates

    def critic_turns(self, nets: Nets, clock: Clock) -> int:
        """The recipe's updates, or what the remedy makes of them."""
        updates = self.critic_updates(nets, clock)
        return nets.remedy.updates(updates, clock.step) if self.remedy else updates

    @property
    def averaged(self) -> tuple[str, ...]:
        return ("G",) if self.ema else ()

    def halflife(self, clock: Clock) -> float:
        return self.ema

    def networks(self, spec: Any) -> Nets:
        members = {"G": self.generator(spec), "D": self.critic(spec)}
        augment = self.augment
        if self.remedy is not None:
            wasserstein = "wasserstein" in self.objective.progress(torch.zeros(1), torch.zeros(1))
            members["remedy"] = self.remedy.build(bool(self.penalties), wasserstein)
            if augment is None and len(spec.shape) == 3:
                augment = self.remedy.augment
        if augment is not None:
            members["augment"] = augment.build()
        return Nets(**members)

    def remarks(self, nets: Nets) -> tuple[str, ...]:
        return mixing(self.penalties, nets.D, "d_norm layer or none")

    def makers(self, nets: Nets) -> nn.Module | tuple[nn.Module, ...]:
        """The networks that player G moves."""
        return nets.G

    def shared(self, nets: Nets, batch: Batch, clock: Clock) -> Batch:
        """The batch with what both players need of it; here the fakes."""
        return self.with_fakes(nets, batch, clock)

    def pace(self, nets: Nets) -> Callable[[Clock], float | Mapping[str, Any]]:
        """The schedule of both players, where it depends on what networks remember."""
        return self.schedule

    def entry(self, nets: Nets) -> Callable[[Nets, Batch], None] | None:
        """What sets networks from a first batch; here nothing."""
        return None

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        pace = self.pace(nets)
        d = Player("D", nets.D, self.d_optimizer, pace)
        g = Player("G", self.makers(nets), self.g_optimizer, pace)
        share = None if self.fresh or self.g_batches != 1 else Share(g, self.shared)
        together, enter = self.simultaneous, self.entry(nets)
        ahead = None if share or together else self.ahead  # no fakes are shared, and G stands still
        phases = (
            Phase(d, self.d_loss, repeat=self.critic_turns, after=self._after(), ahead=ahead),
            Phase(g, self.g_loss),
        )
        return (
            Stage("train", phases, self.steps, share=share, enter=enter, simultaneous=together),
        )

    def condition(self, batch: Batch, times: int = 1) -> dict[str, Tensor]:
        """What G and D are told besides, a row for each of `times` fakes a sample; here nothing."""
        return {}

    def logits(self, said: Any) -> Output:
        """The part of D's output that the objective and the penalties see; here all of it."""
        return said

    def d_objective(self, nets: Nets, batch: Batch, real: Output, fake: Output) -> Tensor:
        """The objective of D's outputs, where it needs samples or a state as well: margins, k."""
        return self.objective.d(real, fake)

    def d_extra(self, nets: Nets, critic: Critic, batch: Batch, clock: Clock) -> Terms:
        """What D minimises besides, from what the critic has seen already; here nothing."""
        return {}

    def g_extra(self, nets: Nets, critic: Critic, batch: Batch, clock: Clock) -> Terms:
        """What G minimises besides; here nothing."""
        return {}

    def with_fakes(self, nets: Nets, batch: Batch, clock: Clock, times: int = 1) -> Batch:
        """The batch with `fake` and its latents `z`, unless they are there."""
        if "fake" in batch:
            return batch
        z = self.latents(times * len(batch["x"]), clock)
        return {**batch, "z": z, "fake": nets.G(z, **self.condition(batch, times))}

    def ahead(self, nets: Nets, batches: list[Batch], clocks: list[Clock]) -> list[Batch]:
        """All fakes of D's turns in a step by one pass of a G of perceptrons, where none has any.

        The same latents, and batch norm over each batch. One pass reads its weights once.
        """
        own = ("with_fakes", "condition", "latents")
        given = any(getattr(type(self), name) is not getattr(Duel, name) for name in own)
        if len(batches) == 1 or given or "fake" in batches[0] or not sequences.rowwise(nets.G):
            return batches
        z = [self.latents(len(b["x"]), clock) for b, clock in zip(batches, clocks, strict=True)]
        with span("forward", "G"):
            fakes = sequences.in_groups(nets.G, torch.cat(z), len(z)).chunk(len(z))
        return [b | {"z": n, "fake": x} for b, n, x in zip(batches, z, fakes, strict=True)]

    def sides(self, batch: Batch) -> tuple[Any, Any]:
        """What D compares, real and fake: leaves, which penalties may mark."""
        return batch["x"].detach(), batch["fake"].detach()

    def judge(self, nets: Nets, clock: Clock, **told: Tensor) -> Critic:
        """The critic of this move: whatever it sees is augmented first; `told` are its labels."""
        if "augment" not in nets:
            both = functools.partial(abreast, nets.D, told)
            return Critic(lambda x: nets.D(x, **told), self.logits, both)
        return Critic(lambda x: nets.D(nets.augment(x, clock), **told), self.logits)

    def d_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch = self.with_fakes(nets, batch, clock)
        real, fake = full(self.sides(batch))
        critic = self.judge(nets, clock, **self.condition(batch))
        factor = clock.number(self.penalty_factor) * (nets.remedy.factor() if self.remedy else 1.0)
        made = self._at_once(nets, batch, (real, fake), clock, factor)
        if made is not None:
            self._tell(nets, made.real, made.fake, clock)
            return {"objective": made.objective, **self._named(made.penalties)}
        with exactly():
            values = [factor * penalty(critic, real, fake, clock) for penalty in self.penalties]
        at_real, at_fake = critic.sides(real, fake)
        self._tell(nets, at_real, at_fake, clock)
        seen = {**batch, "x": real, "fake": fake}
        extra = self.d_extra(nets, critic, seen, clock)
        objective = self.d_objective(nets, seen, at_real, at_fake)
        return {"objective": objective, **self._named(values), **extra}

    def _at_once(
        self, nets: Nets, batch: Batch, sides: tuple[Any, Any], clock: Clock, factor: Any
    ) -> Judged | None:
        """D's turn in one pass, where the recipe adds nothing to the duel and the critic allows."""
        own = ("judge", "logits", "d_objective", "d_extra")
        if any(getattr(type(self), name) is not getattr(Duel, name) for name in own):
            return None
        apt = all(isinstance(x, Tensor) for x in sides) and "augment" not in nets
        holding = [penalty for penalty in self.penalties if holds(penalty)]
        if not (apt and suited(nets.D) and len(holding) == len(self.penalties)):
            return None
        draws = copy.copy(clock)  # which the way by autograd must not find used
        held = [(penalty, penalty.points(*sides, draws)) for penalty in holding]
        return at_once(nets.D, self.condition(batch), sides, held, self.objective.d, factor)

    def _named(self, values: Sequence[Tensor]) -> Terms:
        return {type(p).__name__: v for p, v in zip(self.penalties, values, strict=True)}

    def _tell(self, nets: Nets, at_real: Output, at_fake: Output, clock: Clock) -> None:
        """What is logged, and what augmentation and remedies watch, where anybody does."""
        if not clock.heard:
            return
        clock.note(**{"D(real)": mean(at_real), "D(fake)": mean(at_fake)})
        clock.note(**self.objective.progress(at_real, at_fake))
        if "augment" in nets:
            clock.note(**nets.augment.watch(at_real))
        if self.remedy is not None:
            clock.note(**nets.remedy.watch(at_real, at_fake))

    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch = self.with_fakes(nets, batch, clock, self.g_batches)
        critic = self.judge(nets, clock, **self.condition(batch, self.g_batches))
        at_fake = critic(batch["fake"])
        at_real = critic(batch["x"]) if self.objective.paired else at_fake
        extra = self.g_extra(nets, critic, batch, clock)
        return {"objective": self.objective.g(at_real, at_fake), **extra}

    def _after(self) -> Callable[[Nets, Mapping[str, Tensor], Clock], None] | None:
        """`after_d`, where it does anything."""
        watch = self.constraint, self.augment, self.remedy
        idle = type(self).after_d is Duel.after_d and all(each is None for each in watch)
        return None if idle else self.after_d

    def after_d(self, nets: Nets, stats: Mapping[str, Tensor], clock: Clock) -> None:
        if self.constraint is not None:
            self.constraint(nets.D)
        if "augment" in nets:
            nets.augment.adapt(stats, self.batch_size)
        if self.remedy is not None:
            nets.remedy.adapt(stats, self.batch_size)

    def latents(self, n: int, noise: Noise, truncate: float | None = None) -> Tensor:
        """`[n, z]` from the prior, truncated as `gansaku.core.priors.draw` says."""
        return draw(self.prior, n, self.z, noise, truncate)

    def score(self, nets: Nets, x: Tensor) -> Tensor:
        """The critic's logits `[N]` of samples, for pictures of its surface and for anomalies."""
        return rows(self.logits(nets.D(x)))


def at_marginals(nets: Nets, batch: Batch) -> None:
    """G's output biases from a batch's mean, drawn a little to grey so that none is stuck."""
    n = len(batch["x"])
    nets.G.set_marginals(batch["x"].mean(0) * n / (n + 1))


def mixing(penalties: Sequence[Penalty], critic: nn.Module, instead: str) -> tuple[str, ...]:
    """That a penalty holds the slope at single samples, which batch norm ties together."""
    mixed = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in critic.modules())
    held = [type(p).__name__ for p in penalties if getattr(p, "of_slope", True)]
    if not (held and mixed):
        return ()
    why = (
        "the penalty holds D's slope at each sample, but batch norm lets an output depend on "
        f"the whole batch (arXiv:1704.00028, section 4); {instead} would not do so"
    )
    return (f"{', '.join(held)} with batch norm in the critic: {why}",)


def mean(out: Output) -> Tensor:
    """The mean of a critic's output, for the log alone; scales count alike."""
    if isinstance(out, Tensor):
        return out.detach().mean()
    return torch.stack([scale.detach().mean() for scale in out]).mean()


def rows(out: Output) -> Tensor:
    """One logit a sample, `[N]`: patches are averaged, scales count alike."""
    scales = [out] if isinstance(out, Tensor) else out
    return torch.stack([scale.reshape(len(scale), -1).mean(1) for scale in scales]).mean(0)
