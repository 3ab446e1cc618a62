"""The cheap measure of progress: falls as samples come nearer, cheap, always the same."""

import itertools
import math
import time

import pytest
import torch

from gansaku.core.errors import UserError
from gansaku.data.spec import ImageSpec, PointSpec
from gansaku.metrics.progress import ProgressMeasure, spread


def blobs(n: int, size: int, channels: int, seed: int) -> torch.Tensor:
    """Smooth random images: coarse noise, enlarged."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(n, channels, 4, 4, generator=generator)
    return torch.nn.functional.interpolate(coarse, size, mode="bicubic").tanh()


def test_images_worsen_with_noise_and_the_same_distribution_is_at_zero() -> None:
    measure = ProgressMeasure(blobs(600, 16, 3, 0), ImageSpec(16, 16, 3))
    fresh = blobs(300, 16, 3, 1)
    noise = torch.randn(fresh.shape, generator=torch.Generator().manual_seed(2))
    values = [measure(fresh + level * noise) for level in (0, 0.1, 0.3, 1)]
    assert abs(values[0]["value"]) < 4 * values[0]["error"] + 0.02
    gaps = [b["value"] - a["value"] - 2 * b["error"] for a, b in itertools.pairwise(values)]
    assert min(gaps) > 0
    assert values[0]["name"].startswith("kernel distance (random-conv-")


def test_a_collapsed_generator_is_far() -> None:
    measure = ProgressMeasure(blobs(600, 16, 1, 0), ImageSpec(16, 16, 1))
    one = measure(blobs(1, 16, 1, 1).expand(200, 1, 16, 16))
    assert one["value"] > 10 * abs(measure(blobs(200, 16, 1, 1))["value"])


def test_points_measure_the_shift() -> None:
    points = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    measure = ProgressMeasure(points, PointSpec(), size=4000)
    found = measure(points + torch.tensor([3.0, 4.0]))
    assert found["value"] == pytest.approx(5 / 2**0.5, rel=1e-6)
    assert found["error"] < 0.1
    assert found["name"] == "sliced Wasserstein distance"


def test_a_reference_is_drawn_from_the_whole_of_a_sorted_set() -> None:
    picked = spread(5000, 512)
    assert len(set(picked)) == 512
    assert min(sum(i // 500 == k for i in picked) for k in range(10)) > 25
    assert picked == spread(5000, 512) == sorted(picked)
    assert spread(7) == list(range(7))


@pytest.mark.parametrize("n", [4, 5, 9])
def test_few_samples_do(n: int) -> None:
    for spec, x in ((ImageSpec(16, 16, 1), blobs(n, 16, 1, 0)), (PointSpec(), torch.randn(n, 2))):
        found = ProgressMeasure(x, spec)(x)
        assert math.isfinite(found["value"])
        assert found["error"] > 0


def test_it_is_deterministic_and_leaves_the_random_state_alone() -> None:
    reference, samples = blobs(100, 16, 3, 0), blobs(64, 16, 3, 1)
    state = torch.get_rng_state()
    first = ProgressMeasure(reference, ImageSpec(16, 16, 3))(samples)
    assert first == ProgressMeasure(reference, ImageSpec(16, 16, 3))(samples)
    assert torch.equal(state, torch.get_rng_state())


def test_512_samples_of_64_pixels_take_about_a_second() -> None:
    measure = ProgressMeasure(blobs(512, 64, 3, 0), ImageSpec(64, 64, 3))
    samples = blobs(512, 64, 3, 1)
    start = time.process_time()
    measure(samples)
    assert time.process_time() - start < 3  # a bound for slow machines; measured 0.3 s on two cores


def test_constant_reference_and_broken_samples_give_a_number() -> None:
    black = ProgressMeasure(torch.full((50, 1, 8, 8), -1.0), ImageSpec(8, 8, 1))
    assert math.isfinite(black(torch.zeros(20, 1, 8, 8))["value"])
    broken = torch.zeros(20, 1, 8, 8)
    broken[3, 0, 0, 0] = math.nan
    assert black(broken)["value"] == math.inf


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(UserError, match="4 real samples or more but found 3"):
        ProgressMeasure(torch.zeros(3, 2), PointSpec())
    measure = ProgressMeasure(torch.randn(20, 2), PointSpec())
    with pytest.raises(UserError, match="4 samples or more; found 3"):
        measure(torch.zeros(3, 2))


def test_a_few_held_out_pictures_are_enough_of_a_reference() -> None:
    """--holdout 0.1 of sixty pictures: six."""
    found = ProgressMeasure(blobs(6, 16, 3, 0), ImageSpec(16, 16, 3))(blobs(64, 16, 3, 1))
    assert math.isfinite(found["value"])
