"""The stream: any slice from anywhere, the same from memory and from worker processes."""

import os

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gansaku.core.errors import DataError
from gansaku.data import order
from gansaku.data.opening import open_source
from gansaku.data.spec import ImageSpec

SEEDS = st.integers(0, 2**31)


def numbered(count, height=4, width=6, **options):
    """Images whose every pixel holds their number; the left edge is white."""
    x = np.repeat(np.arange(count, dtype=np.uint8), height * width).reshape(-1, height, width)
    x[:, :, 0] = 255
    return open_source(x, minimum=1, **options)


def who(batch):
    """The numbers of the items in a batch, and whether each is mirrored."""
    pixels = ((batch["x"][:, 0, 0] + 1) * 127.5).round().int()
    return pixels[:, 3].tolist(), (pixels[:, -1] == 255).tolist()


@given(SEEDS, st.integers(1, 9), st.integers(0, 60), st.integers(1, 40), st.data())
@settings(deadline=None, max_examples=40)
def test_slices_agree_with_the_whole(seed, count, start, n, data):
    source = numbered(count, flip=True)
    whole = source.batch(start, n, seed)["x"]
    low = data.draw(st.integers(0, n - 1))
    high = data.draw(st.integers(low + 1, n))
    part = source.batch(start + low, high - low, seed)["x"]
    assert torch.equal(part, whole[low:high])


@given(SEEDS, st.integers(1, 50), st.integers(0, 5))
@settings(deadline=None)
def test_an_epoch_holds_every_item_once(seed, count, epoch):
    numbers = order.indices(np.arange(epoch * count, (epoch + 1) * count), count, seed)
    assert sorted(numbers) == list(range(count))


def test_epochs_and_seeds_differ():
    source = numbered(100)
    orders = [who(source.batch(100 * e, 100, s))[0] for e, s in [(0, 0), (1, 0), (0, 1)]]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert all(sorted(o) == list(range(100)) for o in orders)


def test_a_batch_may_span_epochs():
    numbers, _ = who(numbered(3).batch(2, 8, 5))
    assert sorted(numbers[1:4]) == sorted(numbers[4:7]) == [0, 1, 2]


def test_flips_belong_to_positions():
    source = numbered(50, flip=True)
    numbers, flips = who(source.batch(0, 4000, 7))
    assert len(set(zip(numbers, flips, strict=True))) == 100  # every item is seen both ways
    assert 0.45 < np.mean(flips) < 0.55
    assert who(source.batch(1000, 50, 7))[1] == flips[1000:1050]
    assert flips[:50] != flips[50:100] != who(source.batch(0, 50, 8))[1]
    assert not any(who(source.take(range(50)))[1])
    assert not any(who(numbered(50).batch(0, 50, 7))[1])


def test_random_crops_belong_to_positions_and_cover_the_picture():
    x = np.tile(np.arange(40, dtype=np.uint8), (3, 8, 1))
    source = open_source(x, size=8, crop="random")
    left = ((source.batch(0, 600, 3)["x"][:, 0, 0, 0] + 1) * 127.5).round().int()
    assert set(left.tolist()) == set(range(33))
    again = ((source.batch(100, 5, 3)["x"][:, 0, 0, 0] + 1) * 127.5).round().int()
    assert torch.equal(again, left[100:105])
    assert torch.equal(source.take([0])["x"], open_source(x, size=8).take([0])["x"])


def test_black_and_white_are_minus_one_and_one():
    for dtype, top in [(np.uint8, 255), (np.uint16, 65535)]:
        x = np.array([[[0, top]], [[top, 0]]], dtype)
        batch = open_source(x).take([0, 1])["x"]
        assert batch.flatten().tolist() == [-1, 1, 1, -1]
        assert batch.dtype == torch.float32


def test_labels_travel_with_their_images():
    x = np.arange(20, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 6), np.uint8)
    source = open_source(x, labels=[["even", "odd"][n % 2] for n in range(20)])
    batch = source.batch(0, 50, 1)
    assert source.spec == ImageSpec(4, 6, 1, ("even", "odd"))
    assert batch["y"].dtype == torch.int64
    assert batch["y"].tolist() == [n % 2 for n in who(batch)[0]]
    assert "y" not in numbered(4).batch(0, 2, 0)


def test_another_resolution_is_antialiased():
    x = np.zeros((2, 8, 8, 3), np.uint8)
    x[:, ::4] = 255  # stripes that a plain subsampling would turn white or black
    source = open_source(x)
    small = source.batch(0, 2, 0, spec=source.spec.resized(2, 2))["x"]
    assert small.shape == (2, 3, 2, 2)
    assert (small + 0.5).abs().max() < 0.15
    assert source.batch(0, 2, 0, spec=source.spec.resized(10, 12))["x"].shape[2:] == (10, 12)
    with pytest.raises(ValueError, match="3 channels and 1"):
        source.batch(0, 2, 0, spec=ImageSpec(8, 8, 1))


