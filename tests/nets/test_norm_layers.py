"""Normalisations of our own: values and gradients by hand, in every memory layout."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gansaku.nets.layers.norm import InstanceNorm2d
from gansaku.nets.translator import ResidualBlock

LAYOUTS = [torch.contiguous_format, torch.channels_last]


def by_hand(x, norm):
    """Over the pixels of each picture and channel (arXiv:1607.08022, equation 2)."""
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)
    out = (x - mean) / (variance + norm.eps).sqrt()
    if norm.affine:
        out = out * norm.weight[:, None, None] + norm.bias[:, None, None]
    return out


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("back", LAYOUTS)
def test_instance_norm_and_its_gradient_are_the_papers(n, affine, layout, back):
    """In all layouts: in one, torch 2.13's own gradient is wrong at a batch of one."""
    torch.manual_seed(0)
    norm = InstanceNorm2d(5, affine=affine).double()
    if affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    x = torch.randn(n, 5, 7, 4, dtype=torch.float64).contiguous(memory_format=layout)
    came = torch.randn_like(x).contiguous(memory_format=back)
    found = []
    for way in (norm, lambda x: by_hand(x, norm)):
        norm.zero_grad()
        leaf = x.clone().requires_grad_()
        out = way(leaf)
        out.backward(came)
        found.append([out.detach(), leaf.grad, *(p.grad for p in norm.parameters())])
    for mine, right in zip(*found, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2])
def test_a_residual_block_has_one_gradient_in_either_layout(n):
    torch.manual_seed(0)
    block, x = ResidualBlock(4, "instance").double(), torch.randn(n, 4, 8, 6, dtype=torch.float64)
    found = []
    for layout in LAYOUTS:
        block.to(memory_format=layout).zero_grad()
        out = block(block(x.contiguous(memory_format=layout)))
        out.pow(3).sum().backward()
        found.append([p.grad.clone() for p in block.parameters()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_eval_mode_uses_the_pictures_own_moments():
    x = torch.randn(1, 2, 6, 6) * 3 + 1
    out = InstanceNorm2d(2).eval()(x)
    torch.testing.assert_close(out.mean((2, 3)), torch.zeros(1, 2), atol=1e-5, rtol=0)


def test_one_pixel_has_no_moments():
    with pytest.raises(ValueError, match="Expected more than 1"):
        InstanceNorm2d(2).train()(torch.randn(1, 2, 1, 1))
