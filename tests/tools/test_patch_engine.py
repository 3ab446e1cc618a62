"""The patch engine against sorting by hand, and what it promises of sizes, seeds and levels."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.metrics.patches import patch_distance
from gansaku.tools.patches import BANK, Directions, Matching, Patches, match, resized

QUICK = Matching(steps=100, lr=0.05)


def scene(height: int = 48, width: int = 64, channels: int = 3, seed: int = 0) -> Tensor:
    """A picture with structure: smooth colours and a few discs, `[C, h, w]`."""
    g = torch.Generator().manual_seed(seed)
    x = F.interpolate(torch.rand(1, channels, 4, 5, generator=g), (height, width), mode="bicubic")
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for _ in range(5):
        top, left, colour = torch.rand(3, generator=g).tolist()
        disc = (rows - top * height).square() + (columns - left * width).square() < 30
        x[0, :, disc] = torch.rand(channels, 1, generator=g) if colour > 0.2 else 0.0
    return x[0].clamp(0, 1) * 2 - 1


def by_sorting(x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Mean distance of sorted projections of two pictures of one size, `[1, C, h, w]`."""
    weight = weight / weight.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
    a, b = (F.conv2d(one, weight)[0].flatten(1).sort(1).values for one in (x, y))
    return (a - b).abs().mean()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_gradient_is_that_of_sorting(channels):
    g = torch.Generator().manual_seed(1)
    y = scene(40, 53, channels)[None]
    x = scene(40, 53, channels, 1)[None] + 0.1 * torch.randn(1, channels, 40, 53, generator=g)
    x = x.requires_grad_()
    weight = torch.randn(24, channels, 7, 7, generator=g)
    (exact,) = torch.autograd.grad(by_sorting(x, y, weight), x)
    known = Directions.of(y, weight)
    found = known.gradient(x.detach(), known.room_for(x.detach()))
    assert found.shape == x.shape
    assert F.cosine_similarity(found.flatten(), exact.flatten(), dim=0) > 0.995
    assert abs(float(found.norm() / exact.norm()) - 1) < 0.02


def test_sizes_that_differ_count_by_shares():
    y, g = scene()[None], torch.Generator().manual_seed(2)
    known = Directions.of(y, torch.randn(8, 3, 7, 7, generator=g))
    twice = F.pad(torch.cat([y, y], 3), (0, 0))
    share = known.below(known.bins(twice))
    assert float((share - known.cdf).abs().max()) < 0.1  # the seam alone differs
    assert float(known.gradient(y, known.room_for(y)).abs().max()) == 0.0


def test_the_distance_falls_to_the_picture():
    picture = scene()
    noise = torch.randn(1, 3, 48, 64, generator=torch.Generator().manual_seed(3))
    made = Patches(picture, QUICK).play(1, seed=0)
    before, after = (patch_distance(x, picture).value for x in (noise.clamp(-1, 1), made))
    assert after < before / 4
    assert made.min() >= -1
    assert made.max() <= 1


def test_a_sample_is_a_function_of_the_seed_and_its_number():
    engine = Patches(scene(), Matching(steps=3))
    three = engine.play(3, seed=5)
    assert torch.equal(engine.play(1, seed=5)[0], three[0])
    assert not torch.allclose(three[0], three[1])
    assert not torch.allclose(engine.play(1, seed=6)[0], three[0])


@pytest.mark.parametrize("size", [(30, 90), (96, 20), (11, 7)])
def test_any_size(size):
    assert Patches(scene(), Matching(steps=2)).play(1, 0, size=size).shape == (1, 3, *size)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_any_channels(channels):
    made = Patches(scene(channels=channels), Matching(steps=2)).play(1, 0)
    assert made.shape == (1, channels, 48, 64)


def test_levels_are_those_of_the_paper():
    engine = Patches(torch.zeros(3, 186, 248))
    heights = [height for height, _ in engine.sizes()]
    assert heights == [19, 23, 28, 34, 40, 48, 57, 68, 81, 96, 113, 134, 158, 186]
    assert engine.sizes((186, 496))[-1] == (186, 496)
    assert engine.sizes((186, 496))[0] == (19, 50)
    assert engine.scales() == 14


def test_an_image_enters_at_a_level_and_shows():
    picture = scene()
    engine = Patches(picture, Matching(steps=10, jitter=0.0))
    last = engine.scales() - 1
    painted = scene(seed=9)
    late = engine.play(1, 0, start=last, image=painted[None])[0]
    early = engine.play(1, 0, start=0, image=painted[None])[0]
    far = lambda x: float((x - painted).square().mean())  # noqa: E731
    assert far(late) < far(early)
    itself = engine.play(1, 0, start=last)[0]
    assert float((itself - picture).square().mean()) < 1e-4


def test_a_bank_is_no_longer_than_the_steps():
    engine = Patches(scene(), Matching(steps=BANK + 8, projections=4))
    assert len(engine._bank(0, 0)) == BANK
    assert len(Patches(scene(), Matching(steps=3))._bank(0, 0)) == 3


def test_adam_is_torchs():
    y, x = scene()[None], scene(seed=1)[None]
    bank = Patches(y[0], Matching(steps=4))._bank(3, 0)
    size = Patches(y[0]).sizes()[3]
    x = resized(x, size)
    mine = match(x, bank, 4, 0.05)
    theirs = x.clone().requires_grad_()
    adam = torch.optim.Adam([theirs], lr=0.05)
    for directions in bank:
        theirs.grad = directions.gradient(theirs.detach(), directions.room_for(x)).contiguous()
        adam.step()
    assert torch.allclose(mine, theirs.detach().clamp(-1, 1), atol=1e-5)


def test_a_picture_of_a_few_pixels_is_refused():
    with pytest.raises(UserError, match="8x40 pixels has too few patches: each side must be 14"):
        Patches(torch.zeros(3, 8, 40))
