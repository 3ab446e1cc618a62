"""What holds for every recipe of the catalogue, so that a new one is covered at once."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from sources import Pictures, drawn, source_of

from gansaku.core import catalog, checkpoint, config, profiling, state
from gansaku.core.duel import Duel
from gansaku.core.errors import UserError
from gansaku.core.folder import Folder
from gansaku.core.loop import Run

NAMES = [entry.name for entry in catalog.every()]
every_recipe = pytest.mark.parametrize("name", NAMES)


def tiny(name: str) -> Run:
    recipe = catalog.find(name)
    return Run(recipe.tiny(), source_of(name, recipe), seed=3, log_every=1)


def everything(run: Run) -> dict[str, torch.Tensor]:
    tensors, _ = state.of(run)
    return {k: v.clone() for k, v in tensors.items()} | {"samples": drawn(run, 9, seed=5)}


def assert_equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    differ = [name for name in a if not torch.equal(a[name], b[name])]
    assert not differ


@every_recipe
def test_resume_at_every_step_is_bit_equal(name, tmp_path):
    whole, records = tiny(name), []
    path = tmp_path / "step.safetensors"
    saved = []
    while not whole.over:
        saved.append(checkpoint_bytes(whole, path))
        whole.play([lambda run: records.append(run.record)], steps=1)
    end = everything(whole)
    for step, data in enumerate(saved):
        path.write_bytes(data)
        again, seen = tiny(name), []
        state.restore(again, *checkpoint.read(path))
        again.play([lambda run, seen=seen: seen.append(run.record)])
        assert_equal(everything(again), end)
        assert seen == records[step:]


def checkpoint_bytes(run: Run, path) -> bytes:
    checkpoint.write(path, *state.of(run))
    return path.read_bytes()


@every_recipe
def test_looking_at_samples_changes_nothing(name):
    plain, watched = tiny(name), tiny(name)
    plain.play()
    watched.play([lambda run: drawn(run, 5, seed=1) is None])
    assert_equal(everything(plain), everything(watched))


@pytest.mark.parametrize("name", ["mrgan", "pix2pix", "singan"])  # reading a trace takes seconds
def test_a_profile_changes_nothing(name, tmp_path, monkeypatch):
    monkeypatch.setattr(profiling, "window", lambda run: 2)
    plain, watched, said = tiny(name), tiny(name), []
    plain.play()
    profile = profiling.Profile(Folder(tmp_path), said.append)
    watched.play([profile])
    profile.close()
    assert_equal(everything(plain), everything(watched))
    assert "the costliest: " in said[0]
    assert len(said[0].splitlines()) <= 10


@every_recipe
def test_a_phase_moves_only_its_player(name):
    run = tiny(name)
    recipe = run.recipe

    def checked(phase):
        def loss(nets, batch, clock):
            others = [p for p in nets.parameters() if p.requires_grad]
            assert {id(p) for p in others} == {id(p) for p in phase.player.parameters()}
            terms = phase.loss(nets, batch, clock)
            assert terms
            assert all(term.ndim == 0 for term in terms.values())
            return terms

        def after(nets, stats, clock):
            own = {id(p) for p in phase.player.parameters()}
            strangers = [n for n, p in nets.named_parameters() if id(p) not in own]
            moved = [
                n for n in strangers if not torch.equal(dict(nets.named_parameters())[n], was[n])
            ]
            assert not moved
            if phase.after:
                phase.after(nets, stats, clock)
            was.update({n: p.detach().clone() for n, p in nets.named_parameters()})

        return dataclasses.replace(phase, loss=loss, after=after)

    was = {n: p.detach().clone() for n, p in run.nets.named_parameters()}
    run.stages = tuple(
        dataclasses.replace(stage, phases=tuple(map(checked, stage.phases))) for stage in run.stages
    )
    first = run.stages[0]
    if first.enter:  # may set what it likes, before anybody plays
        run._begin()
        was.update({n: p.detach().clone() for n, p in run.nets.named_parameters()})
    run.play(steps=2)
    assert run.steps == 2
    assert recipe is run.recipe


DUELS = [name for name in NAMES if issubclass(catalog.find(name), Duel)]


@pytest.mark.parametrize("name", DUELS)
def test_a_duel_may_be_simultaneous(name):
    recipe = dataclasses.replace(catalog.find(name).tiny(), d_updates=1)
    runs = [
        Run(
            dataclasses.replace(recipe, simultaneous=at_once), source_of(name, type(recipe)), seed=3
        )
        for at_once in (False, True)
    ]
    for run in runs:
        run.play(steps=1)
    same = {}
    for player, twin in zip(*(run.players for run in runs), strict=True):
        same[player.name] = all(map(torch.equal, player.parameters(), twin.parameters()))
    alone = runs[0].images == recipe.batch_size  # a critic of many turns meets G's move in them
    assert same == {"D": alone, "G": False}


@every_recipe
def test_every_parameter_has_a_player_that_updates_it(name):
    run = tiny(name)
    run.play()
    updated = {id(p) for optimizer in run.optimizers.values() for p in optimizer.state}
    ours = {id(p) for player in run.players for p in player.parameters()}
    declared = tuple(f"{n}." for n in (*run.nets.followers, *run.nets.constants))
    for key, parameter in run.nets.named_parameters():
        assert id(parameter) in ours or key.startswith(declared), f"{key} has no player"
        if id(parameter) in ours:
            assert id(parameter) in updated, f"no gradient ever reached {key}"


@every_recipe
def test_samples_are_finite_shaped_and_functions_of_their_number(name):
    run = tiny(name)
    run.play()
    samples = drawn(run, 70, seed=2)
    assert samples.shape == (70, *run.source.spec.shape)
    assert samples.isfinite().all()
    assert torch.allclose(drawn(run, 3, seed=2), samples[:3], atol=1e-5)
    assert not torch.equal(drawn(run, 3, seed=4), samples[:3])


@every_recipe
def test_config_text_is_read_back(name):
    cls = catalog.find(name)
    for recipe in (cls(), cls.tiny()):
        assert config.read(repr(recipe)) == recipe
        assert config.read(config.short(recipe)) == recipe


@every_recipe
def test_terms_and_notes_are_recorded(name):
    run = tiny(name)
    run.play(steps=1)
    assert {"step", "stage", "images"} < run.record.keys()
    for phase in run.stages[0].phases:
        assert f"{phase.player.name}/gradient" in run.record
    assert all(isinstance(value, (int, float)) for value in run.record.values())


@every_recipe
def test_seed_decides_everything(name):
    a, b = tiny(name), tiny(name)
    torch.rand(7)  # the global generator is nobody's business
    recipe = catalog.find(name)
    c = Run(recipe.tiny(), source_of(name, recipe), seed=4)
    for run in (a, b, c):
        run.play(steps=2)
    assert_equal(everything(a), everything(b))
    assert any(
        not torch.equal(x, y)
        for x, y in zip(a.nets.parameters(), c.nets.parameters(), strict=False)
    )


@every_recipe
def test_card_cites_its_paper(name):
    entry = catalog.entry(name)
    assert entry.card.paper.startswith(("arXiv:", "https://"))
    assert entry.card.bibtex.startswith("@")
    doc = catalog.find(name).__doc__
    assert entry.card.paper.split(":")[1] in doc
    assert all(field.doc or field.type for field in entry.fields)


def test_a_batch_that_cannot_be_cut_is_refused():
    with pytest.raises(UserError, match="8 cannot be split into 3"):
        Run(catalog.find("dcgan").tiny(), Pictures(), accumulate=3)
