"""Where and how large a person stands in a clip, and how another is moved to stand there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data.pose import EARS, LEFT_ANKLE, NOSE, RIGHT_ANKLE, Poses, seen

SPREAD = 0.7  # how far above the median ankles still stand, in distances of the lowest ones
LOWEST = 1 - 2 / (1 + SPREAD)  # p at the far end of a range that is even about its median
NEAR = 0.05  # heights are taken where ankles are so near to an end of their range, in ranges
STILL = 0.01  # heights of the frame: a smaller range of ankles is that of one who stays in place


@dataclasses.dataclass(frozen=True)
class Stance:
    """A person's range in a clip (arXiv:1808.07371, section 3.4), in heights of the frame.

    `near` and `far` are the lowest and the highest place of the ankles, y from the top: closest to
    the camera and farthest from it. `tall_near` and `tall_far` are the person's heights there,
    `middle` the median x of the ankles.
    """

    near: float
    far: float
    tall_near: float
    tall_far: float
    middle: float

    @classmethod
    def of(cls, poses: Poses) -> Stance:
        """Of a clip. Raises DataError where head and both ankles are never seen together.

        The far end is the highest ankle above the median that is no farther from it than 0.7 of
        the lowest one's distance: a jump is no step back.
        """
        ankle, tall, middle = (values / poses.size[0] for values in measures(poses))
        whole = np.isfinite(tall)
        if not whole.any():
            raise DataError("no frame shows head and both ankles: a stance cannot be measured")
        ankle, tall, middle = ankle[whole], tall[whole], middle[whole]
        near, median = float(ankle.max()), float(np.median(ankle))
        far = float(ankle[(ankle >= median - SPREAD * (near - median))].min())
        reach = NEAR * (near - far)
        at_near, at_far = (tall[np.abs(ankle - end) <= reach].max() for end in (near, far))
        return cls(near, far, float(at_near), float(at_far), float(np.median(middle)))

    @classmethod
    def read(cls, numbers: Sequence[float]) -> Stance | None:
        """From five numbers, or None of none."""
        return cls(*numbers) if len(numbers) == len(dataclasses.fields(cls)) else None

    def numbers(self) -> tuple[float, ...]:
        """The five numbers, for a spec."""
        return tuple(round(value, 6) for value in dataclasses.astuple(self))


def measures(poses: Poses) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every frame, `[T]` each in pixels: y of the ankles, height of the person, x of the ankles.

    The height is from the nose, or the middle of the ears, to the middle of the ankles; it is not
    a number in frames that do not show them.
    """
    body = poses.body
    feet = body[:, [RIGHT_ANKLE, LEFT_ANKLE]]
    ears, nose = body[:, list(EARS)], body[:, NOSE]
    head = np.where(seen(nose)[:, None], nose[:, :2], ears[..., :2].mean(1))
    known = seen(feet).all(1) & (seen(nose) | seen(ears).all(1))
    ankles = feet[..., :2].mean(1)
    tall = np.where(known, np.hypot(*(ankles - head).T), np.nan)
    return ankles[:, 1], tall, ankles[:, 0]


def normalised(poses: Poses, source: Stance, target: Stance, size: tuple[int, int]) -> Poses:
    """The source's poses where the target would strike them (arXiv:1808.07371, appendix).

    With a the ankles' y in a frame, s and t the two stances and
    p = (a - s_far) / (s_near - s_far):

        translation  b = t_far + p (t_near - t_far) - a
        scale        c = T_far / S_far + p (T_near / S_near - T_far / S_far)

    (S, T: heights there). Points are scaled by c about the ankles and moved by b: y becomes
    a + b + c (y - a). Sideways the source's median place becomes the target's. In the scale p is
    held above that of a range which is even about its median, so that one who jumps does not
    shrink, and below 1. Who stays in place has p = 1.
    `size` is (height, width) of the target's frames; frames without ankles take those before.
    """
    height = poses.size[0]
    ankle = _carried(measures(poses)[0] / height, _known_ankles(poses), source.near)
    reach = source.near - source.far
    place = (ankle - source.far) / reach if reach > STILL else np.ones(len(poses))
    held = place.clip(LOWEST, 1)
    far, near = target.tall_far / source.tall_far, target.tall_near / source.tall_near
    scale = far + held * (near - far)
    goal = target.far + place * (target.near - target.far)
    shift = np.stack([target.middle - scale * source.middle, goal - scale * ankle], 1)
    scales = np.repeat((scale * size[0] / height)[:, None], 2, 1)
    return poses.moved(scales, shift * size[0], size)


def _known_ankles(poses: Poses) -> np.ndarray:
    return np.asarray(seen(poses.body[:, [RIGHT_ANKLE, LEFT_ANKLE]]).all(1))


def _carried(values: np.ndarray, known: np.ndarray, first: float) -> np.ndarray:
    """Values `[T]`, where unknown those of the last frame that knew."""
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return np.where(last >= 0, values[last.clip(0)], first)
