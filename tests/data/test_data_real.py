"""Real sets, where they are at hand."""

import pytest
import torch

from gansaku.core.errors import DataError
from gansaku.data.inspect import inspect
from gansaku.data.opening import open_source


def test_all_of_mnist(real):
    source = open_source(real / "mnist", holdout=0.1)
    assert len(source) + len(source.held) == 60_000
    assert abs(len(source.held) - 6000) < 10
    assert source.spec.shape == (1, 28, 28)
    assert source.spec.labels == tuple("0123456789")
    x = torch.cat(list(source.images(10_000)))
    assert abs((x.mean() + 1) / 2 - 0.1307) < 0.001  # the mean that everyone quotes
    test = open_source(real / "mnist" / "t10k-images-idx3-ubyte.gz")
    assert test.take(range(5))["y"].tolist() == [7, 2, 1, 0, 4]


def test_faces_of_89_by_109(real):
    path = real / "faces" / "celeba_1500_89x109.zip"
    native = open_source(path, holdout=0.1)
    assert native.spec.shape == (3, 109, 89)
    assert len(native) + len(native.held) == 1500
    assert native.notes == []
    assert native.bad == []
    small = open_source(path, size=64, flip=True)
    batch = small.batch(1490, 32, 0)["x"]  # across an epoch's end
    assert batch.shape == (32, 3, 64, 64)
    assert -1 <= batch.min() < -0.8 < 0.8 < batch.max() <= 1
    with open_source(path, size=64, flip=True, memory_limit=0, workers=1) as made:
        assert torch.equal(made.batch(1490, 32, 0)["x"], batch)


def test_pictures_of_many_sizes(real):
    folder = real / "singan_inputs"
    with pytest.raises(DataError, match=r"12 sizes, from 80x120 to 572x380.*--size 128"):
        open_source(folder)
    report = inspect(folder, size=64)
    assert report.fed == 23
    assert report.duplicates == (("Images/birds.png", "Paint/birds.png"),)
    assert "alpha composited on white: 11 of 23 images" in report.notes
