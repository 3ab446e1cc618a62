"""Streams: any position from anywhere, whatever was read before; every failure in a sentence."""

from __future__ import annotations

import io
import itertools
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku import options
from gansaku.core.errors import DataError
from gansaku.data import streams
from gansaku.data.inspect import inspect
from gansaku.data.opening import open_source

COUNT = 50


class Picture:
    def __init__(self, decode=True):
        self.decode = decode


class ClassLabel:
    def __init__(self, names):
        self.names = names


def encoded(number, size=(6, 4)):
    box = io.BytesIO()
    Image.new("RGB", size, (number, 255 - number, 7)).save(box, "PNG")
    return box.getvalue()


class Stream:
    """What datasets' IterableDataset does, as far as it is used; it counts what is read."""

    def __init__(self, rows, features, told=True):
        self.made, self.features, self.first, self.read = rows, features, 0, []
        splits = {"train": SimpleNamespace(num_examples=len(rows))} if told else None
        self.info = SimpleNamespace(splits=splits)

    def _with(self, **changes):
        other = Stream.__new__(Stream)
        other.__dict__.update(self.__dict__, **changes)
        return other

    def select_columns(self, names):
        return self._with(made=[{n: row[n] for n in names} for row in self.made])

    def cast_column(self, name, feature):
        assert not feature.decode
        return self

    def skip(self, n):
        return self._with(first=self.first + n)

    def __iter__(self):
        for number, row in itertools.islice(enumerate(self.made), self.first, None):
            if isinstance(row.get("image"), Exception):
                raise row["image"]
            self.read.append(number)
            yield row


FEATURES = {"id": None, "image": Picture(), "label": ClassLabel(["even", "odd"])}


@pytest.fixture
def hub(monkeypatch):
    """A fake of the package; `hub.stream` is what it opens."""
    rows = [
        {"id": n, "image": {"bytes": encoded(n), "path": None}, "label": n % 2}
        for n in range(COUNT)
    ]
    fake = SimpleNamespace(Image=Picture, ClassLabel=ClassLabel, stream=Stream(rows, FEATURES))

    def load_dataset(*asked, split, streaming):
        assert streaming
        fake.asked = (*asked, split)
        if split != "train":
            raise ValueError(f"Bad split: {split}. Available splits: ['train']")
        return fake.stream

    fake.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", fake)
    monkeypatch.setattr(streams, "BLOCK", 8)
    return fake


