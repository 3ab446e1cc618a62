"""Real files of every kind, made by Pillow, come out as the pixels that went in."""

import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gansaku.data import decode
from gansaku.data.fit import Fit, luma, on_white, with_bits
from gansaku.data.opening import open_source


def opened(path, **options):
    source = open_source(path, minimum=1, **options)
    return source, ((source.take([0])["x"][0] + 1) * 127.5).permute(1, 2, 0).numpy()


@pytest.fixture
def colours(rng):
    return rng.integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "tga", "webp", "gif"])
def test_lossless_rgb(tmp_path, suffix):
    few = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
    Image.fromarray(few).save(tmp_path / f"a.{suffix}", lossless=True)
    source, seen = opened(tmp_path)
    assert source.spec.shape == (3, 2, 2)
    assert np.abs(seen - few).max() < 1e-3
    assert any("palette" in note for note in source.notes) == (suffix == "gif")


def test_jpeg_grey_and_rgb(tmp_path):
    Image.new("L", (8, 6), 100).save(tmp_path / "a.jpg")
    source, seen = opened(tmp_path)
    assert source.spec.shape == (1, 6, 8)
    assert np.abs(seen - 100).max() < 2
    Image.new("RGB", (8, 6), (200, 10, 30)).save(tmp_path / "a.jpg")
    source, seen = opened(tmp_path)
    assert source.spec.shape == (3, 6, 8)
    assert np.abs(seen[0, 0] - [200, 10, 30]).max() < 4


def test_black_and_white(tmp_path):
    Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "a.png")
    source, seen = opened(tmp_path)
    assert source.spec.channels == 1
    assert (seen[..., 0] == np.eye(4) * 255).all()


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_kept(tmp_path, rng, suffix):
    deep = rng.integers(0, 65536, (5, 7), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / f"a.{suffix}")
    source, seen = opened(tmp_path)
    assert source.spec.shape == (1, 5, 7)
    assert np.abs(seen[..., 0] * 257 - deep).max() < 0.05
    assert "16-bit pixels kept as 16-bit" in source.notes


def test_float_pixels(tmp_path, rng):
    plane = rng.random((5, 7), dtype=np.float32)
    Image.fromarray(plane).save(tmp_path / "a.tif")
    assert np.abs(opened(tmp_path)[1][..., 0] / 255 - plane).max() < 1e-4
    Image.fromarray(plane * 9).save(tmp_path / "a.tif")
    with pytest.raises(decode.Undecodable, match="float pixels reach from"):
        decode.pixels((tmp_path / "a.tif").read_bytes())


def test_sixteen_bit_colour_is_read_as_eight_and_says_so():
    import struct
    import zlib

    def chunk(name, body):
        packed = name + body
        return struct.pack(">I", len(body)) + packed + struct.pack(">I", zlib.crc32(packed))

    row = b"\0" + struct.pack(">6H", 65535, 0, 0, 0, 32768, 65535)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
    png += chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    assert "16-bit colour read as 8 bits a channel" in decode.header(png).remarks
    assert decode.pixels(png).tolist() == [[[255, 0, 0], [0, 128, 255]]]


def test_palette_with_and_without_transparency(tmp_path):
    picture = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "L").convert("P")
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.save(tmp_path / "a.png")
    source, seen = opened(tmp_path)
    assert seen.tolist()[0] == [[255, 0, 0], [0, 0, 255]]
    assert "palette converted: 1 of 1 file" in source.notes
    picture.save(tmp_path / "a.png", transparency=1)
    assert opened(tmp_path)[1].tolist()[0] == [[255, 0, 0], [255, 255, 255]]
    assert opened(tmp_path, alpha="keep")[1].tolist()[0] == [[255, 0, 0, 255], [0, 0, 255, 0]]


