"""Objectives against hand-computed values, closed forms and the invariances that define them."""

import ast
import math

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor, tensor
from torch.nn.functional import logsigmoid

from gansaku import losses
from gansaku.losses import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Relativistic,
    RelativisticAverage,
    Wasserstein,
)

OBJECTIVES = [
    Minimax(),
    NonSaturating(),
    NonSaturating(smooth=0.9),
    LeastSquares(),
    LeastSquares(-1.0, 1.0, 0.0),
    Hinge(),
    Wasserstein(),
    Relativistic(),
    RelativisticAverage(),
]
every = pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)

Column, Scalar = Float[Tensor, "n 1"], Float[Tensor, ""]
REAL, FAKE = tensor([2.0, -1.0]), tensor([0.5, -0.5])


def sp(x: float) -> float:
    return math.log(1 + math.exp(x))


@pytest.mark.parametrize(
    ("objective", "d", "g"),
    [
        (Minimax(), (sp(-2) + sp(1) + sp(0.5) + sp(-0.5)) / 2, -(sp(0.5) + sp(-0.5)) / 2),
        (NonSaturating(), (sp(-2) + sp(1) + sp(0.5) + sp(-0.5)) / 2, (sp(-0.5) + sp(0.5)) / 2),
        (
            NonSaturating(smooth=0.9),
            0.9 * (sp(-2) + sp(1)) / 2 + 0.1 * (sp(2) + sp(-1)) / 2 + (sp(0.5) + sp(-0.5)) / 2,
            (sp(-0.5) + sp(0.5)) / 2,
        ),
        (LeastSquares(), 0.5 * ((1 + 4) / 2 + 0.25), 0.5 * (0.25 + 2.25) / 2),
        (LeastSquares(-1.0, 1.0, 0.0), 0.5 * ((1 + 4) / 2 + (2.25 + 0.25) / 2), 0.125),
        (Hinge(), (0 + 2) / 2 + (1.5 + 0.5) / 2, 0.0),
        (Wasserstein(), 0.0 - 0.5, 0.0),
        (Relativistic(), (sp(-1.5) + sp(0.5)) / 2, (sp(1.5) + sp(-0.5)) / 2),
        (
            RelativisticAverage(),  # means: real 0.5, fake 0
            (sp(-2) + sp(1)) / 2 + (sp(0.0) + sp(-1.0)) / 2,
            (sp(2) + sp(-1)) / 2 + (sp(0.0) + sp(1.0)) / 2,
        ),
    ],
    ids=lambda value: repr(value) if not isinstance(value, float) else "",
)
def test_hand_computed_values(objective, d, g):
    assert objective.d(REAL, FAKE).item() == pytest.approx(d, abs=1e-6)
    assert objective.g(REAL, FAKE).item() == pytest.approx(g, abs=1e-6)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_scalar_of_the_same_dtype(objective, dtype):
    @jaxtyped(typechecker=beartype)
    def both(real: Column, fake: Column) -> list[Scalar]:
        return [objective.d(real, fake), objective.g(real, fake)]

    found = both(REAL[:, None].to(dtype), FAKE[:, None].to(dtype))
    assert [loss.dtype for loss in found] == [dtype, dtype]


@every
def test_shape_of_the_logits_does_not_matter(objective):
    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, 24, generator=generator, dtype=torch.float64)
    for shape in [(24, 1), (4, 1, 2, 3)]:
        for loss in (objective.d, objective.g):
            torch.testing.assert_close(
                loss(real.view(shape), fake.view(shape)), loss(real, fake), rtol=1e-12, atol=1e-12
            )


