"""The game of a pyramid over one picture: a stage a scale, each with a critic of patches."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gansaku.core.contract import Batch, Clock, Nets, Phase, Player, Recipe, Stage, Terms
from gansaku.core.duel import Objective, Penalty
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.core.pyramid import Size
from gansaku.core.pyramid_memory import Memory

AT_ONCE = 2**16  # pixels that are rendered together: more rows would need memory and gain nothing
SETTLING = 16  # fakes that a finished scale's statistics are taken from


@dataclasses.dataclass(frozen=True, kw_only=True)
class PyramidGame(Recipe):
    """Scales trained from the coarsest up, each on its own; subclasses name networks and numbers.

    `Nets` hold the generators `G` and critics `D`, one a scale, and a `Memory`.
    """

    feeds: ClassVar[str] = "single"
    batch_level: ClassVar[bool] = True

    batch_size: int = 1  # fakes in an update
    min_size: int = 25  # of the coarsest scale's shorter side [pixels]
    amplitude: float = 0.1  # of a scale's noise: times the error of what comes up from below
    g_optimizer: Adam = Adam(5e-4)
    d_optimizer: Adam = Adam(5e-4)
    truncated: bool = False  # pictures go up in whole steps of 1/255, cut off as by the authors
    decay_at: float = 0.8  # share of a scale's iterations after which learning slows down
    decay: float = 0.1  # factor on the learning rate from then on
    objective: Objective  # what G and D minimise
    penalties: tuple[Penalty, ...]  # added to D's loss

    # --- the numbers of a scale ---

    def length_of(self, nets: Nets, k: int) -> int:
        """Iterations of scale `k`."""
        raise NotImplementedError

    def d_turns(self, nets: Nets, k: int) -> int:
        """Critic updates in an iteration of scale `k`."""
        return 3

    def g_turns(self, nets: Nets, k: int) -> tuple[int, int]:
        """The generator's gradients in an iteration of scale `k`, and the moves on each."""
        return 3, 1

    def penalty_every(self, nets: Nets, k: int) -> int:
        """Iterations from one gradient penalty to the next, which then counts as many times."""
        return 1

    def likeness(self, k: int) -> float:
        """The reconstruction's weight in the loss of generator `k`."""
        return 10.0

    def schedule(self, clock: Clock) -> float:
        return self.decay if clock.progress >= self.decay_at else 1.0

    # --- stages ---

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        return tuple(self.stage(nets, k) for k in range(nets.memory.count))

    def stage(self, nets: Nets, k: int) -> Stage:
        d, g = self.players(nets, k)
        gradients, moves = self.g_turns(nets, k)
        phases = (
            Phase(d, partial(self.d_loss, k), repeat=self.d_turns(nets, k)),
            Phase(g, partial(self.g_loss, k), repeat=gradients, moves=moves),
        )
        return Stage(f"scale {k}", phases, self.length_of(nets, k), enter=partial(self.enter, k))

    def players(self, nets: Nets, k: int) -> tuple[Player, Player]:
        return (
            Player(f"D{k}", nets.D[k], self.d_optimizer, self.schedule),
            Player(f"G{k}", nets.G[k], self.g_optimizer, self.schedule),
        )

    def enter(self, k: int, nets: Nets, batch: Batch) -> None:
        """Before scale `k` begins: what comes up to it, its noise, and the weights of the last."""
        memory, noise = nets.memory, Noise(int(torch.randint(2**62, ())), ("enter", k))
        if k == 0:
            memory.see(batch["x"][:1])
            memory.anchor.copy_(noise.normal(*memory.anchor.shape))
        else:
            self.warm_start(nets, k)
            self.finish(nets, k - 1, noise)
            memory.below(k).copy_(self.raised(memory, self.again(nets, k - 1), k))
            error = (memory.below(k) - memory.real(k)).square().mean().sqrt()
            memory.amps[k] = self.amplitude * error
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

    def finish(self, nets: Nets, k: int, noise: Noise) -> None:
        """What is done to scale `k` when it has been trained."""

    # --- moves ---

    def d_loss(self, k: int, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        critic, every = nets.D[k], self.penalty_every(nets, k)
        real = nets.memory.real(k).expand(len(batch["x"]), -1, -1, -1)
        with torch.no_grad():
            fake = self.fake(nets, k, clock, len(real))
        terms = {"objective": self.objective.d(critic(real), critic(fake))}
        if clock.step % every == 0:
            for penalty in self.penalties:
                terms[type(penalty).__name__] = every * penalty(critic, real, fake, clock)
        return terms

    def g_loss(self, k: int, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        at_fake = nets.D[k](self.fake(nets, k, clock, len(batch["x"])))
        return {"objective": self.objective.g(at_fake, at_fake)} | self.likely(k, nets, clock)

    def likely(self, k: int, nets: Nets, clock: Clock) -> Terms:
        """How far generator `k` is from making the picture itself."""
        again = self.again(nets, k, self.anchor(nets, clock) if k == 0 else None)
        error = (again - nets.memory.real(k)).square().mean()
        clock.note(**{f"reconstruction {k}": error.detach().sqrt()})
        return {"reconstruction": self.likeness(k) * error}

    def anchor(self, nets: Nets, clock: Clock) -> Tensor:
        """z*, the noise of the coarsest scale that the picture is made of."""
        return nets.memory.anchor

    def fake(self, nets: Nets, k: int, clock: Clock, n: int) -> Tensor:
        """Fresh pictures of scale `k`: of new noise at every scale."""
        below = self.below(nets, k, clock, n)
        return self.play(nets, k, self._map(nets.memory, k, clock, n), below)

    def again(self, nets: Nets, k: int, anchor: Tensor | None = None) -> Tensor:
        """The reconstruction at scale `k`: noise is z* at the coarsest scale, none above."""
        z = (nets.memory.anchor if anchor is None else anchor) if k == 0 else None
        return self.play(nets, k, z, nets.memory.below(k))

    def below(self, nets: Nets, k: int, noise: Noise, n: int) -> Tensor:
        """What comes up to scale `k` from the frozen ones: `[n, C, h, w]`."""
        memory = nets.memory
        if k == 0:
            return memory.below(0).expand(n, -1, -1, -1)
        maps = [self._map(memory, j, noise, n) for j in range(k)]
        with torch.no_grad():
            return self.raised(memory, self._climb(nets, maps, 0, k - 1, None, memory.size), k)

    def play(self, nets: Nets, k: int, z: Tensor | None, below: Tensor) -> Tensor:
        """Generator `k` on unit noise `z`, or none, over the picture that came up."""
        if z is None:
            z = torch.zeros_like(below)
        return nets.G[k](nets.memory.amps[k] * z, below)

    def raised(self, memory: Memory, x: Tensor, k: int, size: Size | None = None) -> Tensor:
        """Pictures of scale `k - 1` at the size of scale `k`, within [-1, 1]."""
        x = x.clamp(-1, 1)
        if self.truncated:  # their resizing passes through uint8, rounded down
            x = ((x + 1) * 127.5).floor() / 127.5 - 1
        return memory.ladder.move(x, size or memory.size, k).clamp(-1, 1)

    def _map(
        self, memory: Memory, k: int, noise: Noise, n: int, size: Size | None = None
    ) -> Tensor:
        height, width = memory.ladder.size(size or memory.size, k)
        channels = 1 if k == 0 else memory.channels
        over = 2 * memory.border
        return noise.normal(n, channels, height + over, width + over)

    # --- what a trained pyramid can do ---

    def scales(self, nets: Nets) -> int:
        return int(nets.memory.reached)

    def sizes(self, nets: Nets, size: Size | None = None) -> list[Size]:
        return nets.memory.ladder.sizes(size or nets.memory.size)

    def maps(self, nets: Nets, noise: Noise, n: int, size: Size | None = None) -> list[Tensor]:
        memory = nets.memory
        return [self._map(memory, k, noise, n, size) for k in range(memory.count)]

    def fixed(self, nets: Nets) -> list[Tensor]:
        memory = nets.memory
        empty = self.maps(nets, Noise(0), 1)
        return [memory.anchor, *(torch.zeros_like(z).to(memory.anchor) for z in empty[1:])]

    def render(
        self,
        nets: Nets,
        maps: Sequence[Tensor],
        start: int = 0,
        image: Tensor | None = None,
        stop: int | None = None,
    ) -> Tensor:
        """As `Pyramid.render` says; UserError for a scale that there is not, or not yet."""
        stop = self.scales(nets) - 1 if stop is None else stop
        self._check(nets, maps, start, image, stop)
        over = 2 * nets.memory.border
        size = (maps[-1].shape[2] - over, maps[-1].shape[3] - over)
        n = max(len(image) if image is not None else 1, *map(len, maps))
        height, width = nets.memory.ladder.size(size, stop)
        rows = []
        for part in torch.arange(n).split(max(1, AT_ONCE // (height * width))):
            mine = [z[part] if len(z) == n else z for z in maps]
            entering = image[part] if image is not None and len(image) == n else image
            rows.append(self._climb(nets, mine, start, stop, entering, size))
        return torch.cat(rows)

    def _climb(
        self,
        nets: Nets,
        maps: Sequence[Tensor],
        start: int,
        stop: int,
        image: Tensor | None,
        size: Size,
    ) -> Tensor:
        """Scales `start` to `stop` for the rows that are rendered together."""
        memory, rows = nets.memory, max(map(len, maps))
        x = memory.amps.new_zeros(rows, memory.channels, 1, 1) if image is None else image
        x = x.to(memory.amps)
        for k in range(start, stop + 1):
            below = self.raised(memory, x, k, size).expand(rows, -1, -1, -1)
            x = self.play(nets, k, maps[k].to(memory.amps), below)
        return x.clamp(-1, 1)

    def _check(
        self, nets: Nets, maps: Sequence[Tensor], start: int, image: Tensor | None, stop: int
    ) -> None:
        trained, count = self.scales(nets), nets.memory.count
        if not 0 <= start <= stop < trained:
            some = f"scales 0 to {trained - 1} of {count} are trained" if trained else "none is yet"
            raise UserError(f"scales {start} to {stop} were asked for, and {some}")
        if len(maps) != count:
            raise UserError(
                f"noise is given for {len(maps)} scales of {count}: give a map for each"
            )
        if start and image is None:
            raise UserError(f"a picture must enter scale {start}: only scale 0 begins with noise")

    def sample(self, nets: Nets, n: int, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        """Pictures of the training size, or of `given["size"]` (height, width).

        While scales are missing: of the size of the last one that is there.
        """
        return self.render(nets, self.maps(nets, noise, n, given.get("size")))


def settle(net: nn.Module, forwards: Sequence[Any]) -> None:
    """Take the statistics of a network's batch norms anew, as means over `forwards`, each alike.

    Each of `forwards` is called once with the network in training mode, which it then leaves.
    """
    norms = [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [m.momentum for m in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    net.train()
    for forward in forwards:
        forward()
    net.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
