"""Who plays in a run, and whether its batches can be dealt."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch

from gansaku.core import ranks
from gansaku.core.contract import Nets, Player, Recipe, Stage
from gansaku.core.errors import UserError
from gansaku.core.noise import seed_of


def networks_of(recipe: Recipe, spec: Any, seed: int) -> Nets:
    """The networks as they begin; UserError where they cannot be made for such data."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, "networks"))
        try:
            return recipe.networks(spec)
        except ValueError as error:
            raise UserError(f"{type(recipe).__name__}: {error}") from error


def players_of(stages: Sequence[Stage]) -> list[Player]:
    """The players of all stages, in order of appearance; a name belongs to one of them."""
    players: dict[str, Player] = {}
    for stage in stages:
        for phase in stage.phases:
            if players.setdefault(phase.player.name, phase.player) is not phase.player:
                raise UserError(f"two players are called {phase.player.name!r}; names are unique")
        if stage.simultaneous:
            _check_apart([phase.player for phase in stage.phases])
    return list(players.values())


def _check_apart(players: Sequence[Player]) -> None:
    """UserError where gradients of one player would be added to those of another."""
    for a, b in itertools.combinations(players, 2):
        if set(a.parameters()) & set(b.parameters()):
            raise UserError(
                f"simultaneous: players {a.name} and {b.name} move the same weights, so that one "
                "has to be first; leave simultaneous out"
            )


def check_parts(batch: int, accumulate: int) -> None:
    """UserError where a batch cannot be dealt to the processes in equal parts."""
    parts = ranks.world() * accumulate
    if batch % parts:
        raise UserError(
            f"a batch of {batch} cannot be split into {parts} equal parts "
            f"(processes: {ranks.world()}, accumulated: {accumulate})"
        )
