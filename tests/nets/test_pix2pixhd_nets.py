"""pix2pixHD's networks: sizes of the authors', what they see, and the face's box."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from gansaku.nets.layers.count import parameters
from gansaku.nets.pix2pixhd import (
    FaceGenerator,
    GlobalGenerator,
    MultiscaleCritic,
    check_size,
    corners,
    crops,
    laid_on,
)


def generator_size(inputs: int, outputs: int, width: int, halvings: int, blocks: int) -> int:
    """Weights and biases, by hand."""
    ends = 49 * inputs * width + width + 49 * width * outputs + outputs
    widths = [width * 2**k for k in range(halvings + 1)]
    pairs = list(itertools.pairwise(widths))
    steps = sum(9 * a * b + b for a, b in pairs) + sum(9 * a * b + a for a, b in pairs)
    return ends + steps + blocks * 2 * (9 * widths[-1] ** 2 + widths[-1])


def critic_size(inputs: int, width: int) -> int:
    widths = [inputs, width, 2 * width, 4 * width, 8 * width, 1]
    return sum(16 * a * b + b for a, b in itertools.pairwise(widths))


@pytest.mark.parametrize("shape", [(6, 3, 8, 3, 2), (4, 1, 5, 2, 3), (3, 3, 4, 1, 0)])
def test_the_generators_size_is_a_formula(shape):
    assert parameters(GlobalGenerator(*shape)) == generator_size(*shape)


def test_the_authors_sizes():
    """define_G(6, 3, 64, "global", 3, 9) and define_D(12, 64, 3, num_D=2) of the authors' code."""
    assert parameters(GlobalGenerator(6, 3)) == generator_size(6, 3, 64, 3, 9) == 45_602_755
    critic = MultiscaleCritic(12, 64, 2)
    assert parameters(critic) == 2 * critic_size(12, 64) == 5_547_906


@pytest.mark.parametrize("size", [(16, 16), (19, 34), (33, 24)])
def test_any_size_goes_through(size):
    torch.manual_seed(0)
    net = GlobalGenerator(6, 3, 4, 3, 1)
    x = torch.rand(2, 6, *size) * 2 - 1
    out = net(x)
    assert out.shape == (2, 3, *size)
    assert out.abs().max() <= 1
    assert torch.allclose(net(x[:1]), out[:1], atol=1e-5), "samples do not meet"


def test_a_size_that_needs_no_border_gets_none():
    torch.manual_seed(0)
    net, x = GlobalGenerator(3, 3, 4, 2, 1), torch.randn(1, 3, 16, 24)
    assert torch.equal(net(x), net.layers(x))


def test_what_is_too_small_is_said():
    check_size((16, 16), 3)
    with pytest.raises(ValueError, match="15x40 are too small for 3 halvings: sides must be 16"):
        check_size((15, 40), 3)


def test_a_critic_is_as_the_authors_stack_it():
    """Layer by layer against the plain chain, and the second scale on the halved input."""
    torch.manual_seed(0)
    net, x = MultiscaleCritic(4, 8, 2), torch.randn(2, 4, 40, 30)
    found = net(x)
    assert [len(scale) for scale in found] == [5, 5]
    assert [tuple(f.shape[1:]) for f in found[0]] == [
        (8, 21, 16),
        (16, 11, 9),
        (32, 6, 5),
        (64, 7, 6),
        (1, 8, 7),
    ]
    halved = nn.AvgPool2d(3, 2, 1, count_include_pad=False)(x)
    for a, b in zip(found[1], net.scales[1](halved), strict=True):
        assert torch.equal(a, b)


def test_a_patch_sees_seventy_pixels():
    torch.manual_seed(0)
    net = MultiscaleCritic(1, 2, 1)
    for layer in net.modules():  # a norm sees the whole picture
        if isinstance(layer, nn.Sequential):
            for name, part in layer.named_children():
                if isinstance(part, nn.InstanceNorm2d):
                    setattr(layer, name, nn.Identity())
    x = torch.randn(1, 1, 160, 160, requires_grad=True)
    logits = net(x)[0][-1]
    (grad,) = torch.autograd.grad(logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2], x)
    rows = grad[0, 0].abs().sum(1).nonzero().flatten()
    assert int(rows[-1] - rows[0]) + 1 == 70


# --- faces ---


def test_boxes_stay_inside():
    middles = torch.tensor([[5.0, 5.0], [0.0, 31.0], [19.4, -3.0], [10.6, 7.4]])
    assert corners(middles, 4, (20, 32)).tolist() == [[4, 4], [0, 28], [16, 0], [9, 6]]
    with pytest.raises(ValueError, match="does not fit into 3x9"):
        corners(middles, 4, (3, 9))


def test_what_is_cut_out_can_be_laid_back():
    x = torch.arange(2 * 3 * 8 * 9.0).reshape(2, 3, 8, 9)
    boxes = torch.tensor([[1, 2], [4, 5]])
    cut = crops(x, boxes, 4)
    assert torch.equal(cut[0], x[0, :, 1:5, 2:6])
    assert torch.equal(cut[1], x[1, :, 4:8, 5:9])
    laid = laid_on(torch.zeros_like(x), cut, boxes)
    assert torch.equal(crops(laid, boxes, 4), cut)
    assert laid.count_nonzero() == cut.count_nonzero()
    kept = x.clone()
    laid_on(x, cut, boxes)
    assert torch.equal(x, kept)


def test_gradients_pass_through_the_box_alone():
    x = torch.zeros(1, 1, 6, 6, requires_grad=True)
    patch = torch.zeros(1, 1, 2, 2, requires_grad=True)
    boxes = torch.tensor([[1, 3]])
    weight = torch.rand(1, 1, 6, 6)
    (laid_on(x, patch, boxes) * weight).sum().backward()
    assert torch.equal(x.grad, weight)
    assert torch.equal(patch.grad, weight[:, :, 1:3, 3:5])


def test_a_residual_begins_at_nothing_and_stays_in_its_box():
    torch.manual_seed(0)
    net = FaceGenerator(3, 3, 8, 4, 3, 1)
    figure, painted = torch.randn(2, 3, 32, 24), torch.randn(2, 3, 32, 24)
    middles = torch.tensor([[10.5, 12.5], [3.0, 20.0]])
    assert torch.equal(net(figure, painted, middles), painted)
    nn.init.normal_(net.residual.layers[-2].weight)
    changed = (net(figure, painted, middles) != painted).any(1)
    assert changed[0, 7:15, 9:17].all()
    assert changed[0].sum() == changed[1].sum() == 64
    assert net.residual.step == 4, "8 pixels are halved twice"
    with pytest.raises(ValueError, match="3 pixels is too small"):
        FaceGenerator(3, 3, 3, 4, 3, 1)
