"""SRGAN's networks, the resampling beneath them, and what makes small pictures."""

import io
import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku.core.noise import Noise
from gansaku.nets import parameters
from gansaku.nets.degrade import blurred, degraded, jpegged
from gansaku.nets.layers.bicubic import bicubic, keys, weights
from gansaku.nets.srresnet import SRCritic, SRResNet


def test_parameter_counts_in_closed_form():
    block = 2 * (64 * 64 * 9 + 64) + 2 * 128 + 1  # convolutions, batch norms, a PReLU
    ends = 3 * 64 * 81 + 64 + 1 + 64 * 3 * 81 + 3
    double = 64 * 256 * 9 + 256 + 1
    join = 64 * 64 * 9 + 64 + 128
    assert parameters(SRResNet()) == 16 * block + ends + 2 * double + join == 1_549_462
    widths = (64, 64, 128, 128, 256, 256, 512, 512)
    pairs = itertools.pairwise(widths)
    convolutions = 3 * 64 * 9 + 64 + sum(9 * a * b + 2 * b for a, b in pairs)
    head = 512 * 6 * 6 * 1024 + 1024 + 1024 + 1
    assert parameters(SRCritic(3, (96, 96))) == convolutions + head == 23_563_649


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_pictures_of_any_size_grow(scale):
    assert SRResNet(1, scale, 4, 1)(torch.rand(2, 1, 5, 7)).shape == (2, 1, 5 * scale, 7 * scale)


@pytest.mark.parametrize("size", [(16, 16), (17, 30)])
def test_critic_of_any_size(size):
    assert SRCritic(3, size, 2)(torch.rand(2, 3, *size)).shape == (2,)


def test_another_factor_is_refused():
    with pytest.raises(ValueError, match="scale is 3"):
        SRResNet(3, 3)


def test_enlarged_begins_as_the_bicubic_enlargement():
    x = torch.rand(1, 3, 6, 8)
    assert torch.equal(SRResNet(3, 2, 4, 1, enlarged=True)(x), bicubic(x, (12, 16)))


# --- bicubic ---


def test_kernel():
    assert keys(torch.tensor([0.0, 1.0, 2.0, 3.0])).tolist() == [1, 0, 0, 0]
    assert keys(torch.tensor([0.5, -1.5])).tolist() == [0.5625, -0.0625]  # of a = -0.5


@pytest.mark.parametrize(("before", "after"), [(12, 6), (12, 3), (7, 14), (10, 7), (5, 5)])
def test_rows_add_up_to_one(before, after):
    assert torch.allclose(weights(before, after).sum(1), torch.ones(after, dtype=torch.float64))


def test_halving_has_the_known_weights():
    # imresize of a side by 1/2: Keys' kernel at odd quarters, halved
    known = torch.tensor([-3, -9, 29, 111, 111, 29, -9, -3], dtype=torch.float64) / 256
    assert torch.allclose(weights(16, 8)[4, 5:13], known)


def test_quadratics_are_enlarged_exactly():
    line = torch.arange(12.0, dtype=torch.float64)
    found = bicubic((line**2).expand(1, 12).clone(), (1, 24))[0, 4:-4]
    at = (torch.arange(24, dtype=torch.float64) + 0.5) / 2 - 0.5
    assert torch.allclose(found, at[4:-4] ** 2)


def test_inside_it_is_pillows():
    picture = np.random.default_rng(0).random((24, 32)).astype(np.float32)
    theirs = np.asarray(Image.fromarray(picture).resize((16, 12), Image.Resampling.BICUBIC))
    ours = bicubic(torch.tensor(picture)[None], (12, 16))[0].numpy()
    assert np.abs(ours - theirs)[3:-3, 3:-3].max() < 1e-6
    assert np.abs(ours - theirs).max() > 1e-4  # borders are mirrored here


# --- degradation ---


def photograph() -> np.ndarray:
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[:203, 100:301])


def as_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.tensor(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1


def as_db(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(10 * (4 / (a - b).square().mean()).log10())


@pytest.mark.parametrize("quality", [10, 50, 90])
def test_jpeg_is_nearly_that_of_libjpeg(quality):
    pixels, file = photograph(), io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", quality=quality)
    theirs, x = as_tensor(np.asarray(Image.open(file))), as_tensor(pixels)
    ours = jpegged(x, torch.tensor([float(quality)]))
    assert as_db(ours, theirs) > as_db(x, theirs) + 6
    assert as_db(ours, x) == pytest.approx(as_db(theirs, x), abs=0.3)


def test_jpeg_of_grey():
    pixels, file = photograph()[:, :, 0], io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", quality=40)
    theirs, x = (
        torch.tensor(np.array(p))[None, None] / 127.5 - 1 for p in (Image.open(file), pixels)
    )
    assert as_db(jpegged(x, torch.tensor([40.0])), theirs) > 45


def test_blur_has_its_deviation():
    point = torch.zeros(2, 1, 31, 31)
    point[:, :, 15, 15] = 1
    made = blurred(point, torch.tensor([0.0, 2.0]), 9)
    assert torch.allclose(made[0], point[0])
    at = torch.arange(31.0) - 15
    assert float((made[1, 0].sum(0) * at**2).sum()) == pytest.approx(4.0, rel=0.01)


def test_degradation_is_a_function_of_the_noise_and_of_the_row():
    x = torch.rand(4, 3, 16, 24) * 2 - 1
    make = lambda x, seed: degraded(x, 2, Noise(seed, least=4), 1.5, 10.0, 30)  # noqa: E731
    whole = make(x, 1)
    assert whole.shape == (4, 3, 8, 12)
    assert torch.allclose(make(x[:2], 1), whole[:2], atol=1e-6)
    assert not torch.allclose(make(x, 2), whole)
    assert whole.abs().max() <= 1


def test_without_options_it_is_bicubic():
    x = torch.rand(1, 1, 16, 16) - 0.5
    assert torch.equal(degraded(x, 2, Noise(0)), bicubic(x, (8, 8)).clamp(-1, 1))