def reds(batch):
    return ((batch["x"][:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def test_any_position_from_anywhere(hub):
    whole = reds(open_source("hf://me/cats").batch(0, 3 * COUNT, 4))
    for starts in ([0, 10, 20], [90], [120, 3], [45, 55, 44]):
        source = open_source("hf://me/cats")
        for start in starts:
            assert reds(source.batch(start, 10, 4)) == whole[start : start + 10]
    for epoch in range(3):
        assert sorted(whole[epoch * COUNT : (epoch + 1) * COUNT]) == list(range(COUNT))
    assert whole[:COUNT] != whole[COUNT : 2 * COUNT] != sorted(whole[COUNT : 2 * COUNT])
    assert reds(open_source("hf://me/cats").batch(0, COUNT, 5)) != whole[:COUNT]


def test_the_shuffle_is_by_blocks():
    numbers = streams.shuffled(np.arange(2 * 5000), 5000, 3)
    for begin in (0, 2048, 5000, 5000 + 4096):
        size = min(2048, 5000 - begin % 5000)
        assert sorted(numbers[begin : begin + size] - begin % 5000) == list(range(size))
    assert (numbers[:5000] != numbers[5000:]).mean() > 0.99


def test_going_on_skips_what_was_read(hub):
    source = open_source("hf://me/cats")
    hub.stream.read.clear()
    source.batch(40, 4, 0)
    source._store.close()
    assert min(hub.stream.read) >= 40


def test_labels_and_flips_travel_with_their_pictures(hub):
    source = open_source("hf://me/cats/small", flip=True)
    assert hub.asked == ("me/cats", "small", "train")
    assert source.spec.labels == ("even", "odd")
    batch = source.batch(30, 40, 1)
    assert batch["y"].tolist() == [red % 2 for red in reds(batch)]


def test_what_measures_see_is_the_first_block_and_all_come_once(hub):
    source = open_source("hf://me/cats")
    assert reds(source.take([0, 25, 49])) == [0, 4, 7]
    every = torch.cat([*source.images(7)])
    assert reds({"x": every}) == list(range(COUNT))


def test_the_beginning_is_held_out(hub):
    source = open_source("hf://me/cats", holdout=0.2)
    assert (len(source), len(source.held)) == (40, 10)
    assert sorted(reds(source.batch(0, 40, 0))) == list(range(10, 50))
    assert reds({"x": torch.cat([*source.held.images()])}) == list(range(10))
    assert source.fingerprint() != source.held.fingerprint()
    assert open_source("hf://elsewhere/cats", holdout=0.2).fingerprint() == source.fingerprint()
    hub.stream.made[1]["image"]["bytes"] = encoded(200)
    assert open_source("hf://me/cats", holdout=0.2).fingerprint() != source.fingerprint()


def test_a_bad_sample_is_replaced_by_the_next_and_named(hub):
    hub.stream.made[21]["image"] = {"bytes": b"no picture", "path": None}
    source = open_source("hf://me/cats", size=(4, 6))
    with pytest.warns(UserWarning, match=r"hf://me/cats: sample 21 left out \(it is no picture"):
        batch = source.batch(0, COUNT, 2)
    assert sorted(reds(batch)) == sorted([*range(21), 22, *range(22, COUNT)])
    assert batch["y"].tolist() == [red % 2 for red in reds(batch)]
    assert reds(source.batch(7, 20, 2)) == reds(batch)[7:27]
    with pytest.warns(UserWarning, match="sample 21"):
        assert reds(open_source("hf://me/cats").batch(7, 20, 2)) == reds(batch)[7:27]


@pytest.mark.filterwarnings("ignore:hf")
def test_too_many_bad_samples_end_the_run(hub):
    for number in range(20, COUNT):
        hub.stream.made[number]["image"] = {"bytes": None, "path": "/nowhere.png"}
    with pytest.raises(DataError, match=r"sample \d+ left out .* so far cannot be used"):
        open_source("hf://me/cats").batch(0, COUNT, 2)


def test_sizes_that_do_not_agree_are_asked_for(hub):
    image = hub.stream.made[3]["image"]
    image["bytes"] = encoded(3, (12, 20))
    with pytest.raises(DataError, match=r"images of 2 sizes.*--size"):
        open_source("hf://me/cats")
    assert open_source("hf://me/cats", size=8, crop="random").batch(0, 9, 0)["x"].shape[2:] == (
        8,
        8,
    )


def test_a_count_that_is_not_told_is_counted(hub):
    rows = hub.stream.made
    hub.stream = Stream(rows, {"image": Picture()}, told=False)
    source = open_source("hf://me/cats")
    assert len(source) == COUNT
    assert "y" not in source.take([0])
    said = " ".join(source.notes)
    assert "they were counted" in said
    assert "no column of classes" in said
    assert "streamed, 50 samples: shuffled within blocks of 8" in said


def test_what_the_hub_refuses_is_one_sentence(hub, monkeypatch):
    with pytest.raises(DataError, match=r"hf://me/cats:test cannot be opened: Bad split: test"):
        open_source("hf://me/cats:test")
    hub.stream = Stream(hub.stream.made, {"text": None})
    with pytest.raises(DataError, match=r"has no column of pictures \(text\)"):
        open_source("hf://me/cats")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"needs the package datasets: pip install"):
        open_source("hf://me/cats")


def test_a_connection_that_breaks_is_one_sentence_and_the_next_try_goes_on(hub):
    source = open_source("hf://me/cats")
    whole, kept = reds(open_source("hf://me/cats").batch(30, 10, 0)), hub.stream.made[35]["image"]
    hub.stream.made[35]["image"] = ConnectionError("reset by peer")
    with pytest.raises(DataError, match="hf://me/cats could not be read on: reset by peer"):
        source.batch(30, 10, 0)
    hub.stream.made[35]["image"] = kept
    assert reds(open_source("hf://me/cats").batch(30, 10, 0)) == whole
    hub.stream.info.splits["train"].num_examples = COUNT + 9
    with pytest.raises(DataError, match="ended after 50 samples"):
        open_source("hf://me/cats").batch(48, 9, 0)


def test_data_shows_a_stream(hub):
    text = inspect("hf://me/cats", size=4).text()
    assert "50 samples of 4x4 RGB" in text
    assert "streamed" in text


def test_a_folder_is_kept_whole_in_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert options.chosen({}, "hf://./cats:test").data == f"hf://{tmp_path}/cats:test"
    assert options.chosen({}, "hf://me/cats").data == "hf://me/cats"


def test_the_real_package(tmp_path, monkeypatch):
    """Saved to disk and as parquet, streamed: the same samples; needs the package."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(streams, "BLOCK", 8)
    features = datasets.Features(
        image=datasets.Image(), label=datasets.ClassLabel(names=["even", "odd"])
    )
    rows = {
        "image": [{"bytes": encoded(n), "path": None} for n in range(COUNT)],
        "label": [n % 2 for n in range(COUNT)],
    }
    made = datasets.Dataset.from_dict(rows, features=features)
    made.save_to_disk(str(tmp_path / "saved"))
    (tmp_path / "parquet").mkdir()
    made.to_parquet(str(tmp_path / "parquet" / "train.parquet"))
    for place in ("saved", "parquet"):
        source = open_source(f"hf://{tmp_path / place}")
        assert source.spec.labels == ("even", "odd")
        whole = source.batch(0, 2 * COUNT, 3)
        assert sorted(reds(whole)[:COUNT]) == list(range(COUNT))
        again = open_source(f"hf://{tmp_path / place}").batch(63, 20, 3)
        assert reds(again) == reds(whole)[63:83]
        assert again["y"].tolist() == [red % 2 for red in reds(again)]
