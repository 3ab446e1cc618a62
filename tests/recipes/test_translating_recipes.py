"""What CycleGAN, CUT, SRGAN and SPADE minimise, by hand; their states, schedules and refusals."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import l1_loss, mse_loss

from gansaku.core import catalog, state
from gansaku.core.contract import Clock
from gansaku.core.errors import UserError
from gansaku.core.loop import Run
from gansaku.core.noise import Noise
from gansaku.data.spec import ImageSpec, PairSpec
from gansaku.losses import R1
from gansaku.losses.contrastive import patch_nce
from gansaku.nets.degrade import degraded

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from sources import Maps, Pictures, Unpaired


def run_of(name: str, source: Any, accumulate: int = 1, **fields: Any) -> Run:
    tiny = catalog.find(name).tiny()
    recipe = type(tiny)(**{**vars(tiny), **fields})
    return Run(recipe, source, seed=3, log_every=1, accumulate=accumulate)


def clock(step: int = 0, total: int = 10) -> Clock:
    return Clock(0, step, total, 0, seed=1, key=("test", step))


def factor(run: Run, phase: int, progress: float, stage: int = 0) -> float:
    player = run.stages[stage].phases[phase].player
    return player.fields(clock(round(100 * progress), 100), 1.0)["lr"]


# --- without pairs ---


@pytest.mark.parametrize(("name", "direction"), [("cyclegan", "BtoA"), ("cut", "AtoB")])
def test_translations_are_of_the_moving_average(name, direction):
    plain, run = run_of(name, Unpaired()), run_of(name, Unpaired(), ema=20.0)
    assert not plain.averages.names
    a, given = run.source.batch(0, 2, 0)["a"], {"direction": direction}
    kept = {
        way: [p.clone() for p in getattr(run.nets, way).parameters()] for way in run.averages.names
    }
    images = 0
    for _ in range(3):
        run.play(steps=1)
        images += run.recipe.batch_size
        keep = 0.5 ** (run.recipe.batch_size / min(20.0, 0.05 * images))
        for way, slow in kept.items():
            for old, new in zip(slow, getattr(run.nets, way).parameters(), strict=True):
                old.lerp_(new.detach(), 1 - keep)

    def translated(nets: Any) -> torch.Tensor:
        used = []
        for child, net in nets.named_children():
            net.register_forward_hook(lambda *_, child=child: used.append(child))
        made = run.recipe.translate(nets, a, Noise(0), given)
        assert set(used) <= set(run.averages.names)
        return made

    made = run.generated(translated)
    for way, slow in kept.items():
        for old, p in zip(slow, getattr(run.nets, way).parameters(), strict=True):
            p.data.copy_(old)
    run.nets.eval()
    assert torch.allclose(run.recipe.translate(run.nets, a, Noise(0), given), made, atol=1e-5)


def test_a_half_life_is_not_negative():
    for name in ("cyclegan", "cut"):
        with pytest.raises(UserError, match="ema must be at least 0, not -1"):
            run_of(name, Unpaired(), ema=-1.0)


# --- CycleGAN ---


def test_cyclegan_has_three_terms_a_direction():
    run = run_of("cyclegan", Unpaired())
    nets, batch = run.nets, run.source.batch(0, 2, 0)
    a, b = batch["a"], batch["b"]
    terms = run.recipe.g_loss(nets, batch, clock())
    fake_b, fake_a = nets.AtoB(a), nets.BtoA(b)
    wanted = {
        "game AtoB": mse_loss(nets.D_b(fake_b), torch.ones_like(nets.D_b(b))),
        "cycle AtoB": 10 * l1_loss(nets.BtoA(fake_b), a),
        "identity AtoB": 5 * l1_loss(nets.AtoB(b), b),
        "game BtoA": mse_loss(nets.D_a(fake_a), torch.ones_like(nets.D_a(a))),
        "cycle BtoA": 10 * l1_loss(nets.AtoB(fake_a), b),
        "identity BtoA": 5 * l1_loss(nets.BtoA(a), a),
    }
    assert terms.keys() == wanted.keys()
    assert all(torch.allclose(terms[name], wanted[name]) for name in wanted)


def test_cyclegan_critics_minimise_half_the_squares_of_what_the_pools_show():
    run = run_of("cyclegan", Unpaired(), pool=2)
    nets, batch = run.nets, run.source.batch(0, 2, 0)
    for step in range(3):
        run.recipe.d_loss(nets, run.source.batch(2 * step, 2, 0), clock(step))
        run.recipe.after_d(nets, {}, clock(step))
    pool = nets.pool_a.pictures.clone()
    terms = run.recipe.d_loss(nets, batch, clock(3))
    fake = nets.BtoA(batch["b"])
    real = 0.5 * (nets.D_a(batch["a"]) - 1).square().mean()
    candidates = [
        real + 0.5 * nets.D_a(torch.stack([x, y])).square().mean()
        for x in (fake[0], *pool)
        for y in (fake[1], *pool)
    ]
    assert any(torch.allclose(terms["objective a"], c, atol=1e-6) for c in candidates)


def test_cyclegan_rate_falls_over_the_second_half_however_long_the_run():
    for steps in (10, 1000):
        run = run_of("cyclegan", Unpaired(), steps=steps)
        for phase in (0, 1):
            assert [factor(run, phase, p) for p in (0.0, 0.5, 0.75, 1.0)] == [1, 1, 0.5, 0]


def test_cyclegan_pools_are_part_of_the_checkpoint():
    run = run_of("cyclegan", Unpaired())
    run.play(steps=2)
    tensors, _ = state.of(run)
    assert int(tensors["nets/pool_a.filled"]) == 10
    assert tensors["nets/pool_b.pictures"].abs().sum() > 0


@pytest.mark.parametrize("name", ["cyclegan", "cut"])
def test_parts_of_a_batch_are_the_batch(name):
    whole, parts = (run_of(name, Unpaired(), accumulate=n) for n in (1, 2))
    for run in (whole, parts):
        run.play(steps=1)
    assert whole.record == pytest.approx(parts.record, rel=1e-4)
    pools = [[v for k, v in state.of(run)[0].items() if "pool" in k] for run in (whole, parts)]
    assert len(pools[0]) == (4 if name == "cyclegan" else 0)
    assert all(torch.allclose(a.float(), b.float(), atol=1e-6) for a, b in zip(*pools, strict=True))


def test_cyclegan_goes_both_ways_and_cut_one():
    run, x = run_of("cyclegan", Unpaired()), torch.rand(2, 3, 16, 16)
    recipe, nets = run.recipe, run.nets
    assert torch.equal(recipe.translate(nets, x, Noise(0), {}), nets.AtoB(x))
    back = recipe.translate(nets, x, Noise(0), {"direction": "BtoA"})
    assert torch.equal(back, nets.BtoA(x))
    with pytest.raises(UserError, match="AtoB or BtoA"):
        recipe.translate(nets, x, Noise(0), {"direction": "back"})
    cut = run_of("cut", Unpaired())
    with pytest.raises(UserError, match="one way"):
        cut.recipe.translate(cut.nets, x, Noise(0), {"direction": "BtoA"})
    assert recipe.targets(nets, {"b": x}) is None


def test_an_identity_needs_like_sides():
    with pytest.raises(UserError, match="--identity-weight 0"):
        run_of("cyclegan", Unpaired(a=1))
    run = run_of("cyclegan", Unpaired(a=1), identity_weight=0.0)
    run.play(steps=1)
    assert not any("identity" in name for name in run.record)
    with pytest.raises(UserError, match="same --channels"):
        run_of("cut", Unpaired(a=1))


# --- CUT ---


def test_cut_halves_the_contrast_of_both_sides():
    run = run_of("cut", Unpaired(), places=9)
    nets, batch = run.nets, run.source.batch(0, 2, 0)
    terms = run.recipe.g_loss(nets, batch, clock())
    noise = clock()
    own = run.recipe.contrast(nets, batch["a"], nets.G(batch["a"]), noise)
    other = run.recipe.contrast(nets, batch["b"], nets.G(batch["b"]), noise)
    assert torch.allclose(terms["contrast"], own / 2)
    assert torch.allclose(terms["contrast of b"], other / 2)
    game = mse_loss(nets.D(nets.G(batch["a"])), torch.ones(1).expand_as(nets.D(batch["b"])))
    assert torch.allclose(terms["game"], game)


def test_a_penalty_of_cut_holds_its_critic_at_the_other_side():
    run = run_of("cut", Unpaired(), penalties=(R1(3.0),))
    nets, batch = run.nets, run.source.batch(0, 2, 0)
    terms = run.recipe.d_loss(nets, batch, clock())
    b = batch["b"].requires_grad_()
    slope = torch.autograd.grad(nets.D(b).sum(), b)[0]
    assert torch.allclose(terms["R1"], 1.5 * slope.square().sum((1, 2, 3)).mean(), rtol=1e-4)
    assert terms["R1"].requires_grad
    real, fake = nets.D(b), nets.D(nets.G(batch["a"]))
    assert torch.allclose(terms["objective"], run.recipe.objective.d(real, fake))
    run.play(steps=1)
    assert run.recipe.remarks(nets) == ()
    said = run_of("cut", Unpaired(), penalties=(R1(3.0),), norm="batch")
    assert "norm instance or none would not do so" in said.recipe.remarks(said.nets)[0]


def test_cut_without_an_identity_is_of_one_side():
    run = run_of("cut", Unpaired(), identity=False)
    nets, batch = run.nets, run.source.batch(0, 2, 0)
    terms = run.recipe.g_loss(nets, batch, clock())
    assert terms.keys() == {"game", "contrast"}
    own = run.recipe.contrast(nets, batch["a"], nets.G(batch["a"]), clock())
    assert torch.allclose(terms["contrast"], own)


@pytest.mark.parametrize("fields", [{}, {"taps": (0, 2), "blocks": 0}])
def test_cut_compares_all_places_where_there_are_fewer_than_asked(fields):
    run = run_of("cut", Unpaired(), **fields)
    nets, x = run.nets, run.source.batch(0, 2, 0)["a"]
    y = nets.G(x)
    layers = []
    for tap, head in zip(fields.get("taps", (0, 1, 2, 3, 7)), nets.F.heads, strict=True):
        maps = [nets.G.encode(t, (tap,))[0].flatten(2).mT for t in (x, y)]
        key, query = (torch.nn.functional.normalize(head(m), dim=-1, eps=1e-7) for m in maps)
        layers.append(patch_nce(query, key))
    found = run.recipe.contrast(nets, x, y, clock())
    assert torch.allclose(found, torch.stack(layers).mean(), atol=1e-5)


def test_fast_cut_mirrors_half_and_weighs_ten_times():
    run = run_of("cut", Unpaired(), fast=True)
    nets, batch = run.nets, run.source.batch(0, 8, 0)
    made = run.recipe.translated(nets, batch, clock())
    mirrored = made["mirrored"].flatten()
    assert 0 < mirrored.sum() < 8
    k = int(mirrored.long().argmax())
    assert torch.allclose(made["fake"][k], nets.G(batch["a"][k : k + 1].flip(3))[0], atol=1e-5)
    terms = run.recipe.g_loss(nets, made, clock(1))
    found = run.recipe.contrast(nets, batch["a"], made["fake"], clock(1), made["mirrored"])
    assert torch.allclose(terms["contrast"], 10 * found)
    assert "contrast of b" not in terms


def test_mirrored_features_are_mirrored_back():
    run = run_of("cut", Unpaired())
    nets, x = run.nets, run.source.batch(0, 2, 0)["a"]
    yes = torch.ones(2, 1, 1, 1, dtype=torch.bool)
    loss = lambda y, m: run.recipe.contrast(nets, x, y, clock(), m)  # noqa: E731
    assert torch.allclose(loss(x, None), loss(x, ~yes))
    assert not torch.allclose(loss(x, None), loss(x, yes), atol=1e-3)


@pytest.mark.parametrize("name", ["cut", "cyclegan"])
def test_patches_larger_than_the_pictures(name):
    with pytest.raises(UserError, match="24 pixels or more a side, and these are 16x16"):
        run_of(name, Unpaired(), patch=70)


@pytest.mark.parametrize("taps", [(), (0, 8), (1, 0), (0, 0), (-1, 2), (0, 7.5)])
def test_taps_of_cut_ascend_within_its_layers(taps):
    with pytest.raises(UserError, match="some of layers 0 to 7, ascending, where blocks is 5"):
        run_of("cut", Unpaired(), taps=taps)


# --- SRGAN ---


def test_srgan_plays_alone_and_then_the_game():
    run = run_of("srgan", Pictures(channels=3))
    assert [stage.name for stage in run.stages] == ["squared error", "game"]
    assert [factor(run, 0, p, stage=1) for p in (0.0, 0.49, 0.5)] == [1, 1, 0.1]
    alone = run_of("srgan", Pictures(channels=3), steps=0)
    assert [stage.name for stage in alone.stages] == ["squared error"]
    with pytest.raises(UserError, match="both 0"):
        run_of("srgan", Pictures(), steps=0, mse_steps=0)


def test_srgan_crops_by_the_clock_and_reduces_what_it_crops():
    run = run_of("srgan", Pictures(24, 20, 3), patch=8)
    batch = run.source.batch(0, 4, 0)
    made = run.recipe.made(run.nets, batch, clock())
    assert made["real"].shape == made["fake"].shape == (4, 3, 8, 8)
    places = batch["x"].unfold(2, 8, 1).unfold(3, 8, 1)
    for row, part in enumerate(made["real"]):
        inside = (places[row] - part[:, None, None]).abs().amax((0, 3, 4)) == 0
        assert inside.sum() == 1
    other = run.recipe.made(run.nets, batch, clock(1))["real"]
    assert not torch.equal(other, made["real"])
    small = degraded(made["real"], 2, clock())
    assert torch.allclose(run.nets.G(small), made["fake"], atol=1e-5)


def test_srgan_weighs_its_terms():
    run = run_of("srgan", Pictures(channels=3), pixel_weight=2.0, perceptual_weight=0.0)
    real, fake = (torch.rand(4, 3, 16, 16) for _ in range(2))
    terms = run.recipe.g_loss(run.nets, {"real": real, "fake": fake}, clock())
    assert terms.keys() == {"objective", "squared error"}
    assert torch.allclose(terms["squared error"], 2 * mse_loss(fake, real))
    game = torch.nn.functional.softplus(-run.nets.D(fake)).mean()
    assert torch.allclose(terms["objective"], 1e-3 * game, rtol=1e-4)


def test_srgan_inputs_and_targets_are_of_whole_multiples():
    run = run_of("srgan", Pictures(17, 22, 3), scale=4)
    batch = run.source.batch(0, 2, 0)
    a = run.recipe.inputs(run.nets, batch, Noise(0))
    target = run.recipe.targets(run.nets, batch)
    assert a.shape == (2, 3, 4, 5)
    assert target.shape == (2, 3, 16, 20)
    assert run.recipe.translate(run.nets, a, Noise(0), {}).shape == target.shape


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"levels": (1.0,)}, "levels must be 5"),
        ({"levels": (0.0,) * 5}, "not all 0"),
        ({"jpeg": 0}, "jpeg must be a quality"),
        ({"scale": 3}, "2, 4, 8"),
        ({"eyes": "nowhere.pth"}, "VGG-19"),
        ({"patch": 4}, "patch must be at least 8"),
    ],
)
def test_srgan_says_what_it_cannot_do(fields, words):
    with pytest.raises(UserError, match=words):
        run_of("srgan", Pictures(channels=3), **fields)


def test_pictures_too_small_to_reduce():
    with pytest.raises(UserError, match="too small for 8x"):
        run_of("srgan", Pictures(6, 20, 3), scale=8)


# --- SPADE ---


def test_spade_adds_features_likeness_and_divergence():
    run = run_of("spade", Maps())
    batch = run.recipe.painted(run.nets, run.source.batch(0, 4, 0), clock())
    terms = run.recipe.g_loss(run.nets, batch, clock(1))
    assert terms.keys() == {"objective", "features", "perceptual", "divergence"}
    mean, log_variance = run.nets.E(batch["b"])
    terms_of = mean.square() + log_variance.exp() - 1 - log_variance
    assert torch.allclose(terms["divergence"], 0.05 * 0.5 * terms_of.sum(1).mean(), rtol=1e-4)
    plain = run_of("spade", Maps(), z=0, perceptual_weight=0.0)
    plain.play(steps=1)
    assert {k for k in plain.record if k.startswith("G/")} == {
        "G/objective",
        "G/features",
        "G/gradient",
    }


def test_spade_takes_styles_of_pictures_of_the_noise_or_none():
    run = run_of("spade", Maps())
    recipe, nets, batch = run.recipe, run.nets.eval(), run.source.batch(0, 3, 0)
    a, picture = batch["a"], batch["b"][:1]
    drawn = [recipe.translate(nets, a, Noise(seed), {}) for seed in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    still = [recipe.translate(nets, a, Noise(s), {"deterministic": True}) for s in (0, 1)]
    assert torch.equal(*still)
    styled = recipe.translate(nets, a, Noise(0), {"style": picture})
    wanted = nets.G(nets.G.seen(a), nets.E(picture)[0].expand(3, -1))
    assert torch.equal(styled, wanted)


def test_spade_moves_slower_than_its_critic():
    recipe = catalog.find("spade")()
    assert (recipe.g_optimizer.lr, recipe.d_optimizer.lr) == (1e-4, 4e-4)
    assert recipe.d_optimizer.betas == (0.0, 0.9)


def test_eyes_are_constants_and_not_saved():
    for name, source in (("spade", Maps()), ("srgan", Pictures(channels=3))):
        run = run_of(name, source)
        assert not any(key.startswith("nets/eyes") for key in state.of(run)[0])
        assert not any(p.requires_grad for p in run.nets.eyes.parameters())


def test_sizes_of_the_two_sides_may_differ_in_channels_alone():
    spec = PairSpec(ImageSpec(16, 16, 1), ImageSpec(16, 16, 3))
    nets = run_of("cyclegan", Unpaired(a=1), identity_weight=0.0).recipe.networks(spec)
    assert nets.BtoA(torch.rand(1, 3, 16, 16)).shape == (1, 1, 16, 16)
