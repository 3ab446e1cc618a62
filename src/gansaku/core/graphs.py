"""Whole steps as CUDA graphs: captured once for each kind of step, then replayed by one call.

A graph repeats what the device did, and nothing that Python did: all that a step gets from the
processor (pictures, noise, learning rates, penalties' factors) is kept in place and written anew
before each replay, so that a replayed step computes what a played one would, bit by bit. A step
that decides by a number of the device, that reads the time, or that draws dropout cannot be
captured: it is played as without graphs, and the log says why. Steps that are logged are played.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.modules.dropout import _DropoutNd

from gansaku.core import ranks
from gansaku.core.contract import Batch
from gansaku.core.dealing import Deal
from gansaku.core.feeding import Feed, Refused, write

if TYPE_CHECKING:
    from gansaku.core.loop import Run

KINDS = 4  # graphs of a stage: each keeps the memory of a whole step
Kind = tuple[Any, ...]
Group = tuple[dict[str, Any], dict[str, Any], Tensor]  # an optimizer's, its fields now, its rate


class Cuda:
    """What plays on a GPU: a stream of its own, as capturing asks for, and graphs of one pool."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        with torch.cuda.device(device):
            self.stream, self.pool = torch.cuda.Stream(), torch.cuda.graph_pool_handle()

    def aside(self, play: Callable[[], None]) -> None:
        """Play on the own stream; what was queued comes before, what will be queued after."""
        here = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            play()
        here.wait_stream(self.stream)

    def captured(self, play: Callable[[], None]) -> Callable[[], None]:
        """What repeats on the device what `play` would have done there; nothing is done yet."""
        graph, mode = torch.cuda.CUDAGraph(), "thread_local"  # other threads may load pictures
        with (
            torch.cuda.device(self.device),
            torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode=mode),
        ):
            play()
        return graph.replay


class Captured:
    """One kind of step, and what it is fed with."""

    def __init__(self, run: Run, feed: Feed, deal: Deal, engine: Any) -> None:
        self.run, self.feed = run, feed
        self.batches = {k: kept(deal.batch(k)) for k in range(deal.most)}
        self.rates = {
            name: [torch.zeros((), device=run.device) for _ in run.rates[name]]
            for name in {phase.player.name for _, phase, _ in deal.turns}
        }
        groups = list(self._groups(deal))
        self.fixed = fixed(groups)
        deal.batches = dict(self.batches)
        set_rates(groups)

        def play() -> None:
            with feed.given(run.step, capturing=True):
                run.take_turns(deal, {})

        self.replay = engine.captured(play)

    def __call__(self, deal: Deal) -> None:
        """One step: its samples, noise and rates are written, and the graph is replayed."""
        groups = list(self._groups(deal))
        if fixed(groups) != self.fixed:
            raise Refused("what changes in its optimizers is more than the learning rate")
        for k, batch in self.batches.items():
            for name, value in deal.batch(k).items():
                write(batch[name], value)
        self.feed.refill(self.run.step, self.run.images)
        set_rates(groups)
        self.replay()

    def _groups(self, deal: Deal) -> Generator[Group]:
        players = {phase.player.name: phase.player for _, phase, _ in deal.turns}
        for name, player in players.items():
            groups, clock = self.run.optimizers[name].param_groups, self.run.clock("rates")
            for group, lr, held in zip(groups, self.run.rates[name], self.rates[name], strict=True):
                yield group, dict(player.fields(clock, lr)), held


def fixed(groups: Iterable[Group]) -> list[dict[str, Any]]:
    """What a graph cannot have changed: all fields but a learning rate that is a tensor."""
    return [
        {name: value for name, value in fields.items() if name != "lr" or not movable(group)}
        for group, fields, _ in groups
    ]


def set_rates(groups: Iterable[Group]) -> None:
    for group, fields, held in groups:
        write(held, torch.tensor(fields["lr"]))
        group.update(fields)
        if movable(group):
            group["lr"] = held


