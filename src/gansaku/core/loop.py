"""The one training loop. It plays any recipe's stages and knows no recipe by name."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial, reduce
from operator import add
from typing import Any

import torch
from torch import Tensor

from gansaku.core import products, ranks
from gansaku.core.averaging import Averages, decay
from gansaku.core.cast import check_parts, networks_of, players_of
from gansaku.core.compiling import compiled
from gansaku.core.contract import Batch, Clock, Nets, Player, Recipe, Stage
from gansaku.core.dealing import Deal, Turn
from gansaku.core.errors import Diverged
from gansaku.core.feeding import Timed
from gansaku.core.gathering import gather, together
from gansaku.core.graphs import Graphs, single
from gansaku.core.kernels import faster
from gansaku.core.noise import FEED, seed_of, sow
from gansaku.core.once import Once
from gansaku.core.precision import Half, step
from gansaku.core.sampling import sample
from gansaku.core.spans import span

Watch = Callable[["Run"], bool | None]  # looks at the run after each step; True asks it to stop


class Run:
    """A game in progress: a recipe, its networks and optimizers, and four integers of time.

    `source` has a `spec` and `batch(start, n, seed, spec=, device=, memory_format=)`, where
    sample `start + i` is a function of the seed: the state of the data is one integer.
    After a step on the logging cadence, `record` holds its numbers, else None.
    """

    def __init__(
        self,
        recipe: Recipe,
        source: Any,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
        precision: str = "fp32",
        accumulate: int = 1,
        log_every: int = 50,
        quick_layers: bool = True,
        cuda_graphs: bool = False,
        compiling: str | None = None,
    ) -> None:
        self.recipe, self.source, self.seed = recipe, source, seed
        self.device, self.precision = torch.device(device), precision
        self.accumulate, self.log_every = accumulate, log_every
        self.quick_layers = quick_layers and self.device.type == "cpu" and not compiling
        self.nets = networks_of(recipe, source.spec, seed)
        convolutional = any(p.ndim == 4 for p in self.nets.parameters())
        self.format = torch.channels_last if convolutional else torch.contiguous_format
        self.asked = convolutional or products.available()  # else no layer has a faster way
        self.nets.to(self.device, memory_format=self.format)
        self.stages = recipe.stages(self.nets)
        self.players = players_of(self.stages)
        self.half = Half(precision, self.device, [player.name for player in self.players])
        self.half.widen(self.nets)
        self.weights = {p.name: p.parameters() for p in self.players}
        self.optimizers = {p.name: p.optimizer(self.weights[p.name]) for p in self.players}
        self.rates = {n: [g["lr"] for g in o.param_groups] for n, o in self.optimizers.items()}
        self.averages = Averages(self.nets, recipe.averaged)
        gather(self.nets)
        self.once = Once(self.nets)
        self.graphs = Graphs(self) if cuda_graphs else None
        if compiling:
            compiled((net for player in self.players for net in player.networks), compiling)
        self.stage_number = self.step = self.steps = self.images = self.ended = 0
        self.entered: list[int] = []
        self.record: dict[str, float] | None = None
        self._playing: Player | None = None
        self._seated = -1
        for stage in self.stages:
            if stage.phases:
                check_parts(self.batch_size(stage), accumulate)

    # --- time ---

    @property
    def over(self) -> bool:
        return self.stage_number >= len(self.stages)

    @property
    def total(self) -> int:
        """Steps of the whole run, as far as it is known."""
        return self.steps - self.step + sum(s.steps for s in self.stages[self.stage_number :])

    def play(self, watches: Sequence[Watch] = (), steps: int | None = None) -> None:
        """Play to the end, for `steps` steps, or until a watch asks to stop."""
        end = self.total if steps is None else self.steps + steps
        state = torch.get_rng_state()
        try:
            while not self.over and self.steps < end:
                with span("step"):
                    self.advance()
                stops = [watch(self) for watch in watches]  # every watch looks, whoever stops
                if any(stops):
                    break
        finally:
            torch.set_rng_state(state)

    def advance(self) -> None:
        """One step of the present stage: every due phase has its turns."""
        stage = self._begin()
        self.logging = (self.steps + 1) % self.log_every == 0 or self.steps in (0, self.total - 1)
        logs: dict[str, Tensor] = {}
        due = [(i, phase) for i, phase in enumerate(stage.phases) if self.step % phase.every == 0]
        turns = [(i, phase, phase.times(self.nets, self.clock(i))) for i, phase in due]
        deal = Deal(self, stage, turns)
        play = self.take_turns if self.graphs is None else self.graphs.play
        with together():
            play(deal, logs)
        self._end(stage, deal.most, logs)

    def take_turns(self, deal: Deal, logs: dict[str, Tensor]) -> None:
        for turns in deal.rounds():
            moves = [self._turn(deal, turn, logs) for turn in turns]
            for move in moves:
                move()

    def _end(self, stage: Stage, batches: int, logs: Mapping[str, Tensor]) -> None:
        new = batches * self.batch_size(stage)
        self.images += new
        clock = self.clock("end")
        if self.averages.names:
            with span("averages"):
                self.averages.update(decay(self.recipe.halflife(clock), self.images, new))
        self.steps, self.step = self.steps + 1, self.step + 1
        with span("logging"):
            self.record = self._report(stage, logs) if self.logging else None
        if self.step >= stage.steps or (stage.done and stage.done(self.nets, clock)):
            self.stage_number, self.step, self.ended = self.stage_number + 1, 0, self.step

    def reopen(self) -> None:
        """A finished run whose last stage has become longer goes on there."""
        if self.over and self.ended < self.stages[-1].steps:
            self.stage_number, self.step = len(self.stages) - 1, self.ended

    def _begin(self) -> Stage:
        """The present stage; players take their seats when it begins."""
        stage = self.stages[self.stage_number]
        if self._seated != self.stage_number:
            self.nets.eval()
            for phase in stage.phases:
                for net in phase.player.networks:
                    net.train()
            self._seated = self.stage_number
        if stage.enter and self.stage_number not in self.entered:
            torch.manual_seed(seed_of(self.seed, "enter", self.stage_number))
            batch = self.load(stage, self.images, self.batch_size(stage))
            with torch.no_grad():
                stage.enter(self.nets, batch)
            self.entered.append(self.stage_number)
        return stage

    def clock(self, *key: int | str, part: int = 0) -> Clock:
        total = self.stages[self.stage_number].steps
        return (Clock if self.graphs is None else Timed)(
            self.stage_number,
            self.step,
            total,
            self.images,
            seed=self.seed,
            key=(self.stage_number, self.step, *key),
            index=ranks.rank() * self.accumulate + part,
            count=ranks.world() * self.accumulate,
            device=self.device,
        )

    # --- a turn ---

    def _turn(self, deal: Deal, turn: Turn, logs: dict[str, Tensor]) -> Callable[[], None]:
        """A player's gradients; what is returned makes its move."""
        i, phase, k = turn
        player, parameters = phase.player, self.weights[phase.player.name]
        self.optimizers[player.name].zero_grad(set_to_none=True)
        stats: dict[str, Tensor] = {}
        told = phase.after is not None or self.logging
        for part in range(self.accumulate):
            if self.accumulate > 1:
                self.once.begins(part)
            clock = self.clock(i, k, part=part)
            clock.heard = told
            batch = deal.part(turn, part, clock)
            self.seat(player)
            sow(seed_of(self.seed, *clock.key, clock.index), self.device)  # for dropout
            with span("forward", player.name), self.ways():
                terms = phase.loss(self.nets, batch, clock)
            with span("backward", player.name):
                loss = reduce(add, terms.values()) / self.accumulate
                self.half.scaled(player.name, loss).backward(inputs=parameters)
            own = {f"{player.name}/{name}": value for name, value in terms.items()}
            for name, value in (own | clock.notes).items() if told else ():
                share = value.detach().float().mean() / self.accumulate
                stats[name] = stats[name] + share if part else share
        gradients = [p.grad for p in parameters if p.grad is not None]
        with span("ranks"):
            ranks.average(gradients)
        overflow = self.half.unscaled(player.name, gradients)
        ranks.average(list(stats.values()))
        if self.logging:
            norm = torch.nn.utils.get_total_norm(gradients)
            norm = norm if overflow is None else torch.where(overflow > 0, 0.0, norm)
            logs.update(stats | {f"{player.name}/gradient": norm})
        return partial(self._move, turn, stats, overflow)

    def _move(self, turn: Turn, stats: Mapping[str, Tensor], overflow: Tensor | None) -> None:
        i, phase, k = turn
        player, optimizer = phase.player, self.optimizers[phase.player.name]
        with span("optimizer", player.name):
            self._set(optimizer, player)
            for _ in range(phase.moves):
                step(optimizer, overflow)
        if phase.after:
            with span("after", player.name), torch.no_grad():
                phase.after(self.nets, stats, self.clock(i, k, "after"))

    def seat(self, player: Player) -> None:
        """Only the player's parameters want gradients."""
        if self._playing is not player:
            self.nets.requires_grad_(False)
            for parameter in self.weights[player.name]:
                parameter.requires_grad_(True)
            self._playing = player

    def _set(self, optimizer: torch.optim.Optimizer, player: Player) -> None:
        """Optimizer fields are functions of time: none is remembered from step to step."""
        if (feed := FEED.get()) is not None and feed.capturing:
            return  # they are written before each replay
        clock = self.clock("rates")
        for group, lr in zip(optimizer.param_groups, self.rates[player.name], strict=True):
            group.update(player.fields(clock, lr))
            if self.graphs is not None:
                group["lr"] = single(group["lr"])

    @contextlib.contextmanager
    def ways(self) -> Generator[None]:
        """How layers are computed: in what precision, and by which library."""
        with self.half.autocast(), faster(self.quick_layers, self.asked):
            yield

    def unseat(self) -> None:
        """Time has jumped: modes are set anew before the next step."""
        self._seated = -1
        if self.graphs is not None:
            self.graphs.forget()

    def batch_size(self, stage: Stage) -> int:
        return stage.batch_size or self.recipe.batch_size

    def load(self, stage: Stage, start: int, n: int) -> Batch:
        """`n` real samples from position `start` of the run's endless stream."""
        spec = stage.spec or self.source.spec
        with span("data"):
            return self.source.batch(
                start, n, self.seed, spec=spec, device=self.device, memory_format=self.format
            )

    # --- what is told ---

    def _report(self, stage: Stage, logs: Mapping[str, Tensor]) -> dict[str, float]:
        """The step's numbers, moved from the device at once; a non-finite one ends the run."""
        values = torch.stack([value.float() for value in logs.values()]).tolist() if logs else []
        numbers = dict(zip(logs, values, strict=True))
        for name, value in numbers.items():
            if not math.isfinite(value):
                raise Diverged(
                    f"{name} became {value} at step {self.steps} (stage {stage.name!r}). Try a "
                    "tenth of that player's learning rate, a gradient penalty on the critic, or "
                    "--precision fp32; checkpoints from before this step are good."
                )
        return {"step": self.steps, "stage": self.stage_number, "images": self.images, **numbers}

    def generated(self, make: Callable[[Nets], Any]) -> Any:
        """What `make` gets out of the averaged networks, in eval mode and without gradients.

        Training then goes on as if nothing had happened.
        """
        modes = [(m, m.training) for m in self.nets.modules()]
        self.nets.eval()
        try:
            with torch.no_grad(), faster(self.quick_layers):
                return make(self.averages.view())
        finally:
            for module, training in modes:
                module.training = training

    def sample(self, n: int, seed: int, given: Mapping[str, Any] | None = None) -> Tensor:
        return self.generated(lambda nets: sample(self.recipe, nets, n, seed, given, self.device))
