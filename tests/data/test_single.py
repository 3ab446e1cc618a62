"""One picture as a source, and a sentence for whatever is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku.core.errors import DataError
from gansaku.data.feeds import opener
from gansaku.data.single import open_single


def picture(path, width, height, mode="RGB", color=None):
    rng = np.random.default_rng(0)
    bands = len(Image.new(mode, (1, 1)).getbands())
    pixels = rng.integers(0, 256, (height, width, bands), np.uint8)
    image = Image.fromarray(pixels.squeeze() if bands == 1 else pixels, mode)
    (image if color is None else Image.new(mode, (width, height), color)).save(path)
    return path


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_a_picture_of_any_proportions_comes_as_often_as_asked(tmp_path, mode, channels):
    source = open_single(picture(tmp_path / "a.png", 40, 21, mode))
    assert source.spec.shape == (channels, 21, 40)
    assert source.notes == []
    x = source.batch(5, 3, seed=1)["x"]
    assert x.shape == (3, channels, 21, 40)
    assert torch.equal(x[0], x[2])
    assert torch.equal(x[:1], source.take([0])["x"])
    assert opener("single") is open_single


def test_the_longer_side_is_brought_down_and_said(tmp_path):
    path = picture(tmp_path / "a.png", 600, 301)
    source = open_single(path)
    assert source.spec.shape == (3, 126, 250)
    assert source.notes == ["resized from 600x301 to 250x126 pixels (--size says otherwise)"]
    assert open_single(path, size=100).spec.shape == (3, 51, 100)
    assert open_single(path, size=4000).spec.shape == (3, 301, 600)
    assert open_single(path, size=(50, 60)).spec.shape == (3, 50, 60)


def test_a_transparent_picture_is_laid_on_white_and_said(tmp_path):
    path = picture(tmp_path / "a.png", 30, 30, "RGBA", (255, 0, 0, 0))
    source = open_single(path)
    assert source.spec.channels == 3
    assert (source.take([0])["x"] == 1).all()
    assert source.notes == ["alpha composited on white"]
    assert open_single(path, alpha="keep").spec.channels == 4


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (3, 20, 30), (4, 20, 30), (20, 30, 2)])
def test_arrays_of_one_picture(shape):
    source = open_single(np.random.default_rng(1).random(shape).astype(np.float32))
    assert source.spec.shape[1:] == (20, 30)


def test_a_folder_of_one_is_one_and_of_many_is_not(tmp_path):
    picture(tmp_path / "b.png", 30, 30)
    assert open_single(tmp_path).spec.shape == (3, 30, 30)
    picture(tmp_path / "c.png", 30, 30)
    with pytest.raises(
        DataError, match=r"holds 2 pictures, and this recipe learns from one.*b\.png"
    ):
        open_single(tmp_path)


def test_eight_pixels_are_too_few(tmp_path):
    with pytest.raises(DataError, match=r"8x8 pixels.*12 are needed a side"):
        open_single(picture(tmp_path / "a.png", 8, 8))
    with pytest.raises(DataError, match="12 are needed a side"):
        open_single(picture(tmp_path / "b.png", 500, 20))


def test_sixty_megapixels_are_brought_down(tmp_path):
    path = tmp_path / "large.png"
    Image.new("L", (10_000, 6_000), 7).save(path, compress_level=1)
    source = open_single(path)
    assert source.spec.shape == (1, 150, 250)
    assert "resized from 10000x6000 to 250x150" in source.notes[0]


def test_what_belongs_to_many_pictures_is_refused(tmp_path):
    path = picture(tmp_path / "a.png", 30, 30)
    for name, value in (("flip", True), ("holdout", 0.1), ("labels", [1])):
        with pytest.raises(DataError, match=f"{name} has no meaning for one single picture"):
            open_single(path, **{name: value})


def test_a_damaged_picture_is_named(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(DataError, match=r"a\.png"):
        open_single(path)
