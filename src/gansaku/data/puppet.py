"""Two jointed puppets that dance before a camera: key points and frames made by computation alone.

`puppet` is the one to learn, `partner` another of other proportions, place and dance. Everything is
a smooth function of time, so that any frame can be made at any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gansaku.data.pose import BODY, FACE, Poses, to_pixels
from gansaku.data.puppet_builds import ARM, EYE_EAR, FOOT, LEFT, LEG, PUPPETS, RIGHT, TURN, Build
from gansaku.data.puppet_looks import dress, scene

FPS = 25.0  # of the dance


def poses(name: str, numbers: Sequence[int] | np.ndarray, height: int, width: int) -> Poses:
    """Key points of those frames in BODY_25, with the face's 70, in frames of height x width."""
    build = PUPPETS[name]
    made = [figure(build, float(number) / FPS) for number in numbers]
    body, face = (np.stack(part) for part in zip(*made, strict=True))
    still = Poses(body, face, (1, 1))
    scale = np.full((len(body), 2), float(height))
    shift = np.tile([(width - 1) / 2 + build.middle * height, -0.5], (len(body), 1))
    return still.moved(scale, shift, (height, width))


def frames(name: str, numbers: Sequence[int] | np.ndarray, height: int, width: int) -> np.ndarray:
    """Those frames, uint8 `[n, 3, height, width]`."""
    return dressed(name, poses(name, numbers, height, width))


def dressed(name: str, found: Poses) -> np.ndarray:
    """The puppet in those poses, which may be another's, in its own room: uint8 `[T, 3, H, W]`.

    What a model of the puppet should paint of them.
    """
    build, (height, width) = PUPPETS[name], found.size
    made = np.empty((len(found), 3, height, width), np.uint8)
    for number in range(len(found)):
        canvas = scene(build, height, width).copy()
        dress(canvas, build, found.body[number], found.face[number])
        made[number] = to_pixels(canvas)
    return made


