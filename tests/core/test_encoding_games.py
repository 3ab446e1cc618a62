"""The games with an encoder: who minimises what, and whose gradient reaches whom."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy, softplus

from gansaku.core import bank, checkpoint, state
from gansaku.core.capabilities import Conditional, Encodes, able, classes_of
from gansaku.core.contract import Nets
from gansaku.core.errors import UserError
from gansaku.core.loop import Run
from gansaku.core.noise import Noise, seed_of
from gansaku.core.plan import plan
from gansaku.data.spec import ImageSpec, PointSpec
from gansaku.losses import GradientPenalty, Wasserstein
from gansaku.recipes.aae import AAE
from gansaku.recipes.age import AGE
from gansaku.recipes.ali import ALI
from gansaku.recipes.bigan import BiGAN
from gansaku.recipes.dcgan import DCGAN
from gansaku.recipes.mrgan import MRGAN
from gansaku.recipes.vae_gan import VAEGAN

LABELS = ("a", "b", "c")


class Labelled:
    """Pictures of noise with a shade for each of three classes."""

    def __init__(self, size: int = 16) -> None:
        self.spec = ImageSpec(size, size, 1, labels=LABELS)

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict[str, torch.Tensor]:
        y = torch.tensor([seed_of(seed, "class", start + i) % 3 for i in range(n)])
        g = torch.Generator().manual_seed(seed_of(seed, "x", start, n))
        noise = torch.rand(n, 1, self.spec.height, self.spec.width, generator=g)
        return {"x": 0.2 * noise + (y[:, None, None, None] - 1) * 0.7, "y": y}


def started(recipe: Any) -> Run:
    run = Run(recipe, Labelled(), seed=3, log_every=1)
    run.nets.train()
    return run


def loss_of(run: Run, player: str) -> tuple[Any, dict[str, torch.Tensor]]:
    """The player and its terms on one batch."""
    stage = run.stages[-1]
    phase = next(p for p in stage.phases if p.player.name == player)
    run.seat(phase.player)
    batch = run.load(stage, 0, 8)
    if stage.share:
        batch = stage.share.make(run.nets, batch, run.clock("share", 0))
    return phase.player, phase.loss(run.nets, batch, run.clock(0, 0))


FORMS = [
    AAE.tiny(),
    dataclasses.replace(AAE.tiny(), posterior="gaussian"),
    dataclasses.replace(AAE.tiny(), form="informed", kinds=3, labels=0),
    dataclasses.replace(AAE.tiny(), form="informed", kinds=3, labels=6),
    dataclasses.replace(AAE.tiny(), form="semi", kinds=3, labels=6),
    dataclasses.replace(AAE.tiny(), form="semi", kinds=3, labels=0, norm="batch", body="conv"),
    dataclasses.replace(BiGAN.tiny(), body="conv", prior="normal", ema=100.0),
    dataclasses.replace(MRGAN.tiny(), form="manifold"),
    dataclasses.replace(VAEGAN.tiny(), margin=float("inf")),
]


@pytest.mark.parametrize("recipe", FORMS, ids=lambda r: type(r).__name__)
def test_every_form_resumes_to_the_bit_and_updates_all(recipe, tmp_path):
    whole, again = started(recipe), started(recipe)
    whole.play(steps=3)
    checkpoint.write(tmp_path / "s.safetensors", *state.of(whole))
    whole.play()
    state.restore(again, *checkpoint.read(tmp_path / "s.safetensors"))
    again.play()
    a, b = (state.of(run)[0] for run in (whole, again))
    assert all(torch.equal(a[name], b[name]) for name in a)
    updated = {id(p) for optimizer in whole.optimizers.values() for p in optimizer.state}
    missed = [name for name, p in whole.nets.named_parameters() if id(p) not in updated]
    assert not missed
    samples = whole.sample(5, seed=1)
    assert samples.shape == (5, 1, 16, 16)
    assert samples.isfinite().all()
    x = whole.source.batch(0, 4, 0)["x"]
    encoder = able(recipe, Encodes, "reconstruct")
    codes = whole.generated(lambda nets: encoder.encode(nets, x))
    made = whole.generated(lambda nets: encoder.generate(nets, encoder.encode(nets, x)))
    assert codes.shape == recipe.latents(4, Noise(0)).shape
    assert made.shape == x.shape
    assert plan(recipe, whole.source).steps == whole.steps


# --- BiGAN and ALI ---


@pytest.mark.parametrize("recipe", [BiGAN.tiny(), ALI.tiny()])
def test_generator_and_encoder_minimise_the_flipped_objective(recipe):
    run = started(recipe)
    for net in run.nets.D.modules():  # dropout would draw anew
        net.eval()
    stage = run.stages[0]
    batch = stage.share.make(run.nets, run.load(stage, 0, 8), run.clock("share", 0))
    real = run.nets.D(batch["x"], batch["code"])
    fake = run.nets.D(batch["fake"], batch["z"])
    d = recipe.d_loss(run.nets, batch, run.clock(0, 0))["objective"]
    g = recipe.g_loss(run.nets, batch, run.clock(0, 0))["objective"]
    torch.testing.assert_close(d, softplus(-real).mean() + softplus(fake).mean())
    torch.testing.assert_close(g, softplus(real).mean() + softplus(-fake).mean())


def test_both_sides_of_the_flipped_objective_give_gradients():
    run = started(BiGAN.tiny())
    torch.nn.init.normal_(run.nets.D.out.weight)  # it starts at 0, and so would all gradients
    player, terms = loss_of(run, "G")
    assert set(player.networks) == {run.nets.G, run.nets.E}
    terms["objective"].backward(inputs=player.parameters())
    assert all(float(p.grad.abs().sum()) > 0 for p in run.nets.E.parameters())
    assert all(float(p.grad.abs().sum()) > 0 for p in run.nets.G.parameters())


def test_codes_lie_where_the_prior_does():
    run = started(BiGAN.tiny())
    x = run.source.batch(0, 8, 0)["x"]
    codes, logits = run.recipe.encode(run.nets, x), run.nets.E(x)
    assert codes.abs().max() < 1
    torch.testing.assert_close(codes, 2 * logits.sigmoid() - 1)


def test_ali_draws_from_its_gaussian():
    run = started(ALI.tiny())
    run.nets.eval()
    x = run.source.batch(0, 2, 0)["x"].repeat(5000, 1, 1, 1)
    mean, log_deviation = run.nets.E(x[:2]).chunk(2, 1)
    torch.testing.assert_close(run.recipe.encode(run.nets, x[:2]), mean)
    drawn = run.recipe.encode(run.nets, x, Noise(1)).unflatten(0, (5000, 2))
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.08, rtol=0)
    torch.testing.assert_close(drawn.std(0), log_deviation.exp(), rtol=0.06, atol=0)


def test_penalties_see_pairs():
    recipe = dataclasses.replace(BiGAN.tiny(), body="conv", d_norm="none", objective=Wasserstein())
    recipe = dataclasses.replace(recipe, penalties=(GradientPenalty(),))
    run = started(recipe)
    run.play(steps=2)
    assert "D/GradientPenalty" in run.record
    _, terms = loss_of(run, "G")
    _, d_terms = loss_of(run, "D")
    torch.testing.assert_close(terms["objective"], -d_terms["objective"])


# --- VAE/GAN ---


def vae_gan(**fields: Any) -> tuple[Run, Any]:
    """A run in which every network wants gradients, and its batch with fakes."""
    run = started(dataclasses.replace(VAEGAN.tiny(), **fields))
    run.nets.requires_grad_(True)
    return run, run.load(run.stages[0], 0, 8)


def reaches(loss: torch.Tensor, net: Any) -> bool:
    found = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True, allow_unused=True)
    return any(g is not None and float(g.abs().sum()) > 0 for g in found)


def test_vae_gan_routes_its_gradients_as_algorithm_1():
    run, batch = vae_gan()
    shared = run.recipe.with_fakes(run.nets, batch, run.clock("share", 0))
    g = run.recipe.g_loss(run.nets, shared, run.clock(1, 0))
    d = run.recipe.d_loss(run.nets, shared, run.clock(2, 0))
    for term in (*g.values(), *d.values()):
        assert not reaches(term, run.nets.E)  # the game never reaches E
    assert reaches(g["likeness"], run.nets.G)
    assert reaches(g["objective"], run.nets.G)
    assert not reaches(d["fakes"], run.nets.G)
    assert reaches(d["fakes"], run.nets.D)
    e = run.recipe.e_loss(run.nets, shared, run.clock(0, 0))
    assert reaches(e["divergence"], run.nets.E)
    assert reaches(e["likeness"], run.nets.E)
    assert not reaches(e["divergence"], run.nets.G)
    assert {p.name: p.networks for p in run.players} == {
        name: (getattr(run.nets, name),) for name in "EGD"
    }  # so that likeness, which would reach D too, moves E and G alone


@pytest.mark.parametrize(("gamma", "empty"), [(0.0, "likeness"), (1.0, "objective")])
def test_gamma_weighs_what_the_decoder_sees(gamma, empty):
    run, batch = vae_gan(gamma=gamma)
    terms = run.recipe.g_loss(run.nets, batch, run.clock(1, 0))
    for name, term in terms.items():
        assert (float(term.detach()) == 0) == (name == empty)
    run, batch = vae_gan(gamma=0.25)
    mixed = run.recipe.g_loss(run.nets, batch, run.clock(1, 0))
    if gamma == 1:
        torch.testing.assert_close(mixed["likeness"], 0.25 * terms["likeness"])
    else:
        torch.testing.assert_close(mixed["objective"], 0.75 * terms["objective"])


def test_who_wins_pauses():
    run, _ = vae_gan(equilibrium=0.7, margin=0.4)
    turns = lambda *costs: run.recipe.turns(Nets(costs=torch.tensor(costs)))  # noqa: E731
    assert turns(0.7, 0.7) == (True, True)
    assert turns(0.2, 0.7) == (True, False)  # D wins: it pauses
    assert turns(0.7, 1.2) == (False, True)  # G wins
    assert turns(0.2, 1.2) == (True, True)
    free = dataclasses.replace(run.recipe, margin=float("inf"))
    assert free.turns(Nets(costs=torch.tensor([0.0, 9.0]))) == (True, True)


def test_the_critics_costs_are_remembered():
    run, _ = vae_gan()
    run.play(steps=1)
    noted = [run.record["cost of pictures"], run.record["cost of fakes"]]
    assert run.nets.costs.tolist() == pytest.approx(noted)


# --- AGE ---


def test_age_encoder_and_generator_want_opposite_things_of_fakes():
    run = started(AGE(**{**vars(AGE.tiny()), "match_x": 0.0, "match_z": 0.0, "kl_real": 0.0}))
    run.nets.requires_grad_(True)
    batch = run.load(run.stages[0], 0, 8)
    e = run.recipe.e_loss(run.nets, batch, run.clock(0, 0))["divergence"]
    g = run.recipe.g_loss(run.nets, batch, run.clock(0, 0))["divergence"]
    torch.testing.assert_close(e, -g)
    assert float(g.detach()) > 0


def test_age_refuses_a_batch_whose_codes_have_no_spread():
    with pytest.raises(UserError, match="batch_size must be at least 2, not 1"):
        dataclasses.replace(AGE.tiny(), batch_size=1)


def test_age_terms_are_weighted():
    run = started(AGE.tiny())
    heavy = dataclasses.replace(run.recipe, match_x=30.0, match_z=500.0)
    batch = run.load(run.stages[0], 0, 8)
    for part, key, ratio in (("e_loss", "reconstruction", 3.0), ("g_loss", "code", 0.5)):
        one, two = (
            getattr(r, part)(run.nets, batch, run.clock(0, 0))[key] for r in (run.recipe, heavy)
        )
        torch.testing.assert_close(two, ratio * one)


# --- MRGAN ---


def test_mode_regulariser_is_section_3():
    run = started(MRGAN.tiny())
    stage = run.stages[0]
    batch = stage.share.make(run.nets, run.load(stage, 0, 8), run.clock("share", 0))
    terms = run.recipe.g_loss(run.nets, batch, run.clock(1, 0))
    fake, again = run.nets.D(batch["fake"]), run.nets.D(batch["again"])
    torch.testing.assert_close(terms["objective"], softplus(-fake).mean())
    torch.testing.assert_close(terms["mode"], 0.4 * softplus(-again).mean())
    distance = (batch["again"] - batch["x"]).square().mean()
    torch.testing.assert_close(terms["match"], 0.2 * distance)
    assert reaches(terms["match"], run.nets.E)


def test_manifold_and_diffusion_steps_are_algorithm_1():
    run = started(dataclasses.replace(MRGAN.tiny(), form="manifold"))
    assert [p.player.name for p in run.stages[0].phases] == ["D1", "M", "D", "G"]
    run.nets.eval()  # so that moments do not depend on what is asked first
    nets, batch = run.nets, run.load(run.stages[0], 0, 8)
    again = nets.G(nets.E(batch["x"]))
    first = run.recipe.manifold_d(nets, batch, run.clock(0, 0))["objective"]
    expected = softplus(-nets.D1(batch["x"])).mean() + softplus(nets.D1(again)).mean()
    torch.testing.assert_close(first, expected)
    terms = run.recipe.manifold_g(nets, batch, run.clock(1, 0))
    torch.testing.assert_close(terms["match"], (again - batch["x"]).square().mean())
    torch.testing.assert_close(terms["mode"], 0.01 * softplus(-nets.D1(again)).mean())
    made = run.recipe.with_fakes(nets, batch, run.clock(2, 0))
    second = run.recipe.d_loss(nets, batch, run.clock(2, 0))["objective"]
    expected = softplus(-nets.D(made["again"])).mean() + softplus(nets.D(made["fake"])).mean()
    torch.testing.assert_close(second, expected)
    last = run.recipe.g_loss(nets, made, run.clock(3, 0))
    assert set(last) == {"objective"}
    torch.testing.assert_close(last["objective"], softplus(-nets.D(made["fake"])).mean())


# --- AAE ---


def test_reconstruction_is_half_the_squared_distance_of_pixels_in_0_1():
    run = started(AAE.tiny())
    batch = run.load(run.stages[0], 0, 8)
    made = run.nets.G(run.nets.E(batch["x"])[0])
    error = 0.5 * ((made + 1) / 2 - (batch["x"] + 1) / 2).square().flatten(1).sum(1).mean()
    terms = run.recipe.r_loss(run.nets, batch, run.clock(0, 0))
    torch.testing.assert_close(terms["reconstruction"], error)


def test_the_papers_numbers_follow_the_form():
    plain, semi, informed = (AAE(form=form) for form in ("plain", "semi", "informed"))
    assert (plain.dims, semi.dims, informed.dims) == (8, 10, 2)
    y = torch.zeros(20_000, dtype=torch.int64)
    assert float(plain.prior(y, Noise(0)).std()) == pytest.approx(5, rel=0.02)
    assert float(semi.prior(y, Noise(0)).std()) == pytest.approx(1, rel=0.02)
    x = torch.zeros(50, 1, 28, 28)
    assert torch.equal(plain.blurred(x, Noise(0)), x)
    assert float(semi.blurred(x, Noise(0)).std()) == pytest.approx(0.6, rel=0.02)


def test_rates_of_bigan_fall_to_a_hundredth():
    """From halfway on, exponentially, as in the authors' script (arXiv:1605.09782)."""
    run = started(dataclasses.replace(BiGAN.tiny(), steps=100))
    factors = []
    for step in (0, 50, 75, 100):
        run.step = step
        factors.append(run.recipe.schedule(run.clock("end")))
    assert factors == pytest.approx([1, 1, 0.1, 0.01])


