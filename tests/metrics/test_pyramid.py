"""ProGAN's distance: the pyramid is exact, the figure is the authors', each level sees its own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.stats import wasserstein_distance

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.metrics.pyramid import PyramidPatches, laplacian_pyramid, progan_swd, reconstruct
from gansaku.metrics.sliced import directions


def images(n: int, side: int = 32, seed: int = 0, channels: int = 3) -> torch.Tensor:
    """Smooth pictures with fine grain: something at each level."""
    noise = Noise(seed, ("test",))
    coarse = F.interpolate(noise.normal(n, channels, 4, 4), side, mode="bicubic")
    return 0.4 * coarse + 0.1 * noise.normal(n, channels, side, side)


@given(st.integers(7, 70), st.integers(7, 70), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_a_pyramid_holds_the_whole_image_at_any_size(h: int, w: int, channels: int) -> None:
    x = Noise(h * w, ("any",)).normal(2, channels, h, w)
    pyramid = laplacian_pyramid(x)
    torch.testing.assert_close(reconstruct(pyramid), x, rtol=0, atol=2e-6)
    assert min(min(level.shape[2:]) for level in pyramid) >= min(16, h, w)
    assert [*pyramid[-1].shape[2:]] == [-(-s // 2 ** (len(pyramid) - 1)) for s in (h, w)]


def test_levels_are_those_of_scipy_with_mirrored_borders() -> None:
    x = images(2, 64)
    kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])[None, None] / 256
    fine, expected = x.double().numpy(), []
    for _ in range(2):
        coarse = ndimage.convolve(fine, kernel, mode="mirror")[..., ::2, ::2]
        spread = np.zeros_like(fine)
        spread[..., ::2, ::2] = coarse
        expected.append(fine - ndimage.convolve(spread, 4 * kernel, mode="mirror"))
        fine = coarse
    for mine, theirs in zip(laplacian_pyramid(x), [*expected, fine], strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, atol=2e-6)


def test_a_constant_lives_in_the_coarsest_level_alone() -> None:
    *details, rest = laplacian_pyramid(torch.full((1, 1, 89, 109), 0.7))
    assert [min(level.shape[2:]) for level in (*details, rest)] == [89, 45, 23]
    assert max(float(level.abs().max()) for level in details) < 1e-6
    torch.testing.assert_close(rest, torch.full_like(rest, 0.7))


def test_the_figure_is_the_mean_w1_of_normalised_projections() -> None:
    a, b = (PyramidPatches.of(images(12, 16, seed), patches=9, key=str(seed)) for seed in (0, 1))
    mine = progan_swd(a, b, repeats=2, projections=5, folds=3)
    rows = []
    for patches in (a.levels[16].double(), b.levels[16].double()):
        patches = patches - patches.mean((0, 1, 3, 4), keepdim=True)
        patches = patches / patches.std((0, 1, 3, 4), correction=0, keepdim=True)
        rows.append(patches.flatten(0, 1).flatten(1))
    theta = torch.cat([directions(147, 5, seed) for seed in (0, 1)])
    values = [wasserstein_distance(rows[0] @ one, rows[1] @ one) for one in theta]
    assert mine.mean.value == pytest.approx(1e3 * np.mean(values), rel=1e-4)
    assert mine.levels == {16: pytest.approx(mine.mean.value)}


def test_patches_are_windows_of_the_level_and_do_not_depend_on_batches() -> None:
    x = images(70, 32)
    whole = PyramidPatches.of(x, patches=5)
    parts = PyramidPatches.of((x[i : i + 9] for i in range(0, 70, 9)), patches=5)
    assert list(whole.levels) == [32, 16]
    assert len(whole) == len(parts) == 70
    for side, level in zip(whole.levels, laplacian_pyramid(x), strict=True):
        torch.testing.assert_close(whole.levels[side], parts.levels[side], rtol=0, atol=1e-6)
        windows = level.unfold(2, 7, 1).unfold(3, 7, 1)[3].permute(1, 2, 0, 3, 4).flatten(0, 1)
        assert (windows == whole.levels[side][3, 2]).flatten(1).all(1).any()
    assert not torch.equal(whole.levels[16], PyramidPatches.of(x, 5, key="fake").levels[16])


def test_the_same_distribution_is_near_and_nearer_with_more_images() -> None:
    few, many = (
        progan_swd(images(n, 32, 0), images(n, 32, 1), repeats=2, projections=32) for n in (32, 256)
    )
    assert many.mean.value < 0.6 * few.mean.value
    itself = progan_swd(images(256), images(256), repeats=2, projections=32)
    assert 0 < itself.mean.value < many.mean.value
    assert itself.images == 256


def test_each_level_sees_its_own_fault() -> None:
    real, other = images(128, 32, 0), images(128, 32, 1)
    base = progan_swd(real, other, repeats=1, projections=32).levels
    blurred = F.avg_pool2d(F.pad(other, (1, 1, 1, 1), mode="reflect"), 3, 1)
    fine = progan_swd(real, blurred, repeats=1, projections=32).levels
    assert fine[32] > 5 * base[32]
    assert fine[32] - base[32] > 3 * (fine[16] - base[16])
    tint = other + Noise(2, ("tint",)).normal(128, 3, 1, 1)  # each image its own colour
    coarse = progan_swd(real, tint, repeats=1, projections=32).levels
    assert coarse[16] > 3 * base[16]
    assert coarse[32] == pytest.approx(base[32], rel=1e-3)


def test_what_all_images_share_is_invisible_by_construction() -> None:
    real, other = images(32, 32, 0), images(32, 32, 1)
    cast = (
        other * torch.tensor([0.5, 1, 2])[:, None, None] + torch.tensor([0.3, 0, -1])[:, None, None]
    )
    figures = [progan_swd(real, x, repeats=1, projections=16).mean.value for x in (other, cast)]
    assert figures[0] == pytest.approx(figures[1], rel=1e-3)


def test_the_error_is_the_spread_over_draws() -> None:
    def draw(seed: int) -> torch.Tensor:
        return images(40, 16, seed, channels=1)

    found = [
        progan_swd(draw(2 * i), 1.2 * draw(2 * i + 1) ** 2, repeats=2, projections=16)
        for i in range(40)
    ]
    claimed = np.sqrt(np.mean([one.mean.error**2 for one in found]))
    assert 0.6 < claimed / np.std([one.mean.value for one in found]) < 1.7


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(UserError, match="7 pixels or more"):
        progan_swd(torch.zeros(9, 3, 6, 20), torch.zeros(9, 3, 6, 20))
    with pytest.raises(UserError, match="needs 8 images of each set or more; found 5"):
        progan_swd(images(5), images(9))
    with pytest.raises(UserError, match=r"levels \[32, 16\] and levels \[16\]"):
        progan_swd(images(9), images(9, 16))
    with pytest.raises(UserError, match="but got none"):
        progan_swd([], images(9))
    with pytest.raises(UserError, match="must have one shape"):
        PyramidPatches.of([images(2, 32), images(2, 33)])