def movable(group: dict[str, Any]) -> bool:
    """Whether an optimizer's kernel reads a learning rate that lies on the device."""
    return bool(group.get("fused") or group.get("capturable"))


def single(lr: float) -> float:
    """A learning rate as the kernels read it from the device: played steps take the same."""
    return torch.tensor(lr, dtype=torch.float32).item()


def kept(batch: Batch) -> dict[str, Tensor]:
    """The batch in tensors of its own."""
    if not all(isinstance(value, Tensor) for value in batch.values()):
        raise Refused("its batches are more than tensors")
    return {name: value.clone() for name, value in batch.items()}


class Graphs:
    """Plays the steps of a run, as graphs where it can: a kind of step is recorded, then captured.

    `told` says in words what became of each kind of step, for the log.
    """

    def __init__(self, run: Run, engine: Any = None) -> None:
        self.run, self.engine = run, engine or Cuda(run.device)
        self.told: list[str] = []
        self.kinds: dict[Kind, Any] = {}
        for optimizer in run.optimizers.values():
            for group in optimizer.param_groups:
                if "capturable" in group and run.device.type == "cuda":
                    group["capturable"] = True

    def forget(self) -> None:
        """The tensors of the run are others now."""
        self.kinds = {kind: why for kind, why in self.kinds.items() if isinstance(why, str)}

    def play(self, deal: Deal, logs: dict[str, Tensor]) -> None:
        run = self.run
        kind = run.stage_number, *((i, n) for i, _, n in deal.turns)
        if any(one[0] != run.stage_number for one in self.kinds):
            self.kinds = {}
        if run.logging or isinstance(self.kinds.get(kind), str):
            run.take_turns(deal, logs)
            return
        try:
            self._play(kind, deal)
        except Refused as why:
            self._refuse(kind, str(why))
            run.take_turns(Deal(run, deal.stage, deal.turns), logs)

    def _play(self, kind: Kind, deal: Deal) -> None:
        known = self.kinds.get(kind)
        if known is None:
            self._check(deal)
            self.kinds[kind] = feed = self._recorded(deal)
            if feed.why:
                self._refuse(kind, feed.why)
        elif isinstance(known, Feed):
            self.kinds[kind] = self._captured(known, deal)
            self.kinds[kind](Deal(self.run, deal.stage, deal.turns))
            turns = ", ".join(f"{n} of {phase.player.name}" for _, phase, n in deal.turns)
            self._tell(f"steps are replayed as a CUDA graph ({turns})")
        else:
            known(deal)

    def _recorded(self, deal: Deal) -> Feed:
        """A step that is played on the graphs' stream while all that it gets is noted."""
        feed = Feed(self.run.stage_number, self.run.device)

        def play() -> None:
            with feed.given(self.run.step):
                self.run.take_turns(deal, {})

        self.engine.aside(play)
        return feed

    def _captured(self, feed: Feed, deal: Deal) -> Captured:
        try:
            return Captured(self.run, feed, deal, self.engine)
        except RuntimeError as error:
            raise Refused(feed.why or str(error).strip().partition("\n")[0]) from None

    def _check(self, deal: Deal) -> None:
        nets = [net for _, phase, _ in deal.turns for net in phase.player.networks]
        drops = (isinstance(m, _DropoutNd) and m.p > 0 for net in nets for m in net.modules())
        if ranks.world() > 1 or self.run.accumulate > 1:
            raise Refused("batches come in parts")
        if any(drops):
            raise Refused("dropout draws on the device")
        if len(self.kinds) >= KINDS:
            raise Refused(f"there are {KINDS} kinds of steps already")

    def _refuse(self, kind: Kind, why: str) -> None:
        self.kinds[kind] = why
        self._tell(f"steps are no CUDA graphs: {why}")

    def _tell(self, text: str) -> None:
        if text not in self.told:
            self.told.append(text)
