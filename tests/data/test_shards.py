"""Shards: the same samples as a folder, in any order; every damage in a sentence."""

from __future__ import annotations

import io
import json
import pickle
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku import options
from gansaku.core.errors import DataError
from gansaku.data import shards, tar_index
from gansaku.data.inspect import inspect
from gansaku.data.opening import open_source


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The user's cache is not the tests'."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gansaku" / "shards"


def packed(path, files):
    """A tar of (name, bytes)."""
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def picture(number, form="PNG", size=(6, 4)):
    box = io.BytesIO()
    Image.new("RGB", size, (number, 255 - number, 7)).save(box, form)
    return box.getvalue()


def labelled(first, count):
    for number in range(first, first + count):
        yield f"{number:04}.png", picture(number)
        yield f"{number:04}.cls", str(number % 3 + 8).encode()


@pytest.fixture
def two(tmp_path):
    """Two shards of 10 pictures of classes 8, 9 and 10."""
    packed(tmp_path / "s" / "shards-000000.tar", labelled(0, 10))
    packed(tmp_path / "s" / "shards-000001.tar", labelled(10, 10))
    return tmp_path / "s"


def test_shards_give_the_bits_of_the_folder_that_they_were_packed_from(photos, tmp_path):
    names = sorted(photos.iterdir())
    for shard in range(3):
        some = [(path.name, path.read_bytes()) for path in names[8 * shard : 8 * shard + 8]]
        packed(tmp_path / "s" / f"p-{shard}.tar", some)
    fed = {"size": 12, "flip": True, "crop": "random", "holdout": 0.2}
    folder = open_source(photos, **fed)
    for memory in (None, 0):
        with open_source(tmp_path / "s", memory_limit=memory, workers=1, **fed) as tars:
            assert tars.fingerprint() == folder.fingerprint()
            assert (len(tars), len(tars.held)) == (len(folder), len(folder.held))
            for start in (0, 7, 40, 3):
                assert torch.equal(tars.batch(start, 7, 5)["x"], folder.batch(start, 7, 5)["x"])
            assert torch.equal(tars.held.take([0])["x"], folder.held.take([0])["x"])


def test_an_epoch_is_a_permutation_over_all_shards(two):
    source = open_source(str(two / "shards-{000000..000001}.tar"), memory_limit=0, workers=0)
    reds = ((source.batch(0, 20, 3)["x"][:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
    assert sorted(reds) == list(range(20))
    assert {red // 10 for red in reds[:5]} == {0, 1}  # not one shard after the other


@pytest.mark.parametrize("what", ["", "shards-{000000..000001}.tar", "shards-*.tar"])
def test_folders_and_patterns_name_the_same(two, what):
    where = f"{two}/{what}" if what else two
    source = open_source(where)
    assert source.spec.labels == ("8", "9", "10")  # in the order of numbers
    batch = source.take([0, 1, 2, 19])
    assert batch["y"].tolist() == [0, 1, 2, 1]
    assert any("2 shards" in note and "shuffled over all" in note for note in source.notes)


def test_labels_of_json_and_none(tmp_path):
    cats = [(f"{n}.jpg", picture(n, "JPEG")) for n in range(4)]
    said = [
        (f"{n}.json", json.dumps({"label": "dog" if n % 2 else "cat"}).encode()) for n in (0, 1)
    ]
    rest = [("2.json", b'"dog"'), ("3.json", b'{"class": "cat"}')]
    source = open_source(packed(tmp_path / "a.tar", cats + said + rest))
    assert source.spec.labels == ("cat", "dog")
    assert source.take(range(4))["y"].tolist() == [0, 1, 1, 0]
    some = open_source(packed(tmp_path / "b.tar", cats + said))
    assert some.spec.labels == ()
    assert any("2 of 4 pictures have no label" in note for note in some.notes)
    none = open_source(packed(tmp_path / "c.tar", cats))
    assert any("no labels (.cls or .json)" in note for note in none.notes)
    assert "y" not in none.take([0])


def test_what_cannot_be_read_is_named_and_left_out(two):
    bad = [("bad.png", b"no picture"), ("0003.webp", picture(3, "WEBP")), ("0003.png", picture(4))]
    whole = [(f"{n:04}.png", picture(n)) for n in range(40)]
    packed(two / "shards-000002.tar", [*whole, *bad, ("0005.mask.png", b"?"), ("0005.txt", b"?")])
    packed(two / "shards-000003.tar", [("readme.txt", b"?")])
    source = open_source(two, memory_limit=0, workers=0)
    assert len(source) == 60
    assert dict(source.bad) == {
        "shards-000002.tar/bad.png": "it is no picture in any known format",
        "shards-000002.tar/0003.webp": "a second picture of its key, after 0003.png",
        "shards-000002.tar/0003.png": "a second picture of its key, after 0003.png",
    }
    said = " ".join(source.notes)
    assert "no pictures in shards-000003.tar" in said
    assert "*.mask.png (1)" in said
    with pytest.raises(DataError, match="3 of 63 files cannot be used"):
        open_source(two, tolerate=0.01)


def cut(path, size):
    with open(path, "r+b") as file:
        file.truncate(size)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda p: cut(p, 0), "is empty (0 bytes)"),
        (lambda p: cut(p, 300), "no tar, or damaged at its beginning"),
        (lambda p: cut(p, 2600), "is cut short after"),
        (lambda p: p.write_bytes(p.read_bytes()[:2048] + b"x" * 4096), "is damaged at byte 2,048"),
        (lambda p: p.write_bytes(b"no tar" * 900), "no tar, or damaged at its beginning"),
    ],
)
def test_a_damaged_tar_is_one_sentence(two, harm, words):
    harm(two / "shards-000001.tar")
    with pytest.raises(DataError, match=r"shards-000001\.tar") as error:
        open_source(two)
    assert words in str(error.value)
    assert str(error.value).count("fetch it again") == 1


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("shards-{000000..000003}.tar", "names 4 shards, and 2 of them are not there"),
        ("nothing-*.tar", "matches no file"),
        ("s.tar.gz", "is compressed"),
    ],
)
def test_what_is_not_there_or_not_readable(two, what, words):
    (two / "s.tar.gz").write_bytes(b"?")
    with pytest.raises(DataError, match=words.replace("(", r"\(")):
        open_source(f"{two}/{what}")


