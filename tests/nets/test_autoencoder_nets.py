"""Autoencoder critics: shapes, energies, published sizes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gansaku.nets import parameters
from gansaku.nets.autoencoder import (
    AutoencoderCritic,
    BEGANDecoder,
    BEGANEncoder,
    began_critic,
    ebgan_critic,
    embedding,
)
from gansaku.nets.mlp import ReluPerceptron, TanhPerceptron, ring_player

SHAPES = [(1, 28, 28), (3, 16, 24), (3, 33, 17), (2,)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("make", [ebgan_critic, lambda s, width: began_critic(s, 5, width)])
def test_scores_are_minus_errors(make, shape):
    net = make(shape, width=4).eval()
    x = torch.rand(3, *shape) * 2 - 1
    score, code = net(x)
    gap = (net.reconstruct(x) - x).flatten(1)
    assert net.reconstruct(x).shape == x.shape
    expected = gap.abs().mean(1) if net.error == "mean" else gap.square().sum(1).sqrt()
    assert torch.allclose(-score, expected, rtol=1e-4)
    assert code.shape[0] == 3
    assert code.ndim == 2


def test_a_perfect_autoencoder_has_energy_zero_and_a_gradient():
    net = AutoencoderCritic(nn.Identity(), nn.Identity())
    x = torch.randn(2, 3, requires_grad=True)
    score, _ = net(x)
    assert score.tolist() == [0.0, 0.0]
    assert torch.autograd.grad(score.sum(), x)[0].isfinite().all()


def test_ebgan_is_the_papers_configuration():
    """(64)4c2s-(128)4c2s-(256)4c2s and back, at 64 x 64: appendix C of arXiv:1609.03126."""
    net = ebgan_critic((3, 64, 64), 64)
    layers = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    assert [m.out_channels for m in layers] == [64, 128, 256, 128, 64, 3]
    assert net(torch.zeros(2, 3, 64, 64))[1].shape == (2, 256 * 8 * 8)


def test_began_halves_to_eight_and_adds_channels_evenly():
    """Figure 1 of arXiv:1703.10717: n, 2n, 3n, 4n channels at 64, 32, 16, 8 pixels."""
    encoder, decoder = BEGANEncoder((3, 64, 64), 64, 8), BEGANDecoder((3, 64, 64), 64, 8)
    convolutions = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    halvings = [m for m in convolutions if m.stride == (2, 2)]
    assert [m.out_channels for m in halvings] == [16, 24, 32]
    assert encoder.head.in_features == 8 * 8 * 32
    assert {m.out_channels for m in decoder.modules() if isinstance(m, nn.Conv2d)} == {8, 3}
    by_hand = (64 + 1) * 512 + 4 * 2 * (9 * 8 * 8 + 8) + 9 * 8 * 3 + 3
    assert parameters(decoder) == by_hand


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("norm", ["batch", "none", "spectral"])
def test_features(shape, norm):
    net = embedding(shape, 7, 4, norm)
    assert net(torch.zeros(3, *shape)).shape == (3, 7)


def test_the_ring_perceptron():
    net = TanhPerceptron(2, 16)
    assert net(torch.zeros(5, 2)).shape == (5,)
    weight = TanhPerceptron(256, 128, 2)[0].weight
    assert torch.allclose(weight @ weight.T, 1.96 * torch.eye(128), atol=1e-4)


def test_the_ring_of_the_paper():
    critic, x = ring_player("paper", 2, 16), torch.randn(5, 2)
    assert isinstance(critic, ReluPerceptron)
    first, _, last = critic
    assert torch.allclose(critic(x), last(first(x / 4).relu()).squeeze(1), atol=1e-6)
    assert torch.allclose(first.weight.T @ first.weight, 0.64 * torch.eye(2), atol=1e-5)
    assert parameters(ring_player("paper", 256, 128, 2)) == 256 * 128 + 128 + 128 * 129 + 129 * 2
    with pytest.raises(ValueError, match="notebook, paper"):
        ring_player("relu", 2, 16)


def test_what_is_refused():
    with pytest.raises(ValueError, match="error is"):
        AutoencoderCritic(nn.Identity(), nn.Identity(), "l1")
    with pytest.raises(ValueError, match="norm is"):
        ebgan_critic((1, 16, 16), 4, "group")
