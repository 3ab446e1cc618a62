"""Whatever is wrong with the data, one clear sentence says what and what to do."""

import struct
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku.core.errors import DataError
from gansaku.data.opening import open_source


def refusal(*args, **options):
    with pytest.raises(DataError) as error:
        open_source(*args, **options)
    words = str(error.value)
    assert "\n" not in words
    assert "Traceback" not in words
    assert len(words) < 500
    return words


def many(folder, count, size=(6, 5)):
    folder.mkdir(exist_ok=True)
    for number in range(count):
        Image.new("RGB", size, (number, 0, 0)).save(folder / f"{number:03}.png")
    return folder


DAMAGE = {
    "text.png": (b"this is text", "no picture in any known format"),
    "empty.jpg": (b"", "it is empty"),
    "short.png": (None, "it is cut short"),
}


def damaged(name):
    data = DAMAGE[name][0]
    if data is not None:
        return data
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    from io import BytesIO

    Image.fromarray(noise).save(stream := BytesIO(), "png")
    return stream.getvalue()[:4000]


@pytest.mark.parametrize("name", DAMAGE)
def test_a_few_damaged_files_are_skipped_and_named(tmp_path, name):
    folder = many(tmp_path / "set", 39)
    (folder / name).write_bytes(damaged(name))
    source = open_source(folder, size=4)
    assert len(source) == 39
    (path, reason), *others = source.bad
    assert path == name
    assert DAMAGE[name][1] in reason
    assert not others
    assert any("1 of 40 files skipped" in n and name in n and reason in n for n in source.notes)


def test_skipping_renumbers_images_and_labels_alike(tmp_path):
    for folder in ("a", "b"):
        many(tmp_path / folder, 20)
    (tmp_path / "a" / "005.png").write_bytes(damaged("short.png"))
    (tmp_path / "a" / "007.png").write_bytes(b"no")
    source = open_source(tmp_path, size=(5, 6))
    found = source.take(range(38))
    shades = ((found["x"][:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
    left = [n for n in range(20) if n not in (5, 7)]
    assert shades == [*left, *range(20)]
    assert found["y"].tolist() == [0] * 18 + [1] * 20
    assert sorted(name for name, _ in source.bad) == ["a/005.png", "a/007.png"]


def test_what_is_skipped_changes_nothing_for_the_rest(tmp_path):
    folder = many(tmp_path / "set", 39)
    whole = open_source(folder, size=4, holdout=0.2)
    (folder / "007a.png").write_bytes(damaged("short.png"))
    part = open_source(folder, size=4, holdout=0.2)
    assert part.fingerprint() == whole.fingerprint()
    assert part.held.fingerprint() == whole.held.fingerprint()
    assert torch.equal(part.batch(0, 40, 0)["x"], whole.batch(0, 40, 0)["x"])


@pytest.mark.parametrize("name", DAMAGE)
def test_many_damaged_files_are_refused(tmp_path, name):
    folder = many(tmp_path / "set", 18)
    (folder / name).write_bytes(damaged(name))
    words = refusal(folder, size=4)
    assert "1 of 19 files cannot be used" in words
    assert name in words
    assert "5%" in words
    assert len(open_source(folder, size=4, tolerate=0.1)) == 18


def test_an_unreadable_file_is_named(tmp_path):
    folder = many(tmp_path / "set", 2)
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert "gone.png (No such file or directory)" in refusal(folder)


def huge_png(width, height):
    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = zlib.compress(bytes((width // 8 + 1) * 10))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_000, 50_000])  # past Pillow's warning, past its error
def test_a_decompression_bomb_is_named(tmp_path, side):
    folder = many(tmp_path / "set", 3)
    (folder / "bomb.png").write_bytes(huge_png(side, side))
    assert "bomb.png (a decompression bomb" in refusal(folder)


def test_a_zip_bomb_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("gansaku.data.items.LARGEST_MEMBER", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(100_000))
    assert "bomb.png (it unpacks to 100,000 bytes)" in refusal(tmp_path / "a.zip")


def test_empty_places_are_refused(tmp_path):
    assert "holds no pictures (it is empty)" in refusal(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    assert "holds no pictures (notes.txt)" in refusal(tmp_path)
    np.savez(tmp_path / "train.npz", x=np.zeros((2, 4, 4), np.uint8))
    assert "did you mean" in refusal(tmp_path)
    assert "train.npz" in refusal(tmp_path)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("notes.txt", "x")
    assert "holds no pictures (notes.txt)" in refusal(tmp_path / "a.zip")


def test_one_image_is_refused_unless_one_is_enough(tmp_path):
    folder = many(tmp_path / "set", 1)
    for path in (folder, folder / "000.png"):
        assert "learns from one image" in refusal(path)
        assert len(open_source(path, minimum=1)) == 1


def test_mixed_sizes_ask_for_one_and_suggest_it(tmp_path):
    folder = many(tmp_path / "set", 3, (300, 200))
    Image.new("RGB", (150, 140)).save(folder / "other.png")
    words = refusal(folder)
    assert "2 sizes, from 150x140 to 300x200" in words
    assert "--size 128" in words
    assert open_source(folder, size=128).spec.shape == (3, 128, 128)


def test_a_path_that_does_not_exist_names_the_nearest(tmp_path, monkeypatch):
    many(tmp_path / "photos", 2)
    assert "did you mean 'photos'" in refusal(tmp_path / "photo")
    monkeypatch.chdir(tmp_path)
    assert "did you mean 'mnist5k'" in refusal("mnist")
    assert "built-in name (mnist5k, digits, ring, grid, spiral)" in refusal("xyzzy")


def test_damaged_zips(tmp_path):
    folder = many(tmp_path / "set", 30)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for picture in sorted(folder.iterdir()):
            archive.write(picture, picture.name)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert "is no whole zip" in refusal(path)
    at = data.index(b"IDAT", data.index(b"007.png")) + 6
    path.write_bytes(data[:at] + b"\xff\xff\xff" + data[at + 3 :])
    source = open_source(path)
    assert len(source) == 29
    assert source.bad[0][0] == "007.png"
    assert "damaged in the zip" in source.bad[0][1]


def test_files_of_another_kind(tmp_path):
    (tmp_path / "song.mp3").write_bytes(b"ID3")
    assert "is nothing that is read here" in refusal(tmp_path / "song.mp3")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 0}, "not a size"),
        ({"channels": 5}, "channels=5"),
        ({"alpha": "drop"}, "alpha='drop'"),
        ({"crop": "left"}, "crop='left'"),
        ({"holdout": 1.0}, "it is a share"),
        ({"holdout": 0.9}, "leaves 0 of 3"),
        ({"labels": [1, 2, 3]}, "goes with an array"),
    ],
)
def test_options_without_meaning(tmp_path, options, words):
    assert words in refusal(many(tmp_path / "set", 3), **options)


def test_points_take_no_size():
    assert "belong to images" in refusal("ring", size=32)