def test_cmyk(tmp_path):
    Image.new("CMYK", (8, 6), (255, 0, 0, 0)).save(tmp_path / "a.jpg")
    source, seen = opened(tmp_path)
    assert np.abs(seen[0, 0] - [0, 255, 255]).max() < 6
    assert "CMYK converted to RGB: 1 of 1 file" in source.notes


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_orientation(tmp_path, turn):
    picture = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3) * 40)
    exif = Image.Exif()
    exif[decode.ORIENTATION] = turn
    picture.save(tmp_path / "a.png", exif=exif)
    source, seen = opened(tmp_path)
    a = np.arange(6).reshape(2, 3) * 40
    half, left, down = a[::-1, ::-1], a.T[::-1], a.T[:, ::-1]
    upright = {1: a, 2: a[:, ::-1], 3: half, 4: a[::-1], 5: a.T, 6: down, 7: half.T, 8: left}
    assert np.abs(seen[..., 0] - upright[turn]).max() < 1e-3
    assert any("EXIF" in note for note in source.notes) == (turn != 1)


def test_alpha_is_composited_on_white_or_kept(tmp_path):
    clear = np.array([[[10, 20, 30, 0], [10, 20, 30, 255], [0, 0, 0, 51]]], np.uint8)
    Image.fromarray(clear).save(tmp_path / "a.png")
    source, seen = opened(tmp_path)
    assert seen.round().tolist() == [[[255, 255, 255], [10, 20, 30], [204, 204, 204]]]
    assert "alpha composited on white: 1 of 1 images" in source.notes
    source, seen = opened(tmp_path, alpha="keep")
    assert source.spec.channels == 4
    assert (seen.round() == clear).all()
    assert "alpha kept as a channel: 1 of 1 images" in source.notes


def test_grey_alpha(tmp_path):
    Image.fromarray(np.array([[[50, 0], [50, 255]]], np.uint8)).save(tmp_path / "a.png")
    assert opened(tmp_path)[1].round().tolist() == [[[255], [50]]]
    assert opened(tmp_path, alpha="keep")[0].spec.channels == 2


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_animations_give_their_first_frame(tmp_path, suffix):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], lossless=True)
    source, seen = opened(tmp_path)
    assert np.abs(seen[0, 0] - [255, 0, 0]).max() < 1e-3
    assert any("first frame" in note for note in source.notes)


def test_mixed_colours_depths_and_sizes_meet(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png")
    Image.fromarray(colours[..., 0]).save(tmp_path / "b.png")
    Image.fromarray(np.full((20, 20), 65535, np.uint16)).save(tmp_path / "c.png")
    source = open_source(tmp_path, size=(6, 9))
    assert source.spec.shape == (3, 6, 9)
    x = source.take([0, 1, 2])["x"]
    assert np.abs((x[0].permute(1, 2, 0).numpy() + 1) * 127.5 - colours).max() < 1e-3
    assert torch.equal(x[1, 0], x[1, 2])
    assert (x[2] == 1).all()
    assert "grey used as RGB: 2 of 3 images" in source.notes
    assert open_source(tmp_path, size=4, channels=1).spec.channels == 1


def test_large_jpegs_are_reduced_without_harm(tmp_path, rng):
    small = Image.fromarray(rng.integers(0, 256, (5, 8, 3), dtype=np.uint8))
    small.resize((1600, 1000), Image.Resampling.BICUBIC).save(tmp_path / "a.jpg", quality=95)
    data = (tmp_path / "a.jpg").read_bytes()
    reduced, full = decode.pixels(data, (32, 32)), decode.pixels(data)
    assert full.shape == (1000, 1600, 3)
    assert reduced.shape == (125, 200, 3)
    fit = Fit(32, 32)
    assert np.abs(fit(reduced).astype(int) - fit(full)).mean() < 1.5


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from([8, 16]),
    st.sampled_from(["center", "random", "none"]),
)
@settings(deadline=None)
def test_any_picture_fits_any_shape(found, wanted, channels, out, bits, crop):
    dtype = np.uint8 if bits == 8 else np.uint16
    picture = np.full((*found, channels), np.iinfo(dtype).max, dtype)
    fitted = Fit(*wanted, out, bits, crop)(picture)
    assert fitted.dtype == dtype
    assert fitted.flags.c_contiguous
    if crop == "random":
        assert fitted.shape[1] >= wanted[0]
        assert fitted.shape[2] >= wanted[1]
        assert fitted.shape[1] == wanted[0] or fitted.shape[2] == wanted[1]
    else:
        assert fitted.shape == (out, *wanted)
    assert (fitted == np.iinfo(dtype).max).all()  # white stays white, to the edge