def write(name: str, folder: str | Path, height: int, width: int, count: int) -> Path:
    """The first `count` frames as a folder of the user's would be: frames/ and keypoints/."""
    import json

    from PIL import Image

    numbers, folder = range(count), Path(folder)
    for part in ("frames", "keypoints"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    found = poses(name, numbers, height, width)
    for number, picture in enumerate(frames(name, numbers, height, width)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / "frames" / f"{number:06d}.png")
        person = {
            "pose_keypoints_2d": found.body[number].round(3).flatten().tolist(),
            "face_keypoints_2d": found.face[number].round(3).flatten().tolist(),
        }
        text = json.dumps({"version": 1.3, "people": [person]})
        (folder / "keypoints" / f"{number:06d}_keypoints.json").write_text(text)
    return folder


# --- how it moves ---


def wave(build: Build, time: float, beats: float, turns: float = 0.0) -> float:
    """A sine that takes so many beats, in [-1, 1]."""
    return float(np.sin(TURN * (time * build.tempo / beats + turns + build.phase * beats)))


def figure(build: Build, time: float) -> tuple[np.ndarray, np.ndarray]:
    """Points `[25, 3]` and `[70, 3]` at a time in seconds, in heights of the frame.

    x from the puppet's middle, y from the top; feet stand where the floor is and knees follow.
    """
    depth = 0.5 + 0.5 * wave(build, time, 9.7)
    tall = build.tall * (build.shrink + depth * (1 - build.shrink))
    ground = build.far + depth * (build.near - build.far)
    body = np.zeros((len(BODY), 3))
    hip = np.array([0.035 * wave(build, time, 2), -0.965 * build.leg + 0.02 * wave(build, time, 1)])
    lean, turn = 0.12 * wave(build, time, 4, 0.1), 0.5 * wave(build, time, 6.3, 0.2)
    neck = hip + build.torso * np.array([np.sin(lean), -np.cos(lean)])
    for side in (RIGHT, LEFT):
        _leg(body, build, time, side, hip)
        _arm(body, build, time, side, neck, lean, turn)
    body[1, :2], body[8, :2] = neck, hip
    body[:, 2] = 1.0
    face = _head(body, build, time, neck, lean, turn)
    drift = 0.05 * wave(build, time, 13, 0.3)
    for points in (body, face):
        points[:, :2] = points[:, :2] * tall + (drift, ground)
    return body, face


def _leg(body: np.ndarray, build: Build, time: float, side: int, hip: np.ndarray) -> None:
    """A foot that steps up and out by turns, and the knee between it and the hip."""
    lift = max(0.0, side * wave(build, time, 2, 0.25)) ** 2
    out = side * (0.085 + 0.05 * (1 + wave(build, time, 5, 0.4)) + 0.05 * lift)
    ankle = np.array([out, -0.14 * lift])
    top = hip + np.array([side * build.hips, 0.0])
    knee = _joint(top, ankle, build.leg / 2, side)
    body[list(LEG[side]), :2] = top, knee, ankle
    foot = np.array([(0.035, 0.03), (0.06, 0.022), (-0.012, 0.025)]) * (side, 1)
    body[list(FOOT[side]), :2] = ankle + foot


def _joint(a: np.ndarray, b: np.ndarray, half: float, side: int) -> np.ndarray:
    """Where the joint of two parts of length `half` is that reach from a to b, bent to a side."""
    across = b - a
    length = float(np.hypot(*across))
    bend = np.sqrt(max(half * half - length * length / 4, 0.0))
    normal = np.array([across[1], -across[0]]) / max(length, 1e-9)
    return (a + b) / 2 + side * bend * normal


def _arm(
    body: np.ndarray,
    build: Build,
    time: float,
    side: int,
    neck: np.ndarray,
    lean: float,
    turn: float,
) -> None:
    """An arm that swings from beside the body to above the head."""
    shoulder = neck + side * build.shoulders * np.cos(turn) * np.array([np.cos(lean), np.sin(lean)])
    upper = (
        1.25 + 0.95 * wave(build, time, 3, 0.15 * side) + 0.3 * wave(build, time, 1.5, 0.2 * side)
    )
    lower = upper + 0.7 + 0.8 * wave(build, time, 2.2, 0.3 * side)
    elbow = shoulder + 0.52 * build.arm * _direction(upper, side)
    wrist = elbow + 0.48 * build.arm * _direction(lower, side)
    body[list(ARM[side]), :2] = shoulder, elbow, wrist


def _direction(angle: float, side: int) -> np.ndarray:
    """0 hangs down, a quarter turn points outwards."""
    return np.array([side * np.sin(angle), np.cos(angle)])


def _head(
    body: np.ndarray, build: Build, time: float, neck: np.ndarray, lean: float, turn: float
) -> np.ndarray:
    """The points of head and face, `[70, 3]`: a flat mask that tilts and slides over the head."""
    tilt, size = lean + 0.2 * wave(build, time, 3.4, 0.6), build.head
    up, right = np.array([np.sin(tilt), -np.cos(tilt)]), np.array([np.cos(tilt), np.sin(tilt)])
    middle = neck + 2.0 * size * up
    slide = 0.45 * np.sin(turn)
    opened = 0.5 + 0.5 * wave(build, time, 4.3)

    def place(points: np.ndarray) -> np.ndarray:
        return middle + size * ((points[:, :1] + slide) * right - points[:, 1:2] * up)

    mask = template(opened)
    body[0, :2] = place(mask[30:31])[0]
    for side in (RIGHT, LEFT):
        ear = middle + size * (side * 0.95 - 0.3 * slide) * right
        body[list(EYE_EAR[side]), :2] = place(mask[68:69] if side < 0 else mask[69:70])[0], ear
    return np.concatenate([place(mask), np.ones((FACE, 1))], 1)


def template(opened: float) -> np.ndarray:
    """A face's 70 points `[70, 2]` in halves of the head's width, y down; the mouth opens."""
    jaw = np.linspace(0.92 * np.pi, 0.08 * np.pi, 17)
    parts = [np.stack([0.9 * np.cos(jaw), 0.15 + (0.95 + 0.12 * opened) * np.sin(jaw)], 1)]
    for side in (RIGHT, LEFT):
        x = np.linspace(-0.26, 0.26, 5)
        parts.append(np.stack([side * 0.42 + x, -0.42 - 0.08 * np.cos(x * 6)], 1))
    bridge = np.stack([np.zeros(4), np.linspace(-0.18, 0.25, 4)], 1)
    nostrils = np.stack([np.linspace(-0.18, 0.18, 5), np.full(5, 0.34)], 1)
    parts += [bridge, nostrils]
    for side in (RIGHT, LEFT):
        parts.append(_oval(6, side * 0.4, -0.15, 0.17, 0.08))
    parts.append(_oval(12, 0.0, 0.65, 0.34, 0.08 + 0.1 * opened))
    parts.append(_oval(8, 0.0, 0.65, 0.24, 0.02 + 0.08 * opened))
    parts.append(np.array([(-0.4, -0.15), (0.4, -0.15)]))
    return np.concatenate(parts)


def _oval(count: int, x: float, y: float, width: float, height: float) -> np.ndarray:
    angle = np.pi + TURN * np.arange(count) / count
    return np.stack([x + width * np.cos(angle), y + height * np.sin(angle)], 1)
