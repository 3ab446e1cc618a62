"""Perceptual distance: equation 1 by hand, what it does not see, and gradients."""

import pytest
import torch

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.metrics.perceptual import perceptual_distance


def maps(seed: int) -> list[torch.Tensor]:
    noise = Noise(seed, ("maps",))
    return [noise.normal(3, 4, 6, 5).double(), noise.normal(3, 7, 2, 3).double()]


def test_equals_equation_one_term_by_term() -> None:
    a, b = maps(0), maps(1)
    weights = [torch.rand(4).double(), torch.rand(7).double()]
    expected = []
    for n in range(3):
        total = 0.0
        for x, y, w in zip(a, b, weights, strict=True):
            for place in range(x[n, 0].numel()):
                u, v = (m[n].flatten(1)[:, place] for m in (x, y))
                total += float((w * (u / u.norm() - v / v.norm()) ** 2).sum()) / x[n, 0].numel()
        expected.append(total)
    assert perceptual_distance(a, b, weights).tolist() == pytest.approx(expected, rel=1e-12)


def test_opposite_features_are_four_a_layer_and_scaled_ones_none() -> None:
    a = maps(0)
    torch.testing.assert_close(
        perceptual_distance(a, [-x for x in a]), torch.full((3,), 8.0).double()
    )
    assert float(perceptual_distance(a, [3 * x for x in a]).max()) < 1e-20


def test_blank_places_have_finite_gradients() -> None:
    a = [torch.zeros(2, 3, 4, 4, requires_grad=True)]
    b = [torch.ones(2, 3, 4, 4)]
    found = perceptual_distance(a, b)
    torch.testing.assert_close(found, torch.ones(2))
    (gradient,) = torch.autograd.grad(found.sum(), a)
    assert gradient.isfinite().all()


def test_bad_input_is_one_sentence() -> None:
    a, b = maps(0), maps(1)
    with pytest.raises(UserError, match="compared layer by layer"):
        perceptual_distance(a, b[:1])
    with pytest.raises(UserError, match="compared layer by layer"):
        perceptual_distance([], [])
    with pytest.raises(UserError, match=r"found \[7, 4\] weights for layers of \[4, 7\] channels"):
        perceptual_distance(a, b, [torch.ones(7), torch.ones(4)])
    with pytest.raises(UserError, match="one weight a channel"):
        perceptual_distance(a, b, [torch.ones(4)])
