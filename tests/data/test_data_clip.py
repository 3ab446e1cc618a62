"""Clips: puppets that anybody can make, folders of frames and key points, and their order."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku.core.errors import DataError
from gansaku.data import puppet
from gansaku.data.clip import open_clip
from gansaku.data.feeds import opener
from gansaku.data.spec import ClipSpec, spec_from_json
from gansaku.data.stance import Stance


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return puppet.write("partner", tmp_path_factory.mktemp("clip"), 24, 32, 12)


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "clip")


# --- puppets ---


@pytest.mark.parametrize("name", ["puppet", "partner"])
def test_a_puppet_is_the_same_at_any_size(name):
    small, large = (puppet.poses(name, [3, 90], side, side) for side in (32, 128))
    assert np.allclose((small.body[..., :2] + 0.5) * 4, large.body[..., :2] + 0.5)
    drawn = puppet.frames(name, [3], 128, 128)[0].reshape(3, 32, 4, 32, 4).mean((2, 4))
    assert np.abs(drawn - puppet.frames(name, [3], 32, 32)[0]).mean() < 5


def test_a_puppet_moves_smoothly_within_its_frame():
    for name in puppet.PUPPETS:
        count = puppet.PUPPETS[name].frames
        found = puppet.poses(name, range(count), 100, 100)
        assert found.body[..., :2].min() > 0
        assert found.body[..., :2].max() < 100
        steps = np.abs(np.diff(found.body[..., :2], axis=0)).max()
        assert 1 < steps < 8, "hundredths of the height in a 25th of a second"
        assert (found.body[:, 11, 1] - found.body[:, 0, 1]).min() > 20


def test_a_puppets_limbs_keep_their_length():
    """Seen from in front, nothing but the distance from the camera changes a shin."""
    found = puppet.poses("puppet", range(0, 300, 7), 100, 100).body
    shin = np.hypot(*(found[:, 10, :2] - found[:, 11, :2]).T)
    thigh = np.hypot(*(found[:, 9, :2] - found[:, 10, :2]).T)
    assert shin == pytest.approx(thigh, rel=1e-6)
    arms = [np.hypot(*(found[:, a, :2] - found[:, b, :2]).T) for a, b in ((2, 3), (5, 6))]
    assert arms[0] == pytest.approx(arms[1], rel=1e-6)


def test_two_puppets_differ_in_proportions():
    bodies = [puppet.poses(name, range(0, 200, 5), 100, 100).body for name in puppet.PUPPETS]

    def ratio(body: np.ndarray) -> float:
        leg = np.hypot(*(body[:, 9, :2] - body[:, 10, :2]).T)
        return float((leg / np.hypot(*(body[:, 1, :2] - body[:, 8, :2]).T)).mean())

    assert abs(ratio(bodies[0]) / ratio(bodies[1]) - 1) > 0.1


# --- a source ---


def test_the_puppet_is_fed_in_order():
    source = opener("clip")("puppet", size=16)
    assert isinstance(source.spec, ClipSpec)
    assert (len(source), source.spec.shape) == (299, (3, 16, 16))
    assert spec_from_json(json.loads(json.dumps(source.spec.to_json()))) == source.spec
    drawn = puppet.frames("puppet", range(300), 16, 16)
    batch = source.take([0, 5])
    for number, t in enumerate((1, 6)):
        for name, frame in (("b", drawn[t]), ("b_before", drawn[t - 1])):
            assert torch.equal(batch[name][number], torch.from_numpy(frame) / 127.5 - 1)
    figure = puppet.poses("puppet", [5], 16, 16).draw(0)
    assert torch.equal(batch["a_before"][1], torch.from_numpy(figure) / 127.5 - 1)
    nose = puppet.poses("puppet", [6], 16, 16).body[0, 0]
    assert batch["face"][1].tolist() == pytest.approx([nose[1], nose[0]], rel=1e-5)


def test_any_slice_agrees_with_the_whole(made):
    source = open_clip(made, size=16)
    whole = source.batch(0, 30, 4)
    for start in (0, 7, 11, 25):
        part = source.batch(start, 5, 4)
        assert all(torch.equal(part[name], whole[name][start : start + 5]) for name in whole)
    again = open_clip(made, size=16, memory_limit=0, workers=0)
    other = again.batch(3, 5, 4)
    assert all(torch.equal(other[name], whole[name][3:8]) for name in whole)
    with open_clip(made, size=16, memory_limit=0, workers=1) as working:
        other = [working.batch(start, 5, 4) for start in (0, 5, 10)]
        assert torch.equal(torch.cat([part["b"] for part in other]), whole["b"][:15])
    assert again.fingerprint() == source.fingerprint() != open_clip(made).fingerprint()
    assert set(whole) == {n + end for n in ("a", "b", "face") for end in ("", "_before")}
    epoch = source.batch(0, len(source), 4)["b"]
    assert len(epoch.unique(dim=0)) == len(source) == 11


def test_the_end_is_held_out_and_has_no_trained_neighbour():
    source = open_clip("puppet", size=16, holdout=0.2)
    assert (len(source), len(source.held)) == (239, 59)
    fed, held = (set(part._members) | set(part._members - 1) for part in (source, source.held))
    assert not fed & held
    assert source.stretch() == (0, 239)
    assert "the end of the clip is held out: 59 frames" in source.notes


def test_another_resolution_brings_faces_along():
    source = open_clip("puppet", size=32)
    small = source.batch(0, 2, 0, spec=source.spec.resized(16, 8))
    assert small["b"].shape == (2, 3, 16, 8)
    scale = torch.tensor([0.5, 0.25])
    assert torch.allclose(small["face"], source.batch(0, 2, 0)["face"] * scale)


def test_a_folder_is_read_as_it_was_written(made):
    source = open_clip(made)
    assert source.spec.shape == (3, 24, 32)
    assert (source.spec.points, source.spec.face, len(source)) == ("BODY_25", True, 11)
    own = puppet.poses("partner", range(1, 12), 24, 32)
    assert source.spec.stance == pytest.approx(Stance.of(own).numbers(), abs=1e-4)
    frames = torch.cat(list(source.images(4)))
    drawn = torch.from_numpy(puppet.frames("partner", range(1, 12), 24, 32)) / 127.5 - 1
    assert torch.equal(frames, drawn)


def test_an_animation_beside_one_file(folder):
    frames = [Image.open(folder / "frames" / f"{n:06d}.png") for n in range(12)]
    frames[0].save(folder / "dance.webp", save_all=True, append_images=frames[1:], lossless=True)
    people = [
        json.loads((folder / "keypoints" / f"{n:06d}_keypoints.json").read_text())
        for n in range(12)
    ]
    for part in ("frames", "keypoints"):
        shutil.rmtree(folder / part)
    (folder / "keypoints.json").write_text(json.dumps(people))
    source = open_clip(folder)
    drawn = torch.from_numpy(puppet.frames("partner", range(1, 12), 24, 32)) / 127.5 - 1
    assert torch.equal(torch.cat(list(source.images())), drawn)


def test_frames_beside_the_key_points(folder):
    for path in (folder / "frames").iterdir():
        path.rename(folder / path.name)
    (folder / "frames").rmdir()
    assert len(open_clip(folder)) == 11


def test_a_frame_without_a_person_is_left_out_with_its_neighbour(folder):
    path = folder / "keypoints" / "000005_keypoints.json"
    path.write_text(json.dumps({"people": []}))
    source = open_clip(folder, tolerate=0.1)
    assert len(source) == 9
    assert not {5, 6} & set(source._members.tolist())
    assert source.bad == [("000005.png", "no person was found in it")]
    assert any("frames without a person are left out (1): 000005.png" in n for n in source.notes)
    assert source.stretch() == (4, 5)
    with pytest.raises(DataError, match=r"1 of 12 frames show no person \(000005\.png\)"):
        open_clip(folder)


# --- what does not fit ---

OPTIONS = {"flip": True, "crop": "random", "channels": 1, "alpha": "keep", "labels": [1]}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_of_other_data_are_refused(name):
    with pytest.raises(DataError, match=name):
        open_clip("puppet", size=16, **{name: OPTIONS[name]})


def test_what_is_missing_is_said(folder, tmp_path):
    for what, said in (
        ("pupet", "did you mean 'puppet'"),
        (tmp_path / "nothing", "does not exist"),
        (tmp_path, r"no keypoints/ and no keypoints\.json"),
        (folder / "frames" / "000000.png", "is no clip"),
    ):
        with pytest.raises(DataError, match=said) as told:
            open_clip(what)
        assert "\n" not in str(told.value)
    assert len(open_clip(folder / "keypoints")) == len(open_clip(folder / "frames")) == 11
    (tmp_path / "x.mp4").write_bytes(b"")
    with pytest.raises(DataError, match="is a video: write its frames with `ffmpeg"):
        open_clip(tmp_path / "x.mp4")
    with pytest.raises(DataError, match=r"holdout=0\.999 leaves"):
        open_clip(folder, holdout=0.999)


def test_key_points_alone_cannot_be_trained_on(folder):
    shutil.rmtree(folder / "frames")
    with pytest.raises(DataError, match="pixels of frames whose size it does not say"):
        open_clip(folder)
    images = [{"id": 1, "file_name": "a.png", "height": 24, "width": 32}]
    marks = [{"image_id": 1, "keypoints": [5.0] * 51}]
    path = folder / "coco.json"
    path.write_text(json.dumps({"images": images, "annotations": marks}))
    with pytest.raises(DataError, match="key points alone: training needs frames"):
        open_clip(path)


def test_frames_that_do_not_fit_together(folder):
    extra = folder / "frames" / "000012.png"
    shutil.copy(folder / "frames" / "000000.png", extra)
    with pytest.raises(DataError, match=r"1 of 13 frames have no key points in .*: 000012\.png"):
        open_clip(folder)
    extra.unlink()
    Image.new("RGB", (8, 8)).save(folder / "frames" / "000003.png")
    with pytest.raises(DataError, match="frames of 2 sizes: a clip has one"):
        open_clip(folder)
    (folder / "frames" / "000003.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"1 of 12 files cannot be read: 000003\.png.*no gaps"):
        open_clip(folder)
