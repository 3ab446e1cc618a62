"""PatchNCE and perceptual distances against closed forms."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from gansaku.losses.contrastive import patch_nce, patchwise
from gansaku.losses.perceptual import content


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_orthogonal_features_that_agree(temperature):
    # one right answer of logit 1/t among S - 1 of logit 0
    places = torch.eye(6).expand(3, 6, 6)
    wanted = math.log(1 + 5 * math.exp(-1 / temperature))
    assert float(patch_nce(places, places, temperature)) == pytest.approx(
        wanted, rel=1e-4, abs=2e-7
    )


def test_equal_features_tell_nothing():
    same = normalize(torch.ones(2, 256, 8), dim=-1)
    assert float(patch_nce(same, same)) == pytest.approx(math.log(256), rel=1e-5)


def test_it_is_the_papers_sum_over_places():
    # equation 3 for each place, with 1 positive and S - 1 negatives
    torch.manual_seed(0)
    q, k = (normalize(torch.randn(2, 5, 4, dtype=torch.float64), dim=-1) for _ in range(2))
    total = 0.0
    for n in range(2):
        for s in range(5):
            terms = [math.exp(float(q[n, s] @ k[n, j]) / 0.07) for j in range(5)]
            total -= math.log(terms[s] / sum(terms))
    assert float(patch_nce(q, k)) == pytest.approx(total / 10, rel=1e-5)


def test_places_may_be_put_in_any_order_but_not_exchanged():
    torch.manual_seed(0)
    q = normalize(torch.randn(1, 6, 4), dim=-1)
    k = normalize(q + 0.1 * torch.randn(1, 6, 4), dim=-1)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    assert torch.allclose(patch_nce(q[:, order], k[:, order]), patch_nce(q, k))
    assert patch_nce(q, k[:, order]) > 5 * patch_nce(q, k)


def test_only_queries_have_gradients_and_layers_are_averaged():
    q, k = (torch.randn(2, 5, 4).requires_grad_() for _ in range(2))
    a, b = patch_nce(q, k), patch_nce(q * 2, k)
    assert torch.allclose(patchwise([q, q * 2], [k, k]), (a + b) / 2)
    a.backward()
    assert q.grad is not None
    assert k.grad is None


def test_content_is_relative_to_the_real_features():
    real = [torch.full((1, 2, 4, 4), 2.0), torch.full((1, 3, 2, 2), 5.0)]
    fake = [real[0] + 1, real[1] - 10]
    assert float(content(real, real, (1.0, 1.0))) == 0
    assert float(content(real, fake, (1.0, 0.0))) == pytest.approx(1 / 4)
    assert float(content(real, fake, (0.5, 2.0))) == pytest.approx(0.5 / 4 + 2 * 4)
    tenfold = [10 * r for r in real], [10 * f for f in fake]
    assert torch.allclose(content(*tenfold, (1.0, 1.0)), content(real, fake, (1.0, 1.0)))


def test_unrelated_features_are_two_apart_and_the_real_side_is_fixed():
    torch.manual_seed(0)
    real, fake = (torch.randn(4, 8, 32, 32).requires_grad_() for _ in range(2))
    far = content([real], [fake], (1.0,))
    assert far.item() == pytest.approx(2.0, rel=0.05)
    far.backward()
    assert real.grad is None
    assert fake.grad is not None


def test_weights_are_one_a_level():
    with pytest.raises(ValueError, match="argument"):
        content([torch.ones(1)], [torch.ones(1)], (1.0, 1.0))
