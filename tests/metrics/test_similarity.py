"""PSNR, SSIM, MS-SSIM: torchmetrics and scikit-image agree; the diversity's error is honest."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.metrics.similarity import (
    WEIGHTS,
    luma,
    ms_ssim,
    ms_ssim_diversity,
    psnr,
    scales_of,
    similarity,
    ssim,
)


def pair(n: int, *shape: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    noise = Noise(seed, ("similar",))
    coarse = F.interpolate(noise.normal(n, shape[0], 6, 6), shape[1:], mode="bicubic")
    a = (0.4 * coarse + 0.05 * noise.normal(n, *shape)).clamp(-1, 1)
    levels = torch.linspace(0.02, 0.3, n).view(-1, 1, 1, 1)
    return a, (a + levels * noise.normal(n, *shape)).clamp(-1, 1)


def test_all_agree_with_scikit_image() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    a, b = pair(4, 3, 40, 51)
    # theirs is given light, which begins at 0
    pairs = [(x.double().numpy() + 1, y.double().numpy() + 1) for x, y in zip(a, b, strict=True)]
    theirs = [metrics.peak_signal_noise_ratio(x, y, data_range=2) for x, y in pairs]
    np.testing.assert_allclose(psnr(a, b).numpy(), theirs, rtol=1e-9)
    how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    theirs = [
        metrics.structural_similarity(x, y, data_range=2, channel_axis=0, **how) for x, y in pairs
    ]
    np.testing.assert_allclose(ssim(a, b).numpy(), theirs, rtol=1e-9)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (3, 90, 61), (3, 180, 201)])
def test_all_agree_with_torchmetrics_where_the_window_fits(shape: tuple[int, ...]) -> None:
    functional = pytest.importorskip("torchmetrics.functional.image")
    one = functional.structural_similarity_index_measure
    how = {"data_range": 2.0, "reduction": "none"}

    def inner(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return one(x, y, return_full_image=True, **how)[1][..., 5:-5, 5:-5].mean((1, 2, 3))

    a, b = (x.double() for x in pair(3, *shape))
    torch.testing.assert_close(ssim(a, b), inner(a + 1, b + 1), rtol=1e-7, atol=0)
    weights, product = WEIGHTS[: scales_of(*shape[1:])], torch.ones(3, dtype=torch.float64)
    x, y = a + 1, b + 1
    for weight in weights[:-1]:
        contrast = one(x, y, return_contrast_sensitivity=True, **how)[1]
        product *= contrast.clamp(min=0) ** (weight / sum(weights))
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    product *= inner(x, y) ** (weights[-1] / sum(weights))
    torch.testing.assert_close(ms_ssim(a, b), product, rtol=1e-6, atol=0)
    found = functional.peak_signal_noise_ratio(a, b, data_range=2.0)
    mine = psnr(a.flatten(0, 1)[None], b.flatten(0, 1)[None])
    assert float(mine) == pytest.approx(float(found), rel=1e-6)


def test_scales_follow_the_shorter_side() -> None:
    found = [scales_of(side, 999) for side in (10, 11, 21, 22, 32, 44, 88, 175, 176, 1024)]
    assert found == [0, 1, 1, 2, 2, 3, 4, 4, 5, 5]


@given(st.integers(0, 2**31), st.floats(0.01, 0.5))
@settings(max_examples=15, deadline=None)
def test_equal_images_are_one_and_noise_lowers_all(seed: int, level: float) -> None:
    a, _ = pair(2, 1, 24, 24, seed=seed)
    near, far = (a + s * Noise(seed, ("n",)).normal(2, 1, 24, 24) for s in (level, 2 * level))
    for measure in (psnr, ssim, ms_ssim):
        assert (measure(a, far) <= measure(a, near)).all()  # MS-SSIM may be 0 already
        torch.testing.assert_close(measure(a, near), measure(near, a))
    torch.testing.assert_close(ssim(a, a), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(ms_ssim(a, a), torch.ones(2, dtype=torch.float64))
    assert psnr(a, a).tolist() == [math.inf, math.inf]


def test_psnr_of_a_known_error_and_a_border() -> None:
    a = torch.zeros(2, 3, 10, 10)
    b = a + 0.2
    assert psnr(a, b).tolist() == pytest.approx([20, 20], abs=1e-6)
    b[:, :, :2] = b[:, :, -2:] = b[..., :2] = b[..., -2:] = 1
    assert psnr(a, b, border=2).tolist() == pytest.approx([20, 20], abs=1e-6)
    assert (psnr(a, b) < 15).all()


def test_luma_is_the_studio_range_of_bt601() -> None:
    colour = pytest.importorskip("skimage.color")
    x = Noise(0, ("rgb",)).uniform(1, 3, 8, 9).double()
    theirs = colour.rgb2ycbcr(x[0].permute(1, 2, 0).numpy())[..., 0]
    found = (luma(2 * x - 1) + 1) * 127.5
    np.testing.assert_allclose(found[0, 0].numpy(), theirs, rtol=1e-9)
    white = (luma(torch.ones(1, 3, 2, 2)) + 1) * 127.5
    assert float(white[0, 0, 0, 0]) == pytest.approx(235, abs=1e-4)


def test_similarity_is_the_mean_of_each_with_its_error() -> None:
    a, b = pair(5, 3, 32, 32)
    found = similarity(a, b, border=4)
    inner = a[..., 4:-4, 4:-4], b[..., 4:-4, 4:-4]
    assert found.ssim.value == pytest.approx(float(ssim(*inner).mean()))
    assert found.ssim.value == pytest.approx(float(ssim(a, b, border=4).mean()))
    assert found.psnr.error == pytest.approx(float(psnr(*inner).std()) / 5**0.5)
    assert found.ms_ssim.value == pytest.approx(float(ms_ssim(*inner).mean()))


def test_diversity_is_one_for_one_image_and_falls_with_variety() -> None:
    base = pair(1, 1, 24, 24)[0]
    noise = Noise(1, ("more",)).normal(60, 1, 24, 24)
    found = [ms_ssim_diversity(base + s * noise, 100).value for s in (0, 0.1, 0.4)]
    assert found[0] == pytest.approx(1)
    assert found[0] > found[1] > found[2]
    again = [ms_ssim_diversity(base + noise, 100, seed=s).value for s in (0, 0, 1)]
    assert again[0] == again[1] != again[2]


@pytest.mark.parametrize("pairs", [40, 400])
def test_the_error_of_the_diversity_is_its_spread_over_draws(pairs: int) -> None:
    draws = []
    for seed in range(60):
        noise = Noise(seed, ("draw",))
        x = noise.normal(80, 1, 11, 11) * 0.3 + noise.normal(80, 1, 1, 1) * 0.3
        draws.append(ms_ssim_diversity(x, pairs))
    claimed = np.sqrt(np.mean([one.error**2 for one in draws]))
    assert 0.7 < claimed / np.std([one.value for one in draws]) < 1.5


def test_bad_input_is_one_sentence() -> None:
    a = torch.zeros(3, 3, 12, 12)
    with pytest.raises(UserError, match=r"in pairs \[N, C, H, W\]"):
        ssim(a, a[:2])
    with pytest.raises(UserError, match="sides of 13 pixels or more"):
        ssim(a, a, border=1)
    with pytest.raises(UserError, match="sides of 11 pixels or more"):
        ms_ssim(a[..., :10], a[..., :10])
    with pytest.raises(UserError, match="luma needs RGB"):
        luma(a[:, :1])
    with pytest.raises(UserError, match="in 10 folds need 20 images"):
        ms_ssim_diversity(a)