def test_other_machines_and_empty_shards(tmp_path):
    with pytest.raises(DataError, match=r"is on another machine.*curl"):
        open_source("https://example.org/shards-{000..009}.tar")
    packed(tmp_path / "s" / "a.tar", [("a.txt", b"?")])
    with pytest.raises(DataError, match=r"holds no pictures in 1 shards \(\*\.txt \(1\)\)"):
        open_source(tmp_path / "s")
    packed(tmp_path / "s" / "b.tar", [("a.png", picture(1)), ("a.cls", b"\xff\xfe")])
    with pytest.raises(DataError, match=r"the label a\.cls cannot be read"):
        open_source(tmp_path / "s")


def test_the_index_is_read_once_and_again_when_the_tar_changes(two, cache, monkeypatch):
    first = open_source(two, memory_limit=0, workers=0)
    assert len(list(cache.iterdir())) == 2
    monkeypatch.setattr(tar_index, "build", None)  # not to be called
    again = open_source(two, memory_limit=0, workers=0)
    assert again.fingerprint() == first.fingerprint()
    assert torch.equal(again.batch(0, 9, 1)["x"], first.batch(0, 9, 1)["x"])
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parents[1]))
    packed(two / "shards-000001.tar", labelled(30, 10))
    assert open_source(two).fingerprint() != first.fingerprint()
    for path in cache.iterdir():
        path.write_bytes(b"damaged")
    assert len(open_source(two)) == 20


def test_a_cache_that_cannot_be_written_is_no_error(two, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(open_source(two)) == 20


def test_more_shards_than_files_that_are_held_open(two, monkeypatch):
    monkeypatch.setattr(shards, "OPEN", 1)
    source = open_source(two, memory_limit=0, workers=0)
    assert torch.equal(source.batch(0, 20, 0)["x"], open_source(two).batch(0, 20, 0)["x"])


def test_a_shard_that_changes_during_the_run_is_named(two):
    source = open_source(two, memory_limit=0, workers=0)
    cut(two / "shards-000000.tar", 4000)
    with pytest.raises(DataError, match=r"shards-000000.tar/\d+.png .*the tar ends before it does"):
        source.batch(0, 20, 0)


def test_workers_receive_no_open_file_and_no_lock(two):
    items = shards.shard_items(two, sorted(two.iterdir()))
    items.read(0)
    other = pickle.loads(pickle.dumps(items))  # as a worker process does
    assert other._files == {}
    assert np.array_equal(other.pixels(13), items.pixels(13))


def test_data_shows_shards(two):
    report = inspect(str(two), size=8)
    assert report.count == 20
    assert "2 shards" in report.text()
    assert "classes: 8 (7), 9 (7), 10 (6)" in report.text()


def test_a_pattern_is_kept_whole_in_the_run(two, monkeypatch):
    monkeypatch.chdir(two)
    chosen = options.chosen({}, "shards-{000000,000001}.tar")
    assert chosen.data == str(two / "shards-{000000,000001}.tar")
    monkeypatch.chdir("/")
    assert len(options.open_data(chosen)) == 20


def test_braces():
    assert list(shards.braces("a{08..11}.tar")) == ["a08.tar", "a09.tar", "a10.tar", "a11.tar"]
    assert list(shards.braces("{x,y}{0..1}")) == ["x0", "x1", "y0", "y1"]
    assert list(shards.braces("plain")) == ["plain"]