@every
def test_scales_are_averaged(objective):
    generator = torch.Generator().manual_seed(1)
    real = [torch.randn(4, 1, s, s, generator=generator) for s in (2, 3)]
    fake = [torch.randn(4, 1, s, s, generator=generator) for s in (2, 3)]
    for loss in (objective.d, objective.g):
        expected = (loss(real[0], fake[0]) + loss(real[1], fake[1])) / 2
        torch.testing.assert_close(loss(real, fake), expected)
        torch.testing.assert_close(loss(real[:1], fake[:1]), loss(real[0], fake[0]))
    with pytest.raises(ValueError, match="scale by scale"):
        objective.d(real, fake[:1])


@every
def test_finite_with_finite_gradients_far_out(objective):
    far = tensor([1e4, -1e4], requires_grad=True)
    for loss in (objective.d(far, far.flip(0) * 1.5), objective.g(far, far.flip(0) * 1.5)):
        assert loss.isfinite()
        assert torch.autograd.grad(loss, far)[0].isfinite().all()


@every
def test_gradients_push_the_right_way(objective):
    """The critic raises reals and lowers fakes; the generator raises fakes."""
    real, fake = tensor([0.3, -0.2]).requires_grad_(), tensor([0.4, 0.1]).requires_grad_()
    at_real, at_fake = torch.autograd.grad(objective.d(real, fake), (real, fake))
    assert (at_real < 0).all()
    assert (at_fake > 0).all()
    if objective != LeastSquares(-1.0, 1.0, 0.0):  # whose generator wants 0, and is above it
        assert (torch.autograd.grad(objective.g(real, fake), fake)[0] < 0).all()


@every
def test_gradients_against_finite_differences(objective):
    generator = torch.Generator().manual_seed(2)
    real, fake = torch.randn(2, 5, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(objective.d, (real, fake))
    assert torch.autograd.gradcheck(objective.g, (real, fake))


@every
def test_generator_needs_reals_only_where_paired(objective):
    if objective.paired:
        with pytest.raises(ValueError, match="needs the critic's output on real samples"):
            objective.g(None, FAKE)
    else:
        assert objective.g(None, FAKE) == objective.g(REAL, FAKE)


def test_minimax_value_at_the_optimal_critic_is_2_jsd_minus_log_4():
    p = tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)  # data
    q = tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)  # generator
    counts_p, counts_q = (p * 20).round().long(), (q * 20).round().long()
    logits = (p / q).log()  # D* = p / (p + q)
    real, fake = logits.repeat_interleave(counts_p), logits.repeat_interleave(counts_q)
    m = (p + q) / 2
    jsd = 0.5 * ((p * (p / m).log()).sum() + (q * (q / m).log()).sum())
    value = -Minimax().d(real, fake)
    torch.testing.assert_close(value, 2 * jsd - math.log(4), rtol=1e-12, atol=1e-12)
    # The value is V = E log D(x) + E log(1 - D(G(z))), of which g is the second term
    torch.testing.assert_close(Minimax().g(None, fake), logsigmoid(-fake).mean())


def test_minimax_is_zero_sum_and_saturates():
    confident = tensor([-9.0], requires_grad=True)  # the critic is sure that this is fake
    slope = {
        type(o): torch.autograd.grad(o.g(None, confident), confident)[0].abs().item()
        for o in (Minimax(), NonSaturating())
    }
    assert slope[Minimax] == pytest.approx(1 / (1 + math.exp(9)), rel=1e-4)
    assert slope[NonSaturating] == pytest.approx(1.0, abs=1e-3)
    assert Minimax().d(REAL, FAKE) + Minimax().g(REAL, FAKE) == pytest.approx((sp(-2) + sp(1)) / 2)


def test_smoothing_stops_the_critic_at_its_target():
    """With no fakes nearby D(x) = s is optimal, at logit log(s / (1 - s))."""
    x = tensor([math.log(0.9 / 0.1)], requires_grad=True)
    smoothed = torch.autograd.grad(NonSaturating(smooth=0.9).d(x, FAKE), x)[0]
    plain = torch.autograd.grad(NonSaturating().d(x, FAKE), x)[0]
    assert abs(smoothed.item()) < 1e-6
    assert plain.item() == pytest.approx(-0.1, abs=1e-6)


