"""Distances between features, by hand."""

from __future__ import annotations

import pytest
import torch

from gansaku.losses.matching import feature_matching, likeness, perceptual


def scales(*values: float) -> list[list[torch.Tensor]]:
    """Two scales of four layers and logits, all of one number a layer."""
    layers = [torch.full((2, 3, 4, 4), float(v)) for v in values]
    logits = [torch.full((2, 1, 2, 2), 50.0 * values[0])]
    return [layers + logits, [2 * x for x in layers] + logits]


def test_features_are_added_over_layers_and_averaged_over_scales():
    far = feature_matching(scales(1, 2, 3, 4), scales(2, 2, 1, 4))
    assert float(far) == pytest.approx((3 + 6) / 2), "the logits are left out"
    assert float(feature_matching(scales(1, 2, 3, 4), scales(1, 2, 3, 4))) == 0


def test_fewer_layers_weigh_as_much():
    two = [[torch.zeros(1), torch.zeros(1), torch.zeros(1)]]
    other = [[torch.ones(1), torch.ones(1), torch.ones(1)]]
    assert float(feature_matching(two, other)) == pytest.approx(4)


def test_the_last_maps_count_most_and_size_does_not():
    real = [torch.full((1, 2, 4, 4), 2.0), torch.full((1, 2, 2, 2), -3.0)]
    off = [torch.full((1, 2, 4, 4), 3.0), torch.full((1, 2, 2, 2), -3.0)]
    assert float(perceptual(real, off)) == pytest.approx(0.5 * 0.5)
    last = [real[0], torch.full((1, 2, 2, 2), -6.0)]
    assert float(perceptual(real, last)) == pytest.approx(1)
    scaled = [[100 * x for x in maps] for maps in (real, off)]
    assert float(perceptual(*scaled)) == pytest.approx(0.25)


def test_no_gradient_reaches_the_real_side():
    real, fake = (torch.rand(1, 2, 4, 4, requires_grad=True) for _ in range(2))
    for far in (perceptual([real], [fake]), feature_matching([[real, real]], [[fake, fake]])):
        (grad,) = torch.autograd.grad(far, fake, retain_graph=True)
        assert grad.abs().max() > 0
        assert torch.autograd.grad(far, real, allow_unused=True)[0] is None


def test_terms_of_no_weight_are_left_out():
    pair = torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.5)
    assert likeness([pair], None, 5.0, 0.0) == {}
    assert float(likeness([pair, pair], None, 0.0, 10.0)["l1"]) == pytest.approx(10)
    eyes = lambda x: [x + 1]  # noqa: E731
    found = likeness([pair], eyes, 4.0, 1.0)
    assert list(found) == ["perceptual", "l1"]
    assert float(found["perceptual"]) == pytest.approx(4 * 0.5)
