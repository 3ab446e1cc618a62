"""Another's dance is moved to where a person stands and to how tall they are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gansaku.core.errors import DataError
from gansaku.data import puppet
from gansaku.data.pose import LEFT_ANKLE, NOSE, RIGHT_ANKLE, Poses
from gansaku.data.stance import Stance, measures, normalised


def planted(near=0.9, far=0.7, tall=0.6, shrink=0.8, middle=0.5, frames=101, height=100) -> Poses:
    """One who walks from far to near and back, all points between the head and the ankles."""
    depth = 0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, frames))
    ankle = (far + depth * (near - far)) * height
    size = tall * (shrink + depth * (1 - shrink)) * height
    body = np.ones((frames, 25, 3))
    share = np.linspace(0, 1, 25)
    share[[RIGHT_ANKLE, LEFT_ANKLE]], share[NOSE] = 0, 1
    body[..., 1] = ankle[:, None] - share * size[:, None]
    body[..., 0] = middle * height
    return Poses(body, np.zeros((frames, 70, 3)), (height, height))


def test_a_stance_is_what_was_planted():
    found = Stance.of(planted())
    assert found.near == pytest.approx(0.9)
    assert found.far == pytest.approx(0.9 - 1.7 * 0.1, abs=0.005), "0.7 as far above the median"
    assert found.middle == pytest.approx(0.5)
    assert found.tall_near == pytest.approx(0.6)
    at = (found.far - 0.7) / 0.2
    assert found.tall_far == pytest.approx(0.6 * (0.8 + 0.2 * at), rel=0.03)
    assert dataclasses.astuple(Stance.read(found.numbers())) == pytest.approx(
        dataclasses.astuple(found), abs=1e-6
    )


def test_a_stance_does_not_depend_on_the_frames_size():
    small, large = (Stance.of(planted(height=h)).numbers() for h in (100, 720))
    assert small == pytest.approx(large, abs=1e-6)


@pytest.mark.parametrize(
    "other",
    [
        {"near": 0.8, "far": 0.75, "tall": 0.4, "shrink": 0.9, "middle": 1.1, "height": 240},
        {"near": 0.95, "far": 0.6, "tall": 0.75, "shrink": 0.7, "middle": 0.3, "frames": 61},
    ],
)
def test_normalising_gives_the_target_its_range(other):
    source, target = planted(**other), planted()
    ends = Stance.of(source), Stance.of(target)
    moved = normalised(source, *ends, (100, 100))
    assert moved.size == (100, 100)
    for a, b in zip(measures(moved), measures(target), strict=True):
        assert np.quantile(a, [0, 0.25, 0.5, 0.75, 1]) == pytest.approx(
            np.quantile(b, [0, 0.25, 0.5, 0.75, 1]), rel=0.03
        )
    found = Stance.of(moved)
    assert found.numbers() == pytest.approx(ends[1].numbers(), abs=0.01)


def test_one_who_is_normalised_to_themselves_stays():
    source = planted()
    moved = normalised(source, Stance.of(source), Stance.of(source), source.size)
    assert np.allclose(moved.body, source.body, atol=0.3)


def test_a_jump_is_no_step_back():
    """Ankles go up with the jump, in proportion, and the dancer does not shrink."""
    source = planted()
    jump = source.body.copy()
    jump[50, :, 1] -= 30
    jumping = dataclasses.replace(source, body=jump)
    ends = Stance.of(source), Stance.of(planted(near=0.8, far=0.7, tall=0.3))
    far = Stance.of(jumping).far
    assert far == pytest.approx(ends[0].far, abs=0.02), "the highest feet do not count"
    assert measures(jumping)[0].min() < 100 * far - 10
    moved = normalised(jumping, *ends, source.size)
    ankle, tall, _ = measures(moved)
    still = measures(normalised(source, *ends, source.size))
    assert ankle[50] < still[0][50]
    scale = tall / measures(source)[1]
    assert scale[50] == pytest.approx(scale[0], rel=0.01), "as large as at the far end"


def test_one_who_stays_in_place_stands_where_the_target_is_nearest():
    still = planted(near=0.8, far=0.8, shrink=1.0)
    target = planted()
    moved = normalised(still, Stance.of(still), Stance.of(target), (100, 100))
    ankle, tall, _ = measures(moved)
    assert ankle == pytest.approx(90)
    assert tall == pytest.approx(60)


def test_frames_without_ankles_take_those_before():
    source = planted()
    hidden = source.body.copy()
    hidden[30:33, [RIGHT_ANKLE, LEFT_ANKLE]] = 0
    some = dataclasses.replace(source, body=hidden)
    moved = normalised(some, Stance.of(source), Stance.of(source), source.size)
    assert np.abs(moved.body[31, NOSE, :2] - source.body[31, NOSE, :2]).max() < 2


def test_a_person_without_feet_has_no_stance():
    body = np.zeros((4, 25, 3))
    body[:, NOSE] = 1
    with pytest.raises(DataError, match="no frame shows head and both ankles"):
        Stance.of(Poses(body, np.zeros((4, 70, 3)), (10, 10)))


def test_one_puppet_dances_in_the_others_place():
    size = (64, 64)
    source, target = (puppet.poses(name, range(200), *size) for name in ("partner", "puppet"))
    ends = Stance.of(source), Stance.of(target)
    assert abs(ends[0].near - ends[1].near) > 0.08, "they differ"
    moved = Stance.of(normalised(source, *ends, size))
    assert moved.near == pytest.approx(ends[1].near, abs=0.01)
    assert moved.far == pytest.approx(ends[1].far, abs=0.02)
    assert moved.middle == pytest.approx(ends[1].middle, abs=0.02)
    assert moved.tall_near == pytest.approx(ends[1].tall_near, rel=0.05)
