"""When steps are replayed as graphs, when not, and what is said of it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from toys import Toy, Vectors

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from replays import Emulated, everything

from gansaku import api
from gansaku.core import graphs, state
from gansaku.core.contract import Clock, Phase
from gansaku.core.errors import UserError
from gansaku.core.feeding import Feed
from gansaku.core.graphs import Graphs
from gansaku.core.loop import Run
from gansaku.core.noise import Noise
from gansaku.recipes.quick import Quick


@dataclasses.dataclass(frozen=True, kw_only=True)
class Game(Toy):
    """The toy, whose critic asks for the time only where it is poisoned."""

    def d_loss(self, nets, batch, clock):
        still = Clock(0, 0, 1, 0, seed=0)
        terms = super().d_loss(nets, batch, still)
        clock.note(**still.notes)
        return terms


def varied(change: Callable[[Phase], Phase]) -> type[Game]:
    """The game with other phases."""

    class Varied(Game):
        def stages(self, nets):
            (stage,) = super().stages(nets)
            return (dataclasses.replace(stage, phases=tuple(map(change, stage.phases))),)

    return Varied


def run_of(recipe: Toy, **options) -> Run:
    run = Run(recipe, Vectors(), seed=3, **{"log_every": 1000, **options})
    run.graphs = Graphs(run, Emulated(run))
    return run


def replayed(run: Run, steps: int) -> list[bool]:
    """Which of the steps were replayed."""
    found = []
    for _ in range(steps):
        before = run.graphs.engine.replayed
        run.advance()
        found.append(run.graphs.engine.replayed > before)
    return found


def test_logged_steps_are_played():
    run = run_of(Game(steps=20), log_every=5)
    went = replayed(run, 12)
    assert went[0] is False  # logged
    assert [i for i in range(5, 12) if not went[i]] == [9]
    assert run.record is None


def test_a_step_is_recorded_before_it_is_captured():
    assert replayed(run_of(Game(steps=20)), 5) == [False, False, True, True, True]


def test_a_state_that_is_taken_over_makes_graphs_void():
    run = run_of(Game(steps=40))
    other = Run(Game(steps=40), Vectors(), seed=3, log_every=1000)
    replayed(run, 8)
    tensors, header = state.of(run)
    kept = {name: tensor.clone() for name, tensor in tensors.items()}
    replayed(run, 2)
    state.restore(run, kept, header)
    assert replayed(run, 4) == [False, True, True, True]
    state.restore(other, kept, header)
    other.graphs = Graphs(other, Emulated(other))
    replayed(other, 4)
    for one, two in zip(everything(run), everything(other), strict=True):
        assert torch.equal(one, two)


def test_the_next_stage_has_graphs_of_its_own():
    run = run_of(Game(steps=9, first=6))
    assert replayed(run, 4) == [False, False, True, False]  # the first stage has three steps
    assert {kind[0] for kind in run.graphs.kinds} == {1}
    assert replayed(run, 8) == [*[True] * 7, False]


def test_parts_of_batches_are_played():
    run = run_of(Game(steps=20), accumulate=2)
    assert not any(replayed(run, 6))
    assert run.graphs.told == ["steps are no CUDA graphs: batches come in parts"]


def test_too_many_kinds_of_steps(monkeypatch):
    monkeypatch.setattr(graphs, "KINDS", 1)

    def often(phase: Phase) -> Phase:
        repeat = lambda _, clock: 1 + clock.step % 2  # noqa: E731
        return dataclasses.replace(phase, repeat=repeat) if phase.player.name == "D" else phase

    run = run_of(varied(often)(steps=40))
    went = replayed(run, 12)
    assert went[6:12] in ([True, False] * 3, [False, True] * 3)
    assert "steps are no CUDA graphs: there are 1 kinds of steps already" in run.graphs.told


def test_what_a_loss_may_not_do():
    """A loss that reads the time: the step in which it is found out has been played, once."""

    def late(phase: Phase) -> Phase:
        def loss(nets, batch, clock):
            terms = phase.loss(nets, batch, clock)
            return {name: (1 + clock.progress) * value for name, value in terms.items()}

        return dataclasses.replace(phase, loss=loss)

    recipe = varied(late)(steps=20)
    run, plain = run_of(recipe), run_of(recipe)
    plain.graphs.play = plain.take_turns
    assert not any(replayed(run, 6))
    for _ in range(6):
        plain.advance()
    assert run.graphs.told == ["steps are no CUDA graphs: its losses read the time"]
    for one, two in zip(everything(run), everything(plain), strict=True):
        assert torch.equal(one, two)


def test_momentum_that_changes_ends_it():
    def moving(phase: Phase) -> Phase:
        def schedule(clock: Clock) -> dict:
            return {"betas": (0.5, 0.9 if clock.step < 5 else 0.95)}

        return dataclasses.replace(
            phase, player=dataclasses.replace(phase.player, schedule=schedule)
        )

    run = run_of(varied(moving)(steps=20, share=False))
    assert replayed(run, 8) == [False, False, True, True, True, False, False, False]
    assert "more than the learning rate" in run.graphs.told[-1]


def test_noise_is_asked_for_alike():
    feed = Feed(0, torch.device("cpu"))
    with feed.given(3):
        first = Noise(1, (0, 3, "a")).normal(2, 2)
    feed.refill(7, 0)
    assert torch.equal(first, Noise(1, (0, 7, "a")).normal(2, 2))
    with feed.given(9, capturing=True):
        assert Noise(1, (0, 9, "a")).normal(2, 2) is first
    with (
        feed.given(9, capturing=True),
        pytest.raises(graphs.Refused, match="the same noise"),
    ):
        Noise(1, (0, 9, "b")).normal(2, 2)


def test_a_device_without_graphs(tmp_path):
    with pytest.raises(UserError, match="cuda_graphs needs a CUDA device, and this run is on cpu"):
        api.train(Quick.tiny(), "digits", device="cpu", cuda_graphs=True, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
