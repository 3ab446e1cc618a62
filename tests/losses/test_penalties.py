"""Penalties against closed forms of linear and quadratic critics, and finite differences."""

import math

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor, nn, tensor

from gansaku.core.noise import Noise
from gansaku.losses import DRAGAN, R1, R2, Drift, GradientPenalty, LipschitzPenalty, WeightClip

Points, Column, Scalar = Float[Tensor, "n 3"], Float[Tensor, "n 1"], Float[Tensor, ""]
W = tensor([3.0, 4.0, 12.0])  # |w| = 13
SLOPED = [GradientPenalty(), LipschitzPenalty(), R1(), R2(), DRAGAN()]
every = pytest.mark.parametrize("penalty", SLOPED, ids=lambda p: type(p).__name__)


def noise(**more) -> Noise:
    return Noise(0, ("penalty",), **more)


def samples(
    *shape: int, seed: int = 0, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(2, *shape, generator=generator, dtype=dtype).unbind())


def linear(scale: float = 1.0):
    return lambda x: x.flatten(1) @ (scale * W)[:, None] + 5.0


@pytest.mark.parametrize(
    ("penalty", "value"),
    [
        (R1(10.0), 5.0 * 169),
        (R2(0.5), 0.25 * 169),
        (GradientPenalty(), 10.0 * 144),
        (GradientPenalty(2.0, target=750.0), 2.0 * (13 - 750) ** 2 / 750**2),
        (LipschitzPenalty(), 5.0 * 144),
        (DRAGAN(), 10.0 * 144),
        (DRAGAN(weight=1.0, k=13.0), 0.0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("shape", [(3,), (3, 1, 1), (1, 3, 1)])
def test_linear_critic(penalty, value, shape):
    found = penalty(linear(), *samples(6, *shape), noise())
    assert found.item() == pytest.approx(value, rel=1e-5, abs=1e-5)


def test_slopes_below_one_cost_only_the_two_sided_penalty():
    real, fake = samples(6, 3)
    gentle = linear(0.5 / 13)  # |w| = 1/2
    assert LipschitzPenalty()(gentle, real, fake, noise()).item() == 0.0
    assert GradientPenalty()(gentle, real, fake, noise()).item() == pytest.approx(2.5, rel=1e-5)


def test_quadratic_critic_is_differentiated_at_its_own_side():
    """D(x) = |x|^2 / 2 has gradient x: R1 sees reals, R2 fakes."""
    real, fake = samples(8, 3)

    def half_square(x: Tensor) -> Tensor:
        return 0.5 * x.square().sum(1)

    r1 = R1(2.0)(half_square, real.clone(), fake, noise())
    r2 = R2(2.0)(half_square, real, fake.clone(), noise())
    torch.testing.assert_close(r1, real.square().sum(1).mean())
    torch.testing.assert_close(r2, fake.square().sum(1).mean())


def test_mixes_lie_between_pairs_with_one_share_a_sample():
    real, fake = torch.ones(512, 2, 3), torch.zeros(512, 2, 3)
    seen = []
    GradientPenalty()(lambda x: seen.append(x) or x.sum((1, 2)), real, fake, noise())
    shares = seen[0].detach().flatten(1)
    assert (shares == shares[:, :1]).all()
    assert shares.min() >= 0
    assert shares.max() < 1
    assert shares[:, 0].mean().item() == pytest.approx(0.5, abs=0.05)
    assert shares[:, 0].std().item() == pytest.approx(math.sqrt(1 / 12), abs=0.02)


def test_members_of_a_tuple_share_the_mix_and_the_norm():
    image, code = torch.ones(16, 1, 2, 2), torch.ones(16, 3)
    nothing = (torch.zeros_like(image), torch.zeros_like(code))
    seen = []

    def critic(pair: tuple[Tensor, Tensor]) -> Tensor:
        seen.append(pair)
        return 2.0 * pair[0].sum((1, 2, 3)) + pair[1] @ W

    # |grad|^2 = 4 * 2^2 + 169
    norm = math.sqrt(16 + 169)
    found = GradientPenalty(1.0)(critic, (image, code), nothing, noise())
    assert found.item() == pytest.approx((norm - 1) ** 2, rel=1e-5)
    assert (seen[0][0].flatten(1)[:, :1] == seen[0][1][:, :1]).all()
    assert R1(2.0)(critic, (image, code), nothing, noise()).item() == pytest.approx(185, rel=1e-5)
    assert DRAGAN(1.0)(critic, (image, code), nothing, noise()).item() == pytest.approx(
        (norm - 1) ** 2, rel=1e-5
    )


def test_patches_and_scales_are_summed():
    """A critic that says the same thing at every one of 6 places has 6 times the slope."""

    def patches(x: Tensor) -> Tensor:
        return linear()(x)[:, :, None, None].expand(-1, 1, 2, 3)

    def scales(x: Tensor) -> list[Tensor]:
        return [linear()(x), linear()(x), patches(x)]

    real, fake = samples(4, 3)
    assert R1(2.0)(patches, real, fake, noise()).item() == pytest.approx(36 * 169, rel=1e-5)
    assert R1(2.0)(scales, real, fake, noise()).item() == pytest.approx(64 * 169, rel=1e-5)


def test_dragan_stays_around_the_real_samples():
    real, fake = 3.0 * torch.randn(4000, 2, generator=torch.Generator().manual_seed(0)), None
    seen = []
    DRAGAN(noise_scale=0.5)(lambda x: seen.append(x) or x.sum(1), real, fake, noise())
    away = seen[0].detach() - real
    assert away.mean().abs() < 0.1
    assert (away.std() / real.std()).item() == pytest.approx(0.5, rel=0.03)


def test_drift_is_the_mean_square_of_the_logits_on_reals():
    real, fake = samples(4, 3)
    expected = 1e-3 * linear()(real).square().mean()
    torch.testing.assert_close(Drift()(linear(), real, fake, noise()), expected)


@every
def test_one_forward_and_a_scalar(penalty):
    calls = []

    @jaxtyped(typechecker=beartype)
    def critic(x: Points) -> Column:
        calls.append(x)
        return linear()(x)

    @jaxtyped(typechecker=beartype)
    def scalar() -> Scalar:
        return penalty(critic, *samples(4, 3), noise())

    assert scalar().dtype == torch.float32
    assert len(calls) == 1


def test_r1_and_r2_call_the_critic_on_the_very_tensors():
    """What the critic remembers of them serves the objective."""
    real, fake = samples(4, 3)
    seen = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x)
        return linear()(x)

    R1()(critic, real, fake, noise())
    R2()(critic, real, fake, noise())
    assert seen[0] is real
    assert seen[1] is fake


@every
def test_samples_and_generator_receive_no_gradient(penalty):
    z = torch.ones(4, 3, requires_grad=True)
    real = samples(4, 3)[0]
    penalty(_small_mlp(torch.float32), real, (2 * z).detach(), noise()).backward()
    assert z.grad is None


def test_a_remembered_or_indifferent_critic_is_named():
    real, fake = samples(4, 3)
    remembered = linear()(real)
    weight = torch.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match="evaluate R1 and R2 before the objective"):
        R1()(lambda x: remembered * weight, real, fake, noise())


def test_unequal_pairs_are_refused():
    real, fake = samples(4, 3)
    for penalty in (GradientPenalty(), LipschitzPenalty()):
        with pytest.raises(ValueError, match=r"\[\[4, 3\]\] and \[\[2, 3\]\]"):
            penalty(linear(), real, fake[:2], noise())


@every
def test_no_nan_where_the_gradient_is_zero(penalty):
    flat = nn.Parameter(torch.zeros(3))
    found = penalty(lambda x: x @ flat, *samples(4, 3), noise())
    (slope,) = torch.autograd.grad(found, flat)
    assert found.isfinite()
    assert (slope == 0).all()
    pair = tuple((x, x.clone()) for x in samples(4, 3))
    found = penalty(lambda x: x[0] @ flat + x[1] @ flat, *pair, noise())
    assert (torch.autograd.grad(found, flat)[0] == 0).all()


def test_shares_do_not_depend_on_the_parts_of_a_batch():
    real, fake = samples(8, 3)
    whole, parts = [], []
    GradientPenalty()(lambda x: whole.append(x) or x.sum(1), real, fake, noise())
    for i in range(2):
        rows = slice(4 * i, 4 * i + 4)
        GradientPenalty()(
            lambda x: parts.append(x) or x.sum(1), real[rows], fake[rows], noise(index=i, count=2)
        )
    assert torch.equal(whole[0], torch.cat(parts))


def _small_mlp(dtype: torch.dtype) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).to(dtype)