@pytest.mark.parametrize("objective", [Relativistic(), RelativisticAverage(), Wasserstein()])
def test_a_common_shift_of_the_critic_changes_nothing(objective):
    real, fake = REAL.double(), FAKE.double()
    shifted = objective.d(real + 3.7, fake + 3.7)
    torch.testing.assert_close(shifted, objective.d(real, fake), rtol=1e-12, atol=1e-12)
    if objective.paired:
        shifted = objective.g(real + 3.7, fake + 3.7)
        torch.testing.assert_close(shifted, objective.g(real, fake), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("objective", [Minimax(), NonSaturating(), LeastSquares(), Hinge()])
def test_the_others_fix_the_critics_offset(objective):
    assert objective.d(REAL + 3.7, FAKE + 3.7) != objective.d(REAL, FAKE)


def test_relativistic_pairs_by_row():
    assert Relativistic().d(REAL, FAKE) != Relativistic().d(REAL, FAKE.flip(0))
    assert RelativisticAverage().d(REAL, FAKE) == RelativisticAverage().d(REAL, FAKE.flip(0))
    with pytest.raises(ValueError, match=r"\[2\] and \[4\].*as many fakes as reals"):
        Relativistic().d(REAL, FAKE.repeat(2))
    with pytest.raises(ValueError, match="as many fakes as reals"):
        Relativistic().g(REAL, FAKE.repeat(2))


@pytest.mark.parametrize("objective", [o for o in OBJECTIVES if not isinstance(o, Relativistic)])
def test_the_others_admit_unequal_batches(objective):
    torch.testing.assert_close(
        objective.d(REAL, FAKE.repeat(3)), objective.d(REAL, FAKE), rtol=1e-6, atol=1e-6
    )


def test_wasserstein_progress_is_the_dual_estimate():
    assert Wasserstein().progress(REAL, FAKE) == {"wasserstein": tensor(0.5)}
    scales = Wasserstein().progress([REAL, REAL + 1], [FAKE, FAKE])
    assert scales["wasserstein"].item() == pytest.approx(1.0)
    for objective in OBJECTIVES:
        assert isinstance(objective, Wasserstein) or objective.progress(REAL, FAKE) == {}


def test_the_wasserstein_dual_at_the_optimal_critic_is_the_distance():
    """Between two clouds on a line that do not cross, f(x) = x is optimal: W1 is the shift."""
    fake = torch.linspace(-1, 1, 101)
    real = fake + 0.75
    assert Wasserstein().progress(real, fake)["wasserstein"].item() == pytest.approx(0.75, abs=1e-6)


def test_least_squares_optimum():
    """On overlapping supports D* = (b p + a q) / (p + q) (arXiv:1611.04076, eq. 5)."""
    a, b = -0.5, 2.0
    at = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    p, q = tensor([0.25, 0.75]), tensor([0.5, 0.5])
    best = ((b * p + a * q) / (p + q)).double().requires_grad_()
    real, fake = best[[0, 1, 1, 1]], best[[0, 0, 1, 1]]  # four samples of p and of q
    (slope,) = torch.autograd.grad(LeastSquares(a, b).d(real, fake), best)
    assert slope.abs().max() < 1e-6
    (slope,) = torch.autograd.grad(LeastSquares(a, b).d(at[[0, 1, 1, 1]], at[[0, 0, 1, 1]]), at)
    assert slope.abs().min() > 1e-2


def test_bad_settings_are_refused():
    for smooth in (0.5, 1.1):
        with pytest.raises(ValueError, match=r"smooth is .* \(0.5, 1\]"):
            NonSaturating(smooth)


def test_all_is_whole_and_every_name_rebuilds_from_its_repr():
    for name in losses.__all__:
        value = getattr(losses, name)()
        call = ast.parse(repr(value), mode="eval").body
        fields = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
        assert getattr(losses, call.func.id)(**fields) == value