def test_rates_fall_tenfold_at_the_drops():
    run = started(dataclasses.replace(AAE.tiny(), drops=(2, 4)))
    factors = []
    for step in range(6):
        run.step = step
        factors.append(run.recipe.schedule(run.clock("end")))
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def semi(**fields: Any) -> AAE:
    return dataclasses.replace(AAE.tiny(), **{"form": "semi", "kinds": 3, "labels": 6, **fields})


def test_labels_come_from_the_bank_alone():
    run = started(semi(steps=3))
    assert [stage.name for stage in run.stages] == ["labels", "train"]
    run.play(steps=2)
    assert run.nets.bank_y.bincount(minlength=3).tolist() == [2, 2, 2]
    pool = run.source.batch(0, 60, 3)
    kept = {tuple(x.flatten().tolist()) for x in run.nets.bank_x}
    assert kept <= {tuple(x.flatten().tolist()) for x in pool["x"]}
    lying = {"x": torch.zeros(8, 1, 16, 16), "y": torch.full((8,), 77)}
    terms = run.recipe.c_loss(run.nets, lying, run.clock(0, 0))
    assert terms["class"].isfinite()


def test_classification_is_cross_entropy_and_moves_no_style():
    run = started(semi(labels=0, blur=0.0))
    batch = run.load(run.stages[0], 0, 8)
    terms = run.recipe.c_loss(run.nets, batch, run.clock(0, 0))
    torch.testing.assert_close(terms["class"], cross_entropy(run.nets.E(batch["x"])[1], batch["y"]))
    player = next(p for p in run.players if p.name == "C")
    owned = {id(p) for p in player.parameters()}
    assert not owned & {id(p) for p in run.nets.E.code.parameters()}