def _small_conv(dtype: torch.dtype) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 4, stride=2, padding=1),
        nn.Softplus(),
        nn.Conv2d(3, 1, 3, padding=1),  # patch logits
    ).to(dtype)


@every
def test_gradient_in_the_weights_against_finite_differences(penalty):
    """Second order through a small convolutional critic, in float64."""
    net = _small_conv(torch.float64)
    real, fake = samples(3, 2, 4, 4, dtype=torch.float64)
    names, weights = zip(*net.named_parameters(), strict=True)

    def of(*weights: Tensor) -> Tensor:
        def critic(x: Tensor) -> Tensor:
            return torch.func.functional_call(net, dict(zip(names, weights, strict=True)), (x,))

        return penalty(critic, real.clone(), fake.clone(), noise())

    leaves = tuple(w.detach().clone().requires_grad_() for w in weights)
    assert torch.autograd.gradcheck(of, leaves)


@every
def test_channels_last_changes_nothing(penalty):
    net = _small_conv(torch.float32)
    real, fake = samples(3, 2, 8, 8)

    def slopes(layout: torch.memory_format) -> list[Tensor]:
        net.to(memory_format=layout)
        x = [t.clone().contiguous(memory_format=layout) for t in (real, fake)]
        return list(torch.autograd.grad(penalty(net, *x, noise()), [net[0].weight, net[2].weight]))

    for plain, last in zip(
        slopes(torch.contiguous_format), slopes(torch.channels_last), strict=True
    ):
        torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-5)


def test_weight_clip():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    before = [p.detach().clone() for p in net.parameters()]
    kept = list(net.parameters())
    assert WeightClip(0.1)(net) is None
    for was, now in zip(before, net.parameters(), strict=True):
        assert torch.equal(now, was.clamp(-0.1, 0.1))
    assert all(a is b for a, b in zip(kept, net.parameters(), strict=True))
    assert all(p.requires_grad for p in net.parameters())
    with pytest.raises(ValueError, match="must be positive"):
        WeightClip(0.0)
