"""Key points are read strictly, and drawn smoothly."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gansaku.core.errors import DataError
from gansaku.data import keypoints, puppet
from gansaku.data.pose import BODY, COLOURS, FACE, LIMBS, Poses, draw, middle_of_face, stroke

NONE = np.zeros((FACE, 3))


def body(**points: tuple[float, float]) -> np.ndarray:
    """A person of whom only those points were found."""
    made = np.zeros((len(BODY), 3))
    for name, place in points.items():
        made[BODY.index(name.replace("_", " "))] = (*place, 1.0)
    return made


def person(x: float = 0.0, size: float = 1.0, **more) -> dict:
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.uniform(0, 20, (25, 2)) * size + x, np.ones((25, 1))], 1)
    return {"pose_keypoints_2d": points.flatten().tolist(), **more}


def write(path, data) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data))


# --- drawing ---


def test_a_stroke_covers_its_area():
    for radius in (0.75, 2.0, 3.3):
        canvas = np.zeros((40, 60, 3), np.float32)
        stroke(canvas, (15.2, 20.4), (41.7, 12.9), radius, np.ones(3))
        length = np.hypot(41.7 - 15.2, 12.9 - 20.4)
        assert canvas[..., 0].sum() == pytest.approx(
            2 * radius * length + np.pi * radius**2, rel=0.03
        )


def test_a_stroke_moves_smoothly_and_is_cut_at_the_edge():
    def drawn(x: float) -> np.ndarray:
        canvas = np.zeros((20, 20, 3), np.float32)
        stroke(canvas, (x, 3.0), (x + 2, 15.0), (1.0, 3.0), np.ones(3))
        return canvas

    assert np.abs(drawn(8.0) - drawn(8.01)).max() <= 0.011
    shifted = np.roll(drawn(8.0), 4, 1)
    assert np.allclose(shifted, drawn(12.0), atol=1e-6)
    assert drawn(-40.0).sum() == 0
    assert 0 < drawn(-1.0).sum() < drawn(8.0).sum()


def test_a_limb_has_its_colour_and_a_missing_one_is_left_out():
    points = body(neck=(10, 10), mid_hip=(10, 50), right_shoulder=(2, 10))
    picture = draw(points, NONE, 64, 64).transpose(1, 2, 0)
    trunk = 255 * 0.4 + 0.6 * np.array(COLOURS[BODY.index("mid hip")])
    assert np.abs(picture[30, 10] - trunk).max() <= 1
    assert (picture[:, 20:] == 255).all()
    alone = draw(body(neck=(30, 30)), NONE, 64, 64)
    assert (alone != 255).any(0).sum() < 12, "a point without partners is a dot"


@pytest.mark.parametrize("size", [(16, 16), (48, 31), (120, 200)])
def test_a_figure_is_drawn_at_any_size(size):
    found = puppet.poses("puppet", [7], *size)
    picture = found.draw(0)
    assert picture.shape == (3, *size)
    dark = (picture.min(0) < 250).mean()
    assert 0.01 < dark < 0.35


def test_every_limb_joins_two_points_of_the_body_once():
    assert len(LIMBS) == len(set(LIMBS)) == 24
    assert {point for limb in LIMBS for point in limb} == set(range(25))


def test_the_face_is_found_without_a_nose():
    assert middle_of_face(body(nose=(5, 7))).tolist() == [7, 5]
    assert middle_of_face(body(right_ear=(4, 8), left_ear=(8, 10))).tolist() == [9, 6]
    assert middle_of_face(body(neck=(4, 20), mid_hip=(8, 40))).tolist() == [20, 6]


def test_points_go_where_their_pixels_go():
    """A white pixel in a frame stays under its key point when the frame is cut and resized."""
    from gansaku.data.fit import Fit

    for crop in ("center", "none"):
        picture = np.zeros((96, 128, 3), np.uint8)
        picture[44:52, 76:84] = 255  # its middle is at (79.5, 47.5)
        points = np.zeros((1, 25, 3))
        points[0, 0] = (79.5, 47.5, 1)
        moved = Poses(points, np.zeros((1, FACE, 3)), (96, 128)).fitted(32, 40, crop)
        small = Fit(32, 40, 3, 8, crop)(picture)[0].astype(float)
        y, x = (np.indices(small.shape) * small).sum((1, 2)) / small.sum()
        assert moved.body[0, 0, :2] == pytest.approx((x, y), abs=0.06), crop
        assert moved.size == (32, 40)


# --- reading ---


def test_a_folder_of_openpose(tmp_path):
    for number in (10, 9):
        face = [1.0] * (3 * FACE) if number == 9 else []
        people = [person(number), person(number, 3.0, face_keypoints_2d=face)]
        write(tmp_path / f"clip_{number}_keypoints.json", {"version": 1.3, "people": people})
    found = keypoints.read(tmp_path)
    assert list(found.people) == ["clip_9", "clip_10"], "in the order of their numbers"
    poses, absent, notes = keypoints.poses(found, ["clip_9.png", "clip_10.png"], (64, 64))
    assert not absent
    assert notes == ["several people in 2 of 2 frames: the largest is taken"]
    assert np.ptp(poses.body[0, :, 0]) > 40, "the larger one"
    assert poses.face[0].min() == 1
    assert poses.face[1].max() == 0


def test_one_list_of_frames_and_frames_by_number(tmp_path):
    write(tmp_path / "all.json", [{"people": [person(n)]} for n in range(3)])
    found = keypoints.read(tmp_path / "all.json")
    poses, _, notes = keypoints.poses(found, ["x.png", "y.png", "z.png"], (8, 8))
    assert (poses.body[2] - poses.body[0])[:, 0] == pytest.approx(2)
    assert notes == []
    for number in range(4, 7):
        write(tmp_path / "k" / f"video_00000000000{number}_keypoints.json", {"people": [person()]})
    named = keypoints.read(tmp_path / "k")
    keys, notes = keypoints.partners(named, ["000005.png", "000006.png"])
    assert keys == ["video_000000000005", "video_000000000006"]
    keys, notes = keypoints.partners(named, ["000001.png", "000002.png", "000003.png"])
    assert keys[0] == "video_000000000004", "as many: in order, and said"
    assert "no names in common" in notes[0]


def coco(visible: int = 2) -> list[float]:
    return [float(v) for n in range(17) for v in (n, 10 * n, visible)]


def test_coco_annotations_and_results(tmp_path):
    images = [
        {"id": 7, "file_name": "b.jpg", "height": 30, "width": 40},
        {"id": 3, "file_name": "a.jpg"},
    ]
    images[1] |= {"height": 30, "width": 40}
    marks = [{"image_id": 7, "keypoints": coco()}, {"image_id": 3, "keypoints": coco(1)}]
    write(tmp_path / "c.json", {"images": images, "annotations": marks})
    found = keypoints.read(tmp_path / "c.json")
    assert (list(found.people), found.size, found.kind) == (["a", "b"], (30, 40), "COCO")
    one = found.people["b"][0][0]
    assert one[0].tolist() == [0, 0, 2]
    assert one[BODY.index("left wrist")].tolist() == [9, 90, 2], "COCO's tenth is the left wrist"
    assert one[BODY.index("right ankle")].tolist() == [16, 160, 2]
    assert one[BODY.index("neck"), :2].tolist() == [5.5, 55]
    assert one[BODY.index("mid hip"), :2].tolist() == [11.5, 115]
    assert one[19:].max() == 0, "no feet"
    write(tmp_path / "r.json", [{"image_id": "000002.jpg", "keypoints": coco(1), "score": 0.9}])
    assert list(keypoints.read(tmp_path / "r.json").people) == ["000002"]


BAD = {
    "no numbers": ({"people": [{"pose_keypoints_2d": "x"}]}, "no list of numbers"),
    "too few": (
        {"people": [{"pose_keypoints_2d": [1.0] * 54}]},
        "54 numbers.*BODY_25.*75.*COCO model",
    ),
    "odd": ({"people": [{"pose_keypoints_2d": [1.0] * 74}]}, "74 numbers.*75$"),
    "infinite": ({"people": [{"pose_keypoints_2d": [float("nan")] * 75}]}, "no finite number"),
    "no pose": ({"people": [{"face": []}]}, "person 0: 'pose_keypoints_2d' is missing"),
    "face": ({"people": [person(face_keypoints_2d=[1.0] * 9)]}, "face has 70 points"),
    "people": ({"people": 3}, "'people' is no list"),
    "images": ({"annotations": []}, "'images' with their 'id' are missing"),
    "stranger": ({"images": [{"id": 1}], "annotations": [{"image_id": 2}]}, "annotation 0"),
    "coco": ([{"image_id": 1, "keypoints": [1.0] * 50}], "COCO has 17 points"),
    "unnamed": ([{"keypoints": [1.0] * 51}], "'image_id' is missing"),
    "nothing": ({"a": 1}, "holds no key points"),
    "text": ("{", "is no JSON"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_odd_is_one_sentence(tmp_path, case):
    data, said = BAD[case]
    write(tmp_path / "k.json", data)
    with pytest.raises(DataError, match=said) as told:
        keypoints.read(tmp_path / "k.json")
    assert "\n" not in str(told.value)
    assert "k.json" in str(told.value)


def test_folders_that_do_not_fit_together(tmp_path):
    with pytest.raises(DataError, match=r"holds no \.json"):
        keypoints.read(tmp_path)
    write(tmp_path / "1.json", {"people": [person()]})
    write(tmp_path / "2.json", [{"image_id": 1, "keypoints": coco()}])
    with pytest.raises(DataError, match=r"mixes formats: 1\.json holds BODY_25 and 2\.json COCO"):
        keypoints.read(tmp_path)
    write(tmp_path / "2.json", [{"people": []}, {"people": []}])
    with pytest.raises(DataError, match="2 frames beside 1 other files"):
        keypoints.read(tmp_path)


def test_frames_without_key_points_or_people_are_named(tmp_path):
    write(tmp_path / "1.json", {"people": [person()]})
    write(tmp_path / "2.json", {"people": []})
    found = keypoints.read(tmp_path)
    _, absent, _ = keypoints.poses(found, ["1.png", "2.png"], (8, 8))
    assert absent == {1: "no person was found in it"}
    with pytest.raises(DataError, match=r"1 of 2 frames have no key points in .*: 3\.png"):
        keypoints.poses(found, ["1.png", "3.png"], (8, 8))
    with pytest.raises(DataError, match="2 frames, and there are 3"):
        keypoints.poses(found, ["x.png", "y.png", "z.png"], (8, 8))