def test_a_few_labels_teach_the_classes():
    recipe = semi(steps=150, batch_size=16, units=32, z=2)
    run = Run(recipe, Labelled(8), seed=0)
    run.play()
    test = run.source.batch(10_000, 60, 0)
    told = run.generated(lambda nets: recipe.classify(nets, test["x"]))
    assert float((told.argmax(1) == test["y"]).float().mean()) > 0.95


def test_samples_are_of_the_class_that_is_asked_for():
    run = started(semi())
    run.nets.eval()
    z = run.recipe.latents(5, Noise(1), y=2)
    assert z[:, 4:].tolist() == [[0, 0, 1]] * 5
    code = torch.cat([z[:, :4], torch.tensor([[0.0, 1, 0]]).expand(5, 3)], 1)
    asked = run.recipe.generate(run.nets, z, {"y": 1})
    torch.testing.assert_close(asked, run.nets.G(code))
    each = run.recipe.generate(run.nets, z, {"y": torch.tensor([2, 2, 1, 1, 1])})
    torch.testing.assert_close(each[2:], asked[2:])
    torch.testing.assert_close(each[:2], run.nets.G(z)[:2])


def test_the_informed_critic_is_told_classes():
    recipe = dataclasses.replace(AAE.tiny(), form="informed", kinds=3, labels=6, z=2)
    run = started(recipe)
    run.play(steps=1)
    x, y = recipe.told(run.nets, run.load(run.stages[1], 0, 8), run.clock(0, 0))
    assert len(x) == 16
    assert set(y[8:].tolist()) == {3}
    assert set(y[:8].tolist()) <= {0, 1, 2}
    z = torch.zeros(2, 2)
    a, b = recipe.judge(run.nets, z, torch.tensor([0, 3])).tolist()
    assert a != b


