"""The game of a pyramid over one picture: a stage a scale, each with a critic of patches."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gansaku.core.contract import Batch, Clock, Nets, Phase, Player, Stage, Terms
from gansaku.core.duel import Objective, Penalty
from gansaku.core.effort import Effort
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.core.precision import exactly, full
from gansaku.core.pyramid_model import PyramidModel
from gansaku.core.pyramid_pace import LOOK, Pace, unlike

SETTLING = 16  # fakes, and as many reconstructions, that a scale's final statistics are of
RENEWAL = 8  # iterations from one renewal of a picture in the bank to the next


@dataclasses.dataclass(frozen=True, kw_only=True)
class PyramidGame(PyramidModel):
    """Scales trained from the coarsest up, each on its own; subclasses name networks and numbers.

    `Nets` hold the generators `G` and critics `D`, one a scale, and a `Memory`.
    """

    batch_size: int = 1  # fakes in an update
    min_size: int = 25  # of the coarsest scale's shorter side [pixels]
    amplitude: float = 0.1  # of a scale's noise: times the error of what comes up from below
    g_optimizer: Adam = Adam(5e-4)  # of each scale's generator
    d_optimizer: Adam = Adam(5e-4)  # of each scale's critic
    fixed_anchor: bool = False  # z* of the coarsest scale stays, as in the paper, not in its code
    decay_at: float = 0.8  # share of a scale's iterations after which learning slows down
    decay: float = 0.1  # factor on the learning rate from then on
    objective: Objective  # what G and D minimise
    penalties: tuple[Penalty, ...]  # added to D's loss

    @property
    def numbers(self) -> Effort:
        """How much is done at each scale."""
        return Effort()

    def is_small(self, nets: Nets, k: int) -> bool:
        height, width = nets.memory.sizes[k]
        return height * width <= self.numbers.small

    def banks(self, nets: Nets, k: int) -> bool:
        """Whether what comes up to scale `k` is kept: for large ones, where making it costs."""
        return k > 0 and nets.memory.banked > 0 and not self.is_small(nets, k)

    def activations(self, nets: Nets) -> int:
        """Bytes that autograd keeps at the last scale: by count, some 30 numbers a channel."""
        height, width = nets.memory.size
        channels = max(p.shape[0] for p in nets.D.parameters())
        return 40 * 4 * channels * height * width * self.batch_size

    def critic(self, nets: Nets, k: int) -> nn.Module:
        return nets.D[k]

    def schedule(self, pace: Pace, k: int, clock: Clock) -> float:
        """The factor on the learning rate: less at a scale's end, or when it has become calm."""
        calm = pace.calmed(k) if self.numbers.calm_after else None
        late = clock.progress >= self.decay_at or calm is not None
        return self.decay if late else 1.0

    def done(self, k: int, nets: Nets, clock: Clock) -> bool:
        """A scale that has become calm ends when it has been slow for as long as any other."""
        calm = nets.pace.calmed(k) if self.numbers.calm_after else None
        return calm is not None and clock.step - calm >= (1 - self.decay_at) * clock.total

    # --- stages ---

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        return tuple(self.stage(nets, k) for k in range(nets.memory.count))

    def longer(self) -> str:
        return f"--steps {2 * self.numbers.steps}"

    def stage(self, nets: Nets, k: int) -> Stage:
        do, small = self.numbers, self.is_small(nets, k)
        d, g = self.players(nets, k)
        more = do.g_more > 0 and not small
        after = partial(self.after_g, k, not more)
        phases = [
            Phase(d, partial(self.d_loss, k), repeat=3 if small else do.d_updates),
            Phase(g, partial(self.g_loss, k), do.g_updates, moves=do.g_moves, after=after),
        ]
        if more:
            close = partial(self.close, k)
            phases.append(Phase(g, partial(self.likely, k), repeat=do.g_more, after=close))
        pixels = [height * width for height, width in nets.memory.sizes]
        steps = do.length(pixels[k], pixels[0])
        enter, done = partial(self.enter, k), partial(self.done, k)
        return Stage(f"scale {k}", tuple(phases), steps, enter=enter, done=done)

    def players(self, nets: Nets, k: int) -> tuple[Player, Player]:
        pace = partial(self.schedule, nets.pace, k)
        return (
            Player(f"D{k}", nets.D[k], self.d_optimizer, pace),
            Player(f"G{k}", nets.G[k], self.g_optimizer, pace),
        )

    def enter(self, k: int, nets: Nets, batch: Batch) -> None:
        """Before scale `k` begins: what comes up to it, its noise, and the weights of the last."""
        memory = nets.memory
        if k == 0:
            memory.see(batch["x"][:1])
            memory.anchor.copy_(torch.randn(memory.anchor.shape))
        else:
            self.warm_start(nets, k)
            memory.below(k).copy_(self.raised(memory, self.again(nets, k - 1), k))
            error = (memory.below(k) - memory.real(k)).square().mean().sqrt()
            memory.amps[k] = self.amplitude * error
        if self.banks(nets, k):
            memory.bank(k).copy_(self.risen(nets, k, drawn(), memory.banked))
        memory.reached.fill_(k + 1)

    def remember(self, nets: Nets) -> None:
        """Make anew what comes up to every scale; reconstructions stand in for a lost picture."""
        memory = nets.memory
        for k in range(memory.count):
            if k:
                memory.below(k).copy_(self.raised(memory, self.again(nets, k - 1), k))
            if not memory.real(k).any():
                memory.real(k).copy_(self.again(nets, k).clamp(-1, 1))

    def warm_start(self, nets: Nets, k: int) -> None:
        """The weights that scale `k` begins with; as they are, if not said otherwise."""

    def after_g(
        self, k: int, closing: bool, nets: Nets, stats: Mapping[str, Tensor], clock: Clock
    ) -> None:
        """Look whether the scale still improves; now and then renew a picture of the bank."""
        memory, calm_after = nets.memory, self.numbers.calm_after
        if calm_after and clock.step % LOOK == 0:
            figures = torch.stack([stats[f"reconstruction {k}"], stats[f"patches {k}"]])
            nets.pace.look(k, figures, clock.step, round(calm_after * clock.total))
        if self.banks(nets, k) and clock.step % RENEWAL == 0:
            place = clock.step // RENEWAL % memory.banked
            memory.bank(k)[place : place + 1] = self.risen(nets, k, clock, 1)
        if closing:
            self.close(k, nets, stats, clock)

    def close(self, k: int, nets: Nets, stats: Mapping[str, Tensor], clock: Clock) -> None:
        """After a scale's last move its statistics are taken anew, where that is asked for."""
        last = clock.step + 1 >= clock.total or self.done(k, nets, clock)
        if last and self.numbers.settle:
            fakes = [partial(self.fake, nets, k, clock, 1)] * SETTLING
            settle(nets.G[k], [*fakes, *[partial(self.again, nets, k)] * SETTLING])

    # --- moves ---

    def d_loss(self, k: int, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        critic = self.critic(nets, k)
        every = 1 if self.is_small(nets, k) else self.numbers.penalty_every
        real = nets.memory.real(k).expand(len(batch["x"]), -1, -1, -1)
        with torch.no_grad():
            fake = full(self.fake(nets, k, clock, len(real)))
        terms = {"objective": self.objective.d(critic(real), critic(fake))}
        if clock.step % every == 0:
            with exactly():
                for penalty in self.penalties:
                    terms[type(penalty).__name__] = every * penalty(critic, real, fake, clock)
        return terms

    def g_loss(self, k: int, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        fake = self.fake(nets, k, clock, len(batch["x"]))
        if self.numbers.calm_after and clock.step % LOOK == 0:
            clock.note(**{f"patches {k}": unlike(fake, nets.memory.real(k))})
        at_fake = self.critic(nets, k)(fake)
        return {"objective": self.objective.g(at_fake, at_fake)} | self.likely(
            k, nets, batch, clock
        )

    def likely(self, k: int, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        """How far generator `k` is from making the picture itself."""
        z = clock.normal(*nets.memory.anchor.shape) if k == 0 and not self.fixed_anchor else None
        again = self.again(nets, k, z)
        error = (again - nets.memory.real(k)).square().mean()
        clock.note(**{f"reconstruction {k}": error.detach().sqrt()})
        return {"reconstruction": (self.numbers.likeness if k else 10.0) * error}

    def fake(self, nets: Nets, k: int, noise: Noise, n: int) -> Tensor:
        """Fresh pictures of scale `k`: of new noise there, and of the bank or new noise below."""
        memory = nets.memory
        if self.banks(nets, k):
            below = memory.bank(k)[noise.integers(n, below=memory.banked)]
        else:
            below = self.risen(nets, k, noise, n)
        return self.play(nets, k, self._map(memory, k, noise, n), below)

    def again(self, nets: Nets, k: int, anchor: Tensor | None = None) -> Tensor:
        """The reconstruction at scale `k`: noise is z* at the coarsest scale, none above."""
        z = (nets.memory.anchor if anchor is None else anchor) if k == 0 else None
        return self.play(nets, k, z, nets.memory.below(k))

    def risen(self, nets: Nets, k: int, noise: Noise, n: int) -> Tensor:
        """What comes up to scale `k` from the frozen ones: `[n, C, h, w]`."""
        memory = nets.memory
        if k == 0:
            return memory.below(0).expand(n, -1, -1, -1)
        maps = [self._map(memory, j, noise, n) for j in range(k)]
        with torch.no_grad():
            rows = [self._climb(nets, [z[i : i + 1] for z in maps], 0, k - 1) for i in range(n)]
            return self.raised(memory, torch.cat(rows), k)


def drawn() -> Noise:
    """A source of noise by torch's generator, which the loop seeds when a stage begins."""
    return Noise(int(torch.randint(2**62, ())))


def settle(net: nn.Module, forwards: Sequence[Any]) -> None:
    """Take the statistics of a network's batch norms anew, as means over `forwards`, each alike.

    Each of `forwards` is called once with the network in training mode; its mode stays as it was.
    """
    training = net.training
    norms = [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [m.momentum for m in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    net.train()
    for forward in forwards:
        forward()
    net.train(training)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