def test_a_centre_crop_without_resizing_changes_no_pixel(rng):
    picture = rng.integers(0, 256, (9, 14, 3), dtype=np.uint8)  # an odd number is cut away
    assert (Fit(9, 9)(picture) == picture[:, 2:11].transpose(2, 0, 1)).all()


def test_resizing_is_antialiased():
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(Fit(16, 16, 1)(stripes).astype(int) - 128).max() < 12
    deep = with_bits(stripes, 16)
    assert np.abs(Fit(16, 16, 1, 16)(deep).astype(int) - 32768).max() < 12 * 257


@given(st.integers(0, 255), st.integers(0, 255))
def test_compositing_is_the_formula(colour, alpha):
    mixed = on_white(np.full((1, 1, 1), colour, np.uint8), np.full((1, 1, 1), alpha, np.uint8))
    assert abs(int(mixed[0, 0, 0]) - (colour * alpha + 255 * (255 - alpha)) / 255) <= 0.5


def test_luma_is_pillows(rng):
    picture = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    pillow = np.asarray(Image.fromarray(picture).convert("L")).astype(int)
    assert np.abs(luma(picture)[..., 0] - pillow).max() <= 1


def lay(folder, names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shade = sum(name.encode()) % 256
        Image.new("L", (4, 4), shade).save(path)


def test_subfolders_are_classes(tmp_path):
    lay(tmp_path, ["dog/1.png", "dog/2.png", "cat/1.png"])
    source = open_source(tmp_path)
    assert source.spec.labels == ("cat", "dog")
    assert source.take([0, 1, 2])["y"].tolist() == [0, 1, 1]


@pytest.mark.parametrize("extra", ["3.png", "dog/young/3.png"])
def test_mixed_or_nested_folders_are_one_set_and_say_so(tmp_path, extra):
    lay(tmp_path, ["dog/1.png", "dog/2.png", "cat/1.png", extra])
    source = open_source(tmp_path)
    assert source.spec.labels == ()
    assert len(source) == 4
    assert any("without classes" in note for note in source.notes)


def test_one_common_folder_is_no_class(tmp_path):
    lay(tmp_path, ["set/a/1.png", "set/b/1.png"])
    assert open_source(tmp_path).spec.labels == ("a", "b")
    lay(tmp_path / "other", ["set/1.png", "set/2.png"])
    source = open_source(tmp_path / "other")
    assert source.spec.labels == ()
    assert source.notes == []


def test_litter_is_passed_over_and_other_files_are_named(tmp_path):
    lay(tmp_path, ["1.png", "2.PNG"])
    for name in (".DS_Store", "Thumbs.db", "notes.txt", "__MACOSX/._1.png", ".hidden/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    source = open_source(tmp_path)
    assert len(source) == 2
    assert source.notes == ["no pictures, and ignored (1): notes.txt"]


def test_a_link_that_leads_in_a_circle_ends(tmp_path):
    lay(tmp_path, ["a/1.png", "b/2.png"])
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert len(open_source(tmp_path)) == 2


def test_a_zip_is_read_as_the_folder_is(tmp_path):
    folder = tmp_path / "set"
    lay(folder, ["dog/1.png", "dog/2.png", "cat/1.png", "cat/2.png"])
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.rglob("*.png"):
            archive.write(path, path.relative_to(tmp_path))
        archive.writestr("__MACOSX/set/._1.png", b"x")
    plain, packed = (open_source(p, holdout=0.3) for p in (folder, tmp_path / "set.zip"))
    assert packed.fingerprint() == plain.fingerprint()
    assert packed.held.fingerprint() == plain.held.fingerprint()
    assert packed.spec == plain.spec
    assert torch.equal(packed.batch(0, 9, 0)["x"], plain.batch(0, 9, 0)["x"])


def test_a_single_picture_can_be_opened_where_one_is_enough(tmp_path):
    lay(tmp_path, ["1.png"])
    assert len(open_source(tmp_path / "1.png", minimum=1)) == 1
