"""The loop against games that are small enough to be played by hand."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from toys import PLAIN, Toy, Vectors

from gansaku.core import state
from gansaku.core.averaging import decay
from gansaku.core.contract import Clock, Phase, Player, Stage
from gansaku.core.dealing import Deal
from gansaku.core.errors import CheckpointError, Diverged, UserError
from gansaku.core.loop import Run


def played(recipe: Toy, steps: int | None = None, **options) -> Run:
    run = Run(recipe, Vectors(), **options)
    run.play(steps=steps)
    return run


def weights(run: Run) -> list[torch.Tensor]:
    return [p.detach().clone() for p in run.nets.parameters()]


def test_a_step_is_the_step_done_by_hand():
    recipe = Toy(optimizer=PLAIN, share=False)
    run, twin = Run(recipe, Vectors()), Run(recipe, Vectors())
    run.play(steps=1)
    nets = twin.nets
    torch.manual_seed(0)
    twin._begin()  # the stage's `enter`
    for name, loss, index in (("D", recipe.d_loss, 0), ("G", recipe.g_loss, 1)):
        clock = Clock(0, 0, 6, 0, seed=0, key=(0, 0, index, 0))
        params = list(getattr(nets, name).parameters())
        total = sum(loss(nets, Vectors().batch(0, 8, 0), clock).values())
        for param, grad in zip(params, torch.autograd.grad(total, params), strict=True):
            param.data -= 0.1 * grad
    for ours, byhand in zip(weights(run), weights(twin), strict=True):
        assert torch.allclose(ours, byhand, atol=1e-7)


@pytest.mark.parametrize("share", [True, False])
def test_simultaneous_players_move_on_gradients_of_before(share):
    recipe, alone = Toy(optimizer=PLAIN, share=share), {}
    for name in ("D", "G"):  # what each would do, were the other's rate nought
        only = Run(recipe, Vectors())
        only.rates = {player: [0.1 * (player == name)] for player in ("D", "G")}
        only.play(steps=1)
        alone[name] = [p.detach() for p in getattr(only.nets, name).parameters()]
    both = played(dataclasses.replace(recipe, simultaneous=True), steps=1)
    inturn = played(recipe, steps=1)
    for name in ("D", "G"):
        ours = list(getattr(both.nets, name).parameters())
        assert all(torch.equal(a, b) for a, b in zip(ours, alone[name], strict=True))
    assert all(map(torch.equal, both.nets.D.parameters(), inturn.nets.D.parameters()))
    assert not torch.equal(both.nets.G[0].weight, inturn.nets.G[0].weight)


def test_simultaneous_players_of_many_batches_meet_on_the_first():
    run = Run(Toy(repeat=3, simultaneous=True), Vectors())
    stage = run._begin()
    turns = [
        (i, phase, phase.times(run.nets, run.clock(i))) for i, phase in enumerate(stage.phases)
    ]
    rounds = list(Deal(run, stage, turns).rounds())
    assert [[(i, k) for i, _, k in turns] for turns in rounds] == [
        [(0, 0), (1, 0)],
        [(0, 1)],
        [(0, 2)],
    ]
    run.play(steps=1)
    assert run.nets.count == 3


def test_simultaneous_players_of_the_same_weights_are_refused():
    class Clash(Toy):
        def stages(self, nets):
            a, b = Player("A", nets.D, PLAIN), Player("B", nets.D, PLAIN)
            phases = (Phase(a, self.d_loss), Phase(b, self.d_loss))
            return (Stage("s", phases, 1, simultaneous=True),)

    with pytest.raises(UserError, match="players A and B move the same weights"):
        Run(Clash(), Vectors())


def test_sharing_gives_the_gradients_of_computing_twice(monkeypatch):
    shared = played(Toy(optimizer=PLAIN))
    calls = []
    original = Toy.fakes

    def counted(self, nets, batch, clock):
        if "fake" not in batch:
            calls.append(torch.is_grad_enabled())
        return original(self, nets, batch, clock)

    def as_shared(self, nets, batch, clock):  # the same latents, drawn under the share's key
        clock = Clock(
            clock.stage, clock.step, clock.total, clock.images, seed=0,
            key=(0, clock.step, "share", 0),
        )  # fmt: skip
        return original(self, nets, batch, clock)

    monkeypatch.setattr(Toy, "fakes", counted)
    played(Toy(optimizer=PLAIN))
    assert calls == [True] * 6  # once a step, with its graph
    monkeypatch.setattr(Toy, "fakes", as_shared)
    apart = played(Toy(optimizer=PLAIN, share=False))
    for a, b in zip(weights(shared), weights(apart), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("simultaneous", [True, False])
def test_accumulated_parts_equal_the_large_batch(share, simultaneous):
    recipe = Toy(optimizer=PLAIN, share=share, simultaneous=simultaneous)
    whole, parts = played(recipe), played(recipe, accumulate=4)
    for a, b in zip(weights(whole), weights(parts), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_repeats_take_fresh_batches_and_count_images():
    run = played(Toy(repeat=3), steps=2)
    assert run.images == 2 * 3 * 8
    assert run.nets.count == 6


def test_moves_apply_one_gradient_several_times():
    once = played(Toy(optimizer=PLAIN), steps=1)
    start = Run(Toy(optimizer=PLAIN), Vectors())
    start._begin()
    thrice = played(Toy(optimizer=PLAIN, moves=3), steps=1)
    begin = start.nets.G[0].weight
    assert torch.allclose(
        thrice.nets.G[0].weight - begin, 3 * (once.nets.G[0].weight - begin), atol=1e-6
    )


def test_a_stage_ends_early_and_enters_once():
    run = Run(Toy(first=5), Vectors())
    bias = run.nets.G[2].bias.clone()
    run.play(steps=3)
    assert (run.stage_number, run.step, run.steps) == (1, 0, 3)
    assert torch.equal(run.nets.G[2].bias, bias)
    assert not run.nets.G.training  # it had no seat
    run.play(steps=1)
    assert run.entered == [1]
    assert run.nets.G.training
    run.play()
    assert run.over
    assert run.steps == 3 + 6


def test_a_finished_run_goes_on_when_it_gets_longer():
    longer = played(Toy(steps=9))
    first = played(Toy(steps=6))
    again = Run(Toy(steps=9), Vectors())
    state.restore(again, *state.of(first))
    assert not again.over
    again.play()
    assert again.steps == 9
    for a, b in zip(weights(longer), weights(again), strict=True):
        assert torch.equal(a, b)


def test_the_average_has_the_half_life_that_it_says():
    assert decay(100.0, 10_000, 100) == pytest.approx(0.5)
    assert decay(100.0, 10_000, 50) ** 2 == pytest.approx(0.5)
    assert decay(1e9, 1000, 50) == pytest.approx(0.5)  # warm-up: a twentieth of what was seen
    assert decay(0.0, 1000, 8) == 0.0


def test_averages_follow_by_hand():
    run = Run(Toy(ema=2.0), Vectors())
    slow = run.averages.copies["G"][0].weight.clone()
    for _ in range(3):
        run.play(steps=1)
        keep = decay(2.0, run.images, 8)
        slow = keep * slow + (1 - keep) * run.nets.G[0].weight
    assert torch.allclose(run.averages.copies["G"][0].weight, slow, atol=1e-6)


def test_nonfinite_terms_are_named():
    with pytest.raises(Diverged, match=r"D/loss became nan at step 3"):
        played(Toy(poison=2), log_every=1)


def test_log_names_terms_notes_and_gradients():
    run = played(Toy(), steps=1)
    names = {"step", "stage", "images", "D/loss", "D/gradient", "G/loss", "G/size", "G/gradient"}
    assert set(run.record) == names | {"real"}


def test_nothing_is_recorded_off_the_cadence():
    records = []
    Run(Toy(), Vectors(), log_every=4).play([lambda run: records.append(run.record)])
    assert [bool(r) for r in records] == [True, False, False, True, False, True]


def test_two_players_of_one_name_are_refused():
    class Clash(Toy):
        def stages(self, nets):
            a, b = Player("P", nets.D, PLAIN), Player("P", nets.G, PLAIN)
            return (Stage("s", (Phase(a, self.d_loss), Phase(b, self.g_loss)), 1),)

    with pytest.raises(UserError, match="two players are called 'P'"):
        Run(Clash(), Vectors())


def test_schedules_set_optimizer_fields_from_the_clock():
    class Falling(Toy):
        def stages(self, nets):
            (stage,) = super().stages(nets)
            slow = [
                dataclasses.replace(
                    p,
                    player=Player(
                        p.player.name,
                        p.player.nets,
                        PLAIN,
                        lambda clock: {"lr": 1 - clock.progress, "momentum": 0.5},
                    ),
                )
                for p in stage.phases
            ]
            return (dataclasses.replace(stage, phases=tuple(slow), share=None),)

    run = Run(Falling(), Vectors())
    run.play(steps=4)
    (group,) = run.optimizers["D"].param_groups
    assert group["lr"] == pytest.approx(0.1 * (1 - 3 / 6))
    assert group["momentum"] == 0.5


def test_other_networks_are_refused():
    run = played(Toy(), steps=1)
    tensors, header = state.of(run)
    odd = dict(tensors)
    odd["nets/D.9.weight"] = odd.pop("nets/D.0.weight")
    with pytest.raises(CheckpointError, match=r"other networks"):
        state.restore(Run(Toy(), Vectors()), odd, header)
    odd = dict(tensors, **{"nets/D.0.weight": torch.zeros(2, 2)})
    with pytest.raises(CheckpointError, match=r"D.0.weight is \(2, 2\) in the checkpoint"):
        state.restore(Run(Toy(), Vectors()), odd, header)


def test_playing_leaves_the_callers_randomness_alone():
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    played(Toy(), steps=2)
    assert torch.equal(torch.rand(3), expected)
