"""Everybody Dance Now: what is painted after what, what the critics see, and that it learns."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from gansaku import api
from gansaku.core.contract import Clock
from gansaku.core.errors import UserError
from gansaku.core.loop import Run
from gansaku.core.optim import Adam
from gansaku.data.clip import open_clip
from gansaku.nets.pix2pixhd import corners, crops
from gansaku.recipes.everybody_dance import EverybodyDance

TINY = dataclasses.replace(EverybodyDance.tiny(), perceptual_weight=0.0)


@pytest.fixture(scope="module")
def source():
    return open_clip("puppet", size=16)


def begun(source, **fields) -> tuple[Run, dict]:
    run = Run(dataclasses.replace(TINY, **fields), source, seed=1)
    return run, source.batch(0, 2, 3)


def clock() -> Clock:
    return Clock(0, 0, 1, 0, seed=0)


def test_the_second_frame_is_painted_after_the_first(source):
    run, batch = begun(source)
    made = run.recipe.without_faces(run.nets, batch, clock())
    nothing = torch.zeros_like(batch["b"])
    first = run.nets.G(torch.cat([batch["a_before"], nothing], 1))
    assert torch.equal(made["fake_before"], first)
    assert torch.equal(made["fake"], run.nets.G(torch.cat([batch["a"], first], 1)))
    (grad,) = torch.autograd.grad(made["fake"].sum(), made["fake_before"], retain_graph=True)
    assert grad.abs().max() > 0, "as in the authors' code, gradients go back through time"


def test_the_critic_sees_both_moments_in_order(source):
    run, batch = begun(source)
    batch = run.recipe.without_faces(run.nets, batch, clock())
    seen = run.recipe.judged(batch, "fake")
    names = ("a_before", "a", "fake_before", "fake")
    assert torch.equal(seen, torch.cat([batch[name] for name in names], 1))
    assert torch.equal(run.recipe.judged(batch, "b")[:, 6:9], batch["b_before"])


def test_without_time_there_is_one_frame_of_one_figure(source):
    run, batch = begun(source, temporal=False)
    made = run.recipe.without_faces(run.nets, batch, clock())
    assert torch.equal(made["fake"], run.nets.G(batch["a"]))
    assert "fake_before" not in made
    assert run.recipe.judged(made, "b").shape[1] == 6
    assert len(run.recipe.frames(made)) == 1
    run.play()


def test_the_terms_are_the_authors(source):
    """Sums of squares over the scales, features, and the plain distance of both frames."""
    run, batch = begun(source, l1_weight=10.0, scales=2)
    recipe, nets = run.recipe, run.nets
    batch = recipe.without_faces(nets, batch, clock())
    terms = recipe.g_loss(nets, batch, clock())
    real, fake = (nets.D(recipe.judged(batch, of)) for of in ("b", "fake"))
    game = sum((scale[-1] - 1).square().mean() for scale in fake)
    assert torch.allclose(terms["objective"], game)
    features = sum(
        (a - b).abs().mean() * 10 / 2
        for r, f in zip(real, fake, strict=True)
        for a, b in zip(r[:-1], f[:-1], strict=True)
    )
    assert torch.allclose(terms["features"], features)
    plain = sum((batch["b" + m] - batch["fake" + m]).abs().mean() for m in ("", "_before"))
    assert torch.allclose(terms["l1"], 10 * plain)
    loss = recipe.d_loss(nets, batch, clock())["objective"]
    squares = [(r[-1] - 1).square().mean() + f[-1].square().mean() for r, f in zip(real, fake)]  # noqa: B905
    assert torch.allclose(loss, sum(squares) / 4), "half of the mean over two scales"


def test_faces_begin_as_they_were_and_the_rest_stays(source):
    run, batch = begun(source)
    recipe, nets = run.recipe, run.nets
    plain = recipe.without_faces(nets, batch, clock())
    assert torch.equal(recipe.with_faces(nets, batch, clock())["fake"], plain["fake"])
    run.play()
    assert run.over
    after = recipe.with_faces(run.nets, batch, clock())
    plain = recipe.without_faces(run.nets, batch, clock())
    boxes = corners(batch["face_before"], 4, (16, 16))
    changed = after["fake_before"] != plain["fake_before"]
    assert crops(changed.float(), boxes, 4).mean() > 0.9
    assert int(changed.any(1).sum()) <= 2 * 16


def test_the_main_players_rest_in_the_face_stage(source):
    run, _ = begun(source)
    run.play(steps=TINY.steps)
    assert run.stage_number == 1
    kept = {n: p.clone() for n, p in run.nets.named_parameters()}
    run.play()
    moved = {n[0] for n, p in run.nets.named_parameters() if not torch.equal(p, kept[n])}
    assert moved == {"F", "E"}


def test_critics_of_faces_see_both_moments_side_by_side(source):
    run, batch = begun(source)
    batch = run.recipe.with_faces(run.nets, batch, clock())
    seen = run.recipe.judged_faces(run.nets, batch, "b")
    assert seen.shape == (4, 6, 4, 4)
    face = run.nets.F.crops(batch["b"], batch["face"])
    assert torch.equal(seen[2:, 3:], face)
    assert torch.equal(run.recipe.faces(run.nets, batch)[1][0], face)


def test_a_face_is_as_many_times_the_frames_height(source):
    run, _ = begun(source, face_share=0.5)
    assert run.nets.F.side == 8


def test_without_a_face_stage_there_is_one_stage(source):
    run, _ = begun(source, face_steps=0)
    assert [stage.name for stage in run.stages] == ["main"]
    assert "F" not in run.nets
    run.play()


def test_the_rate_falls_in_the_second_half():
    at = [TINY.decay(Clock(0, step, 100, 0, seed=0)) for step in (0, 49, 75, 99)]
    assert at == pytest.approx([1, 1, 0.5, 0.02])


def test_a_translation_begins_from_nothing_or_goes_on(source):
    run, batch = begun(source)
    run.play()
    recipe, nets, a = run.recipe, run.nets, batch["a"]
    alone = recipe.translate(nets, a, clock(), {})
    assert torch.equal(alone, recipe.frame(nets, a, torch.zeros_like(a), None))
    after = recipe.translate(nets, a, clock(), {"before": batch["b_before"]})
    assert not torch.allclose(after, alone)
    faced = recipe.translate(nets, a, clock(), {"face": batch["face"]})
    assert not torch.equal(faced, alone)


def test_settings_that_cannot_be_are_said(source):
    with pytest.raises(UserError, match="steps must be at least 1, not 0"):
        EverybodyDance(steps=0)
    with pytest.raises(UserError, match="face_steps must be 0"):
        EverybodyDance(face_steps=-1)
    with pytest.raises(UserError, match="16x16 are too small for 4 halvings"):
        Run(dataclasses.replace(TINY, halvings=4), source)
    with pytest.raises(UserError, match="box of 2 pixels is too small"):
        Run(dataclasses.replace(TINY, face_share=0.1), source)
    with pytest.raises(UserError, match="eyes must be"):
        Run(dataclasses.replace(TINY, perceptual_weight=1.0, eyes="none"), source)


class Two:
    """One pair of frames in a row, for ever."""

    def __init__(self) -> None:
        whole = open_clip("puppet", size=24)
        self.spec, self.one = whole.spec, whole.take([20])

    def batch(self, start: int, n: int, seed: int, **_) -> dict:
        return {name: x.expand(n, *x.shape[1:]) for name, x in self.one.items()}


@pytest.mark.parametrize("temporal", [True, False])
def test_two_frames_are_learned_by_heart(temporal):
    fast = {"g_optimizer": Adam(3e-3), "d_optimizer": Adam(1e-3)}
    fields = {"steps": 90, "face_steps": 10, "batch_size": 1, "width": 8, "l1_weight": 20.0}
    run = Run(dataclasses.replace(TINY, temporal=temporal, **fields, **fast), Two(), seed=1)

    def psnr() -> float:
        made = run.generated(lambda nets: run.recipe.with_faces(nets, run.source.one, clock()))
        errors = [(real - fake).square().mean() for real, fake in run.recipe.frames(made)]
        return 10 * math.log10(4 / max(map(float, errors)))

    before = psnr()
    run.play()
    assert before < 16 < 22 < psnr(), f"{before:.1f} -> {psnr():.1f} dB"


def test_what_trains_longer_is_the_last_stage():
    assert TINY.longer() == "--face_steps 6"
    assert dataclasses.replace(TINY, face_steps=0).longer() == "--steps 8"


def test_a_finished_run_goes_on_with_its_faces(tmp_path):
    tiny = repr(TINY)
    api.train(tiny, out=tmp_path / "run", size=16, measure_every=0, device="cpu")
    with pytest.raises(UserError, match="resume it with --face_steps 6"):
        api.resume(tmp_path / "run", device="cpu")
    again = api.resume(tmp_path / "run", face_steps=5, device="cpu")
    whole = api.train(
        tiny.replace("face_steps=3", "face_steps=5"),
        out=tmp_path / "whole",
        size=16,
        measure_every=0,
        device="cpu",
    )
    assert again.steps == whole.steps == 9
    assert all(
        torch.equal(a, b) or "F." in n or "E." in n  # their rate fell by another length
        for (n, a), b in zip(again.nets.named_parameters(), whole.nets.parameters(), strict=True)
    )
