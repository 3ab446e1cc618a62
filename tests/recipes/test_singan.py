"""SinGAN and ConSinGAN: who moves how often, what is remembered, and what a pyramid can do."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import gansaku as gs
from gansaku.core.capabilities import Pyramid
from gansaku.core.effort import EFFORTS
from gansaku.core.errors import UserError
from gansaku.core.loop import Run
from gansaku.core.noise import Noise
from gansaku.core.plan import _Kept, plan
from gansaku.core.pyramid_game import settle
from gansaku.data.single import open_single
from gansaku.doctor.detectors.data import few_images
from gansaku.importing import import_singan
from gansaku.losses import PixelGradientPenalty
from gansaku.recipes.consingan import ConSinGAN
from gansaku.recipes.singan import SinGAN
from gansaku.tools.official_singan import read_official

DATA = Path(os.environ.get("GANSAKU_DATA") or Path(__file__).parents[3] / "shared" / "data")
OFFICIAL = DATA / "singan_trained_balloons"
BALLOONS = DATA / "singan_inputs" / "Images" / "balloons.png"
official = pytest.mark.skipif(not OFFICIAL.is_dir(), reason=f"{OFFICIAL} is not there")


def picture(height: int = 18, width: int = 24) -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    small = torch.rand(1, 3, 4, 5, generator=g) * 2 - 1
    return torch.nn.functional.interpolate(small, (height, width), mode="bilinear")[0]


def run_of(recipe, **options) -> Run:
    return Run(recipe, open_single(picture(**options).numpy()), log_every=1)


SMALL = SinGAN(steps=3, min_size=12, width=4, fewer=0.0, bank=3, small=0)


def trained(recipe=SMALL) -> Run:
    run = run_of(recipe)
    run.play()
    return run


# --- the game ---


def test_the_paper_has_three_updates_of_both_at_every_scale_and_its_own_numbers():
    run = run_of(SinGAN(effort="paper", min_size=12))
    for stage in run.stages:
        assert [(p.repeat, p.moves) for p in stage.phases] == [(3, 1), (3, 1)]
        assert stage.steps == 2000
    assert dataclasses.astuple(EFFORTS["paper"])[:3] == (2000, 0.0, 128)
    schedule = run.stages[0].phases[0].player.schedule
    times = [dataclasses.replace(Moment(), progress=p) for p in (0.0, 0.7999, 0.8, 0.99)]
    assert [schedule(t) for t in times] == [1.0, 1.0, 0.1, 0.1]


@dataclasses.dataclass(frozen=True)
class Moment:
    progress: float = 0.0


def test_small_scales_keep_three_critic_updates_and_the_gradient_is_taken_once():
    run = run_of(SinGAN(effort="standard", min_size=12), height=70, width=90)
    sizes = run.nets.memory.sizes
    for size, stage in zip(sizes, run.stages, strict=False):
        small = size[0] * size[1] <= EFFORTS["standard"].small
        expected = [(3, 1), (1, 3)] if small else [(1, 1), (1, 3), (1, 1)]
        assert [(p.repeat, p.moves) for p in stage.phases] == expected
    lengths = [stage.steps for stage in run.stages]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == EFFORTS["standard"].steps


def test_an_effort_that_there_is_not():
    with pytest.raises(UserError, match="did you mean 'standard'"):
        _ = SinGAN(effort="standart").numbers


def test_the_penalty_is_of_the_norm_over_channels_at_each_pixel():
    w = torch.tensor([0.3, -0.4, 1.2])
    critic = lambda x: torch.einsum("c,nchw->nhw", w, x)  # noqa: E731
    real, fake = torch.randn(2, 3, 5, 6), torch.randn(2, 3, 5, 6)
    found = PixelGradientPenalty(0.1)(critic, real, fake, Noise(0))
    assert found.item() == pytest.approx(0.1 * (w.norm().item() - 1) ** 2, rel=1e-5)


def test_amplitudes_are_a_tenth_of_what_comes_up_wrong():
    run = trained()
    memory = run.nets.memory
    for k in range(1, memory.count):
        error = (memory.below(k) - memory.real(k)).square().mean().sqrt()
        assert memory.amps[k].item() == pytest.approx(0.1 * error.item(), rel=1e-5)
    assert memory.amps[0] == 1


def test_the_coarsest_noise_is_drawn_anew_unless_it_is_fixed():
    for fixed in (False, True):
        run = run_of(dataclasses.replace(SMALL, fixed_anchor=fixed))
        run.advance()
        seen = []
        run.recipe.__class__.again, kept = watched(seen), run.recipe.__class__.again
        try:
            run.advance()
        finally:
            run.recipe.__class__.again = kept
        assert [z is None for z in seen] == [fixed] * len(seen)
        assert seen


def watched(seen):
    kept = SinGAN.again

    def again(self, nets, k, anchor=None):
        seen.append(anchor)
        return kept(self, nets, k, anchor)

    return again


def test_the_bank_is_renewed_in_turn():
    run = run_of(dataclasses.replace(SMALL, steps=20))
    while run.stage_number == 0:
        run.advance()
    run.advance()  # renewed at the step 0, 8 and 16 of a stage
    bank = run.nets.memory.bank(1).clone()
    for changed in ([], [], [], [], [], [], [], [1], []):
        run.advance()
        now = run.nets.memory.bank(1)
        assert [i for i in range(3) if not torch.equal(bank[i], now[i])] == changed
        bank = now.clone()


def test_settled_statistics_are_means_over_the_forwards():
    norm = torch.nn.BatchNorm2d(2)
    net = torch.nn.Sequential(norm)
    xs = [torch.randn(1, 2, 4, 4) + i for i in range(3)]
    net(xs[0])
    net.eval()
    settle(net, [lambda x=x: net(x) for x in xs])
    assert torch.allclose(norm.running_mean, torch.stack([x.mean((0, 2, 3)) for x in xs]).mean(0))
    variances = torch.stack([x.transpose(0, 1).flatten(1).var(1) for x in xs])
    assert torch.allclose(norm.running_var, variances.mean(0))
    assert norm.momentum == 0.1
    assert not norm.training


def test_memory_is_foreseen_from_the_largest_scale():
    recipe = SinGAN(effort="paper", width=8, widest=8)
    run = run_of(recipe, height=70, width=90)
    kept = _Kept({w.data_ptr() for w in run.nets.parameters()})
    last = len(run.stages) - 1
    run.nets.memory.see(run.load(run.stages[0], 0, 1)["x"])
    stage = dataclasses.replace(kept.watching(run.stages[last]), enter=None)
    run.stages, run.stage_number = (*run.stages[:last], stage), last
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda tensor: tensor):
        run.advance()
    assert 1.0 < recipe.activations(run.nets) / kept.peak() < 1.6
    found = plan(recipe, run.source)
    assert found.memory > recipe.activations(run.nets)


def test_too_large_a_picture_for_the_memory_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("gansaku.api.available_memory", lambda: 2**10)
    with pytest.raises(UserError, match=r"needs about .* GB and 0\.0 GB are free.*--size"):
        gs.train(SMALL, picture().numpy(), out=tmp_path / "run")


# --- a trained pyramid ---


@pytest.mark.parametrize(
    "recipe", [SMALL, ConSinGAN(steps=2, min_size=12, width=4, train_stages=4)]
)
def test_pictures_of_any_size_as_functions_of_their_noise(recipe):
    run = trained(recipe)
    nets, model = run.nets.eval(), run.recipe
    assert isinstance(model, Pyramid)
    assert model.scales(nets) == len(model.sizes(nets)) == nets.memory.count
    for size in ((18, 24), (13, 50), (40, 12)):
        maps = model.maps(nets, Noise(3), 2, size)
        made = model.render(nets, maps)
        assert made.shape == (2, 3, *size)
        assert made.abs().max() <= 1
        one = model.render(nets, [z[1:] for z in maps])
        assert torch.allclose(one, made[1:], atol=1e-5)
    again = model.render(nets, model.fixed(nets))
    assert torch.allclose(again, model.again(nets, nets.memory.count - 1).clamp(-1, 1), atol=1e-5)


def test_a_picture_enters_a_scale_and_stops_at_another():
    run = trained()
    nets, model = run.nets.eval(), run.recipe
    maps, image = model.maps(nets, Noise(3), 2), picture()[None]
    made = model.render(nets, maps, start=1, image=image, stop=1)
    assert made.shape == (2, 3, *model.sizes(nets)[1])
    below = nets.memory.ladder.move(image, nets.memory.size, 1).expand(2, -1, -1, -1)
    assert torch.allclose(made, model.play(nets, 1, maps[1], below).clamp(-1, 1), atol=1e-6)
    chained = model.render(nets, maps, stop=0)
    chained = model.render(nets, maps, start=1, image=chained)
    assert torch.allclose(chained, model.render(nets, maps), atol=1e-5)


def test_scales_that_there_are_not_are_said():
    run = run_of(SMALL)
    model, nets = run.recipe, run.nets
    maps = model.maps(nets, Noise(0), 1)
    with pytest.raises(UserError, match="none is yet"):
        model.render(nets, maps)
    run.advance()
    assert model.render(nets.eval(), maps).shape[2:] == (12, 16)
    with pytest.raises(UserError, match="scales 0 to 5 were asked for, and scales 0 to 0 of 4"):
        model.render(nets, maps, stop=5)
    run.play()
    with pytest.raises(UserError, match="a picture must enter scale 1"):
        model.render(nets, maps, start=1)
    with pytest.raises(UserError, match="noise is given for 2 scales of 4"):
        model.render(nets, maps[:2])
    with pytest.raises(UserError, match="no picture can enter"):
        ConSinGAN.tiny().render(nets, maps, start=1, image=picture()[None])


def test_a_run_of_one_picture_from_train_to_samples_and_resume(tmp_path):
    model = gs.train(SMALL, picture().numpy(), out=tmp_path / "run", measure_every=3, log_every=1)
    text = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert all(f"patches/scale {k}" in text for k in range(4))
    assert "reconstruction 2" in text
    assert model.sample(2).shape == (2, 3, 18, 24)
    again = gs.load(tmp_path / "run")
    assert torch.equal(again.sample(2, seed=4), model.sample(2, seed=4))
    assert model.recipe.longer() == "--steps 6"
    assert gs.resume(tmp_path / "run", data=picture().numpy(), steps=6).steps == model.steps + 3


# --- the authors' pyramid ---


@official
def test_an_official_pyramid_reconstructs_as_it_did(tmp_path):
    model = import_singan(OFFICIAL, tmp_path / "run", BALLOONS)
    memory, recipe = model.nets.memory, model.recipe
    errors = []
    with torch.no_grad():
        for k in range(9):
            again = recipe.render(model.nets, recipe.fixed(model.nets), stop=k)
            errors.append((again - memory.real(k)).square().mean().sqrt().item())
    known = {0: 0.204, 1: 0.063, 3: 0.050, 4: 0.038, 6: 0.034, 8: 0.052}
    assert {k: errors[k] for k in known} == pytest.approx(known, rel=0.04)
    ours = [0.1 * (memory.below(k) - memory.real(k)).square().mean().sqrt() for k in range(1, 9)]
    assert torch.tensor(ours) == pytest.approx(memory.amps[1:], rel=0.04)
    assert model.spec.shape == (3, 186, 248)
    assert gs.load(model.folder).sample(1).isfinite().all()


@official
def test_without_the_picture_its_reconstruction_stands_in(tmp_path):
    model = import_singan(OFFICIAL, tmp_path / "run")
    memory, recipe = model.nets.memory, model.recipe
    again = recipe.render(model.nets, recipe.fixed(model.nets))
    assert torch.allclose(again, memory.real(8), atol=1e-5)


def test_what_is_no_official_pyramid_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"0/netG\.pth was looked for"):
        read_official(tmp_path)
    (tmp_path / "0").mkdir()
    state = SinGAN.tiny().networks(open_single(picture().numpy()).spec).G[0].state_dict()
    torch.save(state, tmp_path / "0" / "netG.pth")
    with pytest.raises(UserError, match="no network of SinGAN's"):
        read_official(tmp_path)
    (tmp_path / "0" / "netG.pth").write_bytes(b"junk")
    with pytest.raises(UserError, match="cannot be read as tensors alone"):
        read_official(tmp_path)


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_nothing_in_the_files_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0").mkdir()
    torch.save({"head.conv.weight": Bomb()}, tmp_path / "0" / "netG.pth")
    with pytest.raises(UserError, match="cannot be read as tensors alone"):
        import_singan(tmp_path, tmp_path / "run")
    assert not (tmp_path / "exploded").exists()


def test_the_doctor_does_not_ask_for_more_pictures_than_one():
    size = SimpleNamespace(last=1.0, steps=[3])
    told = {"images": True, "single": False}
    for feeds, expected in told.items():
        history = SimpleNamespace(
            probe=lambda name: size, option={"feeds": feeds}, settings={"augment": "x"}
        )
        assert bool(few_images(history)) is expected
