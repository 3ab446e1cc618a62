"""How a puppet is drawn: its room, its clothes and its face, from its points."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from gansaku.data.pose import stroke
from gansaku.data.puppet_builds import ARM, FOOT, LEFT, LEG, RIGHT, TURN, Build


@functools.lru_cache(maxsize=4)
def scene(build: Build, height: int, width: int) -> np.ndarray:
    """The room without the puppet, float32 `[height, width, 3]` in [0, 1]: wall, skirting, planks.

    Computed at four points a pixel and averaged.
    """
    y = ((np.arange(2 * height) + 0.5) / (2 * height))[:, None]
    x = ((np.arange(2 * width) + 0.5) / (2 * height) - width / (2 * height))[None, :]
    edge = build.far - 0.10  # where wall and floor meet
    grain = 0.5 + 0.25 * np.sin(41 * x + 3 * np.sin(29 * y)) * np.sin(37 * y + 2 * np.sin(23 * x))
    paper = (
        0.10 * (np.sin(TURN * 7 * x) > 0.55) + 0.06 * np.sin(TURN * (5 * x + 4 * y)) + 0.08 * grain
    )
    depth = 1.0 / (y - edge + 0.12).clip(0.06)  # planks run away from the camera
    plank = 0.12 * (np.sin(TURN * 1.1 * x * depth) > 0.9) - 0.10 * grain * np.sin(9 * depth)
    on_wall, on_floor = (y < edge) & (x == x), (y > edge + 0.015) & (x == x)
    room = np.full((2 * height, 2 * width, 3), 0.88)
    room[on_wall] = (np.array(build.wall) * (0.86 + paper)[..., None])[on_wall]
    room[on_floor] = (np.array(build.floor) * (0.95 - plank)[..., None])[on_floor]
    small = room.reshape(height, 2, width, 2, 3).mean((1, 3))
    return small.clip(0, 1).astype(np.float32)


def dress(canvas: np.ndarray, build: Build, body: np.ndarray, face: np.ndarray) -> None:
    """Draw the puppet of those points in pixels on `canvas [H, W, 3]`, in place."""
    unit = np.hypot(*(body[1, :2] - body[8, :2])) / build.torso  # its height in pixels
    thick = 0.042 * unit * build.stout
    ground = body[[11, 14], 1].max() + 0.03 * unit
    low = body[8, 0] - 0.16 * unit, body[8, 0] + 0.16 * unit
    stroke(canvas, (low[0], ground), (low[1], ground), 0.02 * unit, np.zeros(3), opacity=0.35)
    for side in (RIGHT, LEFT):
        _trousers(canvas, build, body, side, thick)
    _shirt(canvas, build, body, thick)
    for side in (RIGHT, LEFT):
        _sleeve(canvas, build, body, side, thick)
    _face(canvas, build, body, face, unit)


def _limb(
    canvas: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    first: float,
    last: float,
    paint: Sequence[float],
) -> None:
    """A rounded part, darker at its rim."""
    dark = np.array(paint) * 0.72
    stroke(canvas, a, b, (first, last), dark)
    stroke(canvas, a - 0.2 * first, b - 0.2 * last, (0.72 * first, 0.72 * last), np.array(paint))


def _trousers(canvas: np.ndarray, build: Build, body: np.ndarray, side: int, thick: float) -> None:
    hip, knee, ankle = body[list(LEG[side]), :2]
    toe, _, heel = body[list(FOOT[side]), :2]
    _limb(canvas, heel, toe, 0.62 * thick, 0.55 * thick, build.shoes)
    _limb(canvas, knee, ankle, 0.95 * thick, 0.7 * thick, build.trousers)
    _limb(canvas, hip, knee, 1.25 * thick, 0.95 * thick, build.trousers)


def _shirt(canvas: np.ndarray, build: Build, body: np.ndarray, thick: float) -> None:
    """The torso, striped: bands between the lines from the shoulders to the hips."""
    right, left = body[[2, 5], :2], body[[9, 12], :2]
    for k, share in enumerate(np.linspace(0, 1, 13)):
        a, b = (right * (1 - share) + left * share)[[0, 1]]
        paint = build.stripe if k % 4 == 2 else build.shirt
        wide = 1.0 * thick * (1.0 if share < 0.9 else 1.15)
        stroke(canvas, a, b, wide, np.array(paint) * (1.0 - 0.18 * share))


def _sleeve(canvas: np.ndarray, build: Build, body: np.ndarray, side: int, thick: float) -> None:
    shoulder, elbow, wrist = body[list(ARM[side]), :2]
    hand = wrist + 0.18 * (wrist - elbow)
    _limb(canvas, elbow, wrist, 0.68 * thick, 0.52 * thick, build.skin)
    _limb(canvas, wrist, hand, 0.6 * thick, 0.72 * thick, build.skin)
    _limb(canvas, shoulder, elbow, 0.95 * thick, 0.75 * thick, build.shirt)


def _face(
    canvas: np.ndarray, build: Build, body: np.ndarray, face: np.ndarray, unit: float
) -> None:
    size = build.head * unit
    middle = body[[17, 18], :2].mean(0)
    up = _upwards(body) * size
    _limb(canvas, body[1, :2], middle, 0.55 * size, 0.5 * size, build.skin)
    stroke(canvas, middle + 0.15 * up, middle - 0.1 * up, 1.16 * size, np.array(build.hair))
    stroke(
        canvas,
        middle + 0.05 * up,
        middle - 0.45 * up,
        (0.95 * size, 0.72 * size),
        np.array(build.skin),
    )
    for side in (RIGHT, LEFT):
        eye = face[68 if side < 0 else 69, :2]
        stroke(canvas, eye, eye, 0.17 * size, np.ones(3))
        stroke(canvas, eye, eye, 0.09 * size, np.array((0.1, 0.1, 0.15)))
        brow = face[17:22] if side < 0 else face[22:27]
        stroke(canvas, brow[0, :2], brow[-1, :2], 0.05 * size, np.array(build.hair))
    stroke(canvas, face[27, :2], face[30, :2], 0.06 * size, np.array(build.skin) * 0.75)
    gape = np.hypot(*(face[57, :2] - face[51, :2])) / 2
    ends = face[48, :2], face[54, :2]
    inner = 0.2 * (ends[1] - ends[0])
    stroke(canvas, ends[0] + inner, ends[1] - inner, gape, np.array((0.7, 0.15, 0.18)))


def _upwards(body: np.ndarray) -> np.ndarray:
    """From the ears' middle to the crown, a unit vector."""
    across = body[18, :2] - body[17, :2]
    up = np.array([across[1], -across[0]])
    return up / max(float(np.hypot(*up)), 1e-9)
