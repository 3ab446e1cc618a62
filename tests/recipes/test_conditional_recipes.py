"""Recipes with classes and codes: what composes, what is refused, and who is told what."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from gansaku.augment import DiffAugment
from gansaku.core.capabilities import Sweeps, classes_of
from gansaku.core.errors import UserError
from gansaku.core.loop import Run
from gansaku.core.noise import Noise
from gansaku.core.optim import SGD, Adam
from gansaku.core.sampling import by_class, in_shares, sample
from gansaku.data.spec import ImageSpec, PointSpec
from gansaku.losses import R1, R2, GradientPenalty, Hinge, Relativistic, Wasserstein
from gansaku.recipes.acgan import ACGAN
from gansaku.recipes.cgan import CGAN
from gansaku.recipes.dcgan import DCGAN
from gansaku.recipes.infogan import InfoGAN

SPEC = ImageSpec(8, 8, 1, ("zero", "one", "two"))
SMALL: dict[str, Any] = {"steps": 2, "batch_size": 8, "z": 4, "width": 4}
PERCEPTRONS: dict[str, Any] = {"steps": 2, "batch_size": 8, "z": 4, "hidden": 12, "units": 24}
COMPOSED = {"objective": Hinge(), "penalties": (R1(0.1),), "augment": DiffAugment()}
PAIRED = {"objective": Relativistic(), "penalties": (R1(0.1), R2(0.1), GradientPenalty())}
WGP = {"objective": Wasserstein(), "penalties": (GradientPenalty(),), "d_updates": 2, "fresh": True}
CASES = {
    "maxout": CGAN(**PERCEPTRONS, **COMPOSED),
    "maxout projection": CGAN(**PERCEPTRONS, **PAIRED, told="projection"),
    "conv": CGAN(**SMALL, **COMPOSED, net="conv", d_norm="spectral"),
    "conv projection": CGAN(**SMALL, **PAIRED, net="conv", told="projection", d_norm="none"),
    "conv, more fakes": CGAN(**SMALL, **WGP, net="conv", d_norm="layer", g_batches=2),
    "acgan": ACGAN(**SMALL, **COMPOSED, d_width=4, d_norm="none"),
    "acgan on wgan-gp": ACGAN(
        **SMALL, **WGP, d_width=4, d_norm="layer", g_class_weight=0.1, g_batches=2
    ),
    "infogan": InfoGAN(**SMALL, **COMPOSED, d_norm="none"),
    "infogan, paired": InfoGAN(**SMALL, **PAIRED, d_norm="spectral"),
    "infogan, more fakes": InfoGAN(**SMALL, g_batches=2),
}


class Shades:
    """Pictures whose shade is their class, with a little noise."""

    def __init__(self, spec: Any = SPEC) -> None:
        self.spec = spec

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict[str, torch.Tensor]:
        y = torch.arange(start, start + n) % 3
        noise = Noise(seed, ("shade", start)).normal(n, 1, 8, 8)
        return {"x": (y - 1.0)[:, None, None, None] * 0.8 + 0.1 * noise, "y": y}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("accumulate", [1, 2])
def test_losses_penalties_and_augmentation_compose(case, accumulate):
    run = Run(CASES[case], Shades(), seed=2, accumulate=accumulate, log_every=1)
    run.play()
    assert all(math.isfinite(value) for value in run.record.values())
    x = run.sample(9, seed=1)
    assert x.shape == (9, 1, 8, 8)
    assert x.isfinite().all()
    scores = run.generated(lambda nets: run.recipe.score(nets, x))
    assert scores.shape == (9,)
    if accumulate == 1:
        names = {"acgan": "D/class", "infogan": "G/categories"}
        assert names.get(case.split(",")[0].split()[0], "D/objective") in run.record


@pytest.mark.parametrize("cls", [CGAN, ACGAN])
@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (ImageSpec(8, 8, 1), "these have no classes: put the pictures of each class into a sub"),
        (ImageSpec(8, 8, 1, ("all",)), "these have one class alone"),
        (PointSpec(2), "learns from labelled data"),
    ],
)
def test_data_without_classes_is_refused(cls, spec, words):
    with pytest.raises(UserError, match=words):
        Run(cls.tiny(), Shades(spec))


def test_infogan_needs_no_classes():
    assert Run(InfoGAN.tiny(), Shades(ImageSpec(8, 8, 1))).sample(2, seed=0).shape == (2, 1, 8, 8)


def test_players_are_told_the_classes_of_the_batch():
    recipe = CGAN(**PERCEPTRONS)
    y = torch.tensor([2, 0, 1])
    assert torch.equal(recipe.condition({"y": y})["y"], y)
    assert torch.equal(recipe.condition({"y": y}, 2)["y"], torch.tensor([2, 0, 1, 2, 0, 1]))
    run = Run(recipe, Shades(), seed=2)
    run.nets.eval()  # no dropout
    batch = Shades().batch(0, 8, 0)
    made = recipe.with_fakes(run.nets, batch, run.clock(0))
    assert torch.equal(made["fake"], run.nets.G(made["z"], batch["y"]))
    critic = recipe.judge(run.nets, run.clock(0), **recipe.condition(batch))
    assert torch.equal(critic(batch["x"]), run.nets.D(batch["x"], batch["y"]))


def test_acgan_weighs_the_classes_of_each_player():
    """What the terms are, by hand: D of real and fake, G of fakes, each with its own weight."""
    recipe = ACGAN(
        **SMALL, d_width=4, dropout=0.0, d_norm="none", d_class_weight=3.0, g_class_weight=0.5
    )
    run = Run(recipe, Shades(), seed=2)
    batch = recipe.with_fakes(run.nets, Shades().batch(0, 8, 0), run.clock(0))
    entropy = torch.nn.functional.cross_entropy
    real, fake = (entropy(run.nets.D(batch[k]).classes, batch["y"]) for k in ("x", "fake"))
    d = recipe.d_loss(run.nets, batch, run.clock(0))
    g = recipe.g_loss(run.nets, batch, run.clock(1))
    torch.testing.assert_close(d["class"], 3.0 * (real + fake))
    torch.testing.assert_close(g["class"], 0.5 * fake)


def test_infogan_asks_q_for_the_codes_of_the_fakes():
    recipe = InfoGAN(**SMALL, d_norm="none", info_weight=2.0)
    run = Run(recipe, Shades(), seed=2)
    batch = recipe.with_fakes(run.nets, Shades().batch(0, 8, 0), run.clock(0))
    bounds = recipe.codes.bounds(run.nets.D(batch["fake"]).codes, batch["z"][:, 4:])
    for loss in (recipe.d_loss, recipe.g_loss):
        terms = loss(run.nets, batch, run.clock(0))
        torch.testing.assert_close(terms["categories"], -2.0 * bounds["categories"])
        torch.testing.assert_close(terms["continuous"], -2.0 * bounds["continuous"])


def test_a_class_is_asked_for_by_number():
    run = Run(CGAN(**PERCEPTRONS), Shades(), seed=2)
    threes = run.sample(70, seed=1, given={"y": 2})
    mixed = run.sample(70, seed=1, given={"y": [2] * 69 + [0]})
    assert torch.allclose(threes[:69], mixed[:69], atol=1e-6)  # the latents are of the seed alone
    assert not torch.allclose(threes[69], mixed[69], atol=1e-6)
    alone = run.sample(1, seed=1, given={"y": torch.tensor([2])})
    assert torch.allclose(alone[0], threes[0], atol=1e-6)


def test_without_a_class_all_come():
    """Drawn evenly, for each sample by its number."""
    told: list[torch.Tensor] = []
    run = Run(CGAN(**PERCEPTRONS), Shades(), seed=2)
    run.nets.eval().G.register_forward_pre_hook(lambda net, args: told.append(args[1]))
    sample(run.recipe, run.nets, 600, 3)
    counts = torch.cat(told).bincount(minlength=3)
    assert (counts - 200).abs().max() < 50
    run.recipe.generate(run.nets, torch.zeros(7, 4))
    assert told[-1].tolist() == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (3, "no class 3"),
        (-1, "no class -1"),
        ([0, 1], "2 entries for 4 samples"),
        (0.5, "number of a class"),
        (True, "number of a class"),
    ],
)
def test_odd_classes_are_refused(y, words):
    run = Run(CGAN(**PERCEPTRONS), Shades(), seed=2)
    with pytest.raises(UserError, match=words):
        run.sample(4, seed=1, given={"y": y})


def test_names_of_classes():
    assert classes_of(CGAN.tiny(), SPEC) == ("zero", "one", "two")
    assert classes_of(InfoGAN.tiny(), SPEC) == ("c1=0", "c1=1", "c1=2")
    assert classes_of(DCGAN.tiny(), SPEC) == ()
    assert isinstance(InfoGAN.tiny(), Sweeps)
    assert not isinstance(CGAN.tiny(), Sweeps)


def test_categories_of_infogan_are_asked_for_like_classes():
    recipe = InfoGAN.tiny()
    run = Run(recipe, Shades(), seed=2)
    z = recipe.latents(5, Noise(1))
    y = torch.tensor([0, 1, 2, 2, 0])
    told = recipe.codes.with_category(z, y)
    assert torch.equal(recipe.generate(run.nets.eval(), z, {"y": y}), run.nets.G(told))
    with pytest.raises(UserError, match="no class 3"):
        run.sample(2, seed=0, given={"y": 3})


def test_optimizers_are_those_of_the_networks_unless_given():
    run = Run(CGAN.tiny(), Shades())
    assert {type(o).__name__ for o in run.optimizers.values()} == {"SGD"}
    run = Run(CGAN(**SMALL, net="conv", d_optimizer=SGD(0.2, 0.1)), Shades())
    assert isinstance(run.optimizers["G"], torch.optim.Adam)
    assert run.optimizers["D"].param_groups[0]["lr"] == 0.2
    given = CGAN(**SMALL, g_optimizer=Adam(1e-3), d_optimizer=Adam(1e-4))
    assert isinstance(Run(given, Shades()).optimizers["D"], torch.optim.Adam)
    with pytest.raises(UserError, match="net must be 'maxout' or 'conv'"):
        CGAN(net="cnn")


def test_the_papers_schedule():
    run = Run(CGAN(steps=1000), Shades())
    player = run.players[0]
    first, last = (player.fields(run.clock(0), 0.1) for _ in range(2))
    assert first == last == {"lr": 0.1, "momentum": 0.5}
    run.step = 500
    half = player.fields(run.clock(0), 0.1)
    assert half["lr"] == pytest.approx(0.1 / 1.00004**500)
    assert half["momentum"] == pytest.approx(0.6)
    run.step = 10**6
    assert player.fields(run.clock(0), 0.1)["lr"] == pytest.approx(1e-6)


def test_perceptrons_start_as_the_first_gans():
    # arXiv:1406.2661's code: biases at the marginals; D's rate stands for half of D's loss
    run = Run(CGAN(**SMALL), Shades())
    assert [run.optimizers[p].param_groups[0]["lr"] for p in "GD"] == [0.1, 0.05]
    x, n = Shades().batch(0, 8, 1)["x"], 8
    run.stages[0].enter(run.nets, {"x": x})
    grey = (run.nets.G.paint.bias / 2).tanh().unflatten(0, x.shape[1:])
    torch.testing.assert_close(grey, x.mean(0) * n / (n + 1), atol=1e-5, rtol=1e-5)
    assert CGAN(**SMALL).stages(run.nets)[0].enter is not None
    conv = CGAN(**SMALL, net="conv")
    assert conv.stages(Run(conv, Shades()).nets)[0].enter is None


def test_shares_and_rows():
    assert in_shares([4, 7], 5).tolist() == [4, 4, 4, 7, 7]
    assert in_shares([1], 3).tolist() == [1, 1, 1]
    assert in_shares(range(10), 1000).bincount().tolist() == [100] * 10
    x = torch.arange(5.0)[:, None, None, None].expand(5, 1, 2, 2)
    rows, columns = by_class(x, in_shares([4, 7], 5))
    assert columns == 3
    assert rows[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 1]  # the last is white
