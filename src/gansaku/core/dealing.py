"""What the turns of one step see: parts of batches, and what phases share of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

from gansaku.core import ranks
from gansaku.core.contract import Batch, Clock, Phase, Share, Stage
from gansaku.core.noise import seed_of, sow
from gansaku.core.spans import span

if TYPE_CHECKING:
    from gansaku.core.loop import Run

Turn = tuple[int, Phase, int]  # a phase and its number, and the number of its batch in the step


class Deal:
    """The batches of one step, each loaded once and shared once; dropped when the step ends.

    `turns` are the phases that are due, by number, and how often each plays.
    """

    def __init__(self, run: Run, stage: Stage, turns: list[tuple[int, Phase, int]]) -> None:
        self.run, self.stage, self.turns = run, stage, turns
        self.most = max((n for _, _, n in turns), default=0)  # batches of the step
        keeper = stage.share and stage.share.keeper
        self.kept = max((n for _, phase, n in turns if phase.player is keeper), default=0)
        self.batches: dict[int, Batch] = {}
        self._shared: dict[tuple[int, int], tuple[Batch, Batch]] = {}
        self._ahead: dict[int, list[tuple[Batch, int]]] = {}  # and the draws that it took, by phase

    def rounds(self) -> Iterator[list[Turn]]:
        """The turns in order, together those whose gradients are taken before any player moves."""
        if self.stage.simultaneous:
            for k in range(self.most):
                yield [(i, phase, k) for i, phase, n in self.turns if k < n]
        else:
            yield from ([(i, phase, k)] for i, phase, n in self.turns for k in range(n))

    def part(self, turn: Turn, part: int, clock: Clock) -> Batch:
        """This rank's `part` of the turn's batch, with what the stage shares or was made ahead."""
        i, phase, k = turn
        batch = self.batch(k)
        if phase.ahead is not None and self.run.accumulate == 1 and self.run.graphs is None:
            batch, clock.draws = self._made_ahead(i, phase)[k]
        if self.run.accumulate > 1:
            rows = self.run.batch_size(self.stage) // ranks.world() // self.run.accumulate
            batch = {name: value[part * rows : (part + 1) * rows] for name, value in batch.items()}
        share = self.stage.share
        return batch if share is None else self._with_share(share, phase, batch, k, part)

    def _made_ahead(self, i: int, phase: Phase) -> list[tuple[Batch, int]]:
        """All batches of a phase, with what it makes of them at once, before its first turn."""
        if i not in self._ahead:
            times = next(n for number, _, n in self.turns if number == i)
            clocks = [self.run.clock(i, k) for k in range(times)]
            batches = [self.batch(k) for k in range(times)]
            with torch.no_grad(), self.run.ways():
                made = phase.ahead(self.run.nets, batches, clocks) if phase.ahead else batches
            self._ahead[i] = [(b, clock.draws) for b, clock in zip(made, clocks, strict=True)]
        return self._ahead[i]

    def batch(self, k: int) -> Batch:
        """This rank's share of the step's `k`-th batch."""
        if k not in self.batches:
            size = self.run.batch_size(self.stage)
            mine = size // ranks.world()
            start = self.run.images + k * size + ranks.rank() * mine
            self.batches[k] = self.run.load(self.stage, start, mine)
        return self.batches[k]

    def _with_share(self, share: Share, phase: Phase, batch: Batch, k: int, part: int) -> Batch:
        """The keeper sees the shared entries with their graph, all others see them detached.

        One making serves both if the keeper plays this batch. When a batch comes in parts, the
        graphs of all parts would be alive at once: then the keeper makes its own again.
        """
        keeps = phase.player is share.keeper
        cut = self.run.accumulate > 1
        again = keeps and cut
        made = self._shared.get((k, part))
        if made is None or again:
            kept = k < self.kept
            later = self.run.once.aside() if kept and cut and not keeps else nullcontext()
            with later:
                made = self._make(share, batch, k, part, graph=kept and (again or not cut))
            self._shared.setdefault((k, part), (made[1], made[1]) if again else made)
        return made[0] if keeps else made[1]

    def _make(
        self, share: Share, batch: Batch, k: int, part: int, graph: bool
    ) -> tuple[Batch, Batch]:
        run = self.run
        clock = run.clock("share", k, part=part)
        sow(seed_of(run.seed, *clock.key, clock.index), run.device)
        if graph:
            run.seat(share.keeper)
        who = span("forward", share.keeper.name)
        with who, torch.set_grad_enabled(graph), run.ways():
            made = share.make(run.nets, batch, clock)
        return made, {name: value.detach() for name, value in made.items()}