def test_memory_format_changes_no_value(photos):
    source = open_source(photos)
    last = source.batch(0, 6, 0, memory_format=torch.channels_last)["x"]
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(last, source.batch(0, 6, 0)["x"])
    assert source.batch(0, 6, 0)["x"].is_contiguous()


def test_a_batch_is_the_callers_own(photos):
    source = open_source(photos)
    before = source.batch(0, 6, 0)["x"].clone()
    source.batch(0, 6, 0)["x"].fill_(9)
    source.take([0])["x"].fill_(9)
    assert torch.equal(source.batch(0, 6, 0)["x"], before)


@pytest.mark.parametrize("crop", ["center", "random"])
def test_workers_give_the_same_bits_as_memory(photos, crop):
    options = {"size": 12, "flip": True, "crop": crop, "holdout": 0.2}
    kept = open_source(photos, **options)
    with open_source(photos, **options, memory_limit=0, workers=1) as made:
        assert type(made._store) is not type(kept._store)
        assert made.fingerprint() == kept.fingerprint()
        for start in (0, 5, 10, 15, 40, 3):  # in order, a jump, and back
            assert torch.equal(made.batch(start, 5, 1)["x"], kept.batch(start, 5, 1)["x"])
        assert torch.equal(torch.cat([*made.images(4)]), torch.cat([*kept.images(7)]))
        assert torch.equal(made.held.take([0])["x"], kept.held.take([0])["x"])
        assert any("worker" in note for note in made.notes)


def test_workers_read_ahead_by_the_stride_of_a_rank(photos):
    with open_source(photos, memory_limit=0, workers=1) as source:
        for start in (4, 12, 20):  # the second of two ranks, 4 images each
            source.batch(start, 4, 0)
        expected = [source._numbers(np.arange(s, s + 4), 0).tobytes() for s in (28, 36, 44)]
        assert set(expected) == set(source._store._pending)


def test_where_processes_cannot_run_threads_give_the_same_bits(photos, monkeypatch):
    monkeypatch.setattr("gansaku.data.store.begin_worker", os._exit)  # refuses its arguments
    with open_source(photos, memory_limit=0, workers=1) as source:
        with pytest.warns(UserWarning, match="decoding goes on in threads"):
            batch = source.batch(0, 5, 1)["x"]
        assert torch.equal(batch, open_source(photos).batch(0, 5, 1)["x"])
        assert torch.equal(source.batch(5, 5, 1)["x"], open_source(photos).batch(5, 5, 1)["x"])


def test_a_file_that_vanishes_during_the_run_is_named(photos):
    source = open_source(photos, memory_limit=0, workers=0)
    (photos / "07.png").unlink()
    with pytest.raises(DataError, match=r"07\.png .*could be read at first"):
        source.batch(0, 24, 0)


@given(st.integers(2, 80), st.floats(0.05, 0.6), SEEDS)
@settings(deadline=None)
def test_the_held_part_is_fixed_by_content_not_by_order(count, share, seed):
    digests = np.random.default_rng(count).integers(0, 2**63, count).astype(np.uint64)
    held = order.held_out(digests, share, seed)
    assert held.sum() == max(1, round(count * share))
    shuffled = np.random.default_rng(seed).permutation(count)
    assert (order.held_out(digests[shuffled], share, seed) == held[shuffled]).all()


def test_held_images_are_never_trained_on_and_copies_stay_together():
    x = np.repeat(np.arange(60, dtype=np.uint8) // 2, 24).reshape(60, 4, 6)  # each one twice
    source = open_source(x, holdout=0.2, seed=3)
    trained, held = set(who(source.batch(0, 400, 0))[0]), set(who(source.held.take(range(12)))[0])
    assert not trained & held
    assert trained | held == set(range(30))
    assert open_source(x, holdout=0.2, seed=4).held.fingerprint() != source.held.fingerprint()
    assert open_source(x).held is None


def test_fingerprints_follow_content_labels_and_shape(photos):
    first = open_source(photos).fingerprint()
    assert open_source(photos).fingerprint() == first
    assert open_source(photos, size=8).fingerprint() != first
    (photos / "00.png").write_bytes((photos / "01.png").read_bytes())
    assert open_source(photos).fingerprint() != first


def test_images_come_once_in_order():
    chunks = list(numbered(10).images(4))
    assert [len(c) for c in chunks] == [4, 4, 2]
    assert who({"x": torch.cat(chunks)})[0] == list(range(10))