def test_forms_say_what_they_lack():
    with pytest.raises(UserError, match="not 'semy'; did you mean 'semi'"):
        AAE(form="semy")
    with pytest.raises(UserError, match="the data has no labels"):
        AAE(form="semi").networks(ImageSpec(16, 16, 1))
    with pytest.raises(UserError, match="10 classes, and the data has 3 classes"):
        AAE(form="informed").networks(ImageSpec(16, 16, 1, labels=LABELS))
    with pytest.raises(UserError, match="form 'plain' does not classify"):
        AAE().classify(Nets(), torch.zeros(1))
    with pytest.raises(UserError, match="there is no class 10"):
        AAE(form="semi").latents(3, Noise(0), y=10)


def test_classes_may_be_asked_for_where_the_form_has_them():
    spec = ImageSpec(16, 16, 1, labels=LABELS)
    assert isinstance(AAE(), Conditional)
    assert classes_of(AAE(), spec) == ()
    assert classes_of(semi(), spec) == LABELS


def test_points_are_encoded_too():
    class Points:
        spec = PointSpec(2)

        def batch(self, start: int, n: int, seed: int, **_: Any) -> dict[str, torch.Tensor]:
            return {"x": Noise(seed, (start,)).normal(n, 2)}

    for recipe in (AAE.tiny(), BiGAN.tiny(), MRGAN.tiny()):
        run = Run(recipe, Points())
        run.play(steps=2)
        assert run.sample(3, seed=0).shape == (3, 2)


def test_balanced_rows_are_the_first_of_each_class():
    y = torch.tensor([0, 0, 1, 0, 2, 2, 1])
    assert sorted(bank.balanced(y, 3).tolist()) == [0, 2, 4]
    assert sorted(bank.balanced(y, 6).tolist()) == [0, 1, 2, 4, 5, 6]
    assert len(bank.balanced(y, 7)) == 7


def test_who_cannot_encode_says_so():
    with pytest.raises(UserError, match=r"DCGAN cannot reconstruct: it lacks .*'Encodes'"):
        able(DCGAN(), Encodes, "reconstruct")
    for recipe in (AAE(), BiGAN(), ALI(), AGE(), VAEGAN(), MRGAN()):
        assert isinstance(recipe, Encodes)
